use fearless_simd::{Level, Simd, dispatch, i8x16, i16x8, prelude::*};
use tollgate_core::{Quality, Reading, Task};

use crate::Learned;
use crate::learned::{AVERAGE, LANES, MOST_OUTPUTS};
use crate::text::{Prompt, Text};
use crate::train::NO_COLUMN;

/// Memory for reading prompts, to keep and reuse: one for each thread.
#[derive(Debug, Clone, Default)]
pub struct Scratch(Text);

/// The place of a model that was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seat(pub(crate) u16);

/// What a published score is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Tasks of all kinds.
    Overall,
    /// The task of the request alone.
    Task,
}

/// How a prompt looks to the learner: a small value without a pointer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assessment {
    task: Task,
    /// Shares of the clusters, then amounts of the skills.
    outputs: [f32; MOST_OUTPUTS],
    /// Share that no cluster has; the prior of the task answers for it.
    rest: f32,
    /// Training rows that speak for this prompt.
    evidence: f32,
    /// Chance that the prompt is of a task that was not trained on.
    novelty: f32,
    trust: f32,
    difficulty: f32,
}

impl Assessment {
    /// How hard the prompt is for the average model, in logits: 0 is the mean
    /// of the training prompts, more is harder.
    pub fn difficulty(&self) -> f32 {
        self.difficulty
    }

    /// The task of the request.
    pub(crate) fn task(&self) -> Task {
        self.task
    }

    /// Shares of the clusters, then amounts of the skills; what is beyond those of
    /// the router is 0.
    pub(crate) fn outputs(&self) -> &[f32] {
        &self.outputs
    }

    /// Share that the prior of the task answers for.
    pub(crate) fn rest(&self) -> f32 {
        self.rest
    }

    /// Standard error of what sets a model apart: the variance of a mixture, with
    /// the chance that the task is new a draw of another task.
    #[inline]
    pub(crate) fn error(&self, quality: f32, spread: f32) -> f32 {
        (self.sampling(quality) + self.novelty * spread * spread).sqrt()
    }

    /// Variance of what sets a model apart, by the rows that speak for the prompt.
    #[inline]
    fn sampling(&self, quality: f32) -> f32 {
        SET_APART * quality * (1.0 - quality) / (1.0 + self.evidence)
    }

    /// How much of the prompt is made of what training prompts are made of, 0 to 1.
    pub fn trust(&self) -> f32 {
        self.trust
    }
}

/// What is expected of a model on a prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Quality of the answer, 0 to 1.
    pub quality: f32,
    /// Standard error of what sets this model apart from the average one on
    /// this prompt. How hard the prompt is for all of them is not in it: that
    /// does not change which one is best.
    pub error: f32,
    /// Answer tokens; 0 when they are not known.
    pub output_tokens: f32,
}

/// One of two models that a choice is between.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contender {
    /// Its seat, if it was trained on.
    pub seat: Option<Seat>,
    /// Standard error of its quality.
    pub error: f32,
}

impl Learned {
    /// Reads a prompt of that task: at most its first and last 2 KB.
    pub fn assess<'a>(
        &self,
        task: Task,
        prompt: impl Into<Prompt<'a>>,
        scratch: &mut Scratch,
    ) -> Assessment {
        let (text, prompt) = (&mut scratch.0, prompt.into());
        let mut outputs = [0.0; MOST_OUTPUTS];
        let covered = dispatch!(Level::new(), simd => {
            text.read_with(simd, prompt);
            self.project(simd, text, &mut outputs)
        });
        let trust = (covered / self.coverage).clamp(0.0, 1.0).powi(2);
        let (clusters, skills) = outputs.split_at_mut(self.shape.clusters);
        let best = clusters.iter().copied().fold(0.0, f32::max);
        let [base, by_score] = self.novelty;
        let known = sigmoid(-(base + by_score * best));
        let novelty = 1.0 - known * (trust / SURE).min(1.0);
        // Of a task that was not trained on, the prior alone is known.
        let rest = into_shares(clusters, trust.min(1.0 - novelty));
        for skill in &mut skills[..self.shape.skills] {
            *skill *= trust;
        }
        let evidence = clusters
            .iter()
            .zip(&self.seen)
            .map(|(share, seen)| share * seen)
            .sum();
        let mut assessment = Assessment {
            task,
            outputs,
            rest,
            evidence,
            novelty,
            trust,
            difficulty: 0.0,
        };
        let average = self.quality_at(&assessment, AVERAGE);
        assessment.difficulty = logit(self.reference) - logit(average);
        assessment
    }

    /// An assessment as numbers to keep: so a choice can be made again without
    /// the prompt.
    pub fn reading(&self, assessment: &Assessment) -> Reading {
        Reading {
            by: self.id,
            outputs: assessment.outputs[..self.shape.outputs()].to_vec(),
            rest: assessment.rest,
            evidence: assessment.evidence,
            novelty: assessment.novelty,
            trust: assessment.trust,
            difficulty: assessment.difficulty,
        }
    }

    /// The assessment that a reading was made of; `None` if another router read
    /// the prompt.
    pub fn recall(&self, task: Task, reading: &Reading) -> Option<Assessment> {
        if reading.by != self.id || reading.outputs.len() != self.shape.outputs() {
            return None;
        }
        let mut outputs = [0.0; MOST_OUTPUTS];
        outputs[..reading.outputs.len()].copy_from_slice(&reading.outputs);
        Some(Assessment {
            task,
            outputs,
            rest: reading.rest,
            evidence: reading.evidence,
            novelty: reading.novelty,
            trust: reading.trust,
            difficulty: reading.difficulty,
        })
    }

    /// What is expected of a model that was trained on.
    pub fn known(&self, assessment: &Assessment, seat: Seat) -> Estimate {
        let (quality, error) = self.quality_of(assessment, seat);
        Estimate {
            quality,
            error,
            output_tokens: self.length_at(assessment, place_of(seat)),
        }
    }

    /// How far a model may lie from its mean lead on a task that was not trained on.
    pub(crate) fn spread_of(&self, seat: Seat) -> f32 {
        self.spreads[place_of(seat)]
    }

    /// What each output adds to the quality of a model.
    pub(crate) fn seat_values(&self, seat: Seat) -> &[f32] {
        let begin = place_of(seat) * self.shape.width();
        &self.seats[begin..begin + self.shape.outputs()]
    }

    /// Quality and error alone.
    pub(crate) fn quality_of(&self, assessment: &Assessment, seat: Seat) -> (f32, f32) {
        let place = place_of(seat);
        let quality = self.quality_at(assessment, place);
        (quality, assessment.error(quality, self.spreads[place]))
    }

    /// What is expected of a model by its published score: the score, moved by
    /// how hard this prompt is beside the prompts that the score is about.
    pub fn unseen(&self, assessment: &Assessment, published: Quality, scope: Scope) -> Quality {
        let odds = self.odds_by_score(published.mean) * self.ease(assessment, scope);
        Quality {
            mean: share(odds),
            ..published
        }
    }

    /// Odds of a good answer by a published score alone.
    pub(crate) fn odds_by_score(&self, score: f32) -> f32 {
        let [base, by_score, _] = self.of_score;
        let odds = (base + by_score * logit(score.clamp(0.01, 0.99))).exp();
        odds.min(MOST_ODDS)
    }

    /// What the difficulty of a prompt multiplies such odds with.
    pub(crate) fn ease(&self, assessment: &Assessment, scope: Scope) -> f32 {
        let beside = match scope {
            Scope::Overall => 0.0,
            Scope::Task => self.task_difficulty[assessment.task.index()],
        };
        let [.., by_difficulty] = self.of_score;
        let ease = (by_difficulty * (beside - assessment.difficulty)).exp();
        ease.min(MOST_ODDS)
    }

    /// Adds the weights of the prompt's columns; gives the share that has columns.
    #[inline(always)]
    fn project<S: Simd>(&self, simd: S, text: &Text, outputs: &mut [f32; MOST_OUTPUTS]) -> f32 {
        let width = self.shape.width();
        let outputs = &mut outputs[..width];
        let mut covered = 0.0;
        let mut once = Once::new(simd, &self.weights, text.weight_of_one());
        for (bucket, weight) in text.ngrams() {
            let column = self.column_of[usize::from(*bucket)];
            if *weight == once.weight {
                once.add(column, outputs);
            } else if column != NO_COLUMN {
                covered += weight * weight;
                let at = usize::from(column) * width;
                for (output, step) in outputs.iter_mut().zip(&self.weights[at..at + width]) {
                    *output += weight * f32::from(*step);
                }
            }
        }
        once.pour(outputs);
        covered += once.covered;
        for (output, step) in outputs.iter_mut().zip(&self.steps) {
            *output *= step;
        }
        let figures = self.scaling.of(text.figures());
        for (value, weights) in figures.iter().zip(self.figure_weights.chunks_exact(width)) {
            for (output, weight) in outputs.iter_mut().zip(weights) {
                *output += value * weight;
            }
        }
        covered
    }

    #[inline]
    fn quality_at(&self, assessment: &Assessment, place: usize) -> f32 {
        let width = self.shape.width();
        let seat = &self.seats[place * width..(place + 1) * width];
        let prior = self.priors[place][assessment.task.index()];
        let learned = product(seat, &assessment.outputs);
        (learned + assessment.rest * prior).clamp(0.01, 0.99)
    }

    /// What `other` must be better by, in units of quality, before it is taken in
    /// place of the `usual` model, which would be chosen without a look at the
    /// prompt.
    ///
    /// A learned router that is not held back loses to the best fixed choice on
    /// prompts that are unlike its training. The doubt is one standard error of
    /// the rows that speak for the prompt, and, with the chance that its task was
    /// not trained on, [`caution`](Self::caution) standard errors of how far the
    /// two lie apart from one task to the next. Where one of them was
    /// not trained on, nothing is known of that: then it is two standard errors
    /// of both qualities.
    pub fn doubt(&self, assessment: &Assessment, usual: Contender, other: Contender) -> f32 {
        let (Some(usual_seat), Some(other_seat)) = (usual.seat, other.seat) else {
            return UNPAIRED_ERRORS * usual.error.hypot(other.error);
        };
        let [sampling, new] = self.doubts(assessment, usual_seat, other_seat);
        (sampling + self.caution * self.caution * new).sqrt()
    }

    /// Both parts of the doubt, squared, with a caution of 1.
    pub(crate) fn doubts(&self, assessment: &Assessment, usual: Seat, other: Seat) -> [f32; 2] {
        let (usual, other) = (place_of(usual), place_of(other));
        let of = |place| assessment.sampling(self.quality_at(assessment, place));
        [
            of(usual) + of(other),
            assessment.novelty * self.spread_between(usual, other),
        ]
    }

    /// Variance of what sets two models apart on a task that was not trained on.
    fn spread_between(&self, one: usize, other: usize) -> f32 {
        let count = self.shape.clusters;
        if count < 2 {
            return 2.0 * ASSUMED_SPREAD * ASSUMED_SPREAD;
        }
        let width = self.shape.width();
        let of = |place: usize| &self.seats[place * width..place * width + count];
        let pairs = of(one).iter().zip(of(other));
        predictive_variance(pairs.map(|(one, other)| one - other), count)
    }

    /// How wordy a model is beside others holds for new tasks too, so the chance
    /// that the task is new does not count here. Of words like none before, models
    /// are taken to write as many as the average one.
    fn length_at(&self, assessment: &Assessment, place: usize) -> f32 {
        let clusters = self.shape.clusters;
        let lengths = &self.lengths[place * clusters..(place + 1) * clusters];
        let usual = self.task_lengths[assessment.task.index()];
        let known = 1.0 - assessment.rest;
        if known <= 1e-3 {
            return usual;
        }
        let own = product(lengths, &assessment.outputs) / known;
        // Nobody counted the words of this model.
        if own <= 0.0 {
            return usual;
        }
        assessment.trust * own + (1.0 - assessment.trust) * usual
    }
}

/// Odds beyond which more of them say nothing: the product of two is finite.
const MOST_ODDS: f32 = 1e15;

/// So many steps of a byte fit into a sum of 16 bits.
const MOST_ONCE: usize = (i16::MAX / 128) as usize;

/// The n-grams that a prompt has once, which most are. They weigh the same, so
/// their steps are added as they are, and weighed together. Their columns are
/// collected first: whether an n-gram has one is as good as chance, and guessing
/// wrong would delay what is read from far away.
struct Once<'a, S> {
    simd: S,
    weights: &'a [i8],
    weight: f32,
    columns: [u16; MOST_ONCE],
    count: usize,
    /// Share of the prompt's weight that has columns.
    covered: f32,
}

impl<'a, S: Simd> Once<'a, S> {
    #[inline(always)]
    fn new(simd: S, weights: &'a [i8], weight: f32) -> Self {
        Self {
            simd,
            weights,
            weight,
            columns: [0; MOST_ONCE],
            count: 0,
            covered: 0.0,
        }
    }

    #[inline(always)]
    fn add(&mut self, column: u16, outputs: &mut [f32]) {
        self.columns[self.count] = column;
        self.count += usize::from(column != NO_COLUMN);
        if self.count == MOST_ONCE {
            self.pour(outputs);
        }
    }

    /// Weighs what was collected.
    #[inline(always)]
    fn pour(&mut self, outputs: &mut [f32]) {
        match outputs.len() / LANES {
            1 => self.pour_lanes::<1>(outputs),
            2 => self.pour_lanes::<2>(outputs),
            3 => self.pour_lanes::<3>(outputs),
            _ => self.pour_lanes::<{ MOST_OUTPUTS / LANES }>(outputs),
        }
        self.covered += self.count as f32 * self.weight * self.weight;
        self.count = 0;
    }

    /// How many lanes there are is known here, so that all sums stay in registers.
    #[inline(always)]
    fn pour_lanes<const COUNT: usize>(&self, outputs: &mut [f32]) {
        let (rows, _) = self.weights.as_chunks::<LANES>();
        let mut sums = [[i16x8::splat(self.simd, 0); 2]; COUNT];
        for column in &self.columns[..self.count] {
            let at = usize::from(*column) * COUNT;
            for (sums, steps) in sums.iter_mut().zip(&rows[at..at + COUNT]) {
                let (low, high) = i8x16::from_slice(self.simd, steps).widen();
                sums[0] += low;
                sums[1] += high;
            }
        }
        let (eights, _) = outputs.as_chunks_mut::<8>();
        for (outputs, sums) in eights.iter_mut().zip(sums.as_flattened()) {
            for (output, sum) in outputs.iter_mut().zip(sums.to_array()) {
                *output += self.weight * f32::from(sum);
            }
        }
    }
}

/// Where lists by model have the one of a seat.
fn place_of(seat: Seat) -> usize {
    AVERAGE + 1 + usize::from(seat.0)
}

/// Trust from which on the words of a prompt are no reason for doubt.
const SURE: f32 = 0.6;
/// Part of the variance of an answer that is not the same for all models.
const SET_APART: f32 = 0.5;

/// Standard errors that a gain must exceed where nothing is known of how far two
/// models lie apart.
const UNPAIRED_ERRORS: f32 = 2.0;
/// What no score is above that was learned: a prompt of a cluster has about 1.
const MOST_SCORE: f32 = 100.0;
/// How far a model is assumed to lie from its mean lead on a new task where there
/// are no clusters to tell.
pub(crate) const ASSUMED_SPREAD: f32 = 0.1;

/// Variance of one more draw: that of a random-effects meta-analysis, in which each
/// cluster is one draw, whatever its rows.
pub(crate) fn predictive_variance(draws: impl Iterator<Item = f32> + Clone, count: usize) -> f32 {
    let count = count as f32;
    let mean = draws.clone().sum::<f32>() / count;
    let squares: f32 = draws.map(|draw| (draw - mean).powi(2)).sum();
    squares / (count - 1.0) * (1.0 + 1.0 / count)
}

/// Turns scores into shares of `all` together; gives what is left of 1. Cubes,
/// because a score half as high is much less than half as likely.
fn into_shares(scores: &mut [f32], all: f32) -> f32 {
    let mut total = 0.0;
    for score in scores.iter_mut() {
        *score = score.clamp(0.0, MOST_SCORE).powi(3);
        total += *score;
    }
    if total <= 0.0 {
        scores.fill(0.0);
        return 1.0;
    }
    for score in scores {
        *score *= all / total;
    }
    1.0 - all
}

/// Eight sums side by side, which the compiler makes one vector of.
#[inline]
fn product(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let right = &right[..left.len()];
    let (pairs, last) = (left.chunks_exact(8), left.len() / 8 * 8);
    for (left, right) in pairs.zip(right.chunks_exact(8)) {
        for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
            *sum += left * right;
        }
    }
    let rest = left[last..].iter().zip(&right[last..]);
    sums.iter().sum::<f32>() + rest.map(|(left, right)| left * right).sum::<f32>()
}

/// The share that odds are of all.
pub(crate) fn share(odds: f32) -> f32 {
    odds / (1.0 + odds)
}

pub(crate) fn logit(share: f32) -> f32 {
    (share / (1.0 - share)).ln()
}

pub(crate) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::{LANES, MOST_OUTPUTS, NO_COLUMN, Once};

    #[test]
    fn narrow_and_wide_vectors_add_up_to_the_same() {
        let width = MOST_OUTPUTS;
        let weights: Vec<i8> = (0..100 * width).map(|at| (at * 31 % 251) as i8).collect();
        let added = |level: Level| {
            let mut outputs = vec![0.0; width];
            dispatch!(level, simd => {
                let mut once = Once::new(simd, &weights, 0.071);
                for column in 0..1_000_u16 {
                    once.add(column * 7 % 100, &mut outputs);
                }
                once.pour(&mut outputs);
            });
            outputs
        };
        assert_eq!(added(Level::baseline()), added(Level::new()));
    }

    #[test]
    fn more_steps_than_a_sum_holds_are_weighed_in_between() {
        for step in [i8::MIN, i8::MAX] {
            for lanes in 1..=MOST_OUTPUTS / LANES {
                let weights = vec![step; 2 * lanes * LANES];
                let mut outputs = vec![0.0; lanes * LANES];
                let covered = dispatch!(Level::new(), simd => {
                    let mut once = Once::new(simd, &weights, 0.5);
                    for _ in 0..1_000 {
                        once.add(1, &mut outputs);
                        once.add(NO_COLUMN, &mut outputs);
                    }
                    once.pour(&mut outputs);
                    once.covered
                });
                assert_eq!(outputs, vec![500.0 * f32::from(step); lanes * LANES]);
                assert_eq!(covered, 250.0);
            }
        }
    }
}
