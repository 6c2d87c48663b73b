//! From a running attempt to its record.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{
    Attempt, AttemptEnd, AttemptRecord, Call, Cost, CostSource, Failure, Observed, Plan, Planned,
    TokenUsage, book,
};
use tracing::Span;

use crate::commit::Seen;
use crate::in_flight::Ticket;
use crate::target::{Member, Target};

/// An attempt that was sent.
#[derive(Debug)]
pub(crate) struct Running<'p> {
    pub(crate) attempt: Arc<Attempt>,
    pub(crate) target: Target<'p>,
    pub(crate) started: Instant,
    /// From the call's admission to `started`.
    pub(crate) waited: Duration,
    /// Its slot at the target.
    pub(crate) ticket: Ticket,
    pub(crate) span: Span,
}

impl<'p> Running<'p> {
    /// The candidate that answers: the one that the upstream names, else the wanted one.
    pub(crate) fn answering(&self, seen: &Seen) -> Member<'p> {
        let index = self.target.answering(&seen.served).unwrap_or(0);
        self.target
            .get(index)
            .unwrap_or_else(|| self.target.first())
    }

    /// The record of an attempt that goes on. Whoever reads the answer to its
    /// end completes it; until then it counts as abandoned.
    pub(crate) fn going_on(&self, seen: &Seen) -> AttemptRecord {
        self.record(seen, AttemptEnd::Abandoned, TokenUsage::default(), None)
    }

    /// What is known of an attempt while it runs, should nobody see its end.
    pub(crate) fn unfinished(&self, seen: &Seen) -> AttemptRecord {
        let billing = self.target.first().planned.lane.billing;
        let cost = Cost::paid_by(billing, self.attempt.worst, CostSource::WorstCase);
        let (end, tokens) = (AttemptEnd::Abandoned, TokenUsage::default());
        self.record(seen, end, tokens, Some(cost))
    }

    /// The record of an attempt that failed, booked.
    pub(crate) fn failed(
        &self,
        call: &Call,
        plan: &Plan,
        seen: &Seen,
        failure: &Failure,
    ) -> AttemptRecord {
        let observed = Observed {
            usage: seen.whole_usage(),
            complete: false,
            output_bytes: seen.output_bytes,
            runs_on: false,
            billed: Some(failure.rule().billed),
        };
        let planned: &Planned = self.answering(seen).planned;
        let prompt = plan.profile.prompt.likely;
        let (tokens, cost) = book(planned, prompt, call.at, self.attempt.worst, observed);
        let end = AttemptEnd::Failed {
            kind: failure.kind(),
            status: failure.status(),
            message: failure.message().to_owned(),
        };
        self.record(seen, end, tokens, cost)
    }

    fn record(
        &self,
        seen: &Seen,
        end: AttemptEnd,
        tokens: TokenUsage,
        cost: Option<Cost>,
    ) -> AttemptRecord {
        let first = self.target.first().planned;
        AttemptRecord {
            number: self.attempt.number,
            lane: self.attempt.lane.clone(),
            billing: first.lane.billing,
            requested: first.model.clone(),
            served: seen.served.clone(),
            started_ms: millis(self.waited),
            first_token_ms: seen
                .first_semantic
                .map(|moment| millis(moment - self.started)),
            took_ms: millis(self.started.elapsed()),
            end,
            tokens,
            cost,
        }
    }
}

/// Whole milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
