//! What was spent of budgets, as stores know it.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_core::{
    BudgetWindow, LedgerEvent, LedgerStore, StoreError, Timestamp, UsageQuery, UsageRow, Usd,
    WindowSums,
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
#[derive(Debug, Default)]
struct Known {
    /// What was spent: by its counter, or by its report where that is more.
    spent: Usd,
    /// The part of it that was carried.
    carried: Usd,
    /// What is to be carried, if that is more.
    missing: Option<Usd>,
}

impl Known {
    fn of(sums: WindowSums) -> (BudgetWindow, Self) {
        let known = Self {
            spent: sums.spent,
            carried: sums.carried,
            missing: None,
        };
        (sums.window, known)
    }

    /// Takes note of what a report says.
    ///
    /// What is missing is told as a total since the window began: all that was
    /// spent, less what the events come to that count here by themselves. It
    /// only grows, so of two totals the later one has all that is in the other,
    /// and the store goes by the largest. So nothing counts twice, however many
    /// nodes tell it, and in whichever order. What others settle in the window
    /// before it is written counts by itself and comes on top; what is held, on
    /// leases or not, is in no total, and counts by itself when it is settled,
    /// for its node has read by then or will. All this holds because the report
    /// and the counter are of one moment.
    fn raise(&mut self, reported: Usd) {
        if reported > self.spent {
            self.missing = Some(self.carried + (reported - self.spent));
            self.spent = reported;
        }
    }
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
    let is_open = |window: &BudgetWindow| window.start == start;
    if since == Counted::Throughout {
        let spent = store.spent(&rule.id, start).await?.into_iter();
        let open = spent.filter(|(window, _)| is_open(window));
        let known = open.map(|(window, spent)| {
            let carried = Usd::ZERO;
            Known::of(WindowSums {
                window,
                spent,
                carried,
            })
        });
        let known: BTreeMap<_, _> = known.collect();
        if rule.has_no_key_beside(known.keys()) {
            return Ok(known);
        }
    }
    let query = query(rule, start);
    let (rows, sums) = store.spent_beside(&query, &rule.id, start).await?;
    let open = sums.into_iter().filter(|sums| is_open(&sums.window));
    let mut known: BTreeMap<_, _> = open.map(Known::of).collect();
    for (window, reported) in spent_by(rule, start, rows) {
        if since == Counted::AtTimes || !known.contains_key(&window) {
            known.entry(window).or_default().raise(reported);
        }
    }
    Ok(known)
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
/// events that have the store count it from now on.
pub(crate) async fn carry(
    rule: &Rule,
    store: &dyn LedgerStore,
    now: Timestamp,
    since: Counted,
) -> Result<(Vec<(BudgetWindow, Usd)>, Vec<LedgerEvent>), StoreError> {
    let (start, _) = rule.window_of(now);
    let all = look(rule, store, start, since).await?;
    let carried = all.iter().filter_map(|(window, known)| {
        Some(LedgerEvent::Carried {
            window: window.clone(),
            at: now,
            amount: known.missing?,
        })
    });
    let carried = carried.collect();
    let spent = all.into_iter().map(|(window, known)| (window, known.spent));
    Ok((spent.collect(), carried))
}
