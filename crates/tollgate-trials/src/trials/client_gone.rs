//! Callers who leave before they have their answer.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_sim::Latency;

use super::Settings;
use crate::caller::{Ask, End, Outcome};
use crate::dice::Dice;
use crate::measure::count;
use crate::report::{Report, Row, percentile};
use crate::rig::{Error, Load, Rig, Setup, in_virtual_time};

/// Calls per second.
const RATE: f64 = 25.0;

/// Nobody stays longer; an answer takes 2.3 s.
const LONGEST_STAY_MS: u64 = 2_500;

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    in_virtual_time(async {
        let setup = Setup::new(settings.seed);
        let sims = setup
            .sims()
            .with_output_tokens(100)
            .with_latency(Latency::Fixed {
                first_token_ms: 300,
                tokens_per_second: 50,
            });
        let rig = setup.scenario(sims).start().await?;
        let outcomes = rig
            .run(Load::new(settings.calls, RATE), |number| {
                ask(settings, number)
            })
            .await;
        rig.rest().await;
        Ok(report(settings, &rig, &outcomes))
    })
}

fn ask(settings: Settings, number: u32) -> Ask {
    let mut dice = Dice::new(settings.seed.wrapping_add(number.into()), "stay");
    let stay = Duration::from_millis(dice.between(1, LONGEST_STAY_MS));
    Ask::either(number).leaving_after(stay)
}

fn report(settings: Settings, rig: &Rig, outcomes: &[Outcome]) -> Report {
    let left: BTreeMap<u32, &Outcome> = outcomes
        .iter()
        .filter(|outcome| outcome.end == End::Left)
        .map(|outcome| (outcome.number, outcome))
        .collect();
    let later = left.values().filter(|outcome| outcome.committed.is_some());
    let later = later.count();
    let failed = count(outcomes, |outcome| outcome.failure().is_some());
    let closed = percentile(lags(rig, &left), 99);
    let unsettled = unsettled(rig, outcomes);
    let held = rig
        .gateway
        .totals()
        .map(|totals| totals.held.nanos() as f64);
    settings.report(vec![
        Row::count(
            "callers who leave before they see anything",
            left.len() - later,
        ),
        Row::count("callers who leave in the middle", later),
        Row::count("calls that fail", failed).none(),
        Row::time("upstream closed after that (99th percentile)", closed).at_most(0.1),
        Row::count("calls without one settlement", unsettled).none(),
        Row::ratio("nano-dollars still held", held).none(),
    ])
}

/// How long after its caller had left each connection was closed; for ever, if it never was.
fn lags(rig: &Rig, left: &BTreeMap<u32, &Outcome>) -> Vec<Duration> {
    let calls = rig.network.chats_by_call();
    let contacts = left.iter().flat_map(|(call, outcome)| {
        let contacts = calls.get(call).into_iter().flatten();
        contacts.map(|contact| (outcome.ended, contact.closed))
    });
    contacts
        .map(|(left, closed)| {
            closed.map_or(Duration::MAX, |(at, _)| at.saturating_duration_since(left))
        })
        .collect()
}

/// Calls that were not settled, or more than once.
fn unsettled(rig: &Rig, outcomes: &[Outcome]) -> usize {
    let mut times = vec![0_usize; outcomes.len()];
    rig.witness.settled(|settled| {
        for settled in settled {
            if let Some(times) = times.get_mut(settled.number as usize) {
                *times += 1;
            }
        }
    });
    times.iter().filter(|times| **times != 1).count()
}
