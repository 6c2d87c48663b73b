//! A host that does not know a good key any more, for ten minutes.

use std::time::Duration;

use super::Settings;
use crate::caller::Ask;
use crate::condition::{Condition, Trouble};
use crate::host::Host;
use crate::measure::{Spell, answered, back_after, count, misleading};
use crate::report::{Report, Row};
use crate::rig::{Error, Load, Setup, in_virtual_time};

const AMNESIA: Spell = Spell {
    before: Duration::from_secs(60),
    lasts: Duration::from_secs(600),
    after: Duration::from_secs(120),
};

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    in_virtual_time(async {
        let rig = Setup::new(settings.seed).start().await?;
        let load = Load::over(settings.calls, AMNESIA.length());
        // The page that tells about a key does not know it either.
        let unknown = Condition::always(Trouble::Fault("unauthorized")).on_all_routes();
        let (outcomes, times) = tokio::join!(
            rig.run(load, Ask::either),
            AMNESIA.cast(&rig, &[Host::A], unknown),
        );
        rig.rest().await;
        let misled = count(&outcomes, misleading);
        let reached = rig.network.chats(Host::A, times.began, times.ended);
        let back = back_after(&rig, &outcomes, Host::A, times.ended);
        let alarms = rig.witness.alarms().len();
        Ok(settings.report(vec![
            answered(&outcomes).at_least(99.99),
            Row::count("callers who are told 401 or 402", misled).none(),
            // A key that was given up for good would never be used again.
            Row::time("until A is used again", back).at_most(90.0),
            Row::count("calls that reach A in that time", reached),
            Row::count("alarms", alarms),
        ]))
    })
}
