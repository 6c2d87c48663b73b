//! How good each model is at each task, with how sure that is.
//!
//! Evidence in order of trust: the user's scores, a benchmark of the task, a
//! benchmark of another kind translated by the models that have both, and what
//! is known of like models (author, price, age). Nothing is ever zero for want
//! of evidence, and no model is known by name.

mod evidence;
mod gauge;
mod regression;
mod scale;
pub(crate) mod scores;

use tollgate_core::{ModelId, Quality, QualitySource, Task};
use tollgate_wire::Model;

use self::evidence::{Dimension, Evidence};
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
    gauges: [Gauge; 2],
}

impl<'a> Ratings<'a> {
    /// Learns the scales and the prior from `models`, which should name each
    /// model once: variants and aliases would count their base twice.
    pub(crate) fn learn<'m>(
        models: impl IntoIterator<Item = &'m Model>,
        scores: Option<&'a Scores>,
    ) -> Self {
        let evidence: Vec<_> = models.into_iter().map(Evidence::of).collect();
        let gauge = |dimension| Gauge::fit(dimension, &evidence);
        Self {
            scores,
            gauges: [gauge(Dimension::Intelligence), gauge(Dimension::Coding)],
        }
    }

    /// The quality of `id`, judged by the evidence about `base`, the model that
    /// it is a variant of or stands for, or itself.
    pub(crate) fn of(&self, id: &ModelId, base: &Model) -> Qualities {
        let evidence = Evidence::of(base);
        Task::ALL.map(|task| {
            self.scored(id, Some(base), task)
                .unwrap_or_else(|| self.gauge(task).quality(&evidence).unwrap_or(UNKNOWN))
        })
    }

    /// The quality of a model that no list describes.
    pub(crate) fn unlisted(&self, id: &ModelId) -> Qualities {
        Task::ALL.map(|task| self.scored(id, None, task).unwrap_or(UNKNOWN))
    }

    fn scored(&self, id: &ModelId, base: Option<&Model>, task: Task) -> Option<Quality> {
        let names = [
            Some(id.as_str()),
            base.map(|base| base.id.as_str()),
            base.and_then(|base| base.canonical_slug.as_deref()),
        ];
        self.scores?.find(names.into_iter().flatten(), task)
    }

    fn gauge(&self, task: Task) -> &Gauge {
        let dimension = Dimension::of(task);
        &self.gauges[dimension as usize]
    }
}
