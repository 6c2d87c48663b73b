use tollgate_core::{LearnedId, Task};

use crate::predict::Seat;
use crate::train::Scaling;

/// Most outputs of the linear map: clusters and skills together; whole lanes.
pub(crate) const MOST_OUTPUTS: usize = 64;
/// Outputs that are worked out side by side.
pub(crate) const LANES: usize = 16;
/// More caution than that leaves no choice.
pub(crate) const MOST_CAUTION: f32 = 100.0;
/// Place of the average model in all lists by model; the others follow.
pub(crate) const AVERAGE: usize = 0;

/// What was learned from outcomes. Immutable; share it behind an `Arc`.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    pub(crate) id: LearnedId,
    pub(crate) shape: Shape,
    /// Column of each bucket, or [`NO_COLUMN`](crate::train::NO_COLUMN).
    pub(crate) column_of: Vec<u16>,
    /// Weights of the columns, in steps; `shape.width()` each.
    pub(crate) weights: Vec<i8>,
    /// What a step is worth, for each output.
    pub(crate) steps: Vec<f32>,
    pub(crate) scaling: Scaling,
    /// Weights of the figures; `shape.width()` each.
    pub(crate) figure_weights: Vec<f32>,
    /// Median share of a training prompt's weight that has columns.
    pub(crate) coverage: f32,
    /// Mean quality of the average model.
    pub(crate) reference: f32,
    /// Log-odds that a prompt is of a task that was not trained on: a base, and
    /// what a unit of its best score adds.
    pub(crate) novelty: [f32; 2],
    /// Standard errors of the spread between tasks that a gain must exceed on such
    /// a prompt, beside that of sampling.
    pub(crate) caution: f32,
    /// Rows of each cluster.
    pub(crate) seen: Vec<f32>,
    /// Mean difficulty of the prompts of each task.
    pub(crate) task_difficulty: [f32; Task::COUNT],
    /// Answer tokens of the average model by task; 0 is not known.
    pub(crate) task_lengths: [f32; Task::COUNT],
    /// Intercept, weight of the score's logit, weight of the difficulty.
    pub(crate) of_score: [f32; 3],
    /// Names of the models, in the order of their seats.
    pub(crate) names: Vec<String>,
    /// By model: quality on prompts of each task.
    pub(crate) priors: Vec<[f32; Task::COUNT]>,
    /// By model: quality in each cluster, then weight of each skill.
    pub(crate) seats: Vec<f32>,
    /// By model: error of what sets it apart, on a task that was not trained on.
    pub(crate) spreads: Vec<f32>,
    /// By model: answer tokens in each cluster; 0 is not known.
    pub(crate) lengths: Vec<f32>,
}

/// How many of each there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) clusters: usize,
    pub(crate) skills: usize,
}

impl Shape {
    /// Outputs of the linear map, without lanes that only fill up.
    pub(crate) fn outputs(self) -> usize {
        self.clusters + self.skills
    }

    /// Outputs of the linear map, in whole lanes.
    pub(crate) fn width(self) -> usize {
        self.outputs().next_multiple_of(LANES)
    }
}

impl Learned {
    /// Tells it from all others: the checksum of its file.
    pub fn id(&self) -> LearnedId {
        self.id
    }

    /// Names of the models that it was trained on.
    pub fn models(&self) -> &[String] {
        &self.names
    }

    /// The seat of a model that it was trained on. Look it up once for a
    /// catalog, not for each request.
    pub fn seat(&self, name: &str) -> Option<Seat> {
        let place = self.names.iter().position(|known| known == name)?;
        u16::try_from(place).ok().map(Seat)
    }

    /// How far a gain must exceed its standard error on a prompt of a task that
    /// was not trained on; see [`Learned::doubt`]. It is measured in each training.
    pub fn caution(&self) -> f32 {
        self.caution
    }

    /// The same without the models: it knows how hard prompts are, and of
    /// models only what their scores say.
    #[must_use]
    pub fn without_models(mut self) -> Self {
        self.names.clear();
        self.priors.truncate(AVERAGE + 1);
        self.seats.truncate(self.shape.width());
        self.spreads.truncate(AVERAGE + 1);
        self.lengths.truncate(self.shape.clusters);
        self.named()
    }
}
