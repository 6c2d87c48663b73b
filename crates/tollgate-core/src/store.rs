use std::fmt;

use async_trait::async_trait;
use serde::Serialize;

use crate::{
    AttemptRecord, Billing, CallFacts, CallId, Cost, LaneId, ModelId, Timestamp, TokenUsage, Usd,
};

/// Where a ledger keeps its events.
///
/// # Contract
/// - `append` is all or nothing and keeps order. When it returns, the events
///   survive a crash of the process.
/// - A second terminal event (`Settle` or `Release`) of the same attempt is
///   ignored: exactly one counts. So appending a batch again is harmless.
/// - A store that is bounded, and says so, may fold old attempts into sums.
///   Reports stay exact by every dimension; a folded attempt is final.
/// - A future that is dropped leaves no open transaction behind.
/// - One implementation may be shared by several tasks.
#[async_trait]
pub trait LedgerStore: Send + Sync + fmt::Debug {
    /// Appends events.
    async fn append(&self, events: &[LedgerEvent]) -> Result<(), StoreError>;

    /// Attempts that were dispatched and have no terminal event, oldest first.
    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError>;

    /// Sums over settled attempts, one row per combination of `query.by`,
    /// largest cost first.
    async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError>;
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
        /// The model that is wanted; of a list, the first.
        model: ModelId,
        /// The most it can cost.
        worst: Usd,
    },
    /// An attempt ended and cost something, or may have.
    Settle {
        /// Facts of the call, so that reports need no join.
        facts: CallFacts,
        /// The attempt, with its cost.
        record: AttemptRecord,
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
    /// The model that was wanted.
    pub model: ModelId,
    /// When it was dispatched.
    pub at: Timestamp,
    /// The most it can cost.
    pub worst: Usd,
}

/// What reports can be broken down by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Dimension {
    /// The model that served.
    Model,
    /// The provider that served.
    Provider,
    /// What calls were about.
    Task,
    /// The policy that ranked.
    Policy,
    /// The UTC day of admission.
    Day,
    /// Who called.
    Caller,
    /// Credits, BYOK or direct.
    Billing,
    /// The lane taken.
    Lane,
}

impl Dimension {
    /// All dimensions with their names.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Model, "model"),
        (Self::Provider, "provider"),
        (Self::Task, "task"),
        (Self::Policy, "policy"),
        (Self::Day, "day"),
        (Self::Caller, "caller"),
        (Self::Billing, "billing"),
        (Self::Lane, "lane"),
    ];

    /// The name used in commands and reports.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(one, _)| *one == self)
            .map_or("", |(_, name)| name)
    }

    /// The dimension of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, n)| *n == name)
            .map(|(one, _)| *one)
    }

    /// This dimension's value for one attempt: what every store groups by.
    pub fn value(self, facts: &CallFacts, record: &AttemptRecord) -> String {
        match self {
            Self::Model => record.model().to_string(),
            Self::Provider => record
                .provider()
                .map_or_else(|| "unknown".into(), ToString::to_string),
            Self::Task => facts.task.to_string(),
            Self::Policy => facts.policy.clone(),
            Self::Day => {
                let (year, month, day) = facts.at.date();
                format!("{year:04}-{month:02}-{day:02}")
            }
            Self::Caller => facts.caller.to_string(),
            Self::Billing => record.billing.to_string(),
            Self::Lane => record.lane.to_string(),
        }
    }
}

/// Which attempts a report covers, and what it is broken down by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageQuery {
    /// Calls admitted at or after this moment.
    pub since: Option<Timestamp>,
    /// Calls admitted before this moment.
    pub until: Option<Timestamp>,
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
        self.calls += u64::from(last);
        self.attempts += 1;
        self.failed += u64::from(matches!(
            record.end,
            crate::AttemptEnd::Failed { .. } | crate::AttemptEnd::Cut { .. }
        ));
        self.tokens += record.tokens;
        if let Some(cost) = record.cost {
            if cost.source == crate::CostSource::WorstCase {
                self.unresolved += cost.amount();
            } else {
                self.credits += cost.credits;
                self.provider += cost.provider;
            }
        }
    }
}

/// Whether an attempt is paid in credits or otherwise, for stores that keep text.
impl std::str::FromStr for Billing {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Credits, Self::Byok, Self::Direct]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| format!("unknown billing {text:?}; it is credits, byok or direct"))
    }
}
