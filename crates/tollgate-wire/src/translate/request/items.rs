//! The input of Responses as the messages of a chat: what an assistant thought, said and called in several items is one
//! message.

use serde_json::value::RawValue;

use super::parts;
use super::turn::AssistantTurn;
use crate::json::is_null;
use crate::raw::as_text;
use crate::translate::answer::ids;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{Object, ParseError};

const MESSAGE: Rules = &[
    ("type", Rule::Apart),
    ("id", Rule::Apart),
    ("status", Rule::Apart),
    ("role", Rule::Apart),
    ("content", Rule::Apart),
    ("phase", Rule::Lost(&[], "chats have no phases")),
];

const CALL: Rules = &[
    ("type", Rule::Apart),
    ("id", Rule::Apart),
    ("status", Rule::Apart),
    ("call_id", Rule::Apart),
    ("name", Rule::Apart),
    ("arguments", Rule::Apart),
    (
        "namespace",
        Rule::Lost(&[], "functions of chats have no namespaces"),
    ),
];

const OUTPUT: Rules = &[
    ("type", Rule::Apart),
    ("id", Rule::Apart),
    ("status", Rule::Apart),
    ("call_id", Rule::Named("tool_call_id")),
    ("output", Rule::Apart),
];

const REASONING: Rules = &[
    ("type", Rule::Apart),
    ("id", Rule::Apart),
    ("status", Rule::Apart),
    ("format", Rule::Apart),
    ("summary", Rule::Apart),
    ("content", Rule::Apart),
    ("signature", Rule::Apart),
    ("encrypted_content", Rule::Apart),
];

/// Adds the messages of an `input`.
pub(super) fn push(
    input: &RawValue,
    messages: &mut Vec<Object>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    if as_text(input).is_some() {
        messages.push(object! { "role": "user", "content": *input });
        return Ok(());
    }
    let place = Place::Top.key("input");
    let items: Vec<Object> = place.read(input)?;
    let mut turn = AssistantTurn::default();
    for (index, item) in items.iter().enumerate() {
        push_item(item, &place.index(index), &mut turn, messages, losses)?;
    }
    turn.flush(messages);
    Ok(())
}

fn push_item(
    item: &Object,
    place: &Place<'_>,
    turn: &mut AssistantTurn,
    messages: &mut Vec<Object>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let kind = item.get("type").and_then(as_text);
    match kind.as_deref().unwrap_or("message") {
        "message" if item.get("role").and_then(as_text).as_deref() == Some("assistant") => {
            if turn.has_spoken() {
                turn.flush(messages);
            }
            said(item, place, turn, losses)
        }
        "function_call" => called(item, place, turn, losses),
        "reasoning" => {
            // What is thought of a call, such as its signature, may come after it.
            let id = item.get("id").and_then(as_text).unwrap_or_default();
            if turn.has_spoken() && !turn.has_called(&id) {
                turn.flush(messages);
            }
            thought(item, place, turn, losses)
        }
        kind @ ("message" | "function_call_output") => {
            turn.flush(messages);
            let message = match kind {
                "message" => told(item, place, losses)?,
                _ => answered(item, place, losses)?,
            };
            messages.push(message);
            Ok(())
        }
        "item_reference" => Err(place.error("a chat has no stored items; send the item itself")),
        "compaction" => {
            Err(place.error("a chat cannot read a compacted history; send the history itself"))
        }
        _ => {
            losses.add(place, "chats have no items of this kind");
            Ok(())
        }
    }
}

/// What a user or a system says.
fn told(item: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Object, ParseError> {
    let mut message = Object::new();
    let role = item
        .get("role")
        .ok_or_else(|| place.key("role").error("is required"))?;
    message.set_raw("role", role.to_owned());
    let content = item
        .get("content")
        .ok_or_else(|| place.key("content").error("is required"))?;
    let content = parts::content(content, &place.key("content"), losses)?;
    message.set_raw("content", content);
    carry(item, &mut message, MESSAGE, place, losses)?;
    Ok(message)
}

fn answered(item: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Object, ParseError> {
    let mut message = object! { "role": "tool" };
    carry(item, &mut message, OUTPUT, place, losses)?;
    let output = item
        .get("output")
        .ok_or_else(|| place.key("output").error("is required"))?;
    let output = parts::content(output, &place.key("output"), losses)?;
    message.set_raw("content", output);
    Ok(message)
}

fn said(
    item: &Object,
    place: &Place<'_>,
    turn: &mut AssistantTurn,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    carry(item, &mut turn.extras, MESSAGE, place, losses)?;
    let place = place.key("content");
    match item.get("content") {
        None => Ok(()),
        Some(content) => parts::said(content, turn, &place, losses),
    }
}

fn called(
    item: &Object,
    place: &Place<'_>,
    turn: &mut AssistantTurn,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let required = |key: &str| {
        item.get(key)
            .ok_or_else(|| place.key(key).error("is required"))
    };
    let function = object! { "name": *required("name")?, "arguments": *required("arguments")? };
    let mut call =
        object! { "id": *required("call_id")?, "type": "function", "function": function };
    carry(item, &mut call, CALL, place, losses)?;
    turn.call(call);
    Ok(())
}

/// One item is up to one detail of each kind: summaries, text with its signature, what is encrypted.
fn thought(
    item: &Object,
    place: &Place<'_>,
    turn: &mut AssistantTurn,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let mut shared = Object::new();
    carry(item, &mut shared, REASONING, place, losses)?;
    for key in ["format", "id"] {
        if let Some(value) = value(item, key).filter(|id| !ids::is_made(id)) {
            shared.set_raw(key, value.to_owned());
        }
    }
    let (summaries, texts) = (
        texts(item, "summary", place)?,
        texts(item, "content", place)?,
    );
    let (signature, encrypted) = (value(item, "signature"), value(item, "encrypted_content"));
    if shared.is_empty() && summaries.is_empty() && signature.is_none() && encrypted.is_none() {
        texts.iter().for_each(|text| turn.reasoning.push_str(text));
        return Ok(());
    }
    let mut push = |kind: &str, members: &[(&str, &RawValue)]| {
        let mut detail = object! { "type": *kind };
        for (key, value) in members.iter().copied().chain(shared.iter()) {
            detail.set_raw(key, value.to_owned());
        }
        turn.reasoning_details.push(detail);
    };
    for summary in &summaries {
        push("reasoning.summary", &[("summary", raw(summary).as_ref())]);
    }
    if !texts.is_empty() || signature.is_some() {
        let text = raw(&texts.concat());
        let members = [("text", &*text)];
        let signature = signature.map(|signature| ("signature", signature));
        let members: Vec<_> = members.into_iter().chain(signature).collect();
        push("reasoning.text", &members);
    }
    if let Some(data) = encrypted {
        push("reasoning.encrypted", &[("data", data)]);
    }
    Ok(())
}

fn value<'a>(item: &'a Object, key: &str) -> Option<&'a RawValue> {
    item.get(key).filter(|value| !is_null(value))
}

fn raw(text: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(text).expect("a string serialises")
}

fn texts(item: &Object, key: &str, place: &Place<'_>) -> Result<Vec<String>, ParseError> {
    let Some(raw) = value(item, key) else {
        return Ok(Vec::new());
    };
    let parts: Vec<Object> = place.key(key).read(raw)?;
    let texts = parts
        .iter()
        .filter_map(|part| Some(part.get("text").and_then(as_text)?.into_owned()));
    Ok(texts.collect())
}
