//! What was spent of budgets, as stores know it.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_core::{
    BudgetWindow, LedgerEvent, LedgerStore, StoreError, Timestamp, UsageQuery, UsageRow, Usd,
};

use super::config::{BudgetConfig, OnSoft, Per, Period};
use super::rule::Rule;
use crate::InvalidConfig;

/// One open window of a budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetUse {
    /// The budget's name.
    pub budget: String,
    /// Whose spending is counted together.
    pub per: Per,
    /// Whose share it is; empty when all share one.
    pub key: String,
    /// How long a window is.
    pub window: Period,
    /// When this window began.
    pub since: Timestamp,
    /// When it ends and the budget opens again; `None` when never.
    pub until: Option<Timestamp>,
    /// Most that may be spent.
    pub limit: Usd,
    /// What was spent.
    pub spent: Usd,
    /// From where on somebody is told.
    pub soft: Usd,
    /// What happens from there on.
    pub on_soft: OnSoft,
}

impl BudgetUse {
    /// What is left, not below zero.
    pub fn left(&self) -> Usd {
        (self.limit - self.spent).max(Usd::ZERO)
    }
}

impl BudgetConfig {
    /// When the window that is open at a moment began, and when it ends;
    /// `None` when never.
    ///
    /// # Errors
    /// [`InvalidConfig`] when the budget cannot work.
    pub fn window_at(
        &self,
        at: Timestamp,
    ) -> Result<(Timestamp, Option<Timestamp>), InvalidConfig> {
        Ok(Rule::new("", self)?.window_of(at))
    }
}

/// What was spent in the windows that are open `now`, as a store knows it;
/// budgets in the order of their names. A budget that all share has a row even
/// when nothing was spent.
///
/// # Errors
/// [`StoreError`] when the store fails; of an [`InvalidConfig`] too.
pub async fn budget_uses(
    budgets: &BTreeMap<String, BudgetConfig>,
    store: &dyn LedgerStore,
    now: Timestamp,
) -> Result<Vec<BudgetUse>, StoreError> {
    let mut uses = Vec::new();
    for (name, config) in budgets {
        let rule = Rule::new(name, config).map_err(unusable)?;
        let (since, until) = rule.window_of(now);
        let row = |key: &str, spent| BudgetUse {
            budget: name.clone(),
            per: config.per.clone(),
            key: key.to_owned(),
            window: config.window,
            since,
            until,
            limit: rule.limit,
            spent,
            soft: rule.soft,
            on_soft: rule.on_soft.clone(),
        };
        let (spent, _) = look(&rule, store, since).await?;
        if spent.is_empty() && config.per == Per::All {
            uses.push(row("", Usd::ZERO));
        }
        uses.extend(spent.iter().map(|(window, spent)| row(&window.key, *spent)));
    }
    Ok(uses)
}

fn unusable(error: InvalidConfig) -> StoreError {
    StoreError::new("read budgets", error)
}

/// What was spent in the windows of a budget that began then: by the store's
/// counters, or, when it has counted nothing of them yet, by its reports. So a
/// budget that is new, or has other windows than before, begins with what was
/// spent already.
async fn look(
    rule: &Rule,
    store: &dyn LedgerStore,
    start: Timestamp,
) -> Result<(Vec<(BudgetWindow, Usd)>, Known), StoreError> {
    let counted = store.spent(&rule.id, start).await?;
    let open: Vec<_> = counted
        .into_iter()
        .filter(|(window, _)| window.start == start)
        .collect();
    if !open.is_empty() {
        return Ok((open, Known::Counted));
    }
    let rows = store.report(&query(rule, start)).await?;
    let rows = spent_by(rule, start, rows);
    Ok((rows.collect(), Known::Reported))
}

/// What was spent in the windows of a budget that are open `now`, by a report
/// that does not wait.
pub(crate) fn reported(
    rule: &Rule,
    now: Timestamp,
    report: impl FnOnce(&UsageQuery) -> Vec<UsageRow>,
) -> Vec<(BudgetWindow, Usd)> {
    let (start, _) = rule.window_of(now);
    spent_by(rule, start, report(&query(rule, start))).collect()
}

fn query(rule: &Rule, start: Timestamp) -> UsageQuery {
    UsageQuery {
        since: Some(start),
        by: rule.dimension().into_iter().collect(),
        ..UsageQuery::default()
    }
}

fn spent_by(
    rule: &Rule,
    start: Timestamp,
    rows: Vec<UsageRow>,
) -> impl Iterator<Item = (BudgetWindow, Usd)> {
    let rows = rows.into_iter().map(move |row| {
        let spent = row.cost() + row.unresolved;
        let key = row.key.into_iter().next().unwrap_or_default();
        (rule.window(key.into(), start), spent)
    });
    rows.filter(|(window, spent)| rule.counts(&window.key) && *spent > Usd::ZERO)
}

/// Where a store knows it from.
#[derive(PartialEq, Eq)]
enum Known {
    Counted,
    Reported,
}

/// What was spent before this process in the open windows of a budget, and the
/// events that have the store count it from now on.
pub(crate) async fn carry(
    rule: &Rule,
    store: &dyn LedgerStore,
    now: Timestamp,
) -> Result<(Vec<(BudgetWindow, Usd)>, Vec<LedgerEvent>), StoreError> {
    let (start, _) = rule.window_of(now);
    let (spent, known) = look(rule, store, start).await?;
    let carried = spent.iter().filter(|_| known == Known::Reported);
    let carried = carried.map(|(window, amount)| LedgerEvent::Carried {
        window: window.clone(),
        at: now,
        amount: *amount,
    });
    let carried = carried.collect();
    Ok((spent, carried))
}
