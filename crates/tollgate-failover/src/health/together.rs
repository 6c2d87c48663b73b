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
        let Some(why) = evidence.against_the_host() else {
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

    /// A host that works again takes back what was held against what stands on
    /// it while it was at fault.
    pub(super) fn heal_what_stands_on(&self, authority: &Spot, planned: &Planned) {
        let was_escalated = self.change(authority, planned, |entry| {
            std::mem::take(&mut entry.escalated)
        });
        if !was_escalated {
            return;
        }
        let host = &planned.lane.authority;
        let standing: Vec<Spot> = self
            .spots
            .iter()
            .filter(|entry| entry.authority == *host && entry.key() != authority)
            .map(|entry| entry.key().clone())
            .collect();
        for spot in standing
            .into_iter()
            .filter(|spot| !matches!(spot, Spot::Account { .. }))
        {
            self.prove(&spot, "its host works again");
        }
    }
}
