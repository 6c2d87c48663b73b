//! All budgets of this process: who is let in, and what was spent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tollgate_core::{
    Advice, BudgetWindow, BudgetWindows, Clock, Event, Failure, FailureKind, Observer, Timestamp,
    Usd,
};

use super::config::OnSoft;
use super::purse::{Purse, Says, nanos};
use super::refusal::refusal;
use super::rule::{Rule, What, Who};

/// A clock that goes back by more than this is told.
const STEP: Duration = Duration::from_secs(2);

/// The budgets, their windows, and what is held and spent of each.
///
/// One lock guards them all: an amount is taken from every budget that it
/// counts in, or from none. Nobody waits under it.
pub(crate) struct Budgets {
    /// Whether other nodes spend from them too.
    pub(crate) shared: bool,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    /// Which set of budgets this is, 0 before the first: without any, calls
    /// take no lock.
    pub(super) edition: AtomicU64,
    state: Mutex<State>,
    /// Wakes whoever brings leases.
    pub(crate) wanted: Notify,
    /// Wakes who waits for leases.
    pub(crate) brought: Notify,
}

pub(super) struct State {
    pub(super) shelves: Vec<Shelf>,
    /// The epoch of this node's leases.
    pub(super) epoch: u64,
    /// Whether leases cannot be had at the moment.
    pub(super) cut_off: bool,
    /// Whether what was spent before this process is known.
    pub(super) loaded: bool,
    /// The latest moment that anybody was admitted at.
    latest: Timestamp,
}

/// The windows of one budget.
pub(super) struct Shelf {
    pub(super) rule: Rule,
    /// The edition that it came with: calls of earlier ones do not know it.
    pub(super) since: u64,
    /// The window that is open.
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    /// Windows by key: the open one, and earlier ones that calls still run in.
    pub(super) purses: Purses,
}

type Purses = HashMap<Arc<str>, Vec<(Timestamp, Purse)>>;

/// What an amount was taken from.
pub(crate) struct Taken {
    pub(crate) windows: BudgetWindows,
    /// Whether it was taken; else it is not before more is leased.
    pub(crate) covered: bool,
    pub(crate) epoch: u64,
    /// The budgets that were asked; `None` when none counts the call.
    pub(crate) edition: Option<u64>,
}

/// A change to the purses of some windows, which were taken from in that epoch.
pub(crate) struct Move<'a> {
    pub(crate) windows: &'a [BudgetWindow],
    pub(crate) epoch: u64,
    pub(crate) free: Usd,
    pub(crate) spend: Usd,
}

impl<'a> Move<'a> {
    pub(crate) fn free(windows: &'a [BudgetWindow], epoch: u64, amount: Usd) -> Self {
        Self {
            windows,
            epoch,
            free: amount,
            spend: Usd::ZERO,
        }
    }
}

impl Budgets {
    pub(crate) fn new(
        rules: Vec<Rule>,
        shared: bool,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let edition = u64::from(!rules.is_empty());
        let state = State {
            loaded: rules.is_empty(),
            shelves: rules
                .into_iter()
                .map(|rule| Shelf::new(rule, edition))
                .collect(),
            epoch: 0,
            cut_off: false,
            latest: Timestamp::default(),
        };
        Self {
            shared,
            clock,
            observer,
            edition: AtomicU64::new(edition),
            state: Mutex::new(state),
            wanted: Notify::new(),
            brought: Notify::new(),
        }
    }

    /// What a call takes that no budget counts.
    pub(crate) fn untouched(&self) -> Taken {
        Taken {
            windows: BudgetWindows::default(),
            covered: true,
            epoch: 0,
            edition: None,
        }
    }

    /// Which set of budgets this is.
    pub(crate) fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    /// Whether there never was a budget.
    fn has_none(&self) -> bool {
        self.edition() == 0
    }

    /// Takes an amount from every budget that the call counts in.
    pub(crate) fn admit(&self, who: Who<'_>, at: Timestamp, amount: Usd) -> Result<Taken, Failure> {
        if self.has_none() {
            return Ok(Taken {
                edition: Some(0),
                ..self.untouched()
            });
        }
        let mut state = self.state();
        if !state.loaded {
            return Err(not_loaded());
        }
        state.note(at);
        let windows = state.windows_of_call(who, at);
        let all: Vec<_> = windows
            .iter()
            .map(|window| (window, nanos(amount)))
            .collect();
        let (says, events) = self.take(&mut state, &all)?;
        let (epoch, edition) = (state.epoch, self.edition());
        drop(state);
        self.tell(events);
        Ok(Taken {
            windows,
            covered: says == Says::Yes,
            epoch,
            edition: Some(edition),
        })
    }

    /// The windows of an attempt: those of its call, then its own.
    pub(crate) fn of_attempt(
        &self,
        call: &BudgetWindows,
        at: Timestamp,
        what: What<'_>,
    ) -> BudgetWindows {
        if self.has_none() {
            return call.clone();
        }
        let mut state = self.state();
        let own = state.shelves.iter_mut().filter_map(|shelf| {
            let key = shelf.rule.key_of_attempt(what)?;
            Some(shelf.window(key, at))
        });
        let own: Vec<_> = own.collect();
        if own.is_empty() {
            return call.clone();
        }
        call.iter().cloned().chain(own).collect()
    }

    /// Takes amounts from windows, all or none; which depends on the epoch of
    /// the leases that they are taken from. `Ok(None)` when it cannot be
    /// done before more is leased; what is missing is then asked for.
    pub(crate) fn try_take<'a>(
        &self,
        amounts: impl FnOnce(u64) -> Vec<(&'a BudgetWindow, i128)>,
    ) -> Result<Option<u64>, Failure> {
        if self.has_none() {
            return Ok(Some(0));
        }
        let mut state = self.state();
        let amounts = amounts(state.epoch);
        let (says, events) = self.take(&mut state, &amounts)?;
        let (epoch, cut_off) = (state.epoch, state.cut_off);
        drop(state);
        self.tell(events);
        match says {
            Says::Yes => Ok(Some(epoch)),
            _ if cut_off => Err(cut_off_from_leases()),
            _ => Ok(None),
        }
    }

    /// Notes that a call waits for these amounts, or does not any more.
    pub(crate) fn wait_for(&self, amounts: &[(&BudgetWindow, i128)], sign: i128) {
        let mut state = self.state();
        for (window, amount) in amounts {
            if let Some(purse) = state.purse(window) {
                purse.waiting += sign * amount;
                purse.largest = purse.largest.max(*amount);
            }
        }
        drop(state);
        if sign > 0 {
            self.wanted.notify_one();
        }
    }

    /// The epoch of this node's leases.
    pub(crate) fn epoch(&self) -> u64 {
        match self.shared {
            true => self.state().epoch,
            false => 0,
        }
    }

    /// The budgets that are in force.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        let state = self.state();
        let rules = state.shelves.iter().map(|shelf| &shelf.rule);
        rules.filter(|rule| rule.in_force).cloned().collect()
    }

    /// Whether what was spent before this process is known.
    pub(crate) fn are_loaded(&self) -> bool {
        self.state().loaded
    }

    /// Frees what was held, and adds what was spent: all at once, so that nobody
    /// sees the one without the other.
    pub(crate) fn apply<'a>(&self, moves: impl IntoIterator<Item = Move<'a>>) {
        if self.has_none() {
            return;
        }
        let mut events = Vec::new();
        let mut state = self.state();
        let epoch = state.epoch;
        // What was taken from leases that have ended is the store's to free.
        let counts = |one: &Move<'_>| !self.shared || one.epoch == epoch;
        for one in moves.into_iter().filter(counts) {
            for window in one.windows {
                let Some((rule, purse)) = state.find(window) else {
                    continue;
                };
                purse.held -= nanos(one.free);
                purse.spent += nanos(one.spend);
                if purse.overspends(rule) {
                    events.push(Event::Overspent {
                        window: window.clone(),
                        spent: Usd::from_nanos_i128(purse.spent.max(purse.known)),
                        limit: rule.limit,
                    });
                }
            }
        }
        drop(state);
        self.tell(events);
    }

    /// Corrects what was spent. Leases are not: the store counts it.
    pub(crate) fn correct(&self, windows: &[BudgetWindow], change: Usd) {
        if !self.shared {
            self.apply([Move {
                windows,
                epoch: 0,
                free: Usd::ZERO,
                spend: change,
            }]);
        }
    }

    /// What budgets ask of a call before it is planned: a ceiling when it sets
    /// no limit of its own, and more once they are nearly spent.
    pub(crate) fn advise(
        &self,
        who: Who<'_>,
        at: Timestamp,
        limits_itself: bool,
    ) -> Result<Advice, Failure> {
        let mut advice = Advice::default();
        if self.has_none() {
            return Ok(advice);
        }
        let mut state = self.state();
        for shelf in &mut state.shelves {
            let Some(key) = shelf.rule.key_of_call(who) else {
                continue;
            };
            let window = shelf.window(key, at);
            let rule = &shelf.rule;
            // Not made for whoever only asks.
            let idle = Purse::default();
            let purse = shelf.find(&window).unwrap_or(&idle);
            let room = rule.limit - purse.in_use();
            if room <= Usd::ZERO && rule.on_soft != OnSoft::FreeOnly {
                return Err(refusal(rule, &window, purse, None, self.clock.now()));
            }
            // What is free goes on, however much was spent beyond the limit.
            let room = room.max(Usd::ZERO);
            if !limits_itself {
                if advice.ceiling.is_none_or(|ceiling| room < ceiling) {
                    advice.ceiling = Some(room);
                    advice.budget = Some(rule.name.clone());
                }
                let share = rule.share_of(room);
                advice.share = Some(advice.share.map_or(share, |least| least.min(share)));
            }
            if purse.is_nearly_spent(rule) {
                rule.on_soft.advise(&mut advice);
            }
        }
        Ok(advice)
    }

    /// Notes what was spent before this process.
    pub(crate) fn load(&self, spent: impl IntoIterator<Item = (BudgetWindow, Usd)>) {
        let mut state = self.state();
        for (window, amount) in spent {
            state.add_earlier(&window, amount, self.shared);
        }
        state.loaded = true;
    }

    /// Every window that is open or in use, with what is spent and held.
    pub(crate) fn windows(&self) -> Vec<(BudgetWindow, Usd, Usd)> {
        let state = self.state();
        let mut all = Vec::new();
        for shelf in state.shelves.iter().filter(|shelf| shelf.rule.in_force) {
            for (key, purses) in &shelf.purses {
                for (start, purse) in purses {
                    let spent = purse.spent_everywhere();
                    let held = Usd::from_nanos_i128(purse.held);
                    all.push((shelf.rule.window(key.clone(), *start), spent, held));
                }
            }
        }
        all.sort();
        all
    }

    // === under the lock ===

    /// Takes all amounts, when every purse has room; says who has not.
    fn take(
        &self,
        state: &mut State,
        amounts: &[(&BudgetWindow, i128)],
    ) -> Result<(Says, Vec<Event>), Failure> {
        let mut says = Says::Yes;
        for (window, amount) in amounts {
            let Some((rule, purse)) = state.find(window) else {
                continue;
            };
            match purse.says(rule, self.shared, *amount) {
                Says::Yes => {}
                Says::Short => {
                    purse.wants(*amount);
                    says = Says::Short;
                }
                Says::No => {
                    let amount = Some(Usd::from_nanos_i128(*amount));
                    return Err(refusal(rule, window, purse, amount, self.clock.now()));
                }
            }
        }
        let mut events = Vec::new();
        for (window, amount) in amounts.iter().filter(|_| says == Says::Yes) {
            if let Some((rule, purse)) = state.find(window) {
                purse.hold(*amount);
                if purse.warns(rule) {
                    events.push(Event::BudgetWarned {
                        window: (*window).clone(),
                        used: purse.in_use(),
                        limit: rule.limit,
                    });
                }
                if self.shared && purse.free() < purse.largest {
                    // Before the next call has to wait for it.
                    self.wanted.notify_one();
                }
            }
        }
        Ok((says, events))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // No code under this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, events: Vec<Event>) {
        for event in &events {
            self.observer.on(event);
        }
    }
}

impl State {
    /// Tells of a clock that went back. Windows do not.
    fn note(&mut self, at: Timestamp) {
        if self.latest.since(at) > STEP {
            tracing::warn!(from = %self.latest, to = %at, "the clock went back; budgets stay in the windows that they are in");
            self.latest = at;
        }
        self.latest = self.latest.max(at);
    }

    fn windows_of_call(&mut self, who: Who<'_>, at: Timestamp) -> BudgetWindows {
        let shelves = self.shelves.iter_mut();
        let windows = shelves.filter_map(|shelf| {
            let key = shelf.rule.key_of_call(who)?;
            Some(shelf.window(key, at))
        });
        windows.collect()
    }

    /// Adds what was spent in a window before anything was counted here.
    fn add_earlier(&mut self, window: &BudgetWindow, amount: Usd, shared: bool) {
        if let Some(purse) = self.purse(window) {
            match shared {
                true => purse.known = nanos(amount),
                false => purse.spent += nanos(amount),
            }
        }
    }

    pub(super) fn purse(&mut self, window: &BudgetWindow) -> Option<&mut Purse> {
        self.find(window).map(|(_, purse)| purse)
    }

    /// The purse of a window, unless its budget is gone and nobody runs in it.
    pub(super) fn find(&mut self, window: &BudgetWindow) -> Option<(&Rule, &mut Purse)> {
        let mut shelves = self.shelves.iter_mut();
        let shelf = shelves.find(|shelf| shelf.rule.is_of(window))?;
        Some((&shelf.rule, Shelf::purse(&mut shelf.purses, window)))
    }
}

impl Shelf {
    pub(super) fn new(rule: Rule, since: u64) -> Self {
        Self {
            rule,
            since,
            start: Timestamp::default(),
            end: None,
            purses: HashMap::new(),
        }
    }

    /// The window of a key at a moment. The open window never moves back.
    fn window(&mut self, key: &str, at: Timestamp) -> BudgetWindow {
        if self.end.is_none_or(|end| at >= end) {
            let (start, end) = self.rule.window_of(at);
            if start > self.start || self.end != end {
                (self.start, self.end) = (start, end);
                self.forget();
            }
        }
        let known = self.purses.get_key_value(key).map(|(key, _)| key.clone());
        self.rule
            .window(known.unwrap_or_else(|| key.into()), self.start)
    }

    /// Drops windows that are over, that nobody runs in and nothing is leased of.
    fn forget(&mut self) {
        let open = self.start;
        self.purses.retain(|_, purses| {
            purses.retain(|(start, purse)| *start >= open || purse.held != 0 || purse.free() > 0);
            !purses.is_empty()
        });
    }

    fn find(&self, window: &BudgetWindow) -> Option<&Purse> {
        let purses = self.purses.get(&*window.key)?;
        let found = purses.iter().find(|(start, _)| *start == window.start);
        found.map(|(_, purse)| purse)
    }

    fn purse<'a>(purses: &'a mut Purses, window: &BudgetWindow) -> &'a mut Purse {
        let purses = purses.entry(window.key.clone()).or_default();
        let place = purses.iter().position(|(start, _)| *start == window.start);
        let place = place.unwrap_or_else(|| {
            purses.push((window.start, Purse::default()));
            purses.len() - 1
        });
        &mut purses[place].1
    }
}

impl Rule {
    pub(super) fn window(&self, key: Arc<str>, start: Timestamp) -> BudgetWindow {
        BudgetWindow {
            budget: self.id.clone(),
            key,
            start,
        }
    }

    /// Whether it is a window of this budget.
    pub(crate) fn is_of(&self, window: &BudgetWindow) -> bool {
        Arc::ptr_eq(&self.id, &window.budget) || self.id == window.budget
    }
}

pub(super) fn not_loaded() -> Failure {
    Failure::new(
        FailureKind::LedgerUnavailable,
        "what was spent of the budgets is not known yet",
    )
    .with_hint("call UsageTracker::recover before the first call")
}

fn cut_off_from_leases() -> Failure {
    Failure::new(
        FailureKind::LedgerUnavailable,
        "this node has spent its share of a budget and cannot reach the ledger for more",
    )
    .with_retry_after(Duration::from_secs(1))
    .with_hint("see the log for the store's error; calls go on when it is mended")
}
