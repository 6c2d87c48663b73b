//! A chat request as a Messages request.

use serde_json::value::RawValue;

use super::{messages_of, output_limit, thoughts, value};
use crate::raw::as_text;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::translate::request::FORMAT;
use crate::{ChatRequest, Object, ParseError, Raw, ReasoningEffort};

const SAMPLING: &str = "messages are not sampled so";
const RULES: Rules = &[
    ("messages", Rule::Apart),
    ("tools", Rule::Apart),
    ("tool_choice", Rule::Apart),
    ("parallel_tool_calls", Rule::Apart),
    ("response_format", Rule::Apart),
    ("reasoning", Rule::Apart),
    ("reasoning_effort", Rule::Apart),
    ("include_reasoning", Rule::Apart),
    ("metadata", Rule::Apart),
    ("user", Rule::Apart),
    ("stop", Rule::Apart),
    ("max_tokens", Rule::Apart),
    ("max_completion_tokens", Rule::Apart),
    (
        "stream_options",
        Rule::Lost(
            &["{\"include_usage\":true}", "{}"],
            "streams of messages have no options",
        ),
    ),
    (
        "n",
        Rule::Lost(&["1"], "an answer of this surface is always one"),
    ),
    ("seed", Rule::Lost(&[], SAMPLING)),
    ("logit_bias", Rule::Lost(&["{}"], SAMPLING)),
    ("min_p", Rule::Lost(&[], SAMPLING)),
    ("top_a", Rule::Lost(&[], SAMPLING)),
    ("frequency_penalty", Rule::Lost(&["0"], SAMPLING)),
    ("presence_penalty", Rule::Lost(&["0"], SAMPLING)),
    ("repetition_penalty", Rule::Lost(&["1"], SAMPLING)),
    (
        "logprobs",
        Rule::Lost(&["false"], "messages have no log probabilities"),
    ),
    (
        "top_logprobs",
        Rule::Lost(&[], "messages have no log probabilities"),
    ),
    ("verbosity", Rule::Lost(&[], "messages have no verbosity")),
    (
        "prediction",
        Rule::Lost(&[], "messages cannot be predicted"),
    ),
    ("audio", Rule::Lost(&[], "messages have no sound")),
    (
        "web_search_options",
        Rule::Lost(&[], "messages search with a tool"),
    ),
    (
        "transforms",
        Rule::Lost(&["[]"], "messages have no transforms"),
    ),
];

const MESSAGE: Rules = &[
    ("role", Rule::Apart),
    ("content", Rule::Apart),
    ("reasoning", Rule::Apart),
    ("reasoning_content", Rule::Apart),
    ("reasoning_details", Rule::Apart),
    ("tool_calls", Rule::Apart),
    ("tool_call_id", Rule::Apart),
    ("name", Rule::Lost(&[], "messages do not name who speaks")),
    (
        "refusal",
        Rule::Lost(&[], "messages of a request hold no refusals"),
    ),
    (
        "annotations",
        Rule::Lost(&["[]"], "citations of messages name no place in the text"),
    ),
    (
        "images",
        Rule::Lost(&["[]"], "messages hold no images that a model made"),
    ),
    ("audio", Rule::Lost(&[], "messages have no sound")),
];

const SCHEMA: Rules = &[
    ("schema", Rule::Apart),
    (
        "strict",
        Rule::Lost(&["true"], "a schema is always kept to"),
    ),
    ("name", Rule::Lost(&["\"answer\""], "a schema has no name")),
    (
        "description",
        Rule::Lost(&[], "a schema has no description"),
    ),
];

pub(super) fn from_chat(chat: &ChatRequest, losses: &mut Losses) -> Result<Object, ParseError> {
    let from = chat.object();
    let mut request = Object::new();
    messages(chat, &mut request, losses)?;
    carry(from, &mut request, RULES, &Place::Top, losses)?;
    if let Some(limit) = output_limit(from) {
        request.set_raw("max_tokens", limit.to_owned());
    }
    if let Some(stop) = value(from, "stop") {
        match as_text(stop) {
            Some(text) => request.put("stop_sequences", &[text]),
            None => request.set_raw("stop_sequences", stop.to_owned()),
        }
    }
    who_asks(from, &mut request)?;
    tools(from, &mut request, losses)?;
    let mut config = Object::new();
    thinking(chat, &mut request, &mut config, losses)?;
    format(from, &mut config, losses)?;
    if !config.is_empty() {
        request.put("output_config", &config);
    }
    Ok(request)
}

/// The first message is `system` when it is one; results of tools that follow each other are one message.
fn messages(
    chat: &ChatRequest,
    request: &mut Object,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let top = Place::Top.key("messages");
    let mut messages: Vec<Object> = Vec::new();
    let mut results: Vec<Object> = Vec::new();
    for (index, message) in messages_of(chat)?.iter().enumerate() {
        let place = top.index(index);
        let role = message.get("role").and_then(as_text);
        let role = role.ok_or_else(|| place.key("role").error("is required"))?;
        if role != "tool" && !results.is_empty() {
            messages.push(object! { "role": "user", "content": std::mem::take(&mut results) });
        }
        if role == "developer" {
            losses.add(
                &place.key("role"),
                "messages have no developers; it is told as `system`",
            );
        }
        let mut extras = Object::new();
        carry(message, &mut extras, MESSAGE, &place, losses)?;
        let content = match role.as_ref() {
            "tool" => {
                results.push(result(message, &place, losses)?);
                continue;
            }
            "assistant" => Raw::of(&said(message, &place, losses)?)?,
            _ => content(message, &place, losses)?,
        };
        let is_system = matches!(role.as_ref(), "system" | "developer");
        if is_system && index == 0 {
            request.put("system", &content);
            continue;
        }
        let role = if is_system { "system" } else { role.as_ref() };
        let mut translated = object! { "role": *role, "content": content };
        extras
            .iter()
            .for_each(|(key, value)| translated.set_raw(key, value.to_owned()));
        messages.push(translated);
    }
    if !results.is_empty() {
        messages.push(object! { "role": "user", "content": results });
    }
    request.put("messages", &messages);
    Ok(())
}

fn content(message: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Raw, ParseError> {
    match value(message, "content") {
        Some(text) if as_text(text).is_some() => Ok(Raw::from(text.to_owned())),
        _ => Raw::of(&blocks(message, place, losses)?),
    }
}

/// The content as blocks; none when there is none.
fn blocks(
    message: &Object,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Vec<Object>, ParseError> {
    let place = place.key("content");
    match value(message, "content") {
        None => Ok(Vec::new()),
        Some(text) if as_text(text).is_some() => {
            Ok(vec![object! { "type": "text", "text": *text }])
        }
        Some(parts) => {
            let parts: Vec<Object> = place.read(parts)?;
            let translate = |(index, part)| block(part, &place.index(index), losses);
            parts.iter().enumerate().map(translate).collect()
        }
    }
}

fn block(part: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Object, ParseError> {
    let kind = part.get("type").and_then(as_text).unwrap_or_default();
    let payload = || {
        let payload = part
            .get(&kind)
            .ok_or_else(|| place.key(&kind).error("is required"))?;
        place.key(&kind).read::<Object>(payload)
    };
    let mut block = match kind.as_ref() {
        "text" => return Ok(part.clone()),
        "image_url" => {
            let image = payload()?;
            if image.has_value("detail") {
                losses.add(
                    &place.key("image_url").key("detail"),
                    "images of messages have no detail",
                );
            }
            object! { "type": "image", "source": source(image.get("url"), &place.key("image_url").key("url"))? }
        }
        "file" => {
            let file = payload()?;
            let source = source(file.get("file_data"), &place.key("file").key("file_data"))?;
            let mut block = object! { "type": "document", "source": source };
            if let Some(name) = value(&file, "filename") {
                block.set_raw("title", name.to_owned());
            }
            block
        }
        kind => {
            return Err(place.key("type").error(format!(
                "messages have no part `{kind}`; they have text, images and files"
            )));
        }
    };
    for (key, value) in part
        .iter()
        .filter(|(key, _)| *key != "type" && *key != kind)
    {
        block.set_raw(key, value.to_owned());
    }
    Ok(block)
}

fn source(url: Option<&RawValue>, place: &Place<'_>) -> Result<Object, ParseError> {
    let url = url.and_then(as_text);
    let url = url.ok_or_else(|| place.error("is required: an https or a data URL"))?;
    let data = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"));
    Ok(match data {
        Some((media, data)) => object! { "type": "base64", "media_type": *media, "data": *data },
        None => object! { "type": "url", "url": url },
    })
}

fn result(message: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Object, ParseError> {
    let id = message.get("tool_call_id");
    let id = id.ok_or_else(|| place.key("tool_call_id").error("is required"))?;
    Ok(
        object! { "type": "tool_result", "tool_use_id": *id, "content": content(message, place, losses)? },
    )
}

fn said(
    message: &Object,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Vec<Object>, ParseError> {
    let thoughts = thoughts::of(message, place, |place| {
        losses.add(place, "messages have no reasoning of this kind");
    })?;
    let mut said: Vec<Object> = thoughts.into_iter().map(thought).collect();
    said.extend(blocks(message, place, losses)?);
    let place = place.key("tool_calls");
    let calls: Vec<Object> = match value(message, "tool_calls") {
        Some(calls) => place.read(calls)?,
        None => Vec::new(),
    };
    for (index, call) in calls.iter().enumerate() {
        said.push(tool_use(call, &place.index(index))?);
    }
    Ok(said)
}

/// A block of thinking, as answers have it: what it has no place for is in `detail`.
fn thought(thought: thoughts::Thought) -> Object {
    let mut members = thought.members;
    let signature = members.remove("signature");
    let is_own =
        members.len() == 1 && members.get("format").and_then(as_text).as_deref() == Some(FORMAT);
    let mut block = match thought.kind {
        "reasoning.encrypted" => object! { "type": "redacted_thinking", "data": thought.said },
        _ => object! { "type": "thinking", "thinking": thought.said, "signature": "" },
    };
    let is_signed = signature.is_some();
    if let Some(signature) = signature {
        block.set_raw("signature", signature);
    }
    let is_plain = match thought.kind {
        "" => true,
        "reasoning.text" => is_own && is_signed,
        "reasoning.encrypted" => is_own,
        _ => false,
    };
    if !is_plain {
        members.put("type", thought.kind);
        block.put("detail", &members);
    }
    block
}

fn tool_use(call: &Object, place: &Place<'_>) -> Result<Object, ParseError> {
    let id = call
        .get("id")
        .ok_or_else(|| place.key("id").error("is required"))?;
    let place = place.key("function");
    let function = call
        .get("function")
        .ok_or_else(|| place.error("is required"))?;
    let function: Object = place.read(function)?;
    let name = function
        .get("name")
        .ok_or_else(|| place.key("name").error("is required"))?;
    let arguments = function
        .get("arguments")
        .and_then(as_text)
        .unwrap_or_default();
    let arguments = if arguments.trim().is_empty() {
        "{}"
    } else {
        &*arguments
    };
    let input = Raw::parse(arguments)
        .ok()
        .filter(|input| input.get().starts_with('{'));
    let input = input.ok_or_else(|| {
        place
            .key("arguments")
            .error("must be a JSON object in a string")
    })?;
    Ok(object! { "type": "tool_use", "id": *id, "name": *name, "input": input })
}

fn who_asks(from: &Object, request: &mut Object) -> Result<(), ParseError> {
    let mut metadata: Object = from.read("metadata")?.unwrap_or_default();
    if let Some(user) = value(from, "user") {
        metadata.set_raw("user_id", user.to_owned());
    }
    if !metadata.is_empty() {
        request.put("metadata", &metadata);
    }
    Ok(())
}

const CHOICES: &[(&str, &str)] = &[("auto", "auto"), ("required", "any"), ("none", "none")];

fn tools(from: &Object, request: &mut Object, losses: &mut Losses) -> Result<(), ParseError> {
    let tools: Vec<Object> = from.read("tools")?.unwrap_or_default();
    if !tools.is_empty() {
        let tools: Vec<Object> = tools.iter().map(tool).collect::<Result<_, _>>()?;
        request.put("tools", &tools);
    }
    let one_by_one = from.read("parallel_tool_calls")? == Some(false);
    let mut choice = match value(from, "tool_choice") {
        Some(choice) => tool_choice(choice)?,
        None if one_by_one => object! { "type": "auto" },
        None => return Ok(()),
    };
    let is_none = choice.get("type").and_then(as_text).as_deref() == Some("none");
    match (one_by_one, is_none) {
        (true, false) => choice.put("disable_parallel_tool_use", &true),
        (true, true) => losses.add(
            &Place::Top.key("parallel_tool_calls"),
            "no tool is to be called",
        ),
        (false, _) => {}
    }
    request.put("tool_choice", &choice);
    Ok(())
}

fn tool(tool: &Object) -> Result<Object, ParseError> {
    let Some(function) = tool.read::<Object>("function")? else {
        return Ok(tool.clone());
    };
    let mut translated = Object::new();
    for (key, value) in function.iter() {
        let key = if key == "parameters" {
            "input_schema"
        } else {
            key
        };
        translated.set_raw(key, value.to_owned());
    }
    for (key, value) in tool
        .iter()
        .filter(|(key, _)| !["type", "function"].contains(key))
    {
        translated.set_raw(key, value.to_owned());
    }
    Ok(translated)
}

fn tool_choice(choice: &RawValue) -> Result<Object, ParseError> {
    let place = Place::Top.key("tool_choice");
    if let Some(word) = as_text(choice) {
        let row = CHOICES.iter().find(|(here, _)| *here == word);
        let (_, there) =
            row.ok_or_else(|| place.error("must be auto, required, none or a tool"))?;
        return Ok(object! { "type": *there });
    }
    let choice: Object = place.read(choice)?;
    if choice.contains("allowed_tools") {
        return Err(
            place.error("messages cannot narrow the tools; send only those that may be called")
        );
    }
    let function: Option<Object> = choice
        .read("function")
        .map_err(|error| error.at("tool_choice"))?;
    match function.as_ref().and_then(|function| function.get("name")) {
        Some(name) => Ok(object! { "type": "tool", "name": *name }),
        None => Ok(choice),
    }
}

fn thinking(
    chat: &ChatRequest,
    request: &mut Object,
    config: &mut Object,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let Some(reasoning) = chat.reasoning()? else {
        return Ok(());
    };
    let is_off =
        reasoning.enabled == Some(false) || reasoning.effort == Some(ReasoningEffort::None);
    let mut thinking = match reasoning.max_tokens {
        _ if is_off => object! { "type": "disabled" },
        Some(budget) => object! { "type": "enabled", "budget_tokens": budget },
        None => object! { "type": "adaptive" },
    };
    if let Some(effort) = reasoning.effort.as_ref().filter(|_| !is_off) {
        config.put("effort", effort);
    }
    if reasoning.exclude == Some(true) && !is_off {
        thinking.put("display", "omitted");
    }
    request.put("thinking", &thinking);
    let place = Place::Top.key("reasoning");
    let lost = [
        ("summary", reasoning.summary.is_some()),
        ("context", reasoning.context.is_some()),
        ("mode", reasoning.mode.is_some()),
    ];
    for (key, _) in lost.iter().filter(|(_, is_there)| *is_there) {
        losses.add(&place.key(key), "thinking has no such option");
    }
    Ok(())
}

fn format(from: &Object, config: &mut Object, losses: &mut Losses) -> Result<(), ParseError> {
    let Some(format) = from.read::<Object>("response_format")? else {
        return Ok(());
    };
    let place = Place::Top.key("response_format");
    let kind = format.get("type").and_then(as_text).unwrap_or_default();
    match (kind.as_ref(), format.read::<Object>("json_schema")?) {
        ("text", _) => {}
        ("json_schema", Some(schema)) => {
            let mut translated = object! { "type": "json_schema" };
            carry(
                &schema,
                &mut translated,
                SCHEMA,
                &place.key("json_schema"),
                losses,
            )?;
            if let Some(schema) = schema.get("schema") {
                translated.set_raw("schema", schema.to_owned());
            }
            config.put("format", &translated);
        }
        _ => losses.add(&place, "messages are text or JSON by a schema"),
    }
    Ok(())
}
