//! OpenRouter is dead for ten minutes, and the providers themselves take over.

use std::time::Duration;

use super::Settings;
use super::books::{self, Book};
use crate::caller::Ask;
use crate::condition::{Condition, DOWN};
use crate::host::Host;
use crate::measure::{Spell, back_after, count, failed};
use crate::report::{Report, Row};
use crate::rig::{Error, Load, Setup, in_virtual_time};

const OUTAGE: Spell = Spell {
    before: Duration::from_secs(30),
    lasts: Duration::from_secs(600),
    after: Duration::from_secs(120),
};

/// Who takes over, in two dialects.
const DIRECT: [Host; 2] = [Host::OpenAi, Host::Anthropic];

/// A model of each.
const MODELS: [&str; 2] = ["openai/gpt-4o-mini", "anthropic/claude-haiku-4.5"];

/// Calls that reach a dead host until it is found dead, beside those in flight.
const UNTIL_FOUND: usize = 5;

/// As often as this, at most, one of them finds out whether it still is.
const PROBES_EVERY: Duration = Duration::from_secs(10);

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    in_virtual_time(async {
        let rig = Setup::new(settings.seed)
            .hosts(&[Host::A, Host::OpenAi, Host::Anthropic])
            .key("openrouter.track_usage", true)
            .start()
            .await?;
        let load = Load::over(settings.calls, OUTAGE.length());
        let dead = Condition::mixed(1.0, &DOWN).on_all_routes();
        let (outcomes, times) =
            tokio::join!(rig.run(load, ask), OUTAGE.cast(&rig, &[Host::A], dead),);
        rig.rest().await;
        let reached = rig.network.chats(Host::A, times.began, times.ended);
        let probes = OUTAGE.lasts.as_secs() / PROBES_EVERY.as_secs();
        let allowed = UNTIL_FOUND + times.in_flight + probes as usize;
        let back = back_after(&rig, &outcomes, Host::A, times.ended);
        let wordless = count(&outcomes, |outcome| outcome.text.is_empty());
        let mut rows = vec![
            failed(&outcomes),
            Row::count("answers without a word", wordless).none(),
            Row::count("calls that reach OpenRouter while it is dead", reached)
                .at_most(allowed as f64),
            Row::time("until OpenRouter is used again", back).at_most(90.0),
        ];
        for host in DIRECT {
            let taken = rig.network.chats(host, times.began, times.ended);
            rows.push(Row::count(
                format!("calls that {} takes over", host.lane()),
                taken,
            ));
        }
        rows.extend(books::rows(&Book::by_host(&rig).await?));
        Ok(settings.report(rows))
    })
}

/// By turns a model of each, by turns in a stream and whole.
fn ask(number: u32) -> Ask {
    Ask::either(number / 2).with_model(MODELS[number as usize % MODELS.len()])
}
