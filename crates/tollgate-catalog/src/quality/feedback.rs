//! What was said of answers, as a Beta posterior beside what is published.

use std::collections::HashMap;

use tollgate_core::{FeedbackRow, ModelId, Quality, QualitySource, Task};

/// What the weight of earlier observations is multiplied by for each new one
/// of full weight: models change behind their names, so a thousand ratings
/// are remembered, not all.
const DISCOUNT: f64 = 0.999;

/// Thousandths, which rows count in.
const FULL: f64 = 1_000.0;

/// What was said of the models' answers, by model and task.
///
/// ```
/// use tollgate_catalog::Feedback;
/// use tollgate_core::{FeedbackRow, FeedbackSource, ModelId, Task};
///
/// let mut feedback = Feedback::new(20);
/// feedback.add(&FeedbackRow {
///     day: 20_000,
///     model: ModelId::new("author/slug")?,
///     task: Task::Code,
///     source: FeedbackSource::Rating,
///     weight: 1_000,
///     sum: 1_000,
/// });
/// assert_eq!(feedback.len(), 1);
/// # Ok::<(), tollgate_core::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Feedback {
    /// What the published quality weighs, in ratings.
    prior_weight: f64,
    tallies: HashMap<ModelId, [Tally; Task::COUNT]>,
}

/// Discounted sums.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Tally {
    /// Of ratings: how many, and how many of them were good.
    rated: f64,
    good: f64,
    /// Of what the gateway saw by itself: how much, and how much was sound.
    seen: f64,
    sound: f64,
}

impl Feedback {
    /// Nothing said yet. What is published counts for so many ratings.
    pub fn new(prior_weight: u32) -> Self {
        Self {
            prior_weight: f64::from(prior_weight.max(1)),
            tallies: HashMap::new(),
        }
    }

    /// Adds observations of one model at one task: one, or a sum of many. Rows
    /// are added in the order of their days.
    pub fn add(&mut self, row: &FeedbackRow) {
        let tallies = self.tallies.entry(row.model.clone()).or_default();
        tallies[row.task.index()].add(row);
    }

    /// Models of which something was said.
    pub fn len(&self) -> usize {
        self.tallies.len()
    }

    /// Whether nothing was said yet.
    pub fn is_empty(&self) -> bool {
        self.tallies.is_empty()
    }

    /// What is to be expected of a model, by what is published and what was
    /// said; `None` when nothing was said of it at that task.
    pub fn quality(&self, model: &str, task: Task, published: Quality) -> Option<Quality> {
        let tally = &self.tallies.get(model)?[task.index()];
        (tally.rated + tally.seen > 0.0).then(|| tally.posterior(published, self.prior_weight))
    }

    /// How much was said, in ratings of full weight.
    pub(crate) fn weight(&self, model: &str, task: Task) -> f64 {
        let tallies = self.tallies.get(model);
        tallies.map_or(0.0, |tallies| {
            let tally = &tallies[task.index()];
            tally.rated + tally.seen
        })
    }
}

impl Tally {
    fn add(&mut self, row: &FeedbackRow) {
        let (weight, sum) = (row.weight as f64 / FULL, row.sum as f64 / FULL);
        self.forget(weight);
        let kept = kept(weight);
        if row.source.is_automatic() {
            self.seen += weight * kept;
            self.sound = (self.sound + sum * kept).clamp(0.0, self.seen.max(0.0));
        } else {
            self.rated += weight * kept;
            // A rating that is corrected late has faded, its correction has not:
            // what that makes too much is cut.
            self.good = (self.good + sum * kept).clamp(0.0, self.rated.max(0.0));
        }
    }

    /// Lets earlier observations fade as so much is added.
    fn forget(&mut self, weight: f64) {
        let fade = DISCOUNT.powf(weight.max(0.0));
        for sum in [
            &mut self.rated,
            &mut self.good,
            &mut self.seen,
            &mut self.sound,
        ] {
            *sum *= fade;
        }
    }

    /// Ratings are on the scale of quality. That an answer is sound is not:
    /// nearly all are, those of poor models too. A sound one therefore speaks
    /// for what is published, and an unsound one counts as a bad answer.
    fn posterior(&self, published: Quality, prior_weight: f64) -> Quality {
        let prior = f64::from(published.mean);
        let weight = prior_weight + self.rated + self.seen;
        let good = prior * (prior_weight + self.sound) + self.good;
        let mean = (good / weight).clamp(0.01, 0.99);
        let error = (mean * (1.0 - mean) / (weight + 1.0)).sqrt();
        Quality {
            mean: mean as f32,
            // Nothing that is said makes a model less known than it was.
            error: (error as f32).min(published.error),
            source: QualitySource::Feedback,
        }
    }
}

/// How much of observations that were added one by one is left once the last
/// of them is there, when they weigh so much together.
fn kept(weight: f64) -> f64 {
    if weight <= 1.0 {
        return 1.0;
    }
    (1.0 - DISCOUNT.powf(weight)) / (1.0 - DISCOUNT) / weight
}

#[cfg(test)]
mod tests;
