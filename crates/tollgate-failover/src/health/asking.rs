//! Asking about keys and accounts instead of trying them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{Breaker as State, Event, Planned, Spot};

use super::{HealthBook, spots_of};
use crate::checker;

impl HealthBook {
    /// Has a key or account looked at until it works, if the lane can be asked.
    pub(super) fn watch(self: &Arc<Self>, spot: &Spot, planned: &Planned) {
        let Some(check) = self.check.clone() else {
            return;
        };
        let is_new = self.change(spot, planned, |entry| {
            !std::mem::replace(&mut entry.watched, true)
        });
        if is_new {
            checker::start(
                Arc::downgrade(self),
                check,
                planned.lane.id.clone(),
                spot.clone(),
            );
        }
    }

    /// How long a watched spot stays shut; `None` when it is not.
    pub(crate) fn shut_for(&self, spot: &Spot) -> Option<Duration> {
        let now = Instant::now();
        let entry = self.spots.get(spot)?;
        entry.breaker.tripped_at()?;
        let ready = entry.breaker.ready_at(self.rules.of(spot))?;
        Some(ready.saturating_duration_since(now))
    }

    /// Nobody asks about it any more: calls find out.
    pub(crate) fn unwatch(&self, spot: &Spot) {
        if let Some(mut entry) = self.spots.get_mut(spot) {
            entry.watched = false;
        }
    }

    /// It is known from elsewhere that it works.
    pub(crate) fn prove(&self, spot: &Spot, why: &str) {
        let now = Instant::now();
        let rules = self.rules.of(spot);
        let Some(mut entry) = self.spots.get_mut(spot) else {
            return;
        };
        entry.watched = false;
        let healed = entry.breaker.heal(now, rules);
        if healed.is_some() {
            entry.alarm = None;
        }
        drop(entry);
        if healed.is_some() {
            self.announce(spot.clone(), State::Closed, why.to_owned());
        }
    }

    /// It is known from elsewhere that it still does not work.
    pub(crate) fn disprove(&self, spot: &Spot) {
        let now = Instant::now();
        let rules = self.rules.of(spot);
        if let Some(mut entry) = self.spots.get_mut(spot) {
            entry.breaker.reopen(now, rules, self.dice.roll());
        }
    }

    /// Tells people, once until it works again.
    pub(crate) fn alarm(&self, spot: &Spot, what: &str) {
        let Some(mut entry) = self.spots.get_mut(spot) else {
            return;
        };
        let is_new = entry.alarm.as_deref() != Some(what);
        entry.alarm = Some(what.to_owned());
        drop(entry);
        if is_new {
            let (spot, what) = (spot.clone(), what.to_owned());
            self.observer.on(&Event::Alarm { spot, what });
        }
    }

    /// Why a candidate is out of service, in the words of its last failure.
    pub(crate) fn last_failure(&self, planned: &Planned) -> Option<String> {
        let failure = |spot: &Spot| self.spots.get(spot)?.last_failure.clone();
        spots_of(planned).iter().find_map(failure)
    }
}
