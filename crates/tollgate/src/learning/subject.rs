use tollgate_core::{
    AttemptRecord, CallFacts, CatalogView, FeedbackRow, FeedbackSource, HabitRow, HabitSums,
    ModelFacts, ModelId, Receipt, Task,
};

/// What something is learned of: a model at a task, on a day.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) model: ModelId,
    pub(crate) task: Task,
    day: i64,
    /// Share of the output that the catalog takes for reasoning.
    pub(crate) reasoning_share: f32,
}

impl Subject {
    /// The model that answered a call.
    pub(crate) fn of(receipt: &Receipt, view: &CatalogView) -> Option<Self> {
        Self::of_attempt(receipt.served()?, &receipt.facts, view)
    }

    /// The model that served an attempt, by the catalog's name for it: what is learned
    /// of a variant or of an alias is learned of the model itself.
    pub(crate) fn of_attempt(
        served: &AttemptRecord,
        call: &CallFacts,
        view: &CatalogView,
    ) -> Option<Self> {
        let listed = view
            .find_served(served.model())
            .or_else(|| view.find_served(&served.requested));
        let facts = listed.map(|place| view.model(place));
        let model = facts.map_or(&served.requested, itself);
        Some(Self {
            model: ModelId::new(model.without_variant()).ok()?,
            task: call.task,
            day: call.at.day(),
            reasoning_share: facts.map_or(0.0, |facts| facts.reasoning_share),
        })
    }

    pub(crate) fn said(self, source: FeedbackSource, weight: i64, sum: i64) -> FeedbackRow {
        FeedbackRow {
            day: self.day,
            model: self.model,
            task: self.task,
            source,
            weight,
            sum,
        }
    }

    pub(crate) fn used(self, sums: HabitSums) -> HabitRow {
        HabitRow {
            day: self.day,
            model: self.model,
            task: self.task,
            sums,
        }
    }
}

fn itself(facts: &ModelFacts) -> &ModelId {
    facts.alias_of.as_ref().unwrap_or(&facts.id)
}
