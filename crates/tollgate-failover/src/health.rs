//! What was seen of hosts, accounts, keys and endpoints, and who may be tried.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use foldhash::fast::RandomState;
use tokio::time::Instant;
use tollgate_core::{
    Breaker as State, Event, HealthView, LaneCheck, Observer, Planned, Scope, Spot,
};

use crate::breaker::Verdict;
use crate::dice::Dice;
use crate::entry::Entry;
use crate::limits::{Limits, Rules};

mod after;
mod asking;
mod before;
mod together;

/// Keeps health by verdicts, one per attempt.
///
/// A failure counts against one spot: the host, the account, the key, or the
/// model on its lane, which is also where the limits of a key for one model are
/// kept. A candidate may be tried when all four of its spots let it.
pub(crate) struct HealthBook {
    spots: DashMap<Spot, Entry, RandomState>,
    limits: Limits,
    rules: RulesByScope,
    dice: Dice,
    observer: Arc<dyn Observer>,
    check: Option<Arc<dyn LaneCheck>>,
}

/// How breakers of each kind of spot behave.
#[derive(Debug)]
struct RulesByScope {
    target: Rules,
    account: Rules,
    key: Rules,
}

impl RulesByScope {
    /// Hosts and endpoints as configured; one refusal says all there is to say
    /// of a key or an account, and one success as well.
    fn new(target: &Rules) -> Self {
        let at_once = Rules {
            failures: 1,
            close_after: 1,
            slow_start: Duration::ZERO,
            ..target.clone()
        };
        Self {
            account: Rules {
                open: ACCOUNT_POLL,
                open_cap: ACCOUNT_POLL,
                probe_every: ACCOUNT_POLL,
                shortest_percent: 100,
                ..at_once.clone()
            },
            key: at_once,
            target: target.clone(),
        }
    }

    fn of(&self, spot: &Spot) -> &Rules {
        match spot {
            Spot::Authority { .. } | Spot::Endpoint { .. } => &self.target,
            Spot::Account { .. } => &self.account,
            Spot::Key { .. } => &self.key,
        }
    }
}

/// How often an account without money is looked at.
const ACCOUNT_POLL: Duration = Duration::from_secs(60);

impl HealthBook {
    pub(crate) fn new(limits: Limits, dice: Dice, observer: Arc<dyn Observer>) -> Self {
        Self {
            spots: DashMap::with_hasher(RandomState::default()),
            rules: RulesByScope::new(&limits.rules),
            limits,
            dice,
            observer,
            check: None,
        }
    }

    pub(crate) fn with_check(mut self, check: Arc<dyn LaneCheck>) -> Self {
        self.check = Some(check);
        self
    }

    /// Health at this moment.
    pub(crate) fn view(&self) -> HealthView {
        let now = Instant::now();
        let show = |entry: dashmap::mapref::multiple::RefMulti<'_, Spot, Entry>| {
            entry.show(entry.key(), now, self.rules.of(entry.key()))
        };
        HealthView::new(self.spots.iter().map(show).collect())
    }

    /// Takes the turn of one attempt at a spot.
    fn take(&self, spot: &Spot, now: Instant) -> bool {
        let Some(mut entry) = self.spots.get_mut(spot) else {
            return true;
        };
        let before = entry.breaker.state();
        let passes = entry.breaker.take(now, self.rules.of(spot));
        let state = entry.breaker.state();
        drop(entry);
        if state != before {
            let why = "its time out of service is over".to_owned();
            self.announce(spot.clone(), state, why);
        }
        passes
    }

    /// Records a verdict. Returns the new state, when it changed.
    fn tell(
        &self,
        spot: &Spot,
        planned: &Planned,
        verdict: Verdict,
        note: impl FnOnce(&mut Entry, Instant),
    ) -> Option<State> {
        let now = Instant::now();
        let rules = self.rules.of(spot);
        let (why, state) = self.change(spot, planned, |entry| {
            note(entry, now);
            let why = entry.breaker.record(now, verdict, rules, self.dice.roll());
            (why, entry.breaker.state())
        });
        self.announce(spot.clone(), state, why?);
        Some(state)
    }

    /// Changes the entry of a spot, which is made when there is none.
    fn change<T>(&self, spot: &Spot, planned: &Planned, change: impl FnOnce(&mut Entry) -> T) -> T {
        if let Some(mut entry) = self.spots.get_mut(spot) {
            return change(&mut entry);
        }
        let authority = planned.lane.authority.clone();
        let new = || Entry::new(Instant::now(), authority, self.rules.of(spot), &self.limits);
        change(&mut self.spots.entry(spot.clone()).or_insert_with(new))
    }

    fn announce(&self, spot: Spot, breaker: State, why: String) {
        self.observer
            .on(&Event::BreakerChanged { spot, breaker, why });
    }
}

/// The spot whose health a failure of that scope counts against.
fn spot_of(scope: Scope, planned: &Planned) -> Option<Spot> {
    let [authority, account, key, endpoint] = spots_of(planned);
    match scope {
        Scope::None => None,
        Scope::Key => Some(key),
        Scope::Account => Some(account),
        Scope::Authority => Some(authority),
        Scope::KeyModel | Scope::Endpoint => Some(endpoint),
    }
}

fn spots_of(planned: &Planned) -> [Spot; 4] {
    Spot::of(&planned.lane, &planned.model)
}

fn endpoint_of(planned: &Planned) -> Spot {
    Spot::Endpoint {
        lane: planned.lane.key.clone(),
        model: planned.model.clone(),
    }
}
