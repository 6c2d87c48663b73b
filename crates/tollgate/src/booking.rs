//! Books calls that have ended, and tells of reports that cannot be right.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_core::{
    AttemptRecord, CallId, CostSource, Doubt, Doubts, Event, GenerationId, Hold, LaneId, Ledger,
    Observer, Outcome, Receipt,
};

use crate::reconcile::Reconciler;
use crate::span::CallSpan;

/// Generations whose booking is remembered.
const REMEMBERED: usize = 10_000;

/// A call that has ended, with what cannot be right in the reports on it.
pub(crate) struct Ending {
    pub(crate) hold: Hold,
    pub(crate) outcome: Outcome,
    pub(crate) doubted: Vec<Doubted>,
    pub(crate) span: CallSpan,
}

/// A report that cannot be right.
pub(crate) struct Doubted {
    pub(crate) attempt: u32,
    pub(crate) doubts: Doubts,
    /// The call that was booked for the same generation before.
    pub(crate) earlier: Option<CallId>,
}

/// Hands calls to the ledger.
pub(crate) struct Booker {
    ledger: Arc<dyn Ledger>,
    reconciler: Option<Reconciler>,
    observer: Arc<dyn Observer>,
    booked: Mutex<Booked>,
}

impl Booker {
    pub(crate) fn new(
        ledger: Arc<dyn Ledger>,
        reconciler: Option<Reconciler>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            ledger,
            reconciler,
            observer,
            booked: Mutex::default(),
        }
    }

    /// Books a call. What an earlier attempt was booked for is not booked again.
    pub(crate) fn settle(&self, ending: Ending) -> Receipt {
        let Ending {
            hold,
            mut outcome,
            mut doubted,
            span,
        } = ending;
        let call = hold.facts.call;
        for attempt in &mut outcome.attempts {
            if let Some(earlier) = self.repeats(call, attempt) {
                attempt.cost = None;
                doubted.push(Doubted {
                    attempt: attempt.number,
                    doubts: [Doubt::Repeated].into_iter().collect(),
                    earlier: Some(earlier),
                });
            }
        }
        let receipt = span.settle(|| self.ledger.settle(hold, outcome));
        for doubted in &doubted {
            self.tell(&receipt, doubted);
        }
        if let Some(reconciler) = &self.reconciler {
            reconciler.watch(&receipt);
        }
        receipt
    }

    /// The call that was booked for the same generation. Only the upstream's own
    /// figures count: servers that report none may give all answers one id.
    fn repeats(&self, call: CallId, attempt: &AttemptRecord) -> Option<CallId> {
        attempt
            .cost
            .filter(|cost| cost.source == CostSource::Reported)?;
        let key = (attempt.lane.clone(), attempt.generation()?.clone());
        let mut booked = self.booked.lock().unwrap_or_else(PoisonError::into_inner);
        booked.book(key, call)
    }

    fn tell(&self, receipt: &Receipt, doubted: &Doubted) {
        let mut attempts = receipt.attempts.iter();
        let Some(attempt) = attempts.find(|attempt| attempt.number == doubted.attempt) else {
            return;
        };
        self.observer.on(&Event::Doubted {
            call: receipt.facts.call,
            attempt: attempt.number,
            lane: attempt.lane.clone(),
            generation: attempt.generation().cloned(),
            doubts: doubted.doubts,
            earlier: doubted.earlier,
        });
    }
}

type Key = (LaneId, GenerationId);

/// The latest generations that were booked.
#[derive(Default)]
struct Booked {
    calls: HashMap<Key, CallId>,
    order: VecDeque<Key>,
}

impl Booked {
    /// Remembers a booking, unless there is an earlier one, which is returned.
    fn book(&mut self, key: Key, call: CallId) -> Option<CallId> {
        if let Some(earlier) = self.calls.get(&key) {
            return Some(*earlier);
        }
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.calls.insert(key, call);
        None
    }
}
