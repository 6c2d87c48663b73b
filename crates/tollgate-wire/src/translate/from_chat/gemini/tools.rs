//! Functions and how they are chosen.

use serde_json::value::RawValue;

use super::schema;
use crate::json::is_null;
use crate::raw::as_text;
use crate::translate::from_chat::value;
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{Object, ParseError};

/// How functions are chosen: in chats, in Gemini.
const MODES: &[(&str, &str)] = &[("auto", "AUTO"), ("none", "NONE"), ("required", "ANY")];

pub(super) fn push(
    from: &Object,
    request: &mut Object,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let top = Place::Top.key("tools");
    let tools: Vec<Object> = match value(from, "tools") {
        Some(tools) => top.read(tools)?,
        None => return Ok(()),
    };
    let mut functions = Vec::with_capacity(tools.len());
    for (index, tool) in tools.iter().enumerate() {
        functions.push(function(tool, &top.index(index), losses)?);
    }
    if functions.is_empty() {
        return Ok(());
    }
    request.put("tools", &[object! { "functionDeclarations": functions }]);
    if let Some(choice) = value(from, "tool_choice") {
        let config = object! { "functionCallingConfig": choice_of(choice)? };
        request.put("toolConfig", &config);
    }
    Ok(())
}

fn function(tool: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Object, ParseError> {
    let Some(function) = value(tool, "function") else {
        let kind = tool.get("type").and_then(as_text).unwrap_or_default();
        return Err(place.key("type").error(format!(
            "gemini has no tool `{kind}`; send functions and run them yourself"
        )));
    };
    for (key, _) in tool
        .iter()
        .filter(|(key, member)| !["type", "function"].contains(key) && !is_null(member))
    {
        losses.add(&place.key(key), super::UNKNOWN);
    }
    let place = place.key("function");
    let function: Object = place.read(function)?;
    let mut declared = Object::new();
    for (key, member) in function.iter().filter(|(_, member)| !is_null(member)) {
        let place = place.key(key);
        match key {
            "name" | "description" => declared.set_raw(key, member.to_owned()),
            // A function without parameters has no schema: an empty one is refused.
            "parameters" if member.get() == "{}" => {}
            "parameters" => {
                let schema = schema::of(member, &place, losses)?;
                declared.set_raw("parametersJsonSchema", schema.into_inner());
            }
            "strict" if member.get() == "false" => {}
            "strict" => losses.add(&place, "gemini does not promise to keep to a schema"),
            _ => losses.add(&place, super::UNKNOWN),
        }
    }
    Ok(declared)
}

fn choice_of(choice: &RawValue) -> Result<Object, ParseError> {
    let place = Place::Top.key("tool_choice");
    let unknown = || place.error("must be auto, required, none, a function or allowed functions");
    let mode = |word: &str| {
        let row = MODES.iter().find(|(here, _)| *here == word);
        row.map(|(_, there)| *there).ok_or_else(unknown)
    };
    if let Some(word) = as_text(choice) {
        return Ok(object! { "mode": *mode(&word)? });
    }
    let choice: Object = place.read(choice)?;
    let inner = |object: &Object, key: &str| -> Result<Option<Object>, ParseError> {
        object.read(key).map_err(|error| error.at("tool_choice"))
    };
    if let Some(function) = inner(&choice, "function")? {
        let name = function.get("name").ok_or_else(unknown)?;
        return Ok(object! { "mode": "ANY", "allowedFunctionNames": [name] });
    }
    let Some(allowed) = inner(&choice, "allowed_tools")? else {
        return Err(unknown());
    };
    let names = allowed_names(&allowed).ok_or_else(unknown)?;
    let word = allowed.get("mode").and_then(as_text).unwrap_or_default();
    // Only these two modes take names.
    let mode = match mode(&word)? {
        "ANY" => "ANY",
        _ => "VALIDATED",
    };
    Ok(object! { "mode": *mode, "allowedFunctionNames": names })
}

fn allowed_names(allowed: &Object) -> Option<Vec<String>> {
    let tools: Vec<Object> = allowed.read("tools").ok()??;
    let name = |tool: &Object| {
        let function: Object = tool.read("function").ok()??;
        function.read("name").ok()?
    };
    tools.iter().map(name).collect()
}
