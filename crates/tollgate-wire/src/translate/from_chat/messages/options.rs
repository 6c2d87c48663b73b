//! Tools, reasoning and the form of the answer, as Messages have them.

use std::ops::RangeInclusive;

use serde_json::value::RawValue;

use super::schema;
use crate::json::is_null;
use crate::raw::as_text;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::from_chat::value;
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{ChatRequest, Object, ParseError, Reasoning, ReasoningEffort};

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

const CHOICES: &[(&str, &str)] = &[("auto", "auto"), ("required", "any"), ("none", "none")];

pub(super) fn tools(
    from: &Object,
    request: &mut Object,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let place = Place::Top.key("tools");
    let given: Vec<Object> = from.read("tools")?.unwrap_or_default();
    if given.is_empty() {
        leave_choice(from, losses);
        return Ok(());
    }
    let mut tools = Vec::with_capacity(given.len());
    for (index, given) in given.iter().enumerate() {
        tools.push(tool(given, &place.index(index), losses)?);
    }
    request.put("tools", &tools);
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

/// A choice among no tools is refused. `auto` and `none` mean no more than that.
fn leave_choice(from: &Object, losses: &mut Losses) {
    let choice = value(from, "tool_choice");
    let word = choice.and_then(as_text);
    if choice.is_some() && !matches!(word.as_deref(), Some("auto" | "none")) {
        losses.add(
            &Place::Top.key("tool_choice"),
            "there are no tools to choose from",
        );
    }
}

fn tool(tool: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Object, ParseError> {
    let Some(function) = tool.read::<Object>("function")? else {
        return Ok(tool.clone());
    };
    let is_strict = function
        .get("strict")
        .is_some_and(|strict| strict.get() == "true");
    let mut translated = Object::new();
    for (key, value) in function.iter().filter(|(_, value)| !is_null(value)) {
        let key = if key == "parameters" {
            "input_schema"
        } else {
            key
        };
        translated.set_raw(key, value.to_owned());
    }
    // Here a schema is required, and that of an object.
    if translated.get("input_schema").is_none_or(is_empty) {
        translated.put("input_schema", &object! { "type": "object" });
    }
    if let Some(schema) = translated.get("input_schema").filter(|_| is_strict) {
        let place = place.key("function");
        let schema = schema::of(schema, &place.key("parameters"), losses)?;
        translated.set_raw("input_schema", schema.into_inner());
    }
    for (key, value) in tool
        .iter()
        .filter(|(key, _)| !["type", "function"].contains(key))
    {
        translated.set_raw(key, value.to_owned());
    }
    translated.drop_nulls();
    Ok(translated)
}

fn is_empty(schema: &RawValue) -> bool {
    schema.get() == "{}"
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

pub(super) fn thinking(
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
    let is_asked =
        reasoning.enabled.is_some() || reasoning.effort.is_some() || reasoning.max_tokens.is_some();
    if is_asked && !is_off && forces_tool(request) {
        losses.add(
            &Place::Top.key("reasoning"),
            "messages do not think before a call that they must make",
        );
        return Ok(());
    }
    // What is to be shown of thoughts does not say that there are to be any.
    if is_asked {
        think(&reasoning, is_off, request, config, losses);
    }
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

fn think(
    reasoning: &Reasoning,
    is_off: bool,
    request: &mut Object,
    config: &mut Object,
    losses: &mut Losses,
) {
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
    if !is_off {
        leave_sampling(request, losses);
    }
}

fn forces_tool(request: &Object) -> bool {
    let choice: Option<Object> = request.read("tool_choice").ok().flatten();
    let kind = choice.as_ref().and_then(|choice| choice.get("type"));
    matches!(kind.and_then(as_text).as_deref(), Some("any" | "tool"))
}

/// What of sampling messages that think take.
const SAMPLED: &[(&str, Option<RangeInclusive<f64>>)] = &[
    ("temperature", Some(1.0..=1.0)),
    ("top_p", Some(0.95..=1.0)),
    ("top_k", None),
];

fn leave_sampling(request: &mut Object, losses: &mut Losses) {
    for (key, taken) in SAMPLED {
        let Some(set) = request.get(key).filter(|value| !is_null(value)) else {
            continue;
        };
        let set: Option<f64> = serde_json::from_str(set.get()).ok();
        let is_taken = |set| taken.as_ref().is_some_and(|taken| taken.contains(&set));
        if !set.is_some_and(is_taken) {
            losses.add(
                &Place::Top.key(key),
                "messages that think are not sampled so",
            );
            request.remove(key);
        }
    }
}

pub(super) fn format(
    from: &Object,
    config: &mut Object,
    losses: &mut Losses,
) -> Result<(), ParseError> {
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
            if let Some(schema) = value(&schema, "schema") {
                let place = place.key("json_schema");
                let schema = schema::of(schema, &place.key("schema"), losses)?;
                translated.set_raw("schema", schema.into_inner());
            }
            config.put("format", &translated);
        }
        _ => losses.add(&place, "messages are text or JSON by a schema"),
    }
    Ok(())
}
