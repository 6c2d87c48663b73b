//! A ledger that grants everything, and writes down what it is told.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;
use tollgate_core::{
    Attempt, BoxFuture, Call, CallFacts, Failure, FailureKind, Hold, Ledger, Outcome, Plan,
    Receipt, Usd,
};

use super::lock;
/// What happened, in order. Clones share the same journal.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<Entry>>>);

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Entry {
    /// The ledger was told of an attempt.
    Dispatched {
        /// Number of the attempt.
        number: u32,
        /// Most that it can cost.
        worst: Usd,
        /// What is held after that.
        held: Usd,
    },
    /// The provider was given an attempt.
    Sent {
        /// The attempt.
        attempt: Box<Attempt>,
        /// When.
        at: Instant,
    },
    /// A call was settled.
    Settled(Receipt),
}

impl Journal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// All entries so far.
    pub fn entries(&self) -> Vec<Entry> {
        lock(&self.0).clone()
    }

    pub(super) fn write(&self, entry: Entry) {
        lock(&self.0).push(entry);
    }
}

/// A ledger that keeps nothing but a journal, and grants every hold; attempts
/// only up to an optional limit per call.
#[derive(Debug, Clone, Default)]
pub struct NullLedger {
    journal: Journal,
    limit: Option<Usd>,
}

impl NullLedger {
    /// A ledger without a limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes into that journal.
    #[must_use]
    pub fn with_journal(mut self, journal: &Journal) -> Self {
        self.journal = journal.clone();
        self
    }

    /// Refuses attempts for which a call would need more than `limit`.
    #[must_use]
    pub fn with_limit(mut self, limit: Usd) -> Self {
        self.limit = Some(limit);
        self
    }

    /// What happened so far.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    fn check(&self, amount: Usd) -> Result<(), Failure> {
        match self.limit {
            Some(limit) if amount > limit => Err(Failure::new(
                FailureKind::BudgetExceeded,
                "the test's limit has no room for this attempt",
            )),
            _ => Ok(()),
        }
    }
}

impl Ledger for NullLedger {
    fn hold(&self, call: &Call, plan: &Plan) -> Result<Hold, Failure> {
        Ok(Hold::new(CallFacts::of(call, plan), plan.worst()))
    }

    fn dispatch<'a>(
        &'a self,
        hold: &'a mut Hold,
        attempt: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let needed = hold.needed_for(attempt.worst);
            self.check(needed)?;
            hold.raise_to(needed);
            hold.count_dispatch();
            let Attempt { number, worst, .. } = *attempt;
            self.journal.write(Entry::Dispatched {
                number,
                worst,
                held: hold.amount(),
            });
            Ok(())
        })
    }

    fn settle(&self, hold: Hold, outcome: Outcome) -> Receipt {
        let receipt = Receipt::new(&hold, outcome);
        self.journal.write(Entry::Settled(receipt.clone()));
        receipt
    }
}
