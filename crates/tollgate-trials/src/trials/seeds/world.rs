//! The world of a seed: hosts in changing conditions, and callers of all kinds.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Finding;
use super::promises::{self, Limits};
use crate::caller::{Ask, End, Outcome};
use crate::condition::{Condition, DOWN, FLAWS, Trouble};
use crate::dice::Dice;
use crate::host::Host;
use crate::measure::count;
use crate::rig::{Error, Keep, Load, Rig, Setup, in_virtual_time};
use crate::trials::cut::CUTS;

/// How long there are calls.
const LENGTH: Duration = Duration::from_secs(180);

/// How long afterwards the gateway may ask what calls have cost.
const AFTERWARDS: Duration = Duration::from_secs(1_800);

/// Calls of one world, at least and at most.
const CALLS: (u64, u64) = (60, 240);

/// Everything random of one seed, drawn before it begins.
#[derive(Debug)]
pub(super) struct World {
    seed: u64,
    hosts: &'static [Host],
    limits: Limits,
    /// Keys of the configuration that are not as usual.
    keys: Vec<(&'static str, &'static str)>,
    calls: u32,
    weather: Vec<Change>,
}

/// A change of a host's condition.
#[derive(Debug)]
struct Change {
    at: Duration,
    host: Host,
    condition: Condition,
}

/// Which hosts there are.
const HOSTS: &[&[Host]] = &[
    &[Host::A, Host::B],
    &[Host::A, Host::B, Host::C],
    &[Host::A, Host::B, Host::C],
];

/// What some configurations have; each is switched on in one world of four.
const HABITS: &[&[(&str, &str)]] = &[
    &[
        ("failover.hedge.enabled", "true"),
        ("openrouter.stops_billing", "true"),
        ("providers.b.stops_billing", "true"),
    ],
    &[("failover.buffer_tokens", "8")],
    &[("failover.buffer_for_ms", "500")],
    &[("failover.after_commit", "restart")],
    &[("failover.upstream_stream", "always")],
    &[("failover.on_refusal", "fail_over")],
];

/// What can be the matter with a host, some of it more often: whatever is asked of it, …
#[rustfmt::skip]
const BAD_HOSTS: &[&[Trouble]] = &[
    &FLAWS,
    &FLAWS,
    &DOWN,
    &[Trouble::Unreachable],
    &[Trouble::Random("rate-limited", 1, 15), Trouble::Random("retry-after-ms", 1, 15), Trouble::Fault("retry-after-bogus")],
    &[Trouble::Fault("unauthorized")],
];

/// … or when it is asked for an answer. One of the list strikes each request.
#[rustfmt::skip]
const BAD_ANSWERS: &[&[Trouble]] = &[
    &FLAWS,
    &DOWN,
    &CUTS,
    &CUTS,
    &[Trouble::Random("retry-after-reset", 1, 40)],
    &[Trouble::Fault("credits"), Trouble::Fault("affordable"), Trouble::Fault("in-flight-budget")],
    &[Trouble::Fault("key-limit"), Trouble::Fault("region"), Trouble::Fault("no-endpoints")],
    &[Trouble::Fault("error-200"), Trouble::Fault("error-choice"), Trouble::Fault("empty-answer"), Trouble::Fault("html-200")],
    &[Trouble::Random("comments", 0, 8), Trouble::Random("stall", 0, 8)],
    &[Trouble::Random("delay-headers", 100, 40_000), Trouble::Random("delay-first-token", 100, 40_000)],
    &[Trouble::Random("delay-between", 10, 5_000)],
    &[Trouble::Fault("no-usage"), Trouble::Fault("no-done"), Trouble::Fault("no-finish")],
    &[Trouble::Fault("reset-billed"), Trouble::Fault("reset")],
    &[Trouble::Fault("bad-request"), Trouble::Fault("moderation"), Trouble::Fault("context-length"), Trouble::Fault("unprocessable")],
];

impl World {
    /// The world of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let dice = &mut Dice::new(seed, "world");
        let hosts = dice.pick(HOSTS);
        let limits = Limits {
            attempts: dice.between(2, 8),
            timeout: Duration::from_secs(dice.pick(&[20, 60, 120, 600])),
        };
        let keys = HABITS.iter().filter(|_| dice.chance(0.25)).copied();
        let keys = keys.flatten().copied().collect();
        let calls = dice.between(CALLS.0, CALLS.1);
        let weather = hosts.iter().flat_map(|host| weather(*host, dice)).collect();
        Self {
            seed,
            hosts,
            limits,
            keys,
            calls: u32::try_from(calls).unwrap_or(u32::MAX),
            weather,
        }
    }

    /// Runs it, and checks every promise.
    pub(super) fn run(&self) -> Result<Finding, Error> {
        in_virtual_time(async {
            let rig = self.setup().start().await?;
            let load = Load::over(self.calls, LENGTH);
            let (outcomes, ()) = tokio::join!(
                rig.run(load, |number| ask(self.seed, number)),
                self.change(&rig),
            );
            // In good weather, so that everything can be asked for.
            for host in self.hosts {
                rig.network.set(*host, Condition::good());
            }
            tokio::time::sleep(AFTERWARDS).await;
            rig.rest().await;
            let attempts = rig
                .witness
                .settled(|settled| settled.iter().map(|settled| settled.attempts).sum());
            Ok(Finding {
                seed: self.seed,
                calls: outcomes.len(),
                answered: count(&outcomes, Outcome::is_complete),
                left: count(&outcomes, |outcome| outcome.end == End::Left),
                attempts,
                took: rig.began().elapsed(),
                violations: promises::broken(&rig, &outcomes, self.limits),
                digest: rig.trace.digest(),
                lines: rig.trace.lines(),
                repeated: false,
            })
        })
    }

    fn setup(&self) -> Setup {
        let setup = Setup::new(self.seed)
            .hosts(self.hosts)
            .keep(Keep::Everything)
            .key("failover.attempts", self.limits.attempts)
            .key("openrouter.timeout_ms", self.limits.timeout.as_millis());
        let keys = self.keys.iter();
        keys.fold(setup, |setup, (key, value)| setup.key(key, value))
    }

    async fn change(&self, rig: &Rig) {
        let began = Instant::now();
        let mut changes: Vec<&Change> = self.weather.iter().collect();
        changes.sort_by_key(|change| change.at);
        for change in changes {
            sleep_until(began + change.at).await;
            rig.network.set(change.host, change.condition.clone());
        }
    }
}

/// The conditions of a host: every other one is good.
fn weather(host: Host, dice: &mut Dice) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut at = Duration::ZERO;
    while at < LENGTH {
        at += Duration::from_millis(dice.between(0, 30_000));
        let condition = bad(dice);
        changes.push(Change {
            at,
            host,
            condition,
        });
        at += Duration::from_millis(dice.between(2_000, 40_000));
        let condition = Condition::good();
        changes.push(Change {
            at,
            host,
            condition,
        });
    }
    changes
}

/// A condition that is not good.
fn bad(dice: &mut Dice) -> Condition {
    let share = 0.1 + 0.9 * dice.unit();
    let condition = if dice.chance(0.3) {
        Condition::mixed(share, dice.pick(BAD_HOSTS)).on_all_routes()
    } else {
        Condition::mixed(share, dice.pick(BAD_ANSWERS))
    };
    condition.with_latency_ms(1, dice.pick(&[50, 500, 3_000]))
}

fn ask(seed: u64, number: u32) -> Ask {
    let mut dice = Dice::new(seed.wrapping_add(number.into()), "caller");
    let ask = if dice.chance(0.7) {
        Ask::stream()
    } else {
        Ask::whole()
    };
    if dice.chance(0.2) {
        // Most of them while the answer is on its way.
        let stay = dice.pick(&[400, 2_000, 40_000]);
        ask.leaving_after(Duration::from_millis(dice.between(1, stay)))
    } else {
        ask
    }
}
