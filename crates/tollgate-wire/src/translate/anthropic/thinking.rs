//! Thinking as Anthropic takes it: within the output limit, and not in the middle of a turn that began without.

use serde_json::value::RawValue;

use crate::raw::as_text;
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{Object, ParseError, ReasoningEffort, Thinking};

const LEAST_BUDGET: u64 = 1024;
const MOST_BUDGET: u64 = 128_000;

/// The share of the output limit that an effort thinks with, in hundredths.
#[rustfmt::skip]
const SHARES: &[(ReasoningEffort, u64)] = &[
    (ReasoningEffort::Max,     95),
    (ReasoningEffort::XHigh,   95),
    (ReasoningEffort::High,    80),
    (ReasoningEffort::Medium,  50),
    (ReasoningEffort::Low,     20),
    (ReasoningEffort::Minimal, 10),
];

/// What a budget gets that is no less than the limit, so that there is room for an answer: as much as a high effort.
const LARGEST_SHARE: u64 = 80;

const UNBEGUN: &str = "the turn that goes on after its calls did not begin with a thought";

pub(super) fn fit(
    request: &mut Object,
    style: Thinking,
    limit: Option<u64>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    budget(request, style, limit, losses)?;
    least_effort(request, losses);
    Ok(())
}

/// Thinking by a budget has one, of at least 1,024 tokens and below the output limit.
fn budget(
    request: &mut Object,
    style: Thinking,
    limit: Option<u64>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let Some(mut thinking) = request.read::<Object>("thinking")? else {
        return Ok(());
    };
    let kind: Option<String> = thinking.read("type").map_err(in_thinking)?;
    let asked = match (kind.as_deref(), style) {
        (Some("enabled"), _) => thinking.read("budget_tokens").map_err(in_thinking)?,
        (Some("adaptive"), Thinking::Budget) => share(request, limit)?,
        _ => return Ok(()),
    };
    let Some(asked) = asked else { return Ok(()) };
    let top = Place::Top.key("thinking");
    let place = top.key("budget_tokens");
    if goes_on_unbegun(request) {
        losses.add(&top, UNBEGUN);
        request.put("thinking", &object! { "type": "disabled" });
        return Ok(());
    }
    let Some(fitting) = fitting(asked, limit) else {
        losses.add(&place, "the output limit leaves no room for 1,024 tokens");
        request.put("thinking", &object! { "type": "disabled" });
        return Ok(());
    };
    if kind.as_deref() == Some("enabled") {
        if fitting == asked {
            return Ok(());
        }
        losses.add(&place, "it must be from 1,024 to below the output limit");
    }
    thinking.put("type", "enabled");
    thinking.put("budget_tokens", &fitting);
    request.put("thinking", &thinking);
    Ok(())
}

/// The budget nearest to the one asked for; none when the limit has no room for any.
fn fitting(asked: u64, limit: Option<u64>) -> Option<u64> {
    match limit {
        Some(limit) if limit <= LEAST_BUDGET => None,
        Some(limit) if asked >= limit => Some(hundredths(limit, LARGEST_SHARE).max(LEAST_BUDGET)),
        _ => Some(asked.max(LEAST_BUDGET)),
    }
}

/// The budget that an effort means, which is then said by it alone.
fn share(request: &mut Object, limit: Option<u64>) -> Result<Option<u64>, ParseError> {
    let mut config: Object = request.read("output_config")?.unwrap_or_default();
    let effort: Option<ReasoningEffort> = config
        .read("effort")
        .map_err(|error| error.at("output_config"))?;
    config.remove("effort");
    match config.is_empty() {
        true => drop(request.remove("output_config")),
        false => request.put("output_config", &config),
    }
    let effort = effort.unwrap_or(ReasoningEffort::Medium);
    let row = SHARES.iter().find(|(known, _)| *known == effort);
    let (_, share) = row.unwrap_or(&(ReasoningEffort::Medium, 50));
    Ok(Some(hundredths(limit.unwrap_or(MOST_BUDGET), *share)))
}

fn hundredths(limit: u64, share: u64) -> u64 {
    (limit.saturating_mul(share) / 100).min(MOST_BUDGET)
}

/// Whether a turn goes on with results of tools that did not begin with a thought, as it is with clients that send no
/// thoughts back. Thinking by a budget is refused there. A turn may have several steps, and thinks once.
fn goes_on_unbegun(request: &Object) -> bool {
    let messages: Vec<&RawValue> = request.read("messages").ok().flatten().unwrap_or_default();
    let mut is_answered = false;
    let mut has_begun = None;
    for message in messages.iter().rev() {
        let (is_said, kinds) = kinds(message);
        let has_results = kinds.iter().any(|kind| kind == "tool_result");
        match is_said {
            true => has_begun = Some(kinds.first().is_some_and(|kind| is_thought(kind))),
            false if has_results => is_answered |= has_begun.is_none(),
            false if has_begun.is_none() => {}
            false => break,
        }
    }
    is_answered && has_begun == Some(false)
}

fn is_thought(kind: &str) -> bool {
    matches!(kind, "thinking" | "redacted_thinking")
}

/// Whether a message is the assistant's, and the kinds of its blocks; a text has none.
fn kinds(message: &RawValue) -> (bool, Vec<String>) {
    let Ok(message) = Object::parse(message.get().as_bytes()) else {
        return (false, Vec::new());
    };
    let is_said = message.get("role").and_then(as_text).as_deref() == Some("assistant");
    let blocks: Vec<Object> = message.read("content").ok().flatten().unwrap_or_default();
    let kind = |block: &Object| Some(block.get("type").and_then(as_text)?.into_owned());
    (is_said, blocks.iter().filter_map(kind).collect())
}

fn least_effort(request: &mut Object, losses: &mut Losses) {
    let Some(mut config) = request.read::<Object>("output_config").ok().flatten() else {
        return;
    };
    if config.get("effort").and_then(as_text).as_deref() == Some("minimal") {
        let place = Place::Top.key("output_config");
        losses.add(
            &place.key("effort"),
            "the least effort of messages is `low`",
        );
        config.put("effort", "low");
        request.put("output_config", &config);
    }
}

fn in_thinking(error: ParseError) -> ParseError {
    error.at("thinking")
}
