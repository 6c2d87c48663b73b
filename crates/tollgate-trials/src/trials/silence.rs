//! A host that accepts and then sends nothing but comments.

use std::time::Duration;

use tokio::time::Instant;

use super::Settings;
use crate::caller::{Ask, Outcome};
use crate::condition::{Condition, Trouble};
use crate::contact::{Closed, Contact};
use crate::host::Host;
use crate::measure::{failed, share};
use crate::report::{Report, Row};
use crate::rig::{Error, Load, Rig, Setup, in_virtual_time};

/// Calls per second.
const RATE: f64 = 10.0;

/// The default of `failover.first_event_ms`, in seconds.
const FIRST_EVENT: f64 = 30.0;

/// The default of `failover.idle_ms`, in seconds.
const IDLE: f64 = 60.0;

/// Tokens of an answer that stalls: more than the pieces that come before that have.
const TOKENS: u64 = 40;

/// A says nothing, or no more than its role; B answers.
pub(super) fn from_the_start(settings: Settings) -> Result<Report, Error> {
    in_virtual_time(async {
        let rig = Setup::new(settings.seed).without_breakers().start().await?;
        rig.network.set(
            Host::A,
            Condition::always(Trouble::Random("comments", 0, 1)),
        );
        let outcomes = rig
            .run(Load::new(settings.calls, RATE), |_| Ask::stream())
            .await;
        let waits = || closed(&rig).map(|(contact, at)| at - contact.opened);
        let tries = rig.network.chats(Host::A, rig.began(), Instant::now());
        let again = tries.saturating_sub(outcomes.len());
        Ok(settings.report(vec![
            failed(&outcomes),
            Row::time("soonest move to B", waits().min()).at_least(FIRST_EVENT - 0.25),
            Row::time("latest move to B", waits().max()).at_most(FIRST_EVENT + 0.25),
            Row::count("second tries of A", again).none(),
        ]))
    })
}

/// A begins, and then stalls.
pub(super) fn in_the_middle(settings: Settings) -> Result<Report, Error> {
    in_virtual_time(async {
        let setup = Setup::new(settings.seed).hosts(&[Host::A]);
        let sims = setup.sims().with_output_tokens(TOKENS);
        let rig = setup.scenario(sims).without_breakers().start().await?;
        rig.network
            .set(Host::A, Condition::always(Trouble::Fault("comments=6")));
        let outcomes = rig
            .run(Load::new(settings.calls, RATE), |_| Ask::stream())
            .await;
        let cut = share(&outcomes, Outcome::was_cut);
        let idle = || {
            outcomes
                .iter()
                .filter_map(|outcome| Some(outcome.ended - outcome.last_text?))
        };
        let left = closed(&rig).count();
        let lags = closed(&rig).map(|(contact, at)| lag(&contact, at, &outcomes));
        Ok(settings.report(vec![
            Row::share("stalled streams that end with a failure", cut).at_least(100.0),
            Row::time("shortest silence before it", idle().min()).at_least(IDLE - 1.0),
            Row::time("longest silence before it", idle().max()).at_most(IDLE + 1.0),
            Row::count("connections that are closed", left).at_least(settings.calls.into()),
            Row::time("latest of them, after the failure", lags.max()).at_most(0.1),
        ]))
    })
}

/// The chats with A that the gateway closed, and when.
fn closed(rig: &Rig) -> impl Iterator<Item = (Contact, Instant)> {
    let calls = rig.network.chats_by_call();
    let contacts = calls.into_values().flatten();
    contacts.filter_map(|contact| match contact.closed {
        Some((at, Closed::ByGateway)) if contact.host == Host::A => Some((contact, at)),
        _ => None,
    })
}

/// How long after the end of its call a connection was closed.
fn lag(contact: &Contact, closed: Instant, outcomes: &[Outcome]) -> Duration {
    let call = contact.call.and_then(|call| outcomes.get(call as usize));
    call.map_or(Duration::MAX, |outcome| {
        closed.saturating_duration_since(outcome.ended)
    })
}
