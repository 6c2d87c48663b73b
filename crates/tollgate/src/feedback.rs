//! What is said of answers, by callers and by the gateway itself: kept with
//! the ledger, and counted in the catalog's quality.

mod book;
mod explore;
mod judge;
mod retries;

use serde::Serialize;
use tollgate_core::{
    Call, CallId, CallerId, Ended, Failure, FailureKind, FeedbackSource, ModelId, Plan, Receipt,
    Task,
};

pub(crate) use self::book::FeedbackBook;
pub(crate) use self::judge::Judge;
use crate::gateway::{Gateway, Parts};
use crate::learning::Subject;

/// A rating as it was taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rated {
    /// The call.
    pub call: CallId,
    /// The model that it is counted for.
    pub model: ModelId,
    /// The task that it is counted for.
    pub task: Task,
    /// The score, to a thousandth.
    pub score: f32,
    /// Whether it takes the place of an earlier rating of the call.
    pub replaces: bool,
}

impl Gateway {
    /// Says how good the answer to a call was, from 0 (of no use) to 1. `id` is
    /// the call's own, or the one that an upstream gave its generation; the
    /// last 4096 calls that ended in this process can be rated, each by its
    /// caller alone. Of two ratings of a call the later one counts.
    ///
    /// It costs nothing. It is in the catalog's quality within some seconds,
    /// and in the ledger's store.
    ///
    /// ```no_run
    /// # async fn rate(gateway: tollgate::Gateway, answer: tollgate::Answer) -> Result<(), tollgate::Error> {
    /// use tollgate::CallerId;
    /// let id = answer.call().to_string();
    /// let _ = answer.collect().await?;
    /// let rated = gateway.feedback(&CallerId::local(), &id, 1.0)?;
    /// println!("{} is good at {}", rated.model, rated.task);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NotFound` for a call that is not known, or not the caller's.
    /// `InvalidRequest` for a score that is not between 0 and 1, and for a call
    /// that nobody answered.
    pub fn feedback(&self, caller: &CallerId, id: &str, score: f32) -> Result<Rated, Failure> {
        let parts = self.parts();
        if !(0.0..=1.0).contains(&score) {
            return Err(Failure::new(
                FailureKind::InvalidRequest,
                "a score is a number from 0 to 1",
            )
            .with("score", score));
        }
        let receipt = parts.lookups.recent.find(id);
        let own = |receipt: &std::sync::Arc<Receipt>| receipt.facts.caller == *caller;
        let receipt = receipt.filter(own).ok_or_else(|| unknown(id))?;
        let subject = Subject::of(&receipt, &parts.catalog.view()).ok_or_else(|| {
            Failure::new(
                FailureKind::InvalidRequest,
                "nobody answered this call, so there is nothing to rate",
            )
            .with("call", receipt.facts.call)
        })?;
        Ok(parts.feedback.rate(&receipt, subject, thousandths(score)))
    }
}

impl Parts {
    /// Now and then puts another candidate first, where that is configured.
    pub(crate) fn explore(&self, call: &Call, plan: &mut Plan) {
        if let Some(explorer) = self.feedback.explorer() {
            explorer.explore(call, plan, &self.optimizer);
        }
    }

    /// Takes note that a call begins; one that repeats another says something
    /// of that one's answer.
    pub(crate) fn note_prompt(&self, call: &Call) {
        let Some(earlier) = self.feedback.repeats(call) else {
            return;
        };
        let earlier = self.lookups.recent.find(&earlier.to_string());
        let complete = earlier.filter(|receipt| receipt.ended == Ended::Complete);
        let view = self.catalog.view();
        if let Some(subject) = complete.and_then(|receipt| Subject::of(&receipt, &view)) {
            self.feedback.observe(subject, FeedbackSource::Retry, 0);
        }
    }
}

fn unknown(id: &str) -> Failure {
    let id: String = id.chars().take(100).collect();
    Failure::new(FailureKind::NotFound, "there is no such call to rate")
        .with("id", id)
        .with_hint(
            "the last 4096 calls of this process can be rated, each by its caller alone, by the \
             x-request-id or the x-generation-id of their answers; once they have ended",
        )
}

/// A score in integers, which sums are made of.
fn thousandths(score: f32) -> i64 {
    // At most 1000, as the score was checked.
    (score * 1_000.0).round() as i64
}
