//! Hosts that fail at random.

use super::Settings;
use crate::caller::{Ask, Outcome};
use crate::condition::{Condition, FLAWS};
use crate::host::Host;
use crate::measure::answered;
use crate::report::{Report, Row};
use crate::rig::{Error, Load, Setup, in_virtual_time};

/// Calls per second.
const RATE: f64 = 50.0;

/// A fails often, B hardly ever.
pub(super) fn two(settings: Settings) -> Result<Report, Error> {
    let setup = Setup::new(settings.seed).with_chain();
    let (outcomes, attempts) = run(setup, settings, &[(Host::A, 0.30), (Host::B, 0.01)])?;
    Ok(settings.report(vec![
        answered(&outcomes).at_least(99.99),
        Row::ratio("attempts per call", attempts).at_most(1.10),
    ]))
}

/// All fail often.
pub(super) fn three(settings: Settings) -> Result<Report, Error> {
    let setup = Setup::new(settings.seed)
        .hosts(&Host::ALL)
        .with_chain()
        .key("failover.attempts", 8)
        // Or three silent hosts would use up the time of a call.
        .key("failover.upstream_stream", "always");
    let (outcomes, attempts) = run(setup, settings, &Host::ALL.map(|host| (host, 0.30)))?;
    Ok(settings.report(vec![
        answered(&outcomes).at_least(99.98),
        Row::ratio("attempts per call", attempts).at_most(1.5),
    ]))
}

fn run(
    setup: Setup,
    settings: Settings,
    shares: &[(Host, f64)],
) -> Result<(Vec<Outcome>, Option<f64>), Error> {
    in_virtual_time(async {
        let rig = setup.start().await?;
        for (host, share) in shares {
            rig.network.set(*host, Condition::mixed(*share, &FLAWS));
        }
        let load = Load::new(settings.calls, RATE);
        let outcomes = rig.run(load, Ask::either).await;
        rig.rest().await;
        Ok((outcomes, rig.witness.attempts_per_call()))
    })
}
