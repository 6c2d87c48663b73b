//! What was spent of budgets, as stores know it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

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
        let known = look(&rule, store, since, Counted::Throughout).await?;
        if known.is_empty() && config.per == Per::All {
            uses.push(row("", Usd::ZERO));
        }
        uses.extend(
            known
                .iter()
                .map(|(window, known)| row(&window.key, known.spent)),
        );
    }
    Ok(uses)
}

fn unusable(error: InvalidConfig) -> StoreError {
    StoreError::new("read budgets", error)
}

/// Since when a store counts the windows that it has counters of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Since they began, as far as anybody knows.
    Throughout,
    /// Perhaps not all the time: their budget was away, or another.
    AtTimes,
}

/// What a store knows of one window.
#[derive(Debug)]
struct Known {
    /// By its counters; nothing when it has none.
    counted: Usd,
    /// What was spent, which is as much or more.
    spent: Usd,
}

/// What was spent in the windows of a budget that began then: by the store's
/// counters, and by its reports where it has none. So a key that is new, or a
/// budget that has other windows than before, begins with what was spent
/// already. Of windows that were counted at times, what is more.
async fn look(
    rule: &Rule,
    store: &dyn LedgerStore,
    start: Timestamp,
    since: Counted,
) -> Result<BTreeMap<BudgetWindow, Known>, StoreError> {
    let known = counted(rule, store, start).await?;
    if since == Counted::Throughout && rule.has_no_key_beside(known.keys()) {
        return Ok(known);
    }
    let rows = store.report(&query(rule, start)).await?;
    // Once more: the report has what other nodes counted until here.
    let mut known = counted(rule, store, start).await?;
    for (window, reported) in spent_by(rule, start, rows) {
        match known.entry(window) {
            Entry::Vacant(vacant) => {
                vacant.insert(Known {
                    counted: Usd::ZERO,
                    spent: reported,
                });
            }
            Entry::Occupied(mut occupied) if since == Counted::AtTimes => {
                let known = occupied.get_mut();
                known.spent = known.spent.max(reported);
            }
            Entry::Occupied(_) => {}
        }
    }
    Ok(known)
}

async fn counted(
    rule: &Rule,
    store: &dyn LedgerStore,
    start: Timestamp,
) -> Result<BTreeMap<BudgetWindow, Known>, StoreError> {
    let counted = store.spent(&rule.id, start).await?;
    let open = counted.into_iter();
    let open = open.filter(|(window, _)| window.start == start);
    let known = |(window, counted)| {
        let spent = counted;
        (window, Known { counted, spent })
    };
    Ok(open.map(known).collect())
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

/// What was spent before this process in the open windows of a budget, and the
/// events that have the store count it from now on. A store takes one for each
/// window, the first.
pub(crate) async fn carry(
    rule: &Rule,
    store: &dyn LedgerStore,
    now: Timestamp,
    since: Counted,
) -> Result<(Vec<(BudgetWindow, Usd)>, Vec<LedgerEvent>), StoreError> {
    let (start, _) = rule.window_of(now);
    let all = look(rule, store, start, since).await?;
    let uncounted = all.iter().filter(|(_, known)| known.spent > known.counted);
    let carried = uncounted.map(|(window, known)| LedgerEvent::Carried {
        window: window.clone(),
        at: now,
        amount: known.spent - known.counted,
    });
    let carried = carried.collect();
    let spent = all.into_iter().map(|(window, known)| (window, known.spent));
    Ok((spent.collect(), carried))
}
