use serde::Serialize;

use crate::{
    AttemptRecord, Breaker, BudgetWindow, CallId, Doubts, GenerationId, Judgement, LaneId, ModelId,
    Receipt, Spot, Usd,
};

/// Something worth a log line, a metric or a line on a screen. No event holds
/// prompt or answer text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// An attempt is about to be sent.
    AttemptStarted {
        /// The call.
        call: CallId,
        /// Number of the attempt.
        attempt: u32,
        /// The lane taken.
        lane: LaneId,
        /// The models asked for.
        models: Vec<ModelId>,
    },
    /// An attempt failed before the caller saw anything.
    AttemptFailed {
        /// The call.
        call: CallId,
        /// The attempt.
        record: AttemptRecord,
        /// Whether another attempt follows.
        goes_on: bool,
        /// Milliseconds of waiting before the next attempt.
        wait_ms: u64,
    },
    /// The first semantic frame is there.
    Committed {
        /// The call.
        call: CallId,
        /// Number of the attempt.
        attempt: u32,
        /// Milliseconds from the attempt's start.
        first_token_ms: u64,
    },
    /// A second attempt was started beside a slow one.
    Hedged {
        /// The call.
        call: CallId,
        /// Number of the slow attempt.
        attempt: u32,
        /// How long it had shown nothing, in milliseconds.
        waited_ms: u64,
    },
    /// An answer broke off after some of it was shown, and goes on with another attempt.
    Rejoined {
        /// The call.
        call: CallId,
        /// The attempt that broke off.
        record: AttemptRecord,
        /// Whether the answer starts anew, rather than where it broke off.
        anew: bool,
    },
    /// A whole answer was judged before anybody was shown it.
    Judged {
        /// The call.
        call: CallId,
        /// Number of the attempt.
        attempt: u32,
        /// The model that answered.
        model: ModelId,
        /// What was said of it.
        #[serde(flatten)]
        judgement: Judgement,
    },
    /// A breaker changed its state.
    BreakerChanged {
        /// What it is the breaker of.
        #[serde(flatten)]
        spot: Spot,
        /// The new state.
        breaker: Breaker,
        /// Why.
        why: String,
    },
    /// Something that a person should look at.
    Alarm {
        /// What it is about.
        #[serde(flatten)]
        spot: Spot,
        /// What is wrong, and what to do about it.
        what: String,
    },
    /// An upstream's report cannot be right. It was booked by the best that can
    /// be trusted; see [`Doubt`](crate::Doubt).
    Doubted {
        /// The call.
        call: CallId,
        /// Number of the attempt.
        attempt: u32,
        /// The lane taken.
        lane: LaneId,
        /// The generation, as far as known.
        generation: Option<GenerationId>,
        /// What cannot be right.
        doubts: Doubts,
        /// The call that was booked for the same generation before.
        earlier: Option<CallId>,
    },
    /// A call was settled.
    Settled {
        /// Its receipt.
        receipt: Receipt,
    },
    /// A budget is nearly spent; told once for each of its windows.
    BudgetWarned {
        /// The window.
        window: BudgetWindow,
        /// What is spent or held of it.
        used: Usd,
        /// The budget's limit.
        limit: Usd,
    },
    /// More was spent in a budget's window than its limit: an upstream billed
    /// more than the most that was thought possible.
    Overspent {
        /// The window.
        window: BudgetWindow,
        /// What was spent.
        spent: Usd,
        /// The budget's limit.
        limit: Usd,
    },
    /// The catalog was refreshed, or a refresh was refused.
    Catalog {
        /// What happened, in words.
        what: String,
        /// Whether the new data is in use.
        taken: bool,
    },
    /// The endpoints of a model could not be looked at; what was known of them
    /// stays in use.
    EndpointsKept {
        /// What happened, in words.
        what: String,
    },
}

/// Hears of events. Nothing waits for it: it must return at once and must not
/// fail.
pub trait Observer: Send + Sync {
    /// Takes note of an event.
    fn on(&self, event: &Event);
}

/// An observer that ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&self, _: &Event) {}
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn on(&self, event: &Event) {
        self(event);
    }
}
