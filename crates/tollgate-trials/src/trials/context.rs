//! Prompts that turn out to be too long for the model that was named.

use tollgate::FailureKind;
use tollgate_sim::{Fault, Rule};

use super::Settings;
use crate::caller::{Ask, MODEL, Outcome};
use crate::host::Host;
use crate::measure::share;
use crate::report::{Report, Row};
use crate::rig::{Error, Load, Rig, Setup, in_virtual_time};

/// Calls per second.
const RATE: f64 = 10.0;

/// The model that callers name, with a window of 16,384 tokens.
const NAMED: &str = "microsoft/phi-4";

/// A model with a window of 8,191 tokens; [`MODEL`] has 131,072.
const SMALLER: &str = "openai/gpt-4";

/// Attempts that such a call may have.
const ATTEMPTS: f64 = 2.0;

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    let (rig, outcomes) = with_chain(settings, &[SMALLER, MODEL])?;
    let answered = share(&outcomes, Outcome::is_complete);
    let (alone, told) = with_chain(settings, &[SMALLER])?;
    let told = share(&told, |outcome| {
        outcome.failure() == Some(FailureKind::ContextLength)
    });
    let attempts = |rig: &Rig| rig.witness.attempts_per_call();
    let changes = |rig: &Rig| rig.witness.changes().len();
    Ok(settings.report(vec![
        Row::share("calls that a larger window answers", answered).at_least(100.0),
        Row::ratio("attempts per call", attempts(&rig)).at_most(ATTEMPTS),
        Row::count("changes of breakers", changes(&rig)).none(),
        Row::share("calls that are told so where there is none", told).at_least(100.0),
        Row::ratio("attempts per call there", attempts(&alone)).at_most(ATTEMPTS),
        Row::count("changes of breakers there", changes(&alone)).none(),
    ]))
}

fn with_chain(settings: Settings, chain: &[&str]) -> Result<(Rig, Vec<Outcome>), Error> {
    in_virtual_time(async {
        let setup = Setup::new(settings.seed)
            .hosts(&[Host::A])
            .key("failover.group_models", false)
            .key(
                "openrouter.optimization.fallback_chain",
                format!("{chain:?}"),
            );
        let too_long = Fault::named("context-length")?;
        let sims = [NAMED, SMALLER]
            .into_iter()
            .fold(setup.sims(), |sims, model| {
                sims.with_rule(Rule::new(too_long.clone()).for_model(model))
            });
        let rig = setup.scenario(sims).start().await?;
        let load = Load::new(settings.calls, RATE);
        let outcomes = rig
            .run(load, |number| Ask::either(number).with_model(NAMED))
            .await;
        rig.rest().await;
        Ok((rig, outcomes))
    })
}
