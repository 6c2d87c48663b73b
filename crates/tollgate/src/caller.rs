//! What a caller has spent, and may still spend.

use std::sync::Arc;

use tollgate_core::{
    BudgetWindow, CallerId, Dimension, Failure, Timestamp, UsageQuery, UsageRow, Usd,
};
use tollgate_ledger::{BudgetConfig, Per, Period};

use crate::gateway::Gateway;

/// What a caller has spent, and the budgets that every call of it counts in.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CallerStanding {
    /// By the ledger.
    pub spent: Spent,
    /// Those that all share, and those in which the caller has a share of its
    /// own; by name. Budgets by task, tag, model or lane are not here: whether
    /// a call counts in them depends on the call.
    pub budgets: Vec<BudgetStanding>,
}

/// What a caller has spent, over several whiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spent {
    /// Ever.
    pub ever: Spending,
    /// Since midnight, UTC.
    pub day: Spending,
    /// Since Monday, UTC.
    pub week: Spending,
    /// Since the first of the month, UTC.
    pub month: Spending,
}

/// Money spent in a while, what is booked at worst case included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spending {
    /// From credits, and at direct providers.
    pub own: Usd,
    /// Billed by providers to keys that OpenRouter holds.
    pub byok: Usd,
}

/// One budget, as a caller stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetStanding {
    /// The budget's name.
    pub budget: String,
    /// [`Per::All`] when all share it, [`Per::Caller`] otherwise.
    pub per: Per,
    /// How long a window is.
    pub window: Period,
    /// When it ends; `None` when never.
    pub until: Option<Timestamp>,
    /// Most that may be spent in it.
    pub limit: Usd,
    /// What was spent.
    pub spent: Usd,
    /// What is held for calls under way.
    pub held: Usd,
}

impl BudgetStanding {
    /// What a call could still take, not below zero.
    pub fn left(&self) -> Usd {
        (self.limit - self.spent - self.held).max(Usd::ZERO)
    }
}

impl CallerStanding {
    /// The budget that blocks first: the one with the least left.
    pub fn tightest(&self) -> Option<&BudgetStanding> {
        self.budgets.iter().min_by_key(|budget| budget.left())
    }
}

impl Gateway {
    /// What a caller has spent by the ledger, and how it stands in its budgets.
    /// What it has spent is remembered for five seconds, and may lack what the
    /// ledger has not stored yet; budgets are as of now.
    ///
    /// # Errors
    /// As [`usage`](Self::usage); `Interrupted` after five seconds.
    pub async fn standing(&self, caller: &CallerId) -> Result<CallerStanding, Arc<Failure>> {
        let lookups = self.parts().lookups.clone();
        let spent = lookups
            .spent
            .get(caller.clone(), self.spent(caller))
            .await?;
        Ok(CallerStanding {
            spent: *spent,
            budgets: self.budgets_of(caller, self.parts().clock.now()),
        })
    }

    async fn spent(&self, caller: &CallerId) -> Result<Spent, Failure> {
        let query = UsageQuery {
            by: vec![Dimension::Day, Dimension::Billing],
            caller: Some(caller.clone()),
            ..UsageQuery::default()
        };
        let rows = self.usage_stored(&query).await?;
        let now = self.parts().clock.now();
        let mut spent = Spent::default();
        for row in &rows {
            spent.count(row, now);
        }
        Ok(spent)
    }

    fn budgets_of(&self, caller: &CallerId, now: Timestamp) -> Vec<BudgetStanding> {
        let windows = self.budgets();
        let parts = self.parts();
        let budgets = parts.config.budgets.iter();
        budgets
            .filter_map(|(name, config)| budget_of(name, config, caller, now, &windows))
            .collect()
    }
}

impl Spent {
    /// Adds a row whose key is day and billing.
    fn count(&mut self, row: &UsageRow, now: Timestamp) {
        let Some(day) = Timestamp::parse_date(&row.key[0]).map(Timestamp::day) else {
            return;
        };
        let spending = Spending::of(row, row.key[1] == "byok");
        let today = now.day();
        let since = [
            (&mut self.ever, i64::MIN),
            (&mut self.day, today),
            (&mut self.week, today - i64::from(now.weekday())),
            (&mut self.month, today - i64::from(now.date().2) + 1),
        ];
        for (sum, first) in since {
            if day >= first {
                sum.own += spending.own;
                sum.byok += spending.byok;
            }
        }
    }
}

impl Spending {
    fn of(row: &UsageRow, is_byok: bool) -> Self {
        let all = row.credits + row.provider + row.unresolved;
        match is_byok {
            // What is owed to OpenRouter for such a call is its fee.
            true => Self {
                own: row.credits,
                byok: all - row.credits,
            },
            false => Self {
                own: all,
                byok: Usd::ZERO,
            },
        }
    }
}

/// How a caller stands in a budget; `None` when its calls do not count there,
/// or not all of them.
fn budget_of(
    name: &str,
    config: &BudgetConfig,
    caller: &CallerId,
    now: Timestamp,
    windows: &[(BudgetWindow, Usd, Usd)],
) -> Option<BudgetStanding> {
    let (id, key) = match &config.per {
        Per::All => (name.to_owned(), ""),
        // Counters are kept under the budget's name and what it is counted by.
        per @ Per::Caller => (format!("{name}/{per}"), caller.as_str()),
        _ => return None,
    };
    if !config.only.is_empty() && config.only.iter().all(|one| one != key) {
        return None;
    }
    // Checked when the ledger was opened.
    let (since, until) = config.window_at(now).ok()?;
    let open = windows.iter().find(|(window, _, _)| {
        *window.budget == *id && &*window.key == key && window.start == since
    });
    let (spent, held) = open.map_or_else(Default::default, |(_, spent, held)| (*spent, *held));
    Some(BudgetStanding {
        budget: name.to_owned(),
        per: config.per.clone(),
        window: config.window,
        until,
        limit: config.limit,
        spent,
        held,
    })
}
