//! A Messages request as a chat request; what its messages hold is in `blocks`.

use serde_json::value::RawValue;

use super::blocks;
use super::tools::{self, Wrapping};
use crate::json::is_null;
use crate::raw::as_text;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{Object, ParseError, Request};

const RULES: Rules = &[
    ("system", Rule::Apart),
    ("messages", Rule::Apart),
    ("tools", Rule::Apart),
    ("tool_choice", Rule::Apart),
    ("thinking", Rule::Apart),
    ("output_config", Rule::Apart),
    ("metadata", Rule::Apart),
    ("fallbacks", Rule::Apart),
    ("stop_sequences", Rule::Named("stop")),
    (
        "container",
        Rule::Refused(&[], "a chat has no containers; leave it out"),
    ),
    (
        "mcp_servers",
        Rule::Refused(
            &["[]"],
            "a chat does not reach servers of tools; send functions and run them yourself",
        ),
    ),
    (
        "context_management",
        Rule::Lost(&[], "chats do not clear what they were sent"),
    ),
    (
        "speed",
        Rule::Lost(&["\"standard\""], "chats have no speed; see `service_tier`"),
    ),
    ("inference_geo", Rule::Lost(&[], "chats have no regions")),
    ("safeguards", Rule::Lost(&[], "chats have no safeguards")),
    (
        "n",
        Rule::Lost(&["1"], "an answer of this surface is always one"),
    ),
];

const MODEL_SPECIFIC: &str = "functions of chats have no such hint";
const TOOLS: Wrapping = Wrapping {
    function: &["custom"],
    inner: &[
        ("name", "name"),
        ("description", "description"),
        ("input_schema", "parameters"),
        ("strict", "strict"),
    ],
    outer: &[
        ("type", Rule::Apart),
        ("name", Rule::Apart),
        ("description", Rule::Apart),
        ("input_schema", Rule::Apart),
        ("strict", Rule::Apart),
        ("input_examples", Rule::Lost(&["[]"], MODEL_SPECIFIC)),
        (
            "allowed_callers",
            Rule::Lost(&["[\"direct\"]"], MODEL_SPECIFIC),
        ),
        (
            "eager_input_streaming",
            Rule::Lost(&["false"], MODEL_SPECIFIC),
        ),
    ],
};

const OUTPUT_CONFIG: Rules = &[
    ("format", Rule::Apart),
    ("effort", Rule::Apart),
    (
        "task_budget",
        Rule::Lost(&[], "chats have no budget of a task"),
    ),
];

const THINKING: Rules = &[
    ("type", Rule::Apart),
    ("budget_tokens", Rule::Apart),
    ("display", Rule::Apart),
];

/// The words that each has for a tool choice and a tier: here, there.
const CHOICES: &[(&str, &str)] = &[("auto", "auto"), ("any", "required"), ("none", "none")];
const TIERS: &[(&str, &str)] = &[("standard_only", "default"), ("standard", "default")];

pub(super) fn to_chat(request: &Request, losses: &mut Losses) -> Result<Object, ParseError> {
    let object = request.object();
    let mut messages = Vec::new();
    blocks::push(object, &mut messages, losses)?;
    let mut chat = object! { "messages": messages };
    carry(object, &mut chat, RULES, &Place::Top, losses)?;
    if let Some(tools) = value(object, "tools") {
        chat.put("tools", &tools::tools(tools, &TOOLS, losses)?);
    }
    if let Some(choice) = object.read::<Object>("tool_choice")? {
        tool_choice(&choice, &mut chat, losses)?;
    }
    output_config(object, &mut chat, losses)?;
    reasoning(request, &mut chat, losses)?;
    who_asks(object, &mut chat, losses)?;
    fallbacks(object, &mut chat, losses)?;
    let tier = value(object, "service_tier").and_then(as_text);
    if let Some(word) = tier.and_then(|tier| there(TIERS, &tier)) {
        chat.put("service_tier", word);
    }
    Ok(chat)
}

fn value<'a>(object: &'a Object, key: &str) -> Option<&'a RawValue> {
    object.get(key).filter(|value| !is_null(value))
}

fn there(words: &[(&'static str, &'static str)], here: &str) -> Option<&'static str> {
    let row = words.iter().find(|(word, _)| *word == here);
    row.map(|(_, there)| *there)
}

fn tool_choice(choice: &Object, chat: &mut Object, losses: &mut Losses) -> Result<(), ParseError> {
    let place = Place::Top.key("tool_choice");
    let kind = choice.get("type").and_then(as_text).unwrap_or_default();
    match (kind.as_ref(), choice.get("name"), there(CHOICES, &kind)) {
        (_, _, Some(word)) => chat.put("tool_choice", word),
        ("tool", Some(name), _) => chat.put("tool_choice", &tools::forced(name)),
        (kind, _, _) if tools::is_shared(kind) => chat.put("tool_choice", choice),
        (kind, _, _) => {
            return Err(place.key("type").error(format!(
                "a chat cannot be made to use `{kind}`; choose auto, any, none, or a tool by name"
            )));
        }
    }
    if let Some(disabled) = choice.read::<bool>("disable_parallel_tool_use")? {
        chat.put("parallel_tool_calls", &!disabled);
    }
    let known = ["type", "name", "disable_parallel_tool_use"];
    for (key, _) in choice.iter().filter(|(key, _)| !known.contains(key)) {
        losses.add(&place.key(key), "the choice of a chat has no such member");
    }
    Ok(())
}

fn output_config(
    request: &Object,
    chat: &mut Object,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let Some(config) = request.read::<Object>("output_config")? else {
        return Ok(());
    };
    let place = Place::Top.key("output_config");
    let mut rest = Object::new();
    carry(&config, &mut rest, OUTPUT_CONFIG, &place, losses)?;
    for (key, _) in rest.iter() {
        losses.add(&place.key(key), "chats have no such option of output");
    }
    if let Some(format) = value(&config, "format") {
        let place = place.key("format");
        let mut format: Object = place.read(format)?;
        if !format.has_value("strict") {
            // Here a schema is always kept to.
            format.put("strict", &true);
        }
        chat.put(
            "response_format",
            &tools::response_format(&format, &place, losses)?,
        );
    }
    Ok(())
}

fn reasoning(request: &Request, chat: &mut Object, losses: &mut Losses) -> Result<(), ParseError> {
    let Some(mut reasoning) = request.reasoning()? else {
        return Ok(());
    };
    if let Some(thinking) = request.object().read::<Object>("thinking")? {
        let place = Place::Top.key("thinking");
        let mut rest = Object::new();
        carry(&thinking, &mut rest, THINKING, &place, losses)?;
        for (key, _) in rest.iter() {
            losses.add(&place.key(key), "chats have no such option of reasoning");
        }
        if thinking.get("display").and_then(as_text).as_deref() == Some("omitted") {
            reasoning.exclude = Some(true);
        }
    }
    if reasoning.max_tokens.is_some() && reasoning.effort.take().is_some() {
        losses.add(
            &Place::Top.key("output_config").key("effort"),
            "a chat takes a budget or an effort",
        );
    }
    if reasoning.max_tokens.is_some() || reasoning.effort.is_some() {
        // Either says that thinking is on.
        reasoning.enabled = None;
    }
    chat.put("reasoning", &reasoning.to_object());
    Ok(())
}

/// The end user stands in `metadata` here; the rest of it means the same in both.
fn who_asks(request: &Object, chat: &mut Object, losses: &mut Losses) -> Result<(), ParseError> {
    let Some(mut metadata) = request.read::<Object>("metadata")? else {
        return Ok(());
    };
    let user = metadata.remove("user_id").filter(|user| !is_null(user));
    match user {
        Some(_) if chat.has_value("user") => losses.add(
            &Place::Top.key("metadata").key("user_id"),
            "a chat has one user, and `user` is sent",
        ),
        Some(user) => chat.set_raw("user", user),
        None => {}
    }
    if !metadata.is_empty() {
        chat.put("metadata", &metadata);
    }
    Ok(())
}

fn fallbacks(request: &Object, chat: &mut Object, losses: &mut Losses) -> Result<(), ParseError> {
    let place = Place::Top.key("fallbacks");
    let fallbacks: Vec<Object> = request.read("fallbacks")?.unwrap_or_default();
    let mut models = Vec::with_capacity(fallbacks.len());
    for (index, fallback) in fallbacks.iter().enumerate() {
        let place = place.index(index);
        let model = fallback.get("model");
        models.push(model.ok_or_else(|| place.key("model").error("is required"))?);
        for (key, _) in fallback.iter().filter(|(key, _)| *key != "model") {
            losses.add(
                &place.key(key),
                "the fallbacks of a chat differ in model only",
            );
        }
    }
    if !models.is_empty() {
        chat.put("models", &models);
    }
    Ok(())
}
