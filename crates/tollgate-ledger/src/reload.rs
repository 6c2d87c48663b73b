//! Other budgets, while calls are running.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{PoisonError, RwLockReadGuard};
use std::time::Duration;

use tokio::time::timeout;
use tollgate_core::{Billing, BudgetWindow, Failure, LedgerEvent, Timestamp, Usd};

use crate::budget::{Counted, Leaser, Rule, Spent, What, carry, reported};
use crate::queue::unavailable;
use crate::recorder::Pause;
use crate::tracker::{unreadable, who};
use crate::{BudgetConfig, UsageTracker};

/// How long the writer may take with what waits already. It writes meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the store may take to tell what was spent: attempts wait for it.
const STANDSTILL: Duration = Duration::from_secs(2);

/// Budgets that a tracker can go by: what was spent of those that are new is
/// known. Until they are taken over or dropped, nothing is written to the
/// store, so attempts that are about to be sent wait.
#[must_use = "the ledger writes nothing until they are taken over or dropped"]
pub struct NewBudgets<'t> {
    tracker: &'t UsageTracker,
    rules: Vec<Rule>,
    /// Those of them that count otherwise than what is in force.
    unlike: Vec<Rule>,
    at: Timestamp,
    /// What the store knows of their open windows.
    spent: Vec<(BudgetWindow, Usd)>,
    /// The events that have it count them from now on.
    carried: Vec<LedgerEvent>,
    pause: Option<Pause<'t>>,
}

impl UsageTracker {
    /// Prepares to go by other budgets, and changes nothing yet. One that is
    /// new, or counts otherwise than before (another window, zone, anchor, `per`
    /// or `only`), begins with what the store knows of its open window, as at a
    /// start; another limit alone needs nothing to be read.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use std::sync::Arc;
    /// use tollgate_core::{Silent, Usd};
    /// use tollgate_ledger::{BudgetConfig, LedgerConfig, UsageTracker};
    /// # use tollgate_testkit::builders::NOON;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate_core::Failure> {
    /// let config = LedgerConfig::default();
    /// let tracker = UsageTracker::in_memory(&config, Arc::new(|| NOON), Arc::new(Silent));
    /// let team = BudgetConfig::new(Usd::from_nanos(50_000_000_000));
    /// let budgets = BTreeMap::from([("team".to_owned(), team)]);
    /// tracker.open_budgets(&budgets).await?.take_over(None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Configuration` when a budget cannot work. `LedgerUnavailable` when the
    /// store cannot tell what was spent, or not within two seconds, when it has
    /// not written what waits within ten, and before [`recover`](Self::recover).
    /// Attempts wait while it tells: who tries again should let time pass.
    ///
    /// # Cancellation
    /// Dropping the future changes nothing.
    pub async fn open_budgets(
        &self,
        budgets: &BTreeMap<String, BudgetConfig>,
    ) -> Result<NewBudgets<'_>, Failure> {
        let rules = budgets.iter().map(|(name, one)| Rule::new(name, one));
        let rules: Vec<Rule> = rules.collect::<Result<_, _>>()?;
        let is_read = !self.budgets.unlike(&rules)?.is_empty();
        let mut new = NewBudgets {
            tracker: self,
            rules,
            unlike: Vec::new(),
            at: self.clock.now(),
            spent: Vec::new(),
            carried: Vec::new(),
            pause: None,
        };
        if is_read {
            new.read().await?;
        }
        Ok(new)
    }

    /// Keeps budgets as they are between what is counted and its record.
    pub(crate) fn turn(&self) -> RwLockReadGuard<'_, ()> {
        self.turn.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the task that brings leases, once there is something to lease.
    pub(crate) fn start_leasing(&self) {
        let Some(leases) = self.leases.as_ref().filter(|_| self.budgets.edition() > 0) else {
            return;
        };
        let mut leaser = self.leaser.lock().unwrap_or_else(PoisonError::into_inner);
        leaser.get_or_insert_with(|| Leaser::start(self.budgets.clone(), leases.clone()));
    }
}

impl NewBudgets<'_> {
    /// Goes by them from now on, all of them and no others, with that ceiling
    /// for the cost of one call. Never waits for the store.
    ///
    /// Calls that run go on with the budgets that they were admitted to. What
    /// they hold is held in new ones too, whether it fits or not, but for
    /// budgets per model or lane; what they cost counts in all of them. In a
    /// budget that is gone, what they hold stays theirs until they end.
    ///
    /// Two limits. What such a call holds more when it moves to a dearer
    /// candidate is held in the budgets that it was admitted to alone. And an
    /// attempt that had ended counts in a new budget as it was known at that
    /// moment: what is [adjusted](UsageTracker::adjust) later does not reach it.
    pub fn take_over(self, ceiling: Option<Usd>) {
        let tracker = self.tracker;
        let turn = tracker.turn.write();
        let _turn = turn.unwrap_or_else(PoisonError::into_inner);
        let spent = self.spent();
        tracker.budgets.go_by(self.rules, &spent);
        tracker.admission.go_by(ceiling);
        tracker.start_leasing();
        tracker.books.each_running(|running| {
            let Some(edition) = running.edition else {
                return;
            };
            let (spender, held) = (&running.spender, running.held);
            let whose = (spender.who(), spender.at);
            let known = |window: &BudgetWindow| running.is_in(window);
            let late = tracker.budgets.take_later(edition, whose, known, held);
            running.late.extend(late);
        });
    }

    /// Reads what was spent, at a moment when everything is written and
    /// nothing else comes.
    async fn read(&mut self) -> Result<(), Failure> {
        let tracker = self.tracker;
        let pause = timeout(PATIENCE, tracker.recorder.pause()).await;
        self.pause = pause.unwrap_or_else(|_| Err(no_answer()))?;
        // Not before: until here others may have been taken over.
        let unlike = tracker.budgets.unlike(&self.rules)?;
        self.unlike = unlike.into_iter().cloned().collect();
        self.at = tracker.clock.now();
        if self.pause.is_none() {
            return Ok(());
        }
        let carried = timeout(STANDSTILL, self.carry()).await;
        carried.unwrap_or_else(|_| Err(no_answer()))
    }

    async fn carry(&mut self) -> Result<(), Failure> {
        let store = self.tracker.recorder.store();
        for rule in &self.unlike {
            let carried = carry(rule, store, self.at, Counted::AtTimes).await;
            let (spent, events) = carried.map_err(unreadable)?;
            self.spent.extend(spent);
            self.carried.extend(events);
        }
        Ok(())
    }

    /// What was spent by now in windows of budgets that count otherwise than
    /// before; what waits to be written counts in them from here on.
    fn spent(&self) -> Spent {
        let nanos = |(window, spent): &(BudgetWindow, Usd)| (window.clone(), spent.nanos().into());
        let mut all: Spent = self.spent.iter().map(nanos).collect();
        if let Some(pause) = &self.pause {
            let add = |event: &mut LedgerEvent| count_in(&self.unlike, event, &mut all);
            pause.queue.amend(add, self.carried.iter().cloned());
        }
        if let Some(memory) = self.tracker.recorder.memory() {
            let rows = self.unlike.iter();
            let rows = rows.flat_map(|rule| reported(rule, self.at, |query| memory.sums(query)));
            all.extend(rows.map(|row| nanos(&row)));
        }
        all
    }
}

/// Has an event count in these too, and adds what it counts to `spent`.
fn count_in(rules: &[Rule], event: &mut LedgerEvent, spent: &mut Spent) {
    match event {
        LedgerEvent::Settle {
            facts,
            record,
            windows,
        } if record.billing != Billing::Caller => {
            let cost = record.cost.map_or(Usd::ZERO, |cost| cost.amount());
            let what = What {
                model: &record.requested,
                lane: &record.lane,
            };
            let own = rules.iter();
            let own = own.filter_map(|rule| rule.own_window(who(facts), Some(what), facts.at));
            for window in own {
                if !windows.contains(&window) {
                    *windows = windows.iter().cloned().chain([window.clone()]).collect();
                }
                *spent.entry(window).or_default() += i128::from(cost.nanos());
            }
        }
        LedgerEvent::Adjust {
            windows, change, ..
        } => {
            let is_new = |window: &&BudgetWindow| rules.iter().any(|rule| rule.is_of(window));
            for window in windows.iter().filter(is_new) {
                *spent.entry(window.clone()).or_default() += i128::from(change.nanos());
            }
        }
        _ => {}
    }
}

impl fmt::Debug for NewBudgets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewBudgets")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

fn no_answer() -> Failure {
    unavailable("the ledger did not tell in time what was spent of a new budget")
        .with_hint("the budgets stay as they are; they can be taken over when it is faster")
}
