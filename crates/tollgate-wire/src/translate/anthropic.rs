//! What of a Messages request only other servers of Messages take, and Anthropic's own refuse.

mod betas;
mod ids;
mod thinking;

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::fields::{Rule, Rules, carry};
use super::losses::Losses;
use super::object;
use super::place::Place;
use super::request::FORMAT;
use crate::raw::as_text;
use crate::{Object, ParseError, Request, Thinking};

const METADATA: Rules = &[("user_id", Rule::Apart)];
const FOREIGN: &str = "another model thought it, or nobody has signed it";

/// Tiers of chats as messages have them. Others are somebody else's.
const TIERS: &[(&str, &str)] = &[
    ("auto", "auto"),
    ("standard_only", "standard_only"),
    ("default", "standard_only"),
    ("standard", "standard_only"),
];

/// Takes out of a request what Anthropic refuses. What needs no change stays the text it was.
pub(super) fn narrow(
    request: &mut Request,
    style: Thinking,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let limit = request.max_output_tokens();
    let object = request.object_mut();
    check_tools(object)?;
    betas::leave(object, losses)?;
    leave_foreign_thoughts(object, losses)?;
    ids::narrow(object)?;
    leave_metadata(object, losses)?;
    tier(object, losses);
    thinking::fit(object, style, limit, losses)
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
