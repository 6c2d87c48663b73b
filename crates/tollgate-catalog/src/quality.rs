//! How good each model is at each task, with how sure that is.
//!
//! Evidence in order of trust: the user's scores, what was said of the model's
//! answers, a benchmark of the task, a benchmark of another kind translated by
//! the models that have both, and what is known of like models (author, price,
//! age). Nothing is ever zero for want
//! of evidence, and no model is known by name.

pub(crate) mod evidence;
pub(crate) mod feedback;
mod gauge;
pub(crate) mod import;
pub(crate) mod layers;
mod regression;
mod scale;
pub(crate) mod scores;

use tollgate_core::{ModelId, Quality, QualitySource, Task};
use tollgate_wire::Model;

use self::evidence::{Dimension, Evidence};
use self::feedback::Feedback;
use self::gauge::Gauge;
use self::scores::Scores;

/// Quality per task, indexed by [`Task::index`].
pub(crate) type Qualities = [Quality; Task::COUNT];

/// A model of which nothing is known.
const UNKNOWN: Quality = Quality {
    mean: 0.5,
    error: 0.25,
    source: QualitySource::Prior,
};

/// Rates models of one list against each other.
#[derive(Debug)]
pub(crate) struct Ratings<'a> {
    scores: Option<&'a Scores>,
    feedback: Option<&'a Feedback>,
    gauges: [Gauge; 2],
}

impl<'a> Ratings<'a> {
    /// Learns the scales and the prior from `models`, which should name each
    /// model once: variants and aliases would count their base twice.
    pub(crate) fn learn<'m>(
        models: impl IntoIterator<Item = &'m Model>,
        scores: Option<&'a Scores>,
        feedback: Option<&'a Feedback>,
    ) -> Self {
        let evidence: Vec<_> = models.into_iter().map(Evidence::of).collect();
        let gauge = |dimension| Gauge::fit(dimension, &evidence);
        Self {
            scores,
            feedback,
            gauges: [gauge(Dimension::Intelligence), gauge(Dimension::Coding)],
        }
    }

    /// The quality of `id`, judged by the evidence about `base`, the model that
    /// it is a variant of or stands for, or itself.
    pub(crate) fn of(&self, id: &ModelId, base: &Model) -> Qualities {
        Task::ALL.map(|task| {
            self.scored(id, Some(base), task).unwrap_or_else(|| {
                let published = self.published(base, task).unwrap_or(UNKNOWN);
                self.said(ModelId::plain(&base.id), task, published)
                    .unwrap_or(published)
            })
        })
    }

    /// The quality of a model that no list describes.
    pub(crate) fn unlisted(&self, id: &ModelId) -> Qualities {
        Task::ALL.map(|task| {
            self.scored(id, None, task)
                .or_else(|| self.said(id.without_variant(), task, UNKNOWN))
                .unwrap_or(UNKNOWN)
        })
    }

    /// What the list itself tells of a model.
    fn published(&self, base: &Model, task: Task) -> Option<Quality> {
        self.gauge(task).quality(&Evidence::of(base))
    }

    /// What is published, with what was said of the model's answers.
    fn said(&self, base: &str, task: Task, published: Quality) -> Option<Quality> {
        self.feedback?.quality(base, task, published)
    }

    fn scored(&self, id: &ModelId, base: Option<&Model>, task: Task) -> Option<Quality> {
        self.scores?.find(names_of(id, base), task)
    }

    fn gauge(&self, task: Task) -> &Gauge {
        let dimension = Dimension::of(task);
        &self.gauges[dimension as usize]
    }
}

/// What a scores file may call a model.
fn names_of<'n>(id: &'n ModelId, base: Option<&'n Model>) -> impl Iterator<Item = &'n str> + Clone {
    let names = [
        Some(id.as_str()),
        base.map(|base| base.id.as_str()),
        base.and_then(|base| base.canonical_slug.as_deref()),
    ];
    names.into_iter().flatten()
}
