//! What several spots say of the host on which they stand.

use tokio::time::Instant;
use tollgate_core::{Breaker as State, Planned, Spot};

use super::{HealthBook, spots_of};
use crate::escalate;

impl HealthBook {
    pub(super) fn escalate(&self, planned: &Planned) {
        let now = Instant::now();
        let [authority, ..] = spots_of(planned);
        let host = &planned.lane.authority;
        let evidence = escalate::evidence(self.spots.iter(), host, now);
        let Some(why) = evidence.against_the_host(now) else {
            return;
        };
        let opened = self.change(&authority, planned, |entry| {
            let rules = self.rules.of(&authority);
            entry.breaker.trip(now, rules, self.dice.roll())?;
            entry.escalated = true;
            Some(())
        });
        if opened.is_some() {
            self.announce(authority, State::Open, why);
        }
    }

    /// When a host works again, what went out of service with it is probed at
    /// once.
    pub(super) fn heal_what_stands_on(&self, authority: &Spot, planned: &Planned) {
        let was_escalated = self.change(authority, planned, |entry| {
            std::mem::take(&mut entry.escalated)
        });
        if !was_escalated {
            return;
        }
        let now = Instant::now();
        let host = &planned.lane.authority;
        for mut entry in self.spots.iter_mut() {
            if entry.authority == *host && matches!(entry.key(), Spot::Endpoint { .. }) {
                entry.breaker.probe_now(now);
            }
        }
    }
}
