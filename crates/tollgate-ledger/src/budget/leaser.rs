//! Brings leases before they are needed, and gives back what is not.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tollgate_core::{BudgetLeases, BudgetWindow, Grant, LeaseAsk, Leased, StoreError, Usd};

use super::book::{Budgets, State};
use super::purse::{Purse, nanos};
use super::rule::Rule;

/// How often leases are looked at when nobody waits.
const TICK: Duration = Duration::from_secs(1);

/// Leases are renewed when a third of their time is over.
const RENEW: Duration = Duration::from_secs(30);

/// How long a budget that gave less than was asked for is not asked again:
/// calls are refused meanwhile.
const DRY: Duration = Duration::from_secs(1);

/// Longest time for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The task that keeps this node in leases.
#[derive(Debug)]
pub(crate) struct Leaser {
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Leaser {
    pub(crate) fn start(budgets: Arc<Budgets>, leases: Arc<dyn BudgetLeases>) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self {
            stop: Some(stop),
            task: Some(tokio::spawn(run(budgets, leases, stopped))),
        }
    }

    /// Gives everything back that is not held, and ends.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

/// Without `stop`, what is leased comes back when the leases expire.
impl Drop for Leaser {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn run(
    budgets: Arc<Budgets>,
    leases: Arc<dyn BudgetLeases>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut renewed: Option<Instant> = None;
    // Whether an ask had no answer, so that nobody knows what is leased.
    let mut lost = false;
    loop {
        let tick = tokio::select! {
            biased;
            _ = &mut stopped => break,
            () = budgets.wanted.notified() => false,
            _ = ticks.tick() => true,
        };
        if lost || renewed.is_none_or(|then| then.elapsed() >= RENEW) {
            let epoch = match lost {
                true => answer("lease anew", leases.begin()).await,
                false => answer("renew", leases.renew()).await,
            };
            if let Some(epoch) = epoch {
                renewed = Some(Instant::now());
                lost = false;
                budgets.enter(epoch);
            }
        }
        if lost {
            budgets.cut_off();
        } else {
            let why = if tick { Why::Tick } else { Why::Wanted };
            lost = !ask(&budgets, &*leases, why).await;
        }
    }
    if !lost {
        ask(&budgets, &*leases, Why::End).await;
    }
}

/// Why leases are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Wanted,
    Tick,
    End,
}

/// Whether it was answered, if anything was asked.
async fn ask(budgets: &Budgets, leases: &dyn BudgetLeases, why: Why) -> bool {
    let asks = budgets.asks(why);
    if asks.is_empty() {
        return true;
    }
    let leased = answer("lease", leases.lease(&asks)).await;
    match &leased {
        Some(leased) => budgets.bring(&asks, leased),
        None => budgets.cut_off(),
    }
    leased.is_some()
}

async fn answer<T>(what: &str, answer: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    match timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::warn!(%error, cause = ?error.source, "cannot {what} shares of budgets");
            None
        }
        Err(_) => {
            tracing::warn!("cannot {what} shares of budgets: no answer");
            None
        }
    }
}

impl Budgets {
    /// What to ask for; what is to be given back is taken off at once, so that
    /// nobody spends it any more.
    fn asks(&self, why: Why) -> Vec<LeaseAsk> {
        let mut state = self.state();
        let mut asks = Vec::new();
        for shelf in &mut state.shelves {
            let rule = &shelf.rule;
            for (key, purses) in &mut shelf.purses {
                for (start, purse) in purses {
                    let window = || rule.window(key.clone(), *start);
                    asks.extend(purse.ask(rule, why, window));
                }
            }
        }
        asks
    }

    /// Adds what was granted, and wakes who waits for it.
    fn bring(&self, asks: &[LeaseAsk], leased: &Leased) {
        let mut state = self.state();
        state.cut_off = false;
        state.enter(leased.epoch);
        for (ask, grant) in asks.iter().zip(&leased.grants) {
            if let Some((rule, purse)) = state.find(&ask.window) {
                purse.take_in(rule, ask, *grant);
            }
        }
        drop(state);
        self.brought.notify_waiters();
    }

    fn enter(&self, epoch: u64) {
        let mut state = self.state();
        state.cut_off = false;
        state.enter(epoch);
    }

    /// Nobody waits for leases that cannot be had.
    fn cut_off(&self) {
        self.state().cut_off = true;
        self.brought.notify_waiters();
    }
}

impl State {
    /// With a new epoch all earlier leases have ended: what was held by them is
    /// the store's to free.
    fn enter(&mut self, epoch: u64) {
        if self.epoch == epoch {
            return;
        }
        if self.epoch != 0 {
            tracing::warn!("this node's shares of budgets had expired; leasing anew");
        }
        self.epoch = epoch;
        let purses = self
            .shelves
            .iter_mut()
            .flat_map(|shelf| shelf.purses.values_mut());
        for (_, purse) in purses.flatten() {
            (purse.leased, purse.spent, purse.held) = (0, 0, 0);
        }
    }
}

impl Purse {
    fn ask(
        &mut self,
        rule: &Rule,
        why: Why,
        window: impl Fn() -> BudgetWindow,
    ) -> Option<LeaseAsk> {
        let slice = self.slice(rule);
        let (take, give) = match why {
            // Nobody is let in any more.
            _ if !rule.in_force => (0, self.free()),
            Why::End => (0, self.free()),
            _ if self.waiting > 0 => (self.needs(rule, slice), 0),
            Why::Wanted => (self.tops_up(slice), 0),
            Why::Tick => self.looks_back(slice),
        };
        let (take, give) = (take.max(0), give.max(0));
        self.leased -= give;
        (take > 0 || give > 0).then(|| LeaseAsk {
            window: window(),
            limit: rule.limit,
            take: Usd::from_nanos_i128(take),
            give: Usd::from_nanos_i128(give),
        })
    }

    /// How much is leased at a time: a hundredth of the limit, no less than
    /// four of the largest calls, no more than a tenth shared by all nodes.
    fn slice(&self, rule: &Rule) -> i128 {
        let limit = nanos(rule.limit);
        let most = limit / 10 / i128::from(self.nodes.max(1));
        let wanted = (limit / 100).max(4 * self.largest);
        wanted.min(most).max(self.largest)
    }

    /// What those who wait need: in steps, so that other nodes get theirs.
    fn needs(&self, rule: &Rule, slice: i128) -> i128 {
        let most = nanos(rule.limit) / 10 / i128::from(self.nodes.max(1));
        (self.waiting - self.free()).clamp(0, most.max(slice))
    }

    /// Enough for the next calls, unless there is nothing to be had.
    fn tops_up(&self, slice: i128) -> i128 {
        let dry = self.dry_until.is_some_and(|until| until > Instant::now());
        match !dry && self.used && self.free() < slice / 2 {
            true => slice - self.free(),
            false => 0,
        }
    }

    /// Keeps what is in use, and gives back what is not.
    fn looks_back(&mut self, slice: i128) -> (i128, i128) {
        let (take, free) = (self.tops_up(slice), self.free());
        let used = std::mem::take(&mut self.used);
        self.largest = if used { self.largest } else { self.largest / 2 };
        match used {
            true if free > 2 * slice => (0, free - slice),
            true => (take, 0),
            false => (0, free),
        }
    }

    fn take_in(&mut self, rule: &Rule, ask: &LeaseAsk, grant: Grant) {
        self.leased += nanos(grant.granted);
        self.known = nanos(grant.spent);
        self.nodes = grant.nodes;
        // That there is no more under a limit says nothing of one that was raised meanwhile.
        let is_dry = grant.granted < ask.take && ask.limit >= rule.limit;
        self.dry_until = is_dry.then(|| Instant::now() + DRY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BudgetConfig;
    use crate::budget::purse::Says;
    use tollgate_core::Timestamp;

    fn rule(nanos: i64) -> Rule {
        Rule::new("team", &BudgetConfig::new(Usd::from_nanos(nanos))).unwrap()
    }

    #[test]
    fn that_a_limit_is_reached_says_nothing_of_a_higher_one() {
        let mut purse = Purse::default();
        let asked = rule(500);
        let ask = LeaseAsk {
            window: asked.window("team".into(), Timestamp::default()),
            limit: asked.limit,
            take: Usd::from_nanos(10),
            give: Usd::ZERO,
        };
        let nothing = Grant {
            spent: asked.limit,
            nodes: 1,
            ..Grant::default()
        };
        purse.take_in(&asked, &ask, nothing);
        assert_eq!(purse.says(&asked, true, 10), Says::No);
        // The limit is raised while the question is on its way.
        purse.is_anew();
        let raised = rule(600);
        purse.take_in(&raised, &ask, nothing);
        assert_eq!(purse.says(&raised, true, 10), Says::Short);
    }
}
