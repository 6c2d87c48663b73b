//! Answers that break off in the middle.

use std::collections::BTreeMap;

use super::Settings;
use crate::caller::{Ask, Outcome};
use crate::condition::{Condition, Trouble};
use crate::contact::Said;
use crate::host::Host;
use crate::measure::{count, share};
use crate::report::{Report, Row};
use crate::rig::{Error, Keep, Load, Rig, Setup, in_virtual_time};

/// Calls per second.
const RATE: f64 = 50.0;

/// Tokens of each answer: more events than any cut lets pass.
const TOKENS: u64 = 60;

/// Ways to break off, after the role and at least one piece of text.
pub(super) const CUTS: [Trouble; 7] = [
    Trouble::Random("cut-event", 2, 14),
    Trouble::Random("reset-event", 2, 14),
    Trouble::Random("cut-clean", 2, 14),
    Trouble::Random("cut-byte", 700, 3_000),
    Trouble::Random("malformed", 3, 14),
    Trouble::Random("error-mid-stream", 2, 14),
    Trouble::Random("error-mid-stream-bare", 2, 14),
];

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    let mut rows = broken_everywhere(settings)?;
    let whole = completed(settings, setup(settings), Ask::whole)?;
    let restarting = setup(settings).key("failover.after_commit", "restart");
    let restarted = completed(settings, restarting, Ask::stream)?;
    rows.extend([
        Row::share("whole answers that are complete", whole).at_least(100.0),
        Row::share("restarted streams that are complete", restarted).at_least(100.0),
    ]);
    Ok(settings.report(rows))
}

/// Every host breaks every stream off.
fn broken_everywhere(settings: Settings) -> Result<Vec<Row>, Error> {
    in_virtual_time(async {
        let rig = setup(settings).start().await?;
        for host in Host::ALL {
            rig.network.set(host, Condition::mixed(1.0, &CUTS));
        }
        let outcomes = rig.run(load(settings), |_| Ask::stream()).await;
        let said = said(&rig);
        let failed = share(&outcomes, Outcome::was_cut);
        let clean = count(&outcomes, Outcome::is_complete);
        let wrong = count(&outcomes, |outcome| !is_part(outcome, &said));
        Ok(vec![
            Row::share("cut streams that end with a failure", failed).at_least(100.0),
            Row::count("cut streams that end as if complete", clean).none(),
            Row::count("cut streams with bytes that nobody sent", wrong).none(),
        ])
    })
}

/// A breaks everything off, and callers do not notice: how many get all of an answer.
fn completed(settings: Settings, setup: Setup, ask: fn() -> Ask) -> Result<(usize, usize), Error> {
    in_virtual_time(async {
        let rig = setup.start().await?;
        rig.network.set(Host::A, Condition::mixed(1.0, &CUTS));
        let outcomes = rig.run(load(settings), |_| ask()).await;
        let said = said(&rig);
        Ok(share(&outcomes, |outcome| {
            outcome.is_complete() && is_all(outcome, &said)
        }))
    })
}

fn setup(settings: Settings) -> Setup {
    let setup = Setup::new(settings.seed).hosts(&Host::ALL);
    let sims = setup.sims().with_output_tokens(TOKENS);
    setup.scenario(sims).keep(Keep::Wire).without_breakers()
}

fn load(settings: Settings) -> Load {
    Load::new(settings.calls, RATE)
}

/// What the last host of each call said.
fn said(rig: &Rig) -> BTreeMap<u32, Said> {
    let calls = rig.network.chats_by_call().into_iter();
    calls
        .filter_map(|(call, contacts)| Some((call, contacts.last()?.said())))
        .collect()
}

/// Whether a caller got the beginning of what a host said.
fn is_part(outcome: &Outcome, said: &BTreeMap<u32, Said>) -> bool {
    let is_beginning = |said: &Said| said.text.starts_with(&outcome.text);
    !outcome.text.is_empty() && said.get(&outcome.number).is_some_and(is_beginning)
}

/// Whether a caller got all of what a host said to its end.
fn is_all(outcome: &Outcome, said: &BTreeMap<u32, Said>) -> bool {
    let is_all = |said: &Said| said.is_all && said.text == outcome.text;
    said.get(&outcome.number).is_some_and(is_all)
}
