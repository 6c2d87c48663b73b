//! Callers who leave before they have their answer.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tollgate::{AttemptRecord, CostSource};
use tollgate_sim::{BillLine, Latency};

use super::Settings;
use crate::caller::{Ask, End, Outcome};
use crate::dice::Dice;
use crate::host::Host;
use crate::measure::count;
use crate::report::{Report, Row, percentile};
use crate::rig::{Error, Keep, Load, Rig, Setup, in_virtual_time};

/// Nobody stays longer; an answer takes 2.3 s.
const LONGEST_STAY_MS: u64 = 2_500;

/// How long afterwards the gateway may ask what calls have cost.
const AFTERWARDS: Duration = Duration::from_secs(3_600);

/// The providers of the simulator.
const PROVIDERS: [&str; 8] = [
    "alpha-cloud",
    "birch-compute",
    "cobalt-ai",
    "delta-forge",
    "ember-works",
    "fjord-systems",
    "granite-inference",
    "harbor-models",
];

/// At providers that stop, and their bill with them, when a stream is closed.
/// Whole answers are collected from streams, so that theirs is known early too.
pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    let setup = Setup::new(settings.seed).key("failover.upstream_stream", "always");
    leave(settings, setup, Stops::Yes, 25.0, |rig, outcomes| {
        let closed = percentile(lags(rig, outcomes), 99);
        Row::time("upstream closed after that (99th percentile)", closed).at_most(0.1)
    })
}

/// At providers that charge for all of it in any case, where more leave than are read on.
pub(super) fn billed_on(settings: Settings) -> Result<Report, Error> {
    const AT_ONCE: f64 = 64.0;
    let setup = Setup::new(settings.seed).key("openrouter.stops_billing", true);
    leave(settings, setup, Stops::No, 200.0, |rig, outcomes| {
        let most = most_open_at_once(rig, outcomes);
        Row::count("most streams read on at the same time", most).at_most(AT_ONCE)
    })
}

/// Whether closing a stream ends its bill, which hosts and gateway agree on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stops {
    Yes,
    No,
}

/// Has every caller leave at a moment of its own, and waits until all is known that can be.
fn leave(
    settings: Settings,
    setup: Setup,
    stops: Stops,
    per_second: f64,
    special: impl Fn(&Rig, &[Outcome]) -> Row,
) -> Result<Report, Error> {
    in_virtual_time(async {
        let billing_on: &[&str] = match stops {
            Stops::Yes => &[],
            Stops::No => &PROVIDERS,
        };
        let sims = setup
            .sims()
            .with_output_tokens(100)
            .with_billing_on(billing_on.iter().copied())
            .with_latency(Latency::Fixed {
                first_token_ms: 300,
                tokens_per_second: 50,
            });
        let setup = PROVIDERS.iter().fold(setup, |setup, provider| {
            let key = format!("openrouter.stops_billing_by_provider.{provider}");
            setup.key(&key, stops == Stops::Yes)
        });
        let rig = setup.scenario(sims).keep(Keep::Everything).start().await?;
        let load = Load::new(settings.calls, per_second);
        let outcomes = rig.run(load, |number| ask(settings, number)).await;
        rig.rest().await;
        let mut rows = who_left(&outcomes);
        rows.push(special(&rig, &outcomes));
        sleep(AFTERWARDS).await;
        rows.extend(money(&rig, &outcomes, stops));
        Ok(settings.report(rows))
    })
}

fn ask(settings: Settings, number: u32) -> Ask {
    let mut dice = Dice::new(settings.seed.wrapping_add(number.into()), "stay");
    let stay = Duration::from_millis(dice.between(1, LONGEST_STAY_MS));
    Ask::either(number).leaving_after(stay)
}

fn who_left(outcomes: &[Outcome]) -> Vec<Row> {
    let left = |in_the_middle: bool| {
        count(outcomes, |outcome| {
            outcome.end == End::Left && outcome.committed.is_some() == in_the_middle
        })
    };
    let failed = count(outcomes, |outcome| outcome.failure().is_some());
    vec![
        Row::count("callers who leave before they see anything", left(false)),
        Row::count("callers who leave in the middle", left(true)),
        Row::count("calls that fail", failed).none(),
    ]
}

// === connections ===

/// When each caller left, and when the connection was closed after that; never, if it was not.
fn spans(rig: &Rig, outcomes: &[Outcome]) -> Vec<(Instant, Option<Instant>)> {
    let mut calls = rig.network.chats_by_call();
    let left = outcomes.iter().filter(|outcome| outcome.end == End::Left);
    left.flat_map(|outcome| {
        let contacts = calls.remove(&outcome.number).unwrap_or_default();
        contacts
            .into_iter()
            .map(|contact| (outcome.ended, contact.closed.map(|(at, _)| at)))
    })
    .collect()
}

fn lags(rig: &Rig, outcomes: &[Outcome]) -> Vec<Duration> {
    let spans = spans(rig, outcomes).into_iter();
    spans
        .map(|(left, closed)| closed.map_or(Duration::MAX, |at| at.saturating_duration_since(left)))
        .collect()
}

/// The most connections that were open for callers who had left.
fn most_open_at_once(rig: &Rig, outcomes: &[Outcome]) -> usize {
    let spans = spans(rig, outcomes);
    let open_at = |moment: Instant| {
        let open = spans.iter().filter(|(left, closed)| {
            *left <= moment && closed.is_none_or(|closed| closed > moment)
        });
        open.count()
    };
    let moments = spans.iter().map(|(left, _)| open_at(*left));
    moments.max().unwrap_or_default()
}

// === money ===

/// Every call is settled once, and what is booked for an answer that the gateway knows by name is
/// what its host charged. The others it cannot ask for: what is kept for them is enough.
fn money(rig: &Rig, outcomes: &[Outcome], stops: Stops) -> Vec<Row> {
    let mut times = vec![0_usize; outcomes.len()];
    let mut attempts = Vec::new();
    rig.witness.settled(|settled| {
        for settled in settled {
            if let Some(times) = times.get_mut(settled.number as usize) {
                *times += 1;
            }
            let receipts = settled.receipt.iter();
            attempts.extend(receipts.flat_map(|receipt| receipt.attempts.clone()));
        }
    });
    let unsettled = times.iter().filter(|times| **times != 1).count();
    let charged = Charged::by(rig, Host::A, &attempts);
    let totals = rig.gateway.totals();
    let totals = |of: fn(&tollgate::Totals) -> i64| totals.as_ref().map_or(-1, of);
    let booked = totals(|totals| totals.credits.nanos());
    let kept = totals(|totals| totals.unresolved.nanos());
    let held = totals(|totals| totals.held.nanos());
    let nameless = Row::nanos("charged for answers without a name", charged.unknown);
    vec![
        Row::count("calls without one settlement", unsettled).none(),
        Row::nanos("charged for answers known by name", charged.known),
        Row::nanos("booked for them", booked),
        Row::nanos("difference", (charged.known - booked).abs()).none(),
        Row::count("costs told by the answer itself", told(&attempts)),
        match stops {
            // Who left before the head saw nothing, and nothing is charged for that.
            Stops::Yes => nameless.none(),
            Stops::No => nameless,
        },
        Row::nanos("kept for them", kept).at_least(charged.unknown as f64),
        Row::nanos("still held", held.abs()).none(),
    ]
}

/// What a host charged, in nano-dollars.
struct Charged {
    known: i64,
    unknown: i64,
}

impl Charged {
    fn by(rig: &Rig, host: Host, attempts: &[AttemptRecord]) -> Self {
        let mut lines: BTreeMap<String, i64> = rig
            .network
            .service(host)
            .bill()
            .lines
            .into_iter()
            .map(|line| (line.generation.clone(), total(&line)))
            .collect();
        let names = attempts.iter().filter_map(AttemptRecord::generation);
        let known = names.filter_map(|name| lines.remove(name.as_str())).sum();
        let unknown = lines.into_values().sum();
        Self { known, unknown }
    }
}

fn total(line: &BillLine) -> i64 {
    line.credits.nanos() + line.fee.nanos() + line.provider_cost.nanos()
}

fn told(attempts: &[AttemptRecord]) -> usize {
    let told = attempts.iter().filter(|attempt| {
        attempt
            .cost
            .is_some_and(|cost| cost.source == CostSource::Reported)
    });
    told.count()
}
