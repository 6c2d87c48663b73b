//! Where a model's figures come from, for people.

use serde::Serialize;
use tollgate_core::{ModelId, Quality, Task};
use tollgate_wire::Model;

use super::{Ratings, UNKNOWN, names_of};

/// All that is known of a model's quality at one task, best first: the first
/// figure is the one in use.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QualityLayers {
    /// The task.
    pub task: Task,
    /// The figures, best source first.
    pub layers: Vec<QualityLayer>,
}

/// One figure, and who says so.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QualityLayer {
    /// The figure.
    #[serde(flatten)]
    pub quality: Quality,
    /// Who says so, where there is more to tell than the kind of source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl Ratings<'_> {
    /// The layers of a model, as [`of`](Ratings::of) goes through them.
    pub(crate) fn layers(&self, id: &ModelId, base: Option<&Model>) -> Vec<QualityLayers> {
        let of_task = |task| QualityLayers {
            task,
            layers: self.layers_of(id, base, task),
        };
        Task::ALL.map(of_task).into()
    }

    fn layers_of(&self, id: &ModelId, base: Option<&Model>, task: Task) -> Vec<QualityLayer> {
        let published = base.and_then(|base| self.published(base, task));
        let published = published.unwrap_or(UNKNOWN);
        let key = base.map_or(id.without_variant(), |base| ModelId::plain(&base.id));
        let scored = self.scored(id, base, task).map(|quality| QualityLayer {
            quality,
            from: self
                .scores
                .and_then(|scores| scores.who(names_of(id, base), task)),
        });
        let said = self.said(key, task, published).map(|quality| QualityLayer {
            quality,
            from: self.feedback.map(|feedback| {
                let weight = feedback.weight(key, task);
                format!("what weighs {weight:.1} ratings")
            }),
        });
        let published = QualityLayer {
            quality: published,
            from: None,
        };
        [scored, said, Some(published)]
            .into_iter()
            .flatten()
            .collect()
    }
}
