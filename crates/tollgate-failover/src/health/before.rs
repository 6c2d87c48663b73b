//! Before an attempt: may it go?

use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{Planned, Spot};

use super::{HealthBook, endpoint_of, spots_of};
use crate::budget::Repeat;
use crate::door::Door;
use crate::in_flight::Ticket;
use crate::itinerary::Load;

impl HealthBook {
    /// How an attempt of that candidate would be met at that moment.
    pub(crate) fn door(&self, planned: &Planned, at: Instant) -> Door {
        let full = self.limits.max_in_flight;
        spots_of(planned)
            .iter()
            .filter_map(|spot| {
                let entry = self.spots.get(spot)?;
                Some(entry.door(planned, at, self.rules.of(spot), full))
            })
            .max()
            .unwrap_or(Door::Open)
    }

    /// Whether a probe of that candidate costs no more than most calls do.
    pub(crate) fn is_fair_probe(&self, planned: &Planned) -> bool {
        let entry = self.spots.get_mut(&endpoint_of(planned));
        entry.is_none_or(|mut entry| entry.is_fair_probe(planned.candidate.worst))
    }

    /// Lets one attempt of this candidate through, if it may pass now.
    pub(crate) fn enter(&self, planned: &Planned, now: Instant) -> Option<Ticket> {
        // Looking first keeps a probe of the one breaker from being spent on a
        // refusal of the other.
        let passes = self.door(planned, now).passes()
            && spots_of(planned).iter().all(|spot| self.take(spot, now));
        if passes {
            let endpoint = endpoint_of(planned);
            self.change(&endpoint, planned, |entry| entry.throttle.wanted(now));
        }
        passes.then(|| self.admit(planned)).flatten()
    }

    /// Lets one attempt through although breakers refuse it, for a call that has
    /// nowhere else to go: as often as the target is worth, and one probe per
    /// interval. Only hosts and endpoints are forced: a key that is refused and
    /// an account without money do not get better by being used.
    pub(crate) fn force(&self, planned: &Planned, now: Instant, repeat: Repeat) -> Option<Ticket> {
        if self.must_wait_until(planned, now).is_some() {
            return None;
        }
        let [authority, account, key, endpoint] = spots_of(planned);
        let rules = &self.limits.panic;
        let is_worth = self.change(&endpoint, planned, |entry| {
            // Who has just failed there needs better reasons to go again.
            let is_known = match repeat {
                Repeat::Call => {
                    entry.throttle.wanted(now);
                    true
                }
                Repeat::Target => entry.throttle.is_known(now, rules),
            };
            is_known && entry.throttle.admits(now, rules, self.dice.roll())
        });
        let probes = || {
            repeat == Repeat::Call
                && [&authority, &endpoint].into_iter().all(|spot| {
                    let entry = self.spots.get_mut(spot);
                    entry.is_none_or(|mut entry| entry.breaker.force(now, rules.probe_every))
                })
        };
        let goes = (is_worth || probes()) && self.take(&account, now) && self.take(&key, now);
        goes.then(|| self.admit(planned)).flatten()
    }

    /// When a call that has no other choice may go there.
    pub(crate) fn opens_at(&self, planned: &Planned, now: Instant) -> Instant {
        let forced = now + self.limits.panic.probe_every;
        let by_breaker = match self.door(planned, now) {
            Door::Shut(moment) => moment.min(forced),
            _ => forced,
        };
        self.must_wait_until(planned, now).unwrap_or(by_breaker)
    }

    /// Until when a candidate must not be tried, however bad it is elsewhere:
    /// because it is limited, or its key or account does not work.
    pub(super) fn must_wait_until(&self, planned: &Planned, now: Instant) -> Option<Instant> {
        let [_, account, key, _] = spots_of(planned);
        let shut = |spot: &Spot| {
            let rules = self.rules.of(spot);
            self.spots.get(spot)?.shut_until(planned, now, rules)
        };
        let limited = self.limited_until(planned, now);
        limited.max(shut(&account)).max(shut(&key))
    }

    /// Until when the upstream wants to be left alone by this candidate: that is
    /// its limit, not its trouble.
    pub(crate) fn limited_until(&self, planned: &Planned, now: Instant) -> Option<Instant> {
        let limited = |spot: &Spot| self.spots.get(spot)?.breaker.asked_until(now);
        spots_of(planned).iter().filter_map(limited).max()
    }

    /// Takes the slot of an attempt that may pass.
    pub(super) fn admit(&self, planned: &Planned) -> Option<Ticket> {
        let most = self.limits.max_in_flight;
        let ticket = self.change(&endpoint_of(planned), planned, |entry| {
            let ticket = entry.in_flight.enter(most)?;
            entry.count_attempt(planned);
            Some(ticket)
        })?;
        for spot in &spots_of(planned)[..3] {
            if let Some(mut entry) = self.spots.get_mut(spot) {
                entry
                    .quotas
                    .spend(u64::from(planned.candidate.output_tokens));
            }
        }
        Some(ticket)
    }

    /// How much is going on at a target. What was not seen yet counts as quick.
    pub(crate) fn load(&self, planned: &Planned) -> Load {
        const UNSEEN_MS: f64 = 30.0;
        let entry = self.spots.get(&endpoint_of(planned));
        let seen = entry.map(|entry| {
            let latency = entry.latency.peak_ms(Instant::now());
            (latency, f64::from(entry.in_flight.count()))
        });
        let (latency, running) = seen.unwrap_or_default();
        let latency = latency.unwrap_or(UNSEEN_MS);
        Load {
            now: latency * running,
            with_one_more: latency * (running + 1.0),
        }
    }

    /// After which silence an attempt of this candidate is slow.
    pub(crate) fn slow_after(&self, planned: &Planned) -> Option<Duration> {
        let hedge = self.limits.hedge?;
        let entry = self.spots.get(&endpoint_of(planned))?;
        entry
            .latency
            .percentile(hedge.percentile, hedge.min_samples)
    }
}
