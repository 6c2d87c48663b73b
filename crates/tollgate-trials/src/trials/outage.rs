//! One host is dead for a minute.

use std::time::Duration;

use super::Settings;
use crate::caller::Ask;
use crate::condition::{Condition, DOWN};
use crate::host::Host;
use crate::measure::{Spell, back_after, failed};
use crate::report::{Report, Row};
use crate::rig::{Error, Load, Setup, in_virtual_time};

const OUTAGE: Spell = Spell {
    before: Duration::from_secs(10),
    lasts: Duration::from_secs(60),
    after: Duration::from_secs(120),
};

/// Calls that a dead host may get beside those in flight: until it is found dead, and probes.
const SPARED: usize = 5 + 20;

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    in_virtual_time(async {
        let rig = Setup::new(settings.seed).start().await?;
        let load = Load::over(settings.calls, OUTAGE.length());
        let (outcomes, times) = tokio::join!(
            rig.run(load, Ask::either),
            OUTAGE.cast(&rig, &[Host::A], Condition::mixed(1.0, &DOWN)),
        );
        rig.rest().await;
        let reached = rig.network.chats(Host::A, times.began, times.ended);
        let allowed = (SPARED + times.in_flight) as f64;
        let back = back_after(&rig, &outcomes, Host::A, times.ended);
        Ok(settings.report(vec![
            failed(&outcomes),
            Row::count("calls that reach A while it is dead", reached).at_most(allowed),
            Row::time("until A is used again", back).at_most(90.0),
        ]))
    })
}
