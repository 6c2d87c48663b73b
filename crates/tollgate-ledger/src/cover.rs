//! Taking a call's money from its budgets, and giving it back.

use std::time::Duration;

use tokio::time::timeout;
use tollgate_core::{
    AttemptRecord, Billing, BudgetWindow, BudgetWindows, CallFacts, Failure, FailureKind, Usd,
};

use crate::UsageTracker;
use crate::books::{Closed, Dispatched, Running, Standing};
use crate::budget::{Move, What};

/// How long a call waits for its node's share of a budget.
const PATIENCE: Duration = Duration::from_secs(5);

impl UsageTracker {
    /// Takes from the call's windows what it holds more than before, and from
    /// the attempt's own what the attempt can cost: all or nothing. Waits when
    /// more has to be leased first. Returns the epoch of the leases.
    pub(crate) async fn cover(&self, cover: &Cover<'_>) -> Result<u64, Failure> {
        if let Some(epoch) = self.budgets.try_take(|epoch| cover.amounts(epoch))? {
            return Ok(epoch);
        }
        let waiting = Waiting::new(self, cover);
        let covered = timeout(PATIENCE, waiting.covered()).await;
        covered.unwrap_or_else(|_| Err(no_answer()))
    }

    /// Undoes [`cover`](Self::cover).
    pub(crate) fn uncover(&self, cover: &Cover<'_>, epoch: u64) {
        for (window, amount) in cover.amounts(epoch) {
            let amount = Usd::from_nanos_i128(amount);
            let window = std::slice::from_ref(window);
            self.budgets.apply([Move::free(window, epoch, amount)]);
        }
    }

    /// Frees what was taken for one attempt alone.
    pub(crate) fn free_own(&self, attempt: &Dispatched) {
        self.budgets.apply([own(attempt)]);
    }

    /// Frees what a call held, and adds what it cost.
    pub(crate) fn pay(&self, closed: &Closed, attempts: &[AttemptRecord]) {
        let now = self.budgets.epoch();
        let Closed { running, windows } = closed;
        let held = running.covered.into_iter();
        let held = held.map(|epoch| Move::free(&running.windows, epoch, running.held));
        let late = running.late.iter().map(|late| {
            let window = std::slice::from_ref(&late.window);
            Move::free(window, late.epoch, late.amount)
        });
        let own = running.dispatched.iter().map(own);
        let spent = attempts.iter().zip(windows).filter_map(|(record, all)| {
            let dispatched = running.dispatched(record);
            Some(Move {
                // A lease is spent by what was dispatched by it; the store
                // counts the rest.
                windows: match self.budgets.shared {
                    true => running.windows_of(record),
                    false => all,
                },
                epoch: dispatched.map_or(now, |attempt| attempt.epoch),
                free: Usd::ZERO,
                spend: record.cost?.amount(),
            })
        });
        self.budgets.apply(held.chain(late).chain(own).chain(spent));
    }

    /// What an attempt of a call that ends counts in.
    pub(crate) fn windows_of(
        &self,
        facts: &CallFacts,
        running: &Running,
        record: &AttemptRecord,
    ) -> BudgetWindows {
        let known = running.windows_of(record);
        let edition = running
            .edition
            .filter(|_| record.billing != Billing::Caller);
        let Some(edition) = edition else {
            return known.clone();
        };
        let what = What {
            model: &record.requested,
            lane: &record.lane,
        };
        let whose = (running.spender.who(), what, facts.at);
        let later = self.budgets.later(edition, whose, known);
        match later.is_empty() {
            true => known.clone(),
            false => known.iter().cloned().chain(later).collect(),
        }
    }
}

fn own(attempt: &Dispatched) -> Move<'_> {
    Move::free(attempt.own_windows(), attempt.epoch, attempt.worst)
}

/// What a call needs for one more attempt.
pub(crate) struct Cover<'a> {
    pub(crate) standing: &'a Standing,
    /// The call's windows, then the attempt's own.
    pub(crate) windows: &'a BudgetWindows,
    /// What the call has to hold.
    pub(crate) needed: Usd,
    /// What the attempt can cost.
    pub(crate) worst: Usd,
}

impl<'a> Cover<'a> {
    /// What to take from each window in that epoch: all of it, when leases that
    /// it was taken from have ended.
    fn amounts(&self, epoch: u64) -> Vec<(&'a BudgetWindow, i128)> {
        let more = match self.standing.covered {
            Some(covered) if covered == epoch => self.needed - self.standing.held,
            _ => self.needed,
        };
        let (call, own) = self.windows.split_at(self.standing.windows.len());
        let call = call.iter().map(|window| (window, more));
        let own = own.iter().map(|window| (window, self.worst));
        let all = call.chain(own).filter(|(_, amount)| *amount > Usd::ZERO);
        all.map(|(window, amount)| (window, i128::from(amount.nanos())))
            .collect()
    }
}

/// A call that waits for leases. What it waits for is asked for until it does
/// not wait any more, however that ends.
struct Waiting<'a> {
    tracker: &'a UsageTracker,
    cover: &'a Cover<'a>,
    /// What is asked for.
    amounts: Vec<(&'a BudgetWindow, i128)>,
}

impl<'a> Waiting<'a> {
    fn new(tracker: &'a UsageTracker, cover: &'a Cover<'a>) -> Self {
        let mut waiting = Self {
            tracker,
            cover,
            amounts: Vec::new(),
        };
        waiting.ask();
        waiting
    }

    /// Asks for what is missing in the present epoch, in place of what was
    /// asked for before.
    fn ask(&mut self) {
        let budgets = &self.tracker.budgets;
        budgets.wait_for(&self.amounts, -1);
        self.amounts = self.cover.amounts(budgets.epoch());
        budgets.wait_for(&self.amounts, 1);
    }

    async fn covered(mut self) -> Result<u64, Failure> {
        let budgets = &self.tracker.budgets;
        loop {
            let brought = budgets.brought.notified();
            tokio::pin!(brought);
            // Before looking, so that nothing brought in between is missed.
            brought.as_mut().enable();
            if let Some(epoch) = budgets.try_take(|epoch| self.cover.amounts(epoch))? {
                return Ok(epoch);
            }
            self.ask();
            brought.await;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.tracker.budgets.wait_for(&self.amounts, -1);
    }
}

fn no_answer() -> Failure {
    Failure::new(
        FailureKind::LedgerUnavailable,
        "the ledger did not give this node its share of a budget in time",
    )
    .with_retry_after(Duration::from_secs(1))
    .with_hint("see the log for the store's error; calls go on when it is mended")
}
