//! Other budgets, while calls are running.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use tollgate_core::{BudgetWindow, Failure, Timestamp, Usd};

use super::book::{Budgets, Shelf, not_loaded};
use super::purse::{Purse, nanos};
use super::rule::{Rule, What, Who};

/// Money of a window that was held for a call before its budget was there, in
/// that epoch.
#[derive(Debug)]
pub(crate) struct Late {
    pub(crate) window: BudgetWindow,
    pub(crate) epoch: u64,
    pub(crate) amount: Usd,
}

/// What was spent in each window.
pub(crate) type Spent = BTreeMap<BudgetWindow, i128>;

impl Budgets {
    /// Which of these count otherwise than what is in force: what was spent of
    /// them has to be read.
    pub(crate) fn unlike<'a>(&self, rules: &'a [Rule]) -> Result<Vec<&'a Rule>, Failure> {
        let state = self.state();
        if !state.loaded {
            return Err(not_loaded());
        }
        let is_new = |rule: &&Rule| !state.shelves.iter().any(|kept| kept.rule.counts_like(rule));
        Ok(rules.iter().filter(is_new).collect())
    }

    /// Goes by these from now on. Of those that count otherwise than before, so
    /// much was `spent`. What calls hold of others stays theirs until they end.
    pub(crate) fn go_by(&self, rules: Vec<Rule>, spent: &Spent) {
        let mut state = self.state();
        let edition = self.edition() + 1;
        let mut old = std::mem::take(&mut state.shelves);
        for rule in rules {
            let known = old.iter().position(|shelf| shelf.rule.id == rule.id);
            state.shelves.push(match known {
                Some(place) => old.swap_remove(place).with(rule, edition),
                None => Shelf::new(rule, edition),
            });
        }
        state
            .shelves
            .extend(old.into_iter().filter_map(Shelf::retired));
        for (window, amount) in spent {
            if let Some(purse) = state.purse(window) {
                match self.shared {
                    true => purse.known = *amount,
                    false => purse.spent = *amount,
                }
            }
        }
        self.edition.store(edition, Ordering::Release);
        drop(state);
        // Leases that nobody spends any more go back.
        self.wanted.notify_one();
    }

    /// The windows that an attempt counts in beside `known`, because their
    /// budgets came after its call.
    pub(crate) fn later(
        &self,
        edition: u64,
        (who, what, at): (Who<'_>, What<'_>, Timestamp),
        known: &[BudgetWindow],
    ) -> Vec<BudgetWindow> {
        if edition == self.edition() {
            return Vec::new();
        }
        let state = self.state();
        let newer = state.shelves.iter().filter(|shelf| shelf.since > edition);
        let windows = newer.filter_map(|shelf| shelf.rule.own_window(who, Some(what), at));
        windows.filter(|window| !known.contains(window)).collect()
    }

    /// Holds an amount in the budgets that came after a call and that it counts
    /// in beside `known`, whether they have room or not: it runs already.
    pub(crate) fn take_later(
        &self,
        edition: u64,
        (who, at): (Who<'_>, Timestamp),
        known: impl Fn(&BudgetWindow) -> bool,
        amount: Usd,
    ) -> Vec<Late> {
        let mut state = self.state();
        let newer = state.shelves.iter().filter(|shelf| shelf.since > edition);
        let windows = newer.filter_map(|shelf| shelf.rule.own_window(who, None, at));
        let windows: Vec<_> = windows.filter(|window| !known(window)).collect();
        let epoch = state.epoch;
        let late = windows.into_iter().map(|window| {
            if let Some(purse) = state.purse(&window) {
                purse.hold(nanos(amount));
            }
            Late {
                window,
                epoch,
                amount,
            }
        });
        late.collect()
    }
}

impl Shelf {
    /// Goes on with another rule.
    fn with(mut self, rule: Rule, edition: u64) -> Self {
        if !self.rule.counts_like(&rule) {
            self.since = edition;
            (self.start, self.end) = (Timestamp::default(), None);
        }
        self.purses().for_each(Purse::is_anew);
        self.rule = rule;
        self
    }

    /// As it stays while calls run in it or something is leased of it.
    fn retired(mut self) -> Option<Self> {
        self.rule.in_force = false;
        let is_in_use = self
            .purses()
            .any(|purse| purse.held != 0 || purse.free() > 0);
        is_in_use.then_some(self)
    }

    fn purses(&mut self) -> impl Iterator<Item = &mut Purse> {
        let all = self.purses.values_mut();
        all.flat_map(|purses| purses.iter_mut().map(|(_, purse)| purse))
    }
}

impl Rule {
    /// The window that a call counts in, or an attempt, by the calendar alone.
    pub(crate) fn own_window(
        &self,
        who: Who<'_>,
        what: Option<What<'_>>,
        at: Timestamp,
    ) -> Option<BudgetWindow> {
        let key = self.key_of_call(who);
        let key = key.or_else(|| what.and_then(|what| self.key_of_attempt(what)))?;
        Some(self.window(key.into(), self.window_of(at).0))
    }
}
