mod budget;
mod dimension;
mod feedback;
mod habits;

use std::fmt;

use async_trait::async_trait;
use serde::Serialize;

use crate::{
    AttemptEnd, AttemptRecord, Billing, CallFacts, CallId, CallerId, Cost, CostSource,
    GenerationId, LaneId, ModelId, Receipt, Timestamp, TokenUsage, Usd,
};

pub use self::budget::{
    BudgetLeases, BudgetWindow, BudgetWindows, Grant, LeaseAsk, Leased, WindowSums,
};
pub use self::dimension::Dimension;
pub use self::feedback::{FeedbackRow, FeedbackSource, UnknownFeedbackSource};
pub use self::habits::{HabitRow, HabitSums};

/// Where a ledger keeps its events.
///
/// # Contract
/// - `append` is all or nothing and keeps order. When it returns, the events
///   survive a crash of the process.
/// - A dispatch of an epoch that has ended is not recorded; its place among the
///   events is returned. Stores that do not share budgets refuse none.
/// - What settlements, adjustments and carried sums add to a budget's windows
///   is counted in the same transaction, once for each event that counts.
/// - Of what was carried into a window the largest sum counts, so what is
///   carried later adds what it is more.
/// - A second terminal event (`Settle` or `Release`) of the same attempt is
///   ignored: exactly one counts. So appending a batch again is harmless.
/// - A store that is bounded, and says so, may fold old attempts into sums.
///   Reports stay exact by every dimension; a folded attempt is final.
/// - A future that is dropped leaves no open transaction behind.
/// - One implementation may be shared by several tasks.
#[async_trait]
pub trait LedgerStore: Send + Sync + fmt::Debug {
    /// Appends events; returns the places of the dispatches that were refused.
    async fn append(&self, events: &[LedgerEvent]) -> Result<Vec<usize>, StoreError>;

    /// Attempts that were dispatched and have no terminal event, oldest first.
    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError>;

    /// Sums over settled attempts, one row per combination of `query.by`,
    /// largest cost first.
    async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError>;

    /// Attempts of calls admitted at `since` or later whose cost is estimated
    /// or the worst case, and which an upstream gave an id that it can be asked
    /// by; oldest first. Nothing, unless a store knows better.
    async fn uncertain(&self, since: Timestamp) -> Result<Vec<Uncertain>, StoreError> {
        let _ = since;
        Ok(Vec::new())
    }

    /// What was spent in each window of a budget that began at `since` or later.
    /// Nothing, for a store that does not outlive its process.
    async fn spent(
        &self,
        budget: &str,
        since: Timestamp,
    ) -> Result<Vec<(BudgetWindow, Usd)>, StoreError> {
        let _ = (budget, since);
        Ok(Vec::new())
    }

    /// What is counted in each window of a budget that began at `since` or later,
    /// beside a report, both as they are at one moment: what is in the report
    /// and counts is in the sums too. A store that is written to by others
    /// meanwhile, or takes what was [carried](LedgerEvent::Carried), has to
    /// know better than this.
    async fn spent_beside(
        &self,
        query: &UsageQuery,
        budget: &str,
        since: Timestamp,
    ) -> Result<(Vec<UsageRow>, Vec<WindowSums>), StoreError> {
        let rows = self.report(query).await?;
        let spent = self.spent(budget, since).await?.into_iter();
        let sums = spent.map(|(window, spent)| WindowSums {
            window,
            spent,
            carried: Usd::ZERO,
        });
        Ok((rows, sums.collect()))
    }

    /// A call of that caller that has ended, by its own id or by the id that an
    /// upstream gave the generation of one of its attempts, as it counts now.
    /// Of several calls that were given the same id, the newest. Nothing, unless
    /// a store knows better.
    async fn past_call(&self, caller: &CallerId, id: &str) -> Result<Option<Receipt>, StoreError> {
        let _ = (caller, id);
        Ok(None)
    }

    /// Adds to the sums of what was said of answers, all rows or none. They are
    /// statistics, not money: a store that is offered rows again, because
    /// nobody knows whether it took them, counts them twice. Forgotten, unless
    /// a store knows better.
    async fn add_feedback(&self, rows: &[FeedbackRow]) -> Result<(), StoreError> {
        let _ = rows;
        Ok(())
    }

    /// Those sums for the day of `since` and later, one row per day, model,
    /// task and source, in that order.
    async fn feedback(&self, since: Timestamp) -> Result<Vec<FeedbackRow>, StoreError> {
        let _ = since;
        Ok(Vec::new())
    }

    /// Adds to the sums of what answers used, as
    /// [`add_feedback`](Self::add_feedback) does to what was said of them.
    async fn add_habits(&self, rows: &[HabitRow]) -> Result<(), StoreError> {
        let _ = rows;
        Ok(())
    }

    /// Those sums for the day of `since` and later, one row per day, model and
    /// task, in that order.
    async fn habits(&self, since: Timestamp) -> Result<Vec<HabitRow>, StoreError> {
        let _ = since;
        Ok(Vec::new())
    }
}

/// A store that cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the ledger store cannot {action}")]
pub struct StoreError {
    /// What was tried.
    pub action: &'static str,
    /// Why it failed.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    /// An error while doing `action`.
    pub fn new(
        action: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            action,
            source: source.into(),
        }
    }
}

/// One line of the append-only ledger.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum LedgerEvent {
    /// Money was reserved for a call.
    Hold {
        /// Facts of the call.
        facts: CallFacts,
        /// How much.
        amount: Usd,
    },
    /// An attempt is about to be sent.
    Dispatch {
        /// The call.
        call: CallId,
        /// Number of the attempt.
        attempt: u32,
        /// When.
        at: Timestamp,
        /// The lane taken.
        lane: LaneId,
        /// How the lane is paid.
        billing: Billing,
        /// The model that is wanted; of a list, the first.
        model: ModelId,
        /// The most it can cost.
        worst: Usd,
        /// What it counts in.
        windows: BudgetWindows,
        /// The epoch of the leases that it was admitted by; 0 without leases.
        epoch: u64,
    },
    /// An upstream gave an attempt an id, by which its cost can be asked for.
    Named {
        /// The call.
        call: CallId,
        /// Number of the attempt.
        attempt: u32,
        /// The id.
        generation: GenerationId,
    },
    /// An attempt ended and cost something, or may have.
    Settle {
        /// Facts of the call, so that reports need no join.
        facts: CallFacts,
        /// The attempt, with its cost.
        record: AttemptRecord,
        /// What it counts in.
        windows: BudgetWindows,
    },
    /// An attempt ended and cost nothing.
    Release {
        /// Facts of the call.
        facts: CallFacts,
        /// The attempt, without a cost.
        record: AttemptRecord,
    },
    /// A settled attempt turned out to cost something else.
    Adjust {
        /// The call.
        call: CallId,
        /// Number of the attempt.
        attempt: u32,
        /// When it was learned.
        at: Timestamp,
        /// The cost that now counts, in place of the earlier one.
        cost: Cost,
        /// The tokens that now count, when they were learned too.
        tokens: Option<TokenUsage>,
        /// What it counts in.
        windows: BudgetWindows,
        /// What that adds to the windows: the new amount less the earlier one.
        change: Usd,
    },
    /// Money was spent that belongs to a window, by attempts that do not say
    /// so: before it was counted, or by nodes that did not know of it. Of all
    /// such events of a window the one with the largest amount counts.
    Carried {
        /// The window.
        window: BudgetWindow,
        /// When.
        at: Timestamp,
        /// How much, since the window began: what earlier such events told of
        /// it is in it.
        amount: Usd,
    },
}

/// An attempt that may still be running, or was when the process died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Facts of the call.
    pub facts: CallFacts,
    /// Number of the attempt.
    pub attempt: u32,
    /// The lane taken.
    pub lane: LaneId,
    /// How the lane is paid.
    pub billing: Billing,
    /// The model that was wanted.
    pub model: ModelId,
    /// When it was dispatched.
    pub at: Timestamp,
    /// The most it can cost.
    pub worst: Usd,
    /// The upstream's id, when it was learned.
    pub generation: Option<GenerationId>,
    /// What it counts in.
    pub windows: BudgetWindows,
}

/// An attempt whose cost an upstream can still be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncertain {
    /// The call.
    pub call: CallId,
    /// Number of the attempt.
    pub attempt: u32,
    /// When the call was admitted.
    pub at: Timestamp,
    /// The lane taken.
    pub lane: LaneId,
    /// The upstream's id.
    pub generation: GenerationId,
    /// The cost that counts now.
    pub cost: Cost,
    /// What it counts in.
    pub windows: BudgetWindows,
}

/// Which attempts a report covers, and what it is broken down by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageQuery {
    /// Calls admitted at or after this moment.
    pub since: Option<Timestamp>,
    /// Calls admitted before this moment.
    pub until: Option<Timestamp>,
    /// Calls of this caller alone.
    pub caller: Option<CallerId>,
    /// Breakdown, outermost first; empty for one total.
    pub by: Vec<Dimension>,
}

/// One row of a report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct UsageRow {
    /// Values of `UsageQuery::by`, in its order.
    pub key: Vec<String>,
    /// Calls, each counted once, with its last attempt.
    pub calls: u64,
    /// Attempts.
    pub attempts: u64,
    /// Attempts that failed or were cut.
    pub failed: u64,
    /// Tokens.
    pub tokens: TokenUsage,
    /// Owed to OpenRouter.
    pub credits: Usd,
    /// Owed to providers.
    pub provider: Usd,
    /// Booked at worst case, beside the two.
    pub unresolved: Usd,
    /// Of the two, what attempts cost that failed, were cut, outrun or
    /// rejected: the price of asking more than once.
    pub failover: Usd,
}

impl UsageRow {
    /// What is owed to anyone, except what is unresolved.
    pub fn cost(&self) -> Usd {
        self.credits + self.provider
    }

    /// Adds the figures of another row; the key stays.
    ///
    /// ```
    /// use tollgate_core::{Usd, UsageRow};
    /// let mut sum = UsageRow { attempts: 2, credits: Usd::from_nanos(5), ..UsageRow::default() };
    /// sum.merge(&UsageRow { attempts: 1, credits: Usd::from_nanos(7), ..UsageRow::default() });
    /// assert_eq!((sum.attempts, sum.credits.nanos()), (3, 12));
    /// ```
    pub fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.attempts += other.attempts;
        self.failed += other.failed;
        self.tokens += other.tokens;
        self.credits += other.credits;
        self.provider += other.provider;
        self.unresolved += other.unresolved;
        self.failover += other.failover;
    }

    /// A count from a sum that a store made in a wider type: at least 0, and
    /// the end of the type when it is beyond.
    ///
    /// ```
    /// use tollgate_core::UsageRow;
    /// assert_eq!(UsageRow::count(3), 3);
    /// assert_eq!(UsageRow::count(-1), 0);
    /// assert_eq!(UsageRow::count(i128::MAX), u64::MAX);
    /// ```
    pub fn count(sum: i128) -> u64 {
        u64::try_from(sum.max(0)).unwrap_or(u64::MAX)
    }

    /// Adds one attempt; `last` says whether it is its call's last one.
    pub fn add(&mut self, record: &AttemptRecord, last: bool) {
        let broke = matches!(
            record.end,
            AttemptEnd::Failed { .. } | AttemptEnd::Cut { .. }
        );
        self.calls += u64::from(last);
        self.attempts += 1;
        self.failed += u64::from(broke);
        self.tokens += record.tokens;
        let Some(cost) = record.cost else {
            return;
        };
        if cost.source == CostSource::WorstCase {
            self.unresolved += cost.amount();
            return;
        }
        self.credits += cost.credits;
        self.provider += cost.provider;
        if broke || record.end.gave_way() {
            self.failover += cost.amount();
        }
    }
}

/// Whether an attempt is paid in credits or otherwise, for stores that keep text.
impl std::str::FromStr for Billing {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Credits, Self::Byok, Self::Direct, Self::Caller]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| {
                format!("unknown billing {text:?}; it is credits, byok, direct or caller")
            })
    }
}
