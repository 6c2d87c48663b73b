//! Definitions of tools, the choice among them, and the form of an answer, where two surfaces differ in wrapping only.

use serde_json::value::RawValue;

use crate::raw::as_text;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{Object, ParseError};

/// Where a surface keeps the parts of a function.
pub(super) struct Wrapping {
    /// The types that mean a function of the caller; absent means it too.
    pub(super) function: &'static [&'static str],
    /// The members that chats keep in `function`: here, there.
    pub(super) inner: &'static [(&'static str, &'static str)],
    /// What becomes of the others; the inner ones are [`Rule::Apart`].
    pub(super) outer: Rules,
}

/// The tools of a request as a chat has them.
pub(super) fn tools(
    raw: &RawValue,
    wrapping: &Wrapping,
    losses: &mut Losses,
) -> Result<Vec<Object>, ParseError> {
    let place = Place::Top.key("tools");
    let tools: Vec<Object> = place.read(raw)?;
    let translate = |(index, tool)| translate(tool, wrapping, &place.index(index), losses);
    tools.iter().enumerate().map(translate).collect()
}

fn translate(
    tool: &Object,
    wrapping: &Wrapping,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Object, ParseError> {
    let kind = tool.get("type").and_then(as_text);
    if let Some(kind) = kind.filter(|kind| !wrapping.function.contains(&kind.as_ref())) {
        return match is_shared(&kind) {
            true => Ok(tool.clone()),
            false => Err(place.key("type").error(format!(
                "a chat has no tool `{kind}`; send functions, or use a provider that speaks this surface"
            ))),
        };
    }
    let mut function = Object::new();
    for (here, there) in wrapping.inner {
        if let Some(value) = tool.get(here).filter(|_| tool.has_value(here)) {
            function.set_raw(there, value.to_owned());
        }
    }
    let mut translated = object! { "type": "function", "function": function };
    carry(tool, &mut translated, wrapping.outer, place, losses)?;
    Ok(translated)
}

/// Whether every surface has the tool or the choice under the same name.
pub(super) fn is_shared(kind: &str) -> bool {
    kind.starts_with("openrouter:")
}

/// The choice of one function.
pub(super) fn forced(name: &RawValue) -> Object {
    object! { "type": "function", "function": object! { "name": *name } }
}

const SCHEMA: Rules = &[("type", Rule::Apart)];

/// A form of an answer that stands flat, as a chat has it. Where a schema has no name, it gets one: chats want it.
pub(super) fn response_format(
    format: &Object,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Object, ParseError> {
    let kind = format.get("type").and_then(as_text);
    if kind.as_deref() != Some("json_schema") {
        return Ok(format.clone());
    }
    let mut schema = Object::new();
    if !format.has_value("name") {
        schema.put("name", "answer");
    }
    carry(format, &mut schema, SCHEMA, place, losses)?;
    Ok(object! { "type": "json_schema", "json_schema": schema })
}
