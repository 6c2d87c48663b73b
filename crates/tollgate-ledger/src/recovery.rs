//! What the process before this one left behind.

use std::time::Duration;

use tollgate_core::{Cost, CostSource, Failure, LedgerEvent, OpenAttempt, Timestamp, Uncertain};

use crate::UsageTracker;
use crate::books::{Dispatched, abandoned, millis_between};
use crate::budget::{Counted, carry};
use crate::tracker::unreadable;

/// How long an upstream is asked what an attempt cost.
const ASKED_FOR: Duration = Duration::from_secs(24 * 3_600);

/// What an earlier process left behind.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Recovered {
    /// Attempts that never ended; they are booked at their worst case now.
    pub ended: Vec<OpenAttempt>,
    /// Attempts of the last day whose cost can be asked for, the ones above
    /// among them when an upstream gave them an id.
    pub uncertain: Vec<Uncertain>,
}

impl UsageTracker {
    /// Takes up what an earlier process left: reads what was spent of budgets,
    /// and books each attempt that was dispatched and never ended at its worst
    /// case. Returns what can be asked for and [adjusted](Self::adjust). Calls
    /// that run in this process are left alone.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the store cannot be read or written; calling it
    /// again is harmless.
    pub async fn recover(&self) -> Result<Recovered, Failure> {
        let ended = self.end_lost(Duration::ZERO).await?;
        // After that, so that what was just booked is found as spent.
        self.load_budgets().await?;
        let since = self.clock.now().millis();
        let day = i64::try_from(ASKED_FOR.as_millis()).unwrap_or(i64::MAX);
        let since = Timestamp::from_millis(since.saturating_sub(day));
        let uncertain = self.recorder.store().uncertain(since).await;
        let mut uncertain = uncertain.map_err(unreadable)?;
        uncertain.retain(|one| !self.books.is_running(one.call));
        for one in &uncertain {
            self.books.remember(one);
        }
        Ok(Recovered { ended, uncertain })
    }

    /// Books attempts at their worst case that were dispatched so long ago and
    /// that nobody will end: what an earlier process left, and what other nodes
    /// left that are gone. To be called from time to time where nodes share a
    /// store, with an `age` that no call reaches.
    ///
    /// # Errors
    /// As [`recover`](Self::recover).
    pub async fn end_lost(&self, age: Duration) -> Result<Vec<OpenAttempt>, Failure> {
        // What is not running now has its end in the store after the flush.
        let running = self.books.running();
        self.flush().await?;
        let open = self.recorder.store().open_attempts().await;
        let mut open = open.map_err(unreadable)?;
        let now = self.clock.now();
        open.retain(|attempt| {
            let call = attempt.facts.call;
            let runs = running.contains(&call) || self.books.is_running(call);
            now.since(attempt.at) >= age && !runs
        });
        for attempt in &open {
            self.book_worst_case(attempt)?;
        }
        self.flush().await?;
        Ok(open)
    }

    async fn load_budgets(&self) -> Result<(), Failure> {
        if self.budgets.are_loaded() {
            return Ok(());
        }
        let mut all = Vec::new();
        for rule in &self.budgets.rules() {
            let store = self.recorder.store();
            let carried = carry(rule, store, self.clock.now(), Counted::Throughout).await;
            let (spent, events) = carried.map_err(unreadable)?;
            for event in events {
                self.recorder.record(event)?;
            }
            all.extend(spent);
        }
        self.flush().await?;
        self.budgets.load(all);
        Ok(())
    }

    fn book_worst_case(&self, open: &OpenAttempt) -> Result<(), Failure> {
        let dispatched = Dispatched {
            number: open.attempt,
            at: open.at,
            lane: open.lane.clone(),
            model: open.model.clone(),
            worst: open.worst,
            billing: open.billing,
            windows: open.windows.clone(),
            own: open.windows.len(),
            epoch: 0,
            confirmed: true,
        };
        let started_ms = millis_between(open.facts.at, open.at);
        let cost = Cost::paid_by(open.billing, open.worst, CostSource::WorstCase);
        let mut record = abandoned(&dispatched, started_ms, Some(cost));
        record.served.generation.clone_from(&open.generation);
        let _turn = self.turn();
        self.recorder.record(LedgerEvent::Settle {
            facts: open.facts.clone(),
            record: record.clone(),
            windows: open.windows.clone(),
        })?;
        self.books.book(open.facts.call, &record, &open.windows);
        if self.budgets.are_loaded() {
            self.budgets.correct(&open.windows, cost.amount());
        }
        Ok(())
    }
}
