//! Taking a call's money from its budgets, and giving it back.

use std::time::Duration;

use tokio::time::timeout;
use tollgate_core::{AttemptRecord, BudgetWindow, BudgetWindows, Failure, FailureKind, Usd};

use crate::UsageTracker;
use crate::books::{Dispatched, Running, Standing};
use crate::budget::Move;

/// How long a call waits for its node's share of a budget.
const PATIENCE: Duration = Duration::from_secs(5);

impl UsageTracker {
    /// Takes from the call's windows what it holds more than before, and from
    /// the attempt's own what the attempt can cost: all or nothing. Waits when
    /// more has to be leased first. Returns the epoch of the leases.
    pub(crate) async fn cover(
        &self,
        standing: &Standing,
        windows: &BudgetWindows,
        needed: Usd,
        worst: Usd,
    ) -> Result<u64, Failure> {
        let more = self.more(standing, needed);
        let amounts = amounts(standing, windows, more, worst);
        if amounts.is_empty() {
            return Ok(self.budgets.epoch());
        }
        if let Some(epoch) = self.budgets.try_take(&amounts)? {
            return Ok(epoch);
        }
        let waiting = Waiting::new(self, &amounts);
        let covered = timeout(PATIENCE, waiting.covered()).await;
        covered.unwrap_or_else(|_| Err(no_answer()))
    }

    /// Undoes [`cover`](Self::cover).
    pub(crate) fn uncover(
        &self,
        standing: &Standing,
        windows: &BudgetWindows,
        epoch: u64,
        needed: Usd,
        worst: Usd,
    ) {
        let more = self.more(standing, needed);
        for (window, amount) in amounts(standing, windows, more, worst) {
            let amount = Usd::from_nanos_i128(amount);
            let window = std::slice::from_ref(window);
            self.budgets.apply([Move::free(window, epoch, amount)]);
        }
    }

    /// What has to be taken beside what was: all of it, when leases that it was
    /// taken from have ended.
    fn more(&self, standing: &Standing, needed: Usd) -> Usd {
        match standing.covered {
            Some(epoch) if epoch == self.budgets.epoch() => needed - standing.held,
            _ => needed,
        }
    }

    /// Frees what was taken for one attempt alone.
    pub(crate) fn free_own(&self, attempt: &Dispatched) {
        self.budgets.apply([self.own(attempt)]);
    }

    fn own<'a>(&self, attempt: &'a Dispatched) -> Move<'a> {
        let own = self.budgets.own(&attempt.windows);
        Move::free(own, attempt.epoch, attempt.worst)
    }

    /// Frees what a call held, and adds what it cost.
    pub(crate) fn pay(&self, running: &Running, attempts: &[AttemptRecord]) {
        let now = self.budgets.epoch();
        let held = running.covered.into_iter();
        let held = held.map(|epoch| Move::free(&running.windows, epoch, running.held));
        let own = running.dispatched.iter().map(|attempt| self.own(attempt));
        let spent = attempts.iter().filter_map(|record| {
            let dispatched = running.dispatched(record);
            Some(Move {
                windows: running.windows_of(record),
                epoch: dispatched.map_or(now, |attempt| attempt.epoch),
                free: Usd::ZERO,
                spend: record.cost?.amount(),
            })
        });
        self.budgets.apply(held.chain(own).chain(spent));
    }
}

/// What to take from each window.
fn amounts<'a>(
    standing: &Standing,
    windows: &'a BudgetWindows,
    more: Usd,
    worst: Usd,
) -> Vec<(&'a BudgetWindow, i128)> {
    let (call, own) = windows.split_at(standing.windows.len());
    let call = call.iter().map(|window| (window, more));
    let own = own.iter().map(|window| (window, worst));
    let all = call.chain(own).filter(|(_, amount)| *amount > Usd::ZERO);
    all.map(|(window, amount)| (window, i128::from(amount.nanos())))
        .collect()
}

/// A call that waits for leases. What it waits for is asked for until it does
/// not wait any more, however that ends.
struct Waiting<'a> {
    tracker: &'a UsageTracker,
    amounts: &'a [(&'a BudgetWindow, i128)],
}

impl<'a> Waiting<'a> {
    fn new(tracker: &'a UsageTracker, amounts: &'a [(&'a BudgetWindow, i128)]) -> Self {
        tracker.budgets.wait_for(amounts, 1);
        Self { tracker, amounts }
    }

    async fn covered(&self) -> Result<u64, Failure> {
        let budgets = &self.tracker.budgets;
        loop {
            let brought = budgets.brought.notified();
            tokio::pin!(brought);
            // Before looking, so that nothing brought in between is missed.
            brought.as_mut().enable();
            if let Some(epoch) = budgets.try_take(self.amounts)? {
                return Ok(epoch);
            }
            budgets.wanted.notify_one();
            brought.await;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.tracker.budgets.wait_for(self.amounts, -1);
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
