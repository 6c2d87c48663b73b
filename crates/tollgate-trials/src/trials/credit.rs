//! An account without credit, for ten minutes.

use std::time::Duration;

use super::Settings;
use crate::caller::Ask;
use crate::condition::{Condition, Trouble};
use crate::host::Host;
use crate::measure::{Spell, answered, back_after, count, misleading};
use crate::report::{Report, Row};
use crate::rig::{Error, Load, Setup, in_virtual_time};

const EMPTY: Spell = Spell {
    before: Duration::from_secs(10),
    lasts: Duration::from_secs(600),
    after: Duration::from_secs(120),
};

/// Calls that are under way together with the first that is refused.
const FIRST: Duration = Duration::from_secs(1);

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    in_virtual_time(async {
        let rig = Setup::new(settings.seed).start().await?;
        let load = Load::over(settings.calls, EMPTY.length());
        let (outcomes, times) = tokio::join!(
            rig.run(load, Ask::either),
            EMPTY.cast(
                &rig,
                &[Host::A],
                Condition::always(Trouble::Fault("credits"))
            ),
        );
        rig.rest().await;
        let misled = count(&outcomes, misleading);
        let reached = rig.network.chats(Host::A, times.began + FIRST, times.ended);
        let back = back_after(&rig, &outcomes, Host::A, times.ended);
        let minutes = EMPTY.lasts.as_secs_f64() / 60.0;
        Ok(settings.report(vec![
            answered(&outcomes).at_least(99.99),
            Row::count("callers who are told 401 or 402", misled).none(),
            Row::count("calls that reach A after the first second", reached).at_most(minutes),
            Row::time("until A is used again", back).at_most(75.0),
        ]))
    })
}
