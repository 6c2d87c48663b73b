//! Hosts that say when to come back, in all the forms that are in use, and in none.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tollgate_sim::{Fault, RetryAfter, Rule};

use super::Settings;
use crate::caller::{Ask, Outcome};
use crate::dice::Dice;
use crate::host::Host;
use crate::measure::failed;
use crate::report::{Report, Row};
use crate::rig::{Error, Load, Rig, Setup, in_virtual_time};

/// What is asked for, in seconds.
const ASKED: u64 = 7;

/// One form of asking.
#[derive(Clone, Copy)]
struct Form {
    make: fn(u64) -> RetryAfter,
    means: Means,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Means {
    /// A span from the answer on.
    Span,
    /// A whole second of the host's clock.
    Moment,
}

#[rustfmt::skip]
const FORMS: [Form; 9] = [
    Form { make: RetryAfter::Seconds, means: Means::Span },
    Form { make: RetryAfter::Milliseconds, means: Means::Span },
    Form { make: RetryAfter::Body, means: Means::Span },
    Form { make: RetryAfter::Nested, means: Means::Span },
    Form { make: RetryAfter::ResetDuration, means: Means::Span },
    Form { make: RetryAfter::Availability, means: Means::Span },
    Form { make: RetryAfter::Date, means: Means::Moment },
    Form { make: RetryAfter::ResetMs, means: Means::Moment },
    Form { make: RetryAfter::ResetDate, means: Means::Moment },
];

/// `Retry-After` with a text that asks for nothing.
const BOGUS: [&str; 14] = [
    "",
    "soon",
    "NaN",
    "inf",
    "-7",
    "1e999",
    "0x7",
    "7 7",
    "7 seconds",
    "99999999999999999999999999999999999999999999999999999999999999999999",
    "Thu, 32 Foo 2026 25:61:61 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Tue, 29 Feb 2022 08:49:37 +9999999999999",
    "2026-08-08",
];

/// The longest back-off, in seconds.
const BACK_OFF: f64 = 8.0;

/// Waiting may take this many times as long as asked.
const LATE: f64 = 1.3;

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    let numbers = 0..settings.calls;
    let asked: Vec<Wait> = numbers
        .clone()
        .map(|number| alone(settings, number, Some(form(number))))
        .collect::<Result<_, _>>()?;
    let free: Vec<Wait> = numbers
        .map(|number| alone(settings, number, None))
        .collect::<Result<_, _>>()?;
    let shares = || asked.iter().map(Wait::share);
    let (shortest, longest) = (shares().reduce(f64::min), shares().reduce(f64::max));
    let answered = asked.iter().chain(&free).filter(|wait| wait.answered);
    let answered = (answered.count(), asked.len() + free.len());
    let back_off = free.iter().map(|wait| wait.waited).max();
    let mut rows = vec![
        Row::share("calls that are answered", answered).at_least(100.0),
        Row::ratio("shortest wait, by what was asked", shortest).at_least(1.0),
        Row::ratio("longest wait, by what was asked", longest).at_most(LATE),
        Row::time("longest wait where nothing was asked", back_off).at_most(BACK_OFF),
    ];
    rows.extend(beside_another(settings)?);
    Ok(settings.report(rows))
}

/// How long one call waited before it came back.
struct Wait {
    asked: Duration,
    waited: Duration,
    answered: bool,
}

impl Wait {
    fn share(&self) -> f64 {
        self.waited.as_secs_f64() / self.asked.as_secs_f64()
    }
}

fn form(number: u32) -> Form {
    FORMS[number as usize % FORMS.len()]
}

/// One call to the only host there is, which asks once to be left alone.
fn alone(settings: Settings, number: u32, form: Option<Form>) -> Result<Wait, Error> {
    let seed = settings.seed.wrapping_add(number.into());
    let retry_after = match form {
        Some(form) => (form.make)(ASKED),
        None => RetryAfter::Text(BOGUS[number as usize % BOGUS.len()].to_owned()),
    };
    in_virtual_time(async {
        let rig = limited(Setup::new(seed).hosts(&[Host::A]), retry_after).await?;
        sleep(Duration::from_millis(
            Dice::new(seed, "start").between(0, 999),
        ))
        .await;
        let outcomes = rig.run(Load::new(1, 1.0), |_| Ask::either(number)).await;
        let Waited { refused, back } = waited(&rig);
        let means = form.map_or(Means::Span, |form| form.means);
        Ok(Wait {
            asked: asked(&rig, means, refused),
            waited: back - refused,
            answered: outcomes.iter().all(Outcome::is_complete),
        })
    })
}

/// A row of calls, of which A asks the first to be left alone, and B answers.
fn beside_another(settings: Settings) -> Result<[Row; 3], Error> {
    in_virtual_time(async {
        let rig = limited(Setup::new(settings.seed), RetryAfter::Seconds(ASKED)).await?;
        let outcomes = rig.run(Load::new(200, 10.0), Ask::either).await;
        let Waited { refused, back } = waited(&rig);
        let away = (back - refused).as_secs_f64() / ASKED as f64;
        Ok([
            failed(&outcomes),
            Row::ratio("time that A is left alone, by what was asked", Some(away)).at_least(1.0),
            Row::ratio("the same, at most", Some(away)).at_most(LATE),
        ])
    })
}

/// A rig whose hosts ask the first call to come back later.
async fn limited(setup: Setup, retry_after: RetryAfter) -> Result<Rig, Error> {
    let later = Fault::status(429).with_retry_after(retry_after);
    let rig = setup.start().await?;
    let sims = Setup::new(0).sims().with_rule(Rule::new(later).times(1));
    rig.network.service(Host::A).set_scenario(sims)?;
    Ok(rig)
}

/// When A refused a call, and when it was asked again.
struct Waited {
    refused: Instant,
    back: Instant,
}

fn waited(rig: &Rig) -> Waited {
    rig.network.contacts(|contacts| {
        let mut of_a = contacts
            .iter()
            .filter(|contact| contact.host == Host::A && contact.is_chat());
        let refused = of_a.next().and_then(|contact| contact.closed);
        let refused = refused.map_or(rig.began(), |(at, _)| at);
        // One that never came back came back at once: too early.
        let back = of_a.next().map_or(refused, |contact| contact.opened);
        Waited { refused, back }
    })
}

/// How long A asked for, counted from its answer. The host's clock has whole seconds.
fn asked(rig: &Rig, means: Means, refused: Instant) -> Duration {
    let asked = Duration::from_secs(ASKED);
    match means {
        Means::Span => asked,
        Means::Moment => {
            let since = refused - rig.began();
            asked - Duration::from_nanos(since.subsec_nanos().into())
        }
    }
}
