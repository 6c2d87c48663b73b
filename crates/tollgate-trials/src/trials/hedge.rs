//! Streams that are slow to begin, and second attempts beside them.

use std::time::Duration;

use super::Settings;
use crate::caller::{Ask, Outcome};
use crate::condition::{Condition, Trouble};
use crate::contact::Contact;
use crate::host::Host;
use crate::measure::failed;
use crate::report::{Report, Row, percentile};
use crate::rig::{Error, Load, Rig, Setup, in_virtual_time};

/// Calls per second.
const RATE: f64 = 50.0;

/// The share of A's answers that are slow to begin.
const SLOW: f64 = 0.05;

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    in_virtual_time(async {
        let setup = Setup::new(settings.seed)
            .key("failover.hedge.enabled", true)
            .key("openrouter.stops_billing", true)
            .key("providers.b.stops_billing", true);
        let rig = setup.start().await?;
        let slow = Trouble::Random("delay-first-token", 3_000, 10_000);
        rig.network.set(Host::A, Condition::good().with(SLOW, slow));
        let load = Load::new(settings.calls, RATE);
        let outcomes = rig.run(load, |_| Ask::stream()).await;
        rig.rest().await;
        Ok(report(settings, &rig, &outcomes))
    })
}

fn report(settings: Settings, rig: &Rig, outcomes: &[Outcome]) -> Report {
    let waits = outcomes
        .iter()
        .filter_map(|outcome| Some(outcome.committed? - outcome.asked));
    let mut hedged = rig.network.chats_by_call();
    hedged.retain(|_, contacts| contacts.len() > 1);
    let lags = hedged
        .iter()
        .filter_map(|(call, contacts)| lag(outcomes.get(*call as usize)?, contacts));
    let booked = rig.witness.settled(|settled| {
        let two = settled.iter().filter(|settled| settled.attempts == 2);
        two.count()
    });
    let lost = hedged.len().abs_diff(booked);
    let closed = percentile(lags, 99);
    settings.report(vec![
        failed(outcomes),
        // Without any, nothing would have been tried.
        Row::count("second attempts", hedged.len()).at_least(1.0),
        Row::share("second attempts of all", (hedged.len(), outcomes.len())).at_most(5.0),
        Row::count("second attempts that are not booked", lost).none(),
        Row::time("slower one closed after (99th percentile)", closed).at_most(0.1),
        Row::time("first token (95th percentile)", percentile(waits, 95)),
    ])
}

/// How long after the answer had begun the other connection, the first to be closed, was closed.
fn lag(outcome: &Outcome, contacts: &[Contact]) -> Option<Duration> {
    let closed = contacts.iter().filter_map(|contact| contact.closed);
    let (first, _) = closed.min_by_key(|(at, _)| *at)?;
    Some(first.saturating_duration_since(outcome.committed?))
}
