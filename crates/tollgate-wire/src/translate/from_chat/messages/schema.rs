//! JSON schemas that an answer or a call is held to, as Anthropic takes them: objects are closed, and there are no bounds.

use serde_json::value::RawValue;

use crate::document::whole_number;
use crate::raw::as_text;
use crate::translate::from_chat::schemas::{DEEPEST, Holds, change};
use crate::translate::losses::Losses;
use crate::translate::place::Place;
use crate::{Object, ParseError, Raw};

/// The keywords that hold schemas.
const KEYWORDS: &[(&str, Holds)] = &[
    ("properties", Holds::Named),
    ("$defs", Holds::Named),
    ("definitions", Holds::Named),
    ("items", Holds::Schema),
    ("anyOf", Holds::Schemas),
    ("allOf", Holds::Schemas),
    ("oneOf", Holds::Schemas),
    ("prefixItems", Holds::Schemas),
];

/// The keywords that are refused: bounds of numbers, of texts and of lists.
const BOUNDS: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
];

const UNBOUND: &str = "schemas of messages have no such bound";
const CLOSED: &str = "objects of messages have the properties that are named, and no others";

/// A schema as Anthropic takes it.
pub(super) fn of(
    schema: &RawValue,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Raw, ParseError> {
    schema_at(schema, place, DEEPEST, losses)
}

fn schema_at(
    schema: &RawValue,
    place: &Place<'_>,
    room: usize,
    losses: &mut Losses,
) -> Result<Raw, ParseError> {
    // `true` and `false` are schemas too.
    if room == 0 || !schema.get().starts_with('{') {
        return Ok(Raw::from(schema.to_owned()));
    }
    let given: Object = place.read(schema)?;
    let mut kept = Object::new();
    for (key, value) in given.iter() {
        let place = place.key(key);
        match key {
            "additionalProperties" if value.get() != "false" => losses.add(&place, CLOSED),
            "minItems" if whole_number::<u64>(value).is_ok_and(|least| least > 1) => {
                losses.add(&place, UNBOUND);
            }
            key if BOUNDS.contains(&key) => losses.add(&place, UNBOUND),
            key => {
                let row = KEYWORDS.iter().find(|(known, _)| *known == key);
                let holds = row.map_or(Holds::Value, |(_, holds)| *holds);
                let value = change(value, holds, &place, |inner, place| {
                    schema_at(inner, place, room - 1, losses)
                })?;
                kept.set_raw(key, value.into_inner());
            }
        }
    }
    if is_of_objects(&given) {
        kept.put("additionalProperties", &false);
    }
    Raw::of(&kept)
}

/// Whether a schema is one of objects, be it among others.
fn is_of_objects(schema: &Object) -> bool {
    let Some(kind) = schema.get("type") else {
        return schema.contains("properties");
    };
    match as_text(kind) {
        Some(kind) => kind == "object",
        None => {
            let kinds: Vec<String> = serde_json::from_str(kind.get()).unwrap_or_default();
            kinds.iter().any(|kind| kind == "object")
        }
    }
}
