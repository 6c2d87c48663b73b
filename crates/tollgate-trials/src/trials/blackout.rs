//! All hosts are dead for a minute.

use std::time::Duration;

use tollgate::FailureKind;

use super::Settings;
use crate::caller::{Ask, Outcome};
use crate::condition::{Condition, DOWN};
use crate::host::Host;
use crate::measure::{Spell, Times, count, share};
use crate::report::{Report, Row, percentile};
use crate::rig::{Error, Load, Rig, Setup, in_virtual_time};

const BLACKOUT: Spell = Spell {
    before: Duration::from_secs(10),
    lasts: Duration::from_secs(60),
    after: Duration::from_secs(30),
};

/// By then the gateway has seen that nobody answers.
const NOTICED: Duration = Duration::from_secs(5);

/// From then on everything is as before.
const RECOVERED: Duration = Duration::from_secs(10);

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    in_virtual_time(async {
        let rig = Setup::new(settings.seed).start().await?;
        let load = Load::over(settings.calls, BLACKOUT.length());
        let (outcomes, times) = tokio::join!(
            rig.run(load, Ask::either),
            BLACKOUT.cast(&rig, &Host::ALL, Condition::mixed(1.0, &DOWN)),
        );
        rig.rest().await;
        Ok(report(settings, &rig, &outcomes, times))
    })
}

fn report(settings: Settings, rig: &Rig, outcomes: &[Outcome], times: Times) -> Report {
    let Times { began, ended, .. } = times;
    let dark = count(outcomes, |outcome| (began..ended).contains(&outcome.asked));
    let sent = Host::ALL.map(|host| rig.network.chats(host, began, ended));
    let load = sent.iter().sum::<usize>() as f64 / dark as f64;
    let refused = outcomes
        .iter()
        .filter(|outcome| (began + NOTICED..ended).contains(&outcome.asked))
        .filter(|outcome| outcome.failure() == Some(FailureKind::NoHealthyTarget));
    let refusals = percentile(refused.map(Outcome::took), 99);
    let first = outcomes
        .iter()
        .filter(|outcome| outcome.is_complete() && outcome.ended >= ended)
        .map(|outcome| outcome.ended - ended)
        .min();
    let later = outcomes.partition_point(|outcome| outcome.asked < ended + RECOVERED);
    let later = share(&outcomes[later..], Outcome::is_complete);
    settings.report(vec![
        Row::ratio("upstream requests per call while all is dead", Some(load)).at_most(1.0),
        Row::time("refusals (99th percentile)", refusals).at_most(0.1),
        Row::time("until the first answer", first).at_most(3.0),
        Row::share("calls answered from 10 s after it", later).at_least(99.0),
    ])
}
