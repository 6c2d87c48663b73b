//! What of a Messages request only other servers of Messages take, and Anthropic's own refuse.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::fields::{Rule, Rules, carry};
use super::losses::Losses;
use super::object;
use super::place::Place;
use super::request::FORMAT;
use crate::raw::as_text;
use crate::{Object, ParseError, ReasoningEffort, Request, Thinking};

const METADATA: Rules = &[("user_id", Rule::Apart)];
const FOREIGN: &str = "another model thought it, or nobody has signed it";
const LEAST_BUDGET: u64 = 1024;
const MOST_BUDGET: u64 = 128_000;

/// Tiers of chats as messages have them. Others are somebody else's.
const TIERS: &[(&str, &str)] = &[
    ("auto", "auto"),
    ("standard_only", "standard_only"),
    ("default", "standard_only"),
    ("standard", "standard_only"),
];

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

/// Takes out of a request what Anthropic refuses. What needs no change stays the text it was.
pub(super) fn narrow(
    request: &mut Request,
    thinking: Thinking,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let limit = request.max_output_tokens();
    let object = request.object_mut();
    check_tools(object)?;
    leave_foreign_thoughts(object, losses)?;
    leave_metadata(object, losses)?;
    tier(object, losses);
    budget(object, thinking, limit, losses)?;
    thoughtless_turn(object, losses)
}

/// Tools that a router runs stop here: without them the answer would be another one.
fn check_tools(request: &Object) -> Result<(), ParseError> {
    let top = Place::Top.key("tools");
    let tools: Vec<Object> = request.read("tools")?.unwrap_or_default();
    for (index, tool) in tools.iter().enumerate() {
        let kind = tool.get("type").and_then(as_text).unwrap_or_default();
        if kind.starts_with("openrouter:") {
            return Err(top.index(index).key("type").error(format!(
                "`{kind}` runs at openrouter alone; send functions and run them yourself"
            )));
        }
    }
    Ok(())
}

fn leave_foreign_thoughts(request: &mut Object, losses: &mut Losses) -> Result<(), ParseError> {
    let is_any = |raw: &RawValue| raw.get().contains("thinking\"");
    if !request.get("messages").is_some_and(is_any) {
        return Ok(());
    }
    let top = Place::Top.key("messages");
    let mut messages: Vec<Object> = request.read("messages")?.unwrap_or_default();
    let mut has_changed = false;
    for (index, message) in messages.iter_mut().enumerate() {
        // A text has no thoughts.
        let Some(blocks) = message.read::<Vec<Object>>("content").ok().flatten() else {
            continue;
        };
        let place = top.index(index);
        let place = place.key("content");
        let mut kept = Vec::with_capacity(blocks.len());
        for (index, block) in blocks.iter().enumerate() {
            match own(block) {
                None => losses.add(&place.index(index), FOREIGN),
                Some(block) => kept.push(block),
            }
        }
        let is_own = |block: &Cow<'_, Object>| matches!(block, Cow::Borrowed(_));
        if kept.len() < blocks.len() || !kept.iter().all(is_own) {
            has_changed = true;
            message.put("content", &kept);
        }
    }
    if has_changed {
        let has_content = |message: &&Object| {
            message
                .get("content")
                .is_none_or(|content| content.get() != "[]")
        };
        let kept: Vec<&Object> = messages.iter().filter(has_content).collect();
        request.put("messages", &kept);
    }
    Ok(())
}

/// A block as Anthropic takes it; `None` for a thought that it could not verify. What others have said of a thought stands
/// in `detail`, which is left out of its own: OpenRouter gives them ids.
fn own(block: &Object) -> Option<Cow<'_, Object>> {
    let word = |key: &str| block.get(key).and_then(as_text).unwrap_or_default();
    let kind = match word("type").as_ref() {
        "thinking" if word("signature").is_empty() => return None,
        "thinking" => "reasoning.text",
        "redacted_thinking" => "reasoning.encrypted",
        _ => return Some(Cow::Borrowed(block)),
    };
    if !block.contains("detail") {
        return Some(Cow::Borrowed(block));
    }
    let detail: Object = block.read("detail").ok().flatten()?;
    let word = |key: &str| detail.get(key).and_then(as_text).unwrap_or_default();
    let is_own = word("format") == FORMAT && word("type") == kind;
    is_own.then(|| {
        let mut block = block.clone();
        block.remove("detail");
        Cow::Owned(block)
    })
}

fn leave_metadata(request: &mut Object, losses: &mut Losses) -> Result<(), ParseError> {
    let Some(metadata) = request.read::<Object>("metadata")? else {
        return Ok(());
    };
    let place = Place::Top.key("metadata");
    let mut others = Object::new();
    carry(&metadata, &mut others, METADATA, &place, losses)?;
    if others.is_empty() {
        return Ok(());
    }
    for (key, _) in others.iter() {
        losses.add(&place.key(key), "messages know only who asks: `user_id`");
    }
    match metadata.get("user_id") {
        Some(user) => request.put("metadata", &object! { "user_id": *user }),
        None => drop(request.remove("metadata")),
    }
    Ok(())
}

fn tier(request: &mut Object, losses: &mut Losses) {
    let Some(asked) = request.get("service_tier").and_then(as_text) else {
        return;
    };
    match TIERS.iter().find(|(here, _)| *here == asked) {
        Some((here, there)) if here == there => {}
        Some((_, there)) => request.put("service_tier", *there),
        None => {
            losses.add(
                &Place::Top.key("service_tier"),
                "messages have no such tier",
            );
            request.remove("service_tier");
        }
    }
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
    let place = Place::Top.key("thinking");
    let place = place.key("budget_tokens");
    let most = limit.map_or(u64::MAX, |limit| limit.saturating_sub(1));
    if most < LEAST_BUDGET {
        losses.add(&place, "the output limit leaves no room for 1,024 tokens");
        request.put("thinking", &object! { "type": "disabled" });
        return Ok(());
    }
    let fitting = asked.clamp(LEAST_BUDGET, most);
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

/// With a budget, a turn that goes on after tools must have begun with a thought. One that another model began has none.
fn thoughtless_turn(request: &mut Object, losses: &mut Losses) -> Result<(), ParseError> {
    let thinking: Option<Object> = request.read("thinking")?;
    let kind = thinking.as_ref().and_then(|thinking| thinking.get("type"));
    if kind.and_then(as_text).as_deref() != Some("enabled") {
        return Ok(());
    }
    let messages: Vec<Object> = request.read("messages")?.unwrap_or_default();
    if began_with_thought(&messages) == Some(false) {
        let place = Place::Top.key("thinking");
        losses.add(&place, "the turn began without a thought");
        request.put("thinking", &object! { "type": "disabled" });
    }
    Ok(())
}

/// Whether the turn that goes on with results of tools began with a thought; `None` when none goes on.
fn began_with_thought(messages: &[Object]) -> Option<bool> {
    let first = |message: &Object| {
        let blocks: Vec<Object> = message.read("content").ok().flatten()?;
        let first = blocks.first()?.get("type").and_then(as_text)?;
        Some(first.into_owned())
    };
    let is_result = |message: &Object| first(message).as_deref() == Some("tool_result");
    let is_answer =
        |message: &Object| message.get("role").and_then(as_text).as_deref() == Some("assistant");
    messages.last().filter(|last| is_result(last))?;
    let asked = messages
        .iter()
        .rposition(|message| !is_answer(message) && !is_result(message));
    let turn = &messages[asked.map_or(0, |asked| asked + 1)..];
    let began = turn.iter().find(|message| is_answer(message))?;
    let kind = first(began).unwrap_or_default();
    Some(matches!(kind.as_str(), "thinking" | "redacted_thinking"))
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
    let (_, hundredths) = row.unwrap_or(&(ReasoningEffort::Medium, 50));
    let limit = limit.unwrap_or(MOST_BUDGET);
    Ok(Some(
        (limit.saturating_mul(*hundredths) / 100).min(MOST_BUDGET),
    ))
}

fn in_thinking(error: ParseError) -> ParseError {
    error.at("thinking")
}
