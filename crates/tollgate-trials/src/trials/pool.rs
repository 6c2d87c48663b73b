//! Several keys of one provider: they share the traffic, and one that is limited or refused is left
//! alone while the others carry on.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tollgate_sim::{Fault, RetryAfter, Rule, Scenario};

use super::Settings;
use crate::caller::Ask;
use crate::host::Host;
use crate::measure::failed;
use crate::report::{Report, Row};
use crate::rig::{Error, Load, Rig, Setup, in_virtual_time};

/// The provider.
const HOST: Host = Host::OpenAi;

/// Its keys' parts of the traffic.
const WEIGHTS: [u32; 3] = [1, 1, 2];

/// How many standard deviations a share may be from the weight's: chance decides each call.
const DEVIATIONS: f64 = 4.0;

/// How long each part of the trial takes: all keys are good, the first is limited, the second is
/// refused, all are good again.
const PART: Duration = Duration::from_secs(120);

/// How long the first key asks to be left alone.
const ASKED: Duration = Duration::from_secs(30);

/// Calls of the refused key that were under way with the first of them.
const UNDER_WAY: Duration = Duration::from_secs(1);

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    in_virtual_time(async {
        let setup = setup(settings.seed);
        let sims = setup.sims();
        let rig = setup.start().await?;
        let parts = Parts::from(Instant::now());
        let load = Load::over(settings.calls, PART * 4);
        let ask = |number| Ask::either(number).with_model("openai/gpt-4o-mini");
        let (outcomes, changed) = tokio::join!(rig.run(load, ask), parts.play(&rig, &sims));
        changed?;
        rig.rest().await;
        let mut rows = vec![failed(&outcomes)];
        rows.extend(shares(&rig, parts.good()));
        rows.extend(limited(&rig, parts.limited()));
        rows.extend(refused(&rig, parts.refused()));
        rows.extend(shares(&rig, parts.good_again()));
        Ok(settings.report(rows))
    })
}

/// OpenAI alone, with a key of each weight.
fn setup(seed: u64) -> Setup {
    let more = WEIGHTS.iter().zip(1..).skip(1).map(|(weight, number)| {
        let key = HOST.key(number);
        format!("{{ key = '{key}', weight = {weight} }}")
    });
    let more: Vec<String> = more.collect();
    Setup::new(seed).hosts(&[HOST]).key(
        "providers.openai.api_keys",
        format!("[{}]", more.join(", ")),
    )
}

/// When each part of the trial is.
#[derive(Clone, Copy)]
struct Parts(Instant);

type Span = (Instant, Instant);

impl Parts {
    fn from(began: Instant) -> Self {
        Self(began)
    }

    fn part(&self, number: u32) -> Span {
        (self.0 + PART * number, self.0 + PART * (number + 1))
    }

    fn good(&self) -> Span {
        self.part(0)
    }

    fn limited(&self) -> Span {
        self.part(1)
    }

    fn refused(&self) -> Span {
        self.part(2)
    }

    /// Checks of a key that was refused are minutes apart.
    fn good_again(&self) -> Span {
        let (from, to) = self.part(3);
        (from + PART / 2, to)
    }

    /// Changes what the host thinks of its keys.
    async fn play(&self, rig: &Rig, sims: &Scenario) -> Result<(), tollgate_sim::Error> {
        let host = rig.network.service(HOST);
        let later = RetryAfter::Seconds(ASKED.as_secs());
        let later = Fault::status(429).with_retry_after(later);
        let later = Rule::new(later).for_key(HOST.key(1)).times(1);
        let unknown = Rule::new(Fault::named("unauthorized")?);
        let unknown = unknown.for_key(HOST.key(2)).for_route("*");
        sleep_until(self.limited().0).await;
        host.set_scenario(sims.clone().with_rule(later))?;
        sleep_until(self.refused().0).await;
        host.set_scenario(sims.clone().with_rule(unknown))?;
        sleep(PART).await;
        host.set_scenario(sims.clone())
    }
}

/// When requests with a key were sent in a span of time: for answers, or free ones.
fn sent(rig: &Rig, number: u32, (from, to): Span, for_answers: bool) -> Vec<Instant> {
    let key = HOST.key(number);
    rig.network.contacts(|contacts| {
        let of_key = contacts.iter().filter(|contact| contact.key == key);
        of_key
            .filter(|contact| contact.is_chat() == for_answers)
            .map(|contact| contact.opened)
            .filter(|opened| (from..to).contains(opened))
            .collect()
    })
}

/// The share that each key has, which is the weight's.
fn shares(rig: &Rig, span: Span) -> Vec<Row> {
    let calls = (1..)
        .zip(WEIGHTS)
        .map(|(number, _)| sent(rig, number, span, true).len());
    let calls: Vec<usize> = calls.collect();
    let all: usize = calls.iter().sum();
    let weights: u32 = WEIGHTS.iter().sum();
    let rows = calls.into_iter().zip(WEIGHTS).map(|(calls, weight)| {
        let meant = f64::from(weight) / f64::from(weights);
        let deviation = (meant * (1.0 - meant) / all.max(1) as f64).sqrt();
        let (meant, chance) = (100.0 * meant, 100.0 * DEVIATIONS * deviation);
        Row::share(format!("share of a key of weight {weight}"), (calls, all))
            .at_least(meant - chance)
            .at_most(meant + chance)
    });
    rows.collect()
}

/// After its refusal a limited key is left alone for as long as it asked, and used again then.
fn limited(rig: &Rig, span: Span) -> [Row; 3] {
    let refused = rig.network.contacts(|contacts| {
        let refused = contacts.iter().find(|contact| contact.status == Some(429));
        refused.and_then(|contact| contact.closed)
    });
    let (refused, _) = refused.unwrap_or((span.0, crate::contact::Closed::Done));
    let early = sent(rig, 1, (refused, refused + ASKED), true).len();
    let back = sent(rig, 1, (refused + ASKED, span.1), true);
    let others = sent(rig, 2, (refused, refused + ASKED), true).len()
        + sent(rig, 3, (refused, refused + ASKED), true).len();
    [
        Row::count("calls with a key that asked to be left alone", early).none(),
        Row::count("calls with the others meanwhile", others).at_least(1.0),
        Row::time(
            "until it is used again",
            back.first().map(|first| *first - refused),
        )
        .at_most(2.0 * ASKED.as_secs_f64()),
    ]
}

/// A refused key gets no call, but is asked for free whether it is good.
fn refused(rig: &Rig, (from, to): Span) -> [Row; 3] {
    let first = sent(rig, 2, (from, to), true)
        .first()
        .copied()
        .unwrap_or(from);
    let after = first + UNDER_WAY;
    [
        Row::count(
            "calls with a refused key, after a second",
            sent(rig, 2, (after, to), true).len(),
        )
        .none(),
        Row::count("free checks of it", sent(rig, 2, (first, to), false).len()).at_least(1.0),
        Row::count(
            "calls with the others meanwhile",
            sent(rig, 3, (after, to), true).len(),
        )
        .at_least(1.0),
    ]
}
