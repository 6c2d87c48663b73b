//! A ledger that also records: the plan is known when money is held, and what
//! it came to when the call is settled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tollgate_core::{
    Advice, Attempt, BoxFuture, Call, CallId, CallProfile, Failure, GenerationId, Hold, Ledger,
    Outcome, Plan, Receipt,
};

use super::{CallRecord, Recorder};

/// The ledger within, with a record of every call that it settles.
pub(crate) struct Recorded {
    inner: Arc<dyn Ledger>,
    recorder: Recorder,
    /// Of calls that are not settled yet. Every hold is settled, so nothing
    /// stays in here.
    plans: Mutex<HashMap<CallId, Plan>>,
}

impl Recorded {
    pub(crate) fn new(inner: Arc<dyn Ledger>, recorder: Recorder) -> Self {
        Self {
            inner,
            recorder,
            plans: Mutex::default(),
        }
    }

    fn plans(&self) -> MutexGuard<'_, HashMap<CallId, Plan>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Ledger for Recorded {
    fn hold(&self, call: &Call, plan: &Plan) -> Result<Hold, Failure> {
        let hold = self.inner.hold(call, plan)?;
        self.plans().insert(call.id, plan.clone());
        Ok(hold)
    }

    fn dispatch<'a>(
        &'a self,
        hold: &'a mut Hold,
        attempt: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.inner.dispatch(hold, attempt)
    }

    fn name(&self, hold: &Hold, attempt: u32, generation: &GenerationId) {
        self.inner.name(hold, attempt, generation);
    }

    fn advise(&self, call: &Call, profile: &CallProfile) -> Result<Advice, Failure> {
        self.inner.advise(call, profile)
    }

    fn settle(&self, hold: Hold, outcome: Outcome) -> Receipt {
        let receipt = self.inner.settle(hold, outcome);
        let plan = self.plans().remove(&receipt.facts.call);
        if let Some(plan) = plan {
            self.recorder.record(CallRecord::new(&plan, &receipt));
        }
        receipt
    }
}
