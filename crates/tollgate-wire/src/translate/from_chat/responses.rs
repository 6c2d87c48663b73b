//! A chat request as a Responses request.

use super::{messages_of, output_limit, thoughts, value};
use crate::raw::as_text;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::translate::request::parts;
use crate::{ChatRequest, Object, ParseError, Raw};

const RULES: Rules = &[
    ("messages", Rule::Apart),
    ("tools", Rule::Apart),
    ("tool_choice", Rule::Apart),
    ("response_format", Rule::Apart),
    ("verbosity", Rule::Apart),
    ("reasoning", Rule::Apart),
    ("reasoning_effort", Rule::Apart),
    ("include_reasoning", Rule::Apart),
    ("logprobs", Rule::Apart),
    ("max_tokens", Rule::Apart),
    ("max_completion_tokens", Rule::Apart),
    (
        "stream_options",
        Rule::Lost(
            &["{\"include_usage\":true}", "{}"],
            "streams of responses have other options",
        ),
    ),
    (
        "n",
        Rule::Lost(&["1"], "an answer of this surface is always one"),
    ),
    (
        "prediction",
        Rule::Lost(&[], "responses cannot be predicted"),
    ),
    ("audio", Rule::Lost(&[], "responses have no sound")),
    (
        "web_search_options",
        Rule::Lost(&[], "responses search with a tool"),
    ),
    (
        "transforms",
        Rule::Lost(&["[]"], "responses have no transforms"),
    ),
];

const MESSAGE: Rules = &[
    ("content", Rule::Apart),
    ("refusal", Rule::Apart),
    ("reasoning", Rule::Apart),
    ("reasoning_content", Rule::Apart),
    ("reasoning_details", Rule::Apart),
    ("tool_calls", Rule::Apart),
    ("annotations", Rule::Apart),
    (
        "images",
        Rule::Lost(&["[]"], "messages of responses hold no images of their own"),
    ),
    ("audio", Rule::Lost(&[], "responses have no sound")),
];

const OUTPUT: Rules = &[
    ("role", Rule::Apart),
    ("content", Rule::Apart),
    ("tool_call_id", Rule::Named("call_id")),
    ("name", Rule::Lost(&[], "outputs are told by their call")),
];

const CALL: Rules = &[
    ("id", Rule::Named("call_id")),
    ("type", Rule::Apart),
    ("index", Rule::Apart),
    ("function", Rule::Apart),
];

pub(super) fn from_chat(chat: &ChatRequest, losses: &mut Losses) -> Result<Object, ParseError> {
    let place = Place::Top.key("messages");
    let mut items = Vec::new();
    for (index, message) in messages_of(chat)?.iter().enumerate() {
        push_message(message, &place.index(index), &mut items, losses)?;
    }
    let from = chat.object();
    let mut request = object! { "input": items };
    carry(from, &mut request, RULES, &Place::Top, losses)?;
    if let Some(limit) = output_limit(from) {
        request.set_raw("max_output_tokens", limit.to_owned());
    }
    if let Some(reasoning) = chat.reasoning()? {
        request.put("reasoning", &reasoning.to_object());
    }
    text_options(from, &mut request)?;
    let tools: Vec<Object> = from.read("tools")?.unwrap_or_default();
    if !tools.is_empty() {
        let tools: Vec<Object> = tools.iter().map(flat).collect::<Result<_, _>>()?;
        request.put("tools", &tools);
    }
    if let Some(choice) = value(from, "tool_choice") {
        let choice = match as_text(choice) {
            Some(_) => Raw::from(choice.to_owned()),
            None => Raw::of(&tool_choice(&Place::Top.key("tool_choice").read(choice)?)?)?,
        };
        request.put("tool_choice", &choice);
    }
    if from.read("logprobs")? == Some(true) {
        request.put("include", &["message.output_text.logprobs"]);
    }
    Ok(request)
}

fn push_message(
    message: &Object,
    place: &Place<'_>,
    items: &mut Vec<Object>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    match message.get("role").and_then(as_text).as_deref() {
        None => Err(place.key("role").error("is required")),
        Some("assistant") => push_assistant(message, place, items, losses),
        Some("tool") => {
            let mut item = object! { "type": "function_call_output" };
            carry(message, &mut item, OUTPUT, place, losses)?;
            item.put("output", &content(message, false, place)?);
            items.push(item);
            Ok(())
        }
        Some(_) => {
            let mut item = Object::new();
            carry(message, &mut item, MESSAGE, place, losses)?;
            item.put("content", &content(message, false, place)?);
            items.push(item);
            Ok(())
        }
    }
}

/// The content as it is when it is a text, else its parts.
fn content(message: &Object, is_output: bool, place: &Place<'_>) -> Result<Raw, ParseError> {
    let place = place.key("content");
    let raw = value(message, "content").ok_or_else(|| place.error("is required"))?;
    if as_text(raw).is_some() {
        return Ok(Raw::from(raw.to_owned()));
    }
    let parts: Vec<Object> = place.read(raw)?;
    let back = |(index, part)| parts::back(part, is_output, &place.index(index));
    let parts: Vec<Object> = parts
        .iter()
        .enumerate()
        .map(back)
        .collect::<Result<_, _>>()?;
    Raw::of(&parts)
}

fn push_assistant(
    message: &Object,
    place: &Place<'_>,
    items: &mut Vec<Object>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let thoughts = thoughts::of(message, place, |place| {
        losses.add(place, "responses have no reasoning of this kind");
    })?;
    for thought in thoughts {
        items.push(reasoning(thought));
    }
    let has_said = ["content", "refusal"]
        .iter()
        .any(|key| message.has_value(key));
    if has_said {
        let mut item = Object::new();
        carry(message, &mut item, MESSAGE, place, losses)?;
        item.put("content", &said(message, place, losses)?);
        items.push(item);
    }
    let place = place.key("tool_calls");
    let calls: Vec<Object> = match value(message, "tool_calls") {
        Some(calls) => place.read(calls)?,
        None => Vec::new(),
    };
    for (index, call) in calls.iter().enumerate() {
        let place = place.index(index);
        let mut item = object! { "type": "function_call" };
        carry(call, &mut item, CALL, &place, losses)?;
        let function = call
            .get("function")
            .ok_or_else(|| place.key("function").error("is required"))?;
        let function: Object = place.key("function").read(function)?;
        for key in ["name", "arguments"] {
            let value = function
                .get(key)
                .ok_or_else(|| place.key(key).error("is required"))?;
            item.set_raw(key, value.to_owned());
        }
        items.push(item);
    }
    Ok(())
}

/// Refusals are parts and annotations stand in the text here.
fn said(message: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Raw, ParseError> {
    let annotations: Vec<Object> = message.read("annotations")?.unwrap_or_default();
    let refusal = value(message, "refusal");
    if annotations.is_empty() && refusal.is_none() {
        return content(message, true, place);
    }
    let mut parts: Vec<Object> = match value(message, "content") {
        None => Vec::new(),
        Some(text) if as_text(text).is_some() => {
            vec![object! { "type": "output_text", "text": *text }]
        }
        Some(_) => content(message, true, place)?.read()?,
    };
    let mut flat = Vec::new();
    for (index, annotation) in annotations.iter().enumerate() {
        match annotation.read::<Object>("url_citation")? {
            Some(mut citation) => {
                citation.put("type", "url_citation");
                flat.push(citation);
            }
            None => losses.add(
                &place.key("annotations").index(index),
                "responses have no annotations of this kind",
            ),
        }
    }
    if let Some(last) = parts.last_mut().filter(|_| !flat.is_empty()) {
        last.put("annotations", &flat);
    }
    if let Some(refusal) = refusal {
        parts.push(object! { "type": "refusal", "refusal": *refusal });
    }
    Raw::of(&parts)
}

/// One item for each detail.
fn reasoning(thought: thoughts::Thought) -> Object {
    let mut item = object! { "type": "reasoning" };
    for (key, value) in thought.members.iter() {
        item.set_raw(key, value.to_owned());
    }
    let none = [(); 0];
    match thought.kind {
        "reasoning.summary" => item.put(
            "summary",
            &[object! { "type": "summary_text", "text": thought.said }],
        ),
        "reasoning.encrypted" => {
            item.put("summary", &none);
            item.put("encrypted_content", &thought.said);
        }
        _ => {
            item.put("summary", &none);
            item.put(
                "content",
                &[object! { "type": "reasoning_text", "text": thought.said }],
            );
        }
    }
    item
}

fn text_options(from: &Object, request: &mut Object) -> Result<(), ParseError> {
    let mut text = Object::new();
    if let Some(format) = from.read::<Object>("response_format")? {
        let schema: Option<Object> = format.read("json_schema")?;
        let flat = match schema {
            None => format,
            Some(schema) => {
                let mut flat = object! { "type": "json_schema" };
                schema
                    .iter()
                    .for_each(|(key, value)| flat.set_raw(key, value.to_owned()));
                flat
            }
        };
        text.put("format", &flat);
    }
    if let Some(verbosity) = value(from, "verbosity") {
        text.set_raw("verbosity", verbosity.to_owned());
    }
    if !text.is_empty() {
        request.put("text", &text);
    }
    Ok(())
}

/// A tool without the wrapping of its function.
fn flat(tool: &Object) -> Result<Object, ParseError> {
    let mut flat = tool.clone();
    flat.remove("function");
    if let Some(function) = tool.read::<Object>("function")? {
        function
            .iter()
            .for_each(|(key, value)| flat.set_raw(key, value.to_owned()));
    }
    Ok(flat)
}

fn tool_choice(choice: &Object) -> Result<Object, ParseError> {
    let Some(mut allowed) = choice.read::<Object>("allowed_tools")? else {
        return flat(choice);
    };
    let tools: Vec<Object> = allowed.read("tools")?.unwrap_or_default();
    let tools: Vec<Object> = tools.iter().map(flat).collect::<Result<_, _>>()?;
    allowed.put("tools", &tools);
    allowed.put("type", "allowed_tools");
    Ok(allowed)
}
