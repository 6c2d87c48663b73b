//! A host that works for two seconds out of five.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::sleep;

use super::Settings;
use crate::caller::Ask;
use crate::condition::{Condition, DOWN};
use crate::host::Host;
use crate::measure::failed;
use crate::report::{Report, Row};
use crate::rig::{Error, Load, Rig, Setup, in_virtual_time};

const LENGTH: Duration = Duration::from_secs(15 * 60);
const GOOD: Duration = Duration::from_secs(2);
const BAD: Duration = Duration::from_secs(3);

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    in_virtual_time(async {
        let rig = Setup::new(settings.seed).start().await?;
        let calls = pin!(rig.run(Load::over(settings.calls, LENGTH), Ask::either));
        let Either::Left((outcomes, _)) = select(calls, pin!(flap(&rig))).await else {
            unreachable!("flapping has no end");
        };
        rig.rest().await;
        let attempts = rig.witness.attempts_per_call();
        Ok(settings.report(vec![
            failed(&outcomes),
            Row::ratio("attempts per call", attempts).at_most(1.05),
        ]))
    })
}

async fn flap(rig: &Rig) {
    loop {
        rig.network.set(Host::A, Condition::good());
        sleep(GOOD).await;
        rig.network.set(Host::A, Condition::mixed(1.0, &DOWN));
        sleep(BAD).await;
    }
}
