//! A Responses request as a chat request; its input is in `items`.

use serde_json::value::RawValue;

use super::items;
use super::tools::{self, Wrapping};
use crate::json::is_null;
use crate::raw::as_text;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{Object, ParseError, Raw};

const RULES: Rules = &[
    ("input", Rule::Apart),
    ("instructions", Rule::Apart),
    ("text", Rule::Apart),
    ("tools", Rule::Apart),
    ("tool_choice", Rule::Apart),
    ("include", Rule::Apart),
    ("top_logprobs", Rule::Apart),
    ("max_output_tokens", Rule::Named("max_completion_tokens")),
    (
        "previous_response_id",
        Rule::Refused(
            &[],
            "a chat does not go on from a stored answer; send the whole history in `input`",
        ),
    ),
    (
        "conversation",
        Rule::Refused(
            &[],
            "a chat has no stored history; send the whole history in `input`",
        ),
    ),
    (
        "prompt",
        Rule::Refused(
            &[],
            "a chat has no stored prompts; send the text in `instructions` and `input`",
        ),
    ),
    (
        "background",
        Rule::Refused(
            &["false"],
            "a chat answers while the caller waits; leave it out",
        ),
    ),
    ("store", Rule::Lost(&["false"], "answers are not kept")),
    (
        "truncation",
        Rule::Lost(&["\"disabled\""], "chats are not shortened"),
    ),
    (
        "max_tool_calls",
        Rule::Lost(&[], "chats do not count calls of tools"),
    ),
    (
        "context_management",
        Rule::Lost(&["[]"], "chats are not compacted"),
    ),
    (
        "stream_options",
        Rule::Lost(
            &["{}", "{\"include_obfuscation\":false}"],
            "streams of chats have other options",
        ),
    ),
    (
        "n",
        Rule::Lost(&["1"], "an answer of this surface is always one"),
    ),
];

const TOOLS: Wrapping = Wrapping {
    function: &["function"],
    inner: &[
        ("name", "name"),
        ("description", "description"),
        ("parameters", "parameters"),
        ("strict", "strict"),
    ],
    outer: &[
        ("type", Rule::Apart),
        ("name", Rule::Apart),
        ("description", Rule::Apart),
        ("parameters", Rule::Apart),
        ("strict", Rule::Apart),
    ],
};

const TEXT: Rules = &[("format", Rule::Apart), ("verbosity", Rule::Apart)];

pub(super) fn to_chat(request: &Object, losses: &mut Losses) -> Result<Object, ParseError> {
    let mut messages = Vec::new();
    if let Some(instructions) = value(request, "instructions") {
        messages.push(object! { "role": "system", "content": *instructions });
    }
    if let Some(input) = value(request, "input") {
        items::push(input, &mut messages, losses)?;
    }
    let mut chat = object! { "messages": messages };
    carry(request, &mut chat, RULES, &Place::Top, losses)?;
    if let Some(text) = request.read::<Object>("text")? {
        text_options(&text, &mut chat, losses)?;
    }
    if let Some(tools) = value(request, "tools") {
        chat.put("tools", &tools::tools(tools, &TOOLS, losses)?);
    }
    if let Some(choice) = value(request, "tool_choice") {
        chat.set_raw("tool_choice", tool_choice(choice)?);
    }
    log_probabilities(request, &mut chat, losses)?;
    Ok(chat)
}

fn value<'a>(object: &'a Object, key: &str) -> Option<&'a RawValue> {
    object.get(key).filter(|value| !is_null(value))
}

fn text_options(text: &Object, chat: &mut Object, losses: &mut Losses) -> Result<(), ParseError> {
    let place = Place::Top.key("text");
    if let Some(format) = text
        .read::<Object>("format")
        .map_err(|error| error.at("text"))?
    {
        let format = tools::response_format(&format, &place.key("format"), losses)?;
        chat.put("response_format", &format);
    }
    if let Some(verbosity) = value(text, "verbosity") {
        chat.set_raw("verbosity", verbosity.to_owned());
    }
    for (key, _) in text
        .iter()
        .filter(|(key, _)| TEXT.iter().all(|(known, _)| known != key))
    {
        losses.add(&place.key(key), "chats have no such option of text");
    }
    Ok(())
}

fn tool_choice(choice: &RawValue) -> Result<Box<RawValue>, ParseError> {
    let place = Place::Top.key("tool_choice");
    if as_text(choice).is_some() {
        return Ok(choice.to_owned());
    }
    let choice: Object = place.read(choice)?;
    let kind = choice.get("type").and_then(as_text).unwrap_or_default();
    let translated = match (kind.as_ref(), choice.get("name")) {
        ("function", Some(name)) => tools::forced(name),
        ("allowed_tools", _) => allowed(&choice, &place)?,
        (kind, _) if tools::is_shared(kind) => choice,
        (kind, _) => {
            return Err(place.error(format!(
                "a chat cannot be made to use `{kind}`; choose \"auto\", \"required\", \"none\" or a function by name"
            )));
        }
    };
    Raw::of(&translated).map(Raw::into_inner)
}

/// Chats wrap the list of the allowed, and each of its functions, once more.
fn allowed(choice: &Object, place: &Place<'_>) -> Result<Object, ParseError> {
    let place = place.key("tools");
    let wrap = |(index, tool): (usize, &Object)| match tool.get("name") {
        Some(name) => Ok(tools::forced(name)),
        None => Err(place
            .index(index)
            .error("a chat allows functions by name only")),
    };
    let listed: Vec<Object> = choice
        .read("tools")
        .map_err(|error| error.at("tool_choice"))?
        .unwrap_or_default();
    let listed: Vec<Object> = listed
        .iter()
        .enumerate()
        .map(wrap)
        .collect::<Result<_, _>>()?;
    let mut inner = Object::new();
    if let Some(mode) = choice.get("mode") {
        inner.set_raw("mode", mode.to_owned());
    }
    inner.put("tools", &listed);
    Ok(object! { "type": "allowed_tools", "allowed_tools": inner })
}

/// What `include` asks for that a chat sends anyway, as `reasoning_details`.
const ALWAYS_INCLUDED: &str = "reasoning.encrypted_content";
const LOGPROBS: &str = "message.output_text.logprobs";

fn log_probabilities(
    request: &Object,
    chat: &mut Object,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let place = Place::Top.key("include");
    let included: Vec<String> = request.read("include")?.unwrap_or_default();
    for (index, one) in included.iter().enumerate() {
        if one != ALWAYS_INCLUDED && one != LOGPROBS {
            losses.add(
                &place.index(index),
                "chats have nothing of the kind to include",
            );
        }
    }
    let count = value(request, "top_logprobs");
    if count.is_some() || included.iter().any(|one| one == LOGPROBS) {
        chat.put("logprobs", &true);
    }
    if let Some(count) = count {
        chat.set_raw("top_logprobs", count.to_owned());
    }
    Ok(())
}
