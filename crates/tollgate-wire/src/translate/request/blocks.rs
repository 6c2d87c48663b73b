//! The messages of Messages as the messages of a chat. Results of tools are messages of their own there, and what an
//! assistant thought and called stands beside its text.

use serde_json::value::RawValue;

use super::turn::{self, AssistantTurn};
use crate::json::is_null;
use crate::raw::as_text;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{Object, ParseError};

/// The format of reasoning that says nothing of its own, for a chat's `reasoning_details`.
pub(in crate::translate) const FORMAT: &str = "anthropic-claude-v1";

const MESSAGE: Rules = &[("role", Rule::Apart), ("content", Rule::Apart)];

const TEXT: Rules = &[(
    "citations",
    Rule::Lost(&["[]"], "citations of chats name places in the text"),
)];

const IMAGE: Rules = &[("type", Rule::Apart), ("source", Rule::Apart)];

const DOCUMENT: Rules = &[
    ("type", Rule::Apart),
    ("source", Rule::Apart),
    ("title", Rule::Apart),
    (
        "context",
        Rule::Lost(&[], "files of chats have nothing said about them"),
    ),
    (
        "citations",
        Rule::Lost(
            &["{\"enabled\":false}"],
            "chats cannot be asked to cite a file",
        ),
    ),
];

const RESULT: Rules = &[
    ("type", Rule::Apart),
    ("content", Rule::Apart),
    ("cache_control", Rule::Apart),
    ("tool_use_id", Rule::Named("tool_call_id")),
    (
        "is_error",
        Rule::Lost(
            &["false"],
            "chats do not mark results that are errors; the text says it",
        ),
    ),
];

const CALL: Rules = &[
    ("type", Rule::Apart),
    ("id", Rule::Apart),
    ("name", Rule::Apart),
    ("input", Rule::Apart),
    (
        "caller",
        Rule::Lost(
            &["{\"type\":\"direct\"}"],
            "calls of chats come from the model only",
        ),
    ),
];

/// Adds the messages of a request, `system` first.
pub(super) fn push(
    request: &Object,
    messages: &mut Vec<Object>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    if let Some(system) = request.get("system").filter(|system| !is_null(system)) {
        let place = Place::Top.key("system");
        let content = content(system, &place, losses)?;
        let mut message = object! { "role": "system" };
        message.set_raw("content", content);
        messages.push(message);
    }
    let place = Place::Top.key("messages");
    let given: Vec<Object> = request.read("messages")?.unwrap_or_default();
    for (index, message) in given.iter().enumerate() {
        push_message(message, &place.index(index), messages, losses)?;
    }
    Ok(())
}

fn push_message(
    message: &Object,
    place: &Place<'_>,
    messages: &mut Vec<Object>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let role = message
        .get("role")
        .ok_or_else(|| place.key("role").error("is required"))?;
    let mut extras = Object::new();
    carry(message, &mut extras, MESSAGE, place, losses)?;
    let place = place.key("content");
    let raw = message
        .get("content")
        .ok_or_else(|| place.error("is required"))?;
    let blocks: Vec<Object> = match as_text(raw) {
        Some(_) => vec![object! { "type": "text", "text": *raw }],
        None => place.read(raw)?,
    };
    if as_text(role).as_deref() == Some("assistant") {
        let mut turn = AssistantTurn::with(extras);
        for (index, block) in blocks.iter().enumerate() {
            said(block, &mut turn, &place.index(index), losses)?;
        }
        turn.flush(messages);
        return Ok(());
    }
    told(role, &extras, &blocks, &place, messages, losses)
}

/// What a user says: each result of a tool by itself, what stands between them together.
fn told(
    role: &RawValue,
    extras: &Object,
    blocks: &[Object],
    place: &Place<'_>,
    messages: &mut Vec<Object>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let close = |parts: &mut Vec<Object>, messages: &mut Vec<Object>| {
        let parts = std::mem::take(parts);
        if parts.is_empty() {
            return;
        }
        let mut message = object! { "role": *role };
        message.set_raw("content", turn::content(&parts));
        for (key, value) in extras.iter() {
            message.set_raw(key, value.to_owned());
        }
        messages.push(message);
    };
    let mut parts = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let place = place.index(index);
        if kind(block) == "tool_result" {
            close(&mut parts, messages);
            messages.push(result(block, &place, losses)?);
        } else {
            push_part(block, &mut parts, &place, losses)?;
        }
    }
    close(&mut parts, messages);
    Ok(())
}

fn result(block: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Object, ParseError> {
    let mut message = object! { "role": "tool" };
    carry(block, &mut message, RESULT, place, losses)?;
    let place = place.key("content");
    let mut parts = Vec::new();
    match block.get("content").filter(|content| !is_null(content)) {
        None => parts.push(object! { "type": "text", "text": "" }),
        Some(text) if as_text(text).is_some() => {
            parts.push(object! { "type": "text", "text": *text });
        }
        Some(blocks) => push_parts(blocks, &mut parts, &place, losses)?,
    }
    if let (Some(mark), Some(last)) = (block.get("cache_control"), parts.last_mut()) {
        last.set_raw("cache_control", mark.to_owned());
    }
    message.set_raw("content", turn::content(&parts));
    Ok(message)
}

fn content(
    raw: &RawValue,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Box<RawValue>, ParseError> {
    if as_text(raw).is_some() {
        return Ok(raw.to_owned());
    }
    let mut parts = Vec::new();
    push_parts(raw, &mut parts, place, losses)?;
    Ok(turn::content(&parts))
}

fn push_parts(
    raw: &RawValue,
    parts: &mut Vec<Object>,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let blocks: Vec<Object> = place.read(raw)?;
    for (index, block) in blocks.iter().enumerate() {
        push_part(block, parts, &place.index(index), losses)?;
    }
    Ok(())
}

fn push_part(
    block: &Object,
    parts: &mut Vec<Object>,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    match kind(block).as_str() {
        "text" => {
            let mut part = Object::new();
            carry(block, &mut part, TEXT, place, losses)?;
            parts.push(part);
        }
        "image" => {
            let url = source_url(block, place)?;
            let mut part = object! { "type": "image_url", "image_url": object! { "url": url } };
            carry(block, &mut part, IMAGE, place, losses)?;
            parts.push(part);
        }
        "document" => document(block, parts, place, losses)?,
        "search_result" => {
            for key in ["source", "title"] {
                losses.add(
                    &place.key(key),
                    "chats have no results of searches, only text",
                );
            }
            if let Some(content) = block.get("content") {
                push_parts(content, parts, &place.key("content"), losses)?;
            }
        }
        kind => {
            return Err(place.key("type").error(format!(
                "a chat has no part `{kind}`; it has text, images and documents"
            )));
        }
    }
    Ok(())
}

/// A document that is text is text in a chat, where files are binary; any other is a file.
fn document(
    block: &Object,
    parts: &mut Vec<Object>,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let source: Object = block.read("source")?.unwrap_or_default();
    let inner = match kind(&source).as_str() {
        "text" => source.get("data").map(|text| (text, true)),
        "content" => source.get("content").map(|content| (content, false)),
        _ => None,
    };
    let mut part = Object::new();
    let Some((raw, is_text)) = inner else {
        let mut file = Object::new();
        if let Some(title) = block.get("title").filter(|title| !is_null(title)) {
            file.set_raw("filename", title.to_owned());
        }
        file.put("file_data", &source_url(block, place)?);
        part.put("type", "file");
        part.put("file", &file);
        carry(block, &mut part, DOCUMENT, place, losses)?;
        parts.push(part);
        return Ok(());
    };
    if block.has_value("title") {
        losses.add(&place.key("title"), "text in a chat has no title");
    }
    carry(block, &mut part, DOCUMENT, place, losses)?;
    let first = parts.len();
    match is_text || as_text(raw).is_some() {
        true => parts.push(object! { "type": "text", "text": *raw }),
        false => push_parts(raw, parts, &place.key("source").key("content"), losses)?,
    }
    if let Some(last) = parts[first..].last_mut() {
        for (key, value) in part.iter() {
            last.set_raw(key, value.to_owned());
        }
    }
    Ok(())
}

/// The URL of a source: its own, or one that holds the data.
fn source_url(block: &Object, place: &Place<'_>) -> Result<String, ParseError> {
    let place = place.key("source");
    let source = block
        .get("source")
        .ok_or_else(|| place.error("is required"))?;
    let source: Object = place.read(source)?;
    let text = |key: &str| {
        let text = source.get(key).and_then(as_text);
        text.ok_or_else(|| place.key(key).error("is required: a text"))
    };
    match kind(&source).as_str() {
        "url" => Ok(text("url")?.into_owned()),
        "base64" => Ok(format!(
            "data:{};base64,{}",
            text("media_type")?,
            text("data")?
        )),
        kind => Err(place.key("type").error(format!(
            "a chat has no source `{kind}`; send `base64` or `url`"
        ))),
    }
}

fn said(
    block: &Object,
    turn: &mut AssistantTurn,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    match kind(block).as_str() {
        "thinking" => thought(block, "reasoning.text", "thinking", turn),
        "redacted_thinking" => thought(block, "reasoning.encrypted", "data", turn),
        "tool_use" => turn.call(call(block, place, losses)?),
        "text" | "image" | "document" => push_part(block, &mut turn.parts, place, losses)?,
        // What a server's tool did; what came of it is in the text.
        _ => losses.add(place, "chats have no blocks of this kind"),
    }
    Ok(())
}

/// The detail that a block of thinking was, as `answer::messages` wrote it.
fn thought(block: &Object, kind: &str, key: &str, turn: &mut AssistantTurn) {
    let signature = block
        .get("signature")
        .filter(|signature| !matches!(signature.get(), "null" | "\"\""));
    let kept: Option<Object> = block.read("detail").ok().flatten();
    if let (None, None, Some(text), "thinking") = (&kept, signature, block.get(key), key) {
        turn.reasoning.push_str(&as_text(text).unwrap_or_default());
        return;
    }
    let mut detail = kept.unwrap_or_else(|| object! { "type": *kind, "format": *FORMAT });
    let key = match detail.get("type").and_then(as_text).as_deref() {
        Some("reasoning.summary") => "summary",
        Some("reasoning.encrypted") => "data",
        _ => "text",
    };
    if let Some(text) = block.get("thinking").or(block.get("data")) {
        detail.set_raw(key, text.to_owned());
    }
    if let Some(signature) = signature {
        detail.set_raw("signature", signature.to_owned());
    }
    turn.reasoning_details.push(detail);
}

fn call(block: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Object, ParseError> {
    let required = |key: &str| {
        block
            .get(key)
            .ok_or_else(|| place.key(key).error("is required"))
    };
    // The arguments are the text of the object.
    let function = object! { "name": *required("name")?, "arguments": *required("input")?.get() };
    let mut call = object! { "id": *required("id")?, "type": "function", "function": function };
    carry(block, &mut call, CALL, place, losses)?;
    Ok(call)
}

fn kind(object: &Object) -> String {
    let kind = object.get("type").and_then(as_text);
    kind.map_or_else(String::new, |kind| kind.into_owned())
}
