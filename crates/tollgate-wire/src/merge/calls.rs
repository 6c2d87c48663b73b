//! Which call a piece of a tool call belongs to.

use serde_json::value::RawValue;

use super::items::{ItemRules, Items, Name, value};
use super::pieces::{Pieces, Rule};
use crate::Object;
use crate::raw::as_text;

pub(super) const RULES: ItemRules = ItemRules {
    place,
    names,
    members: rule,
};

/// The call with the same index, unless the piece brings another id; without an index the call with the same id, without
/// either the last call, unless that is whole and the piece brings a name.
fn place(calls: &Items, piece: &Object) -> Option<usize> {
    let id = word(piece.get("id"));
    if let Some(index) = value(piece, "index") {
        let (position, call) = calls.named(&Name::Index(index.get().into()))?;
        let same_id = match (id.as_deref(), call.text("id")) {
            (Some(new), Some(known)) => known.is_empty() || new == known,
            _ => true,
        };
        return same_id.then_some(position);
    }
    if let Some(id) = id {
        return calls
            .named(&Name::Id(id.into()))
            .map(|(position, _)| position);
    }
    let (position, last) = calls.last()?;
    let function: Option<Object> = piece.read("function").ok().flatten();
    let named = function.is_some_and(|function| word(function.get("name")).is_some());
    (!(named && is_whole(last))).then_some(position)
}

fn names(call: &Pieces) -> Vec<Name> {
    let index = call.last("index");
    let index = index.map(|index| Name::Index(index.get().into()));
    let id = call.text("id").filter(|id| !id.is_empty());
    let id = id.map(|id| Name::Id(id.into()));
    index.into_iter().chain(id).collect()
}

fn rule(key: &str) -> Rule {
    match key {
        "function" => Rule::Nested(function_rule),
        "id" | "type" => Rule::LastWord,
        _ => Rule::Last,
    }
}

fn function_rule(key: &str) -> Rule {
    match key {
        "arguments" => Rule::Append,
        "name" => Rule::LastWord,
        _ => Rule::Last,
    }
}

/// Whether the call has a name and its arguments are complete JSON.
fn is_whole(call: &Pieces) -> bool {
    let Some(function) = call.nested("function") else {
        return false;
    };
    let arguments = function.text("arguments").unwrap_or_default();
    function.text("name").is_some()
        && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok()
}

fn word(raw: Option<&RawValue>) -> Option<String> {
    raw.and_then(as_text)
        .filter(|text| !text.is_empty())
        .map(|text| text.into_owned())
}
