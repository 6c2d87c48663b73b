//! JSON schemas, without the keywords that Gemini refuses.

use serde_json::value::RawValue;

use crate::raw::as_text;
use crate::translate::from_chat::schemas::{DEEPEST, Holds, change};
use crate::translate::losses::Losses;
use crate::translate::place::Place;
use crate::{Object, ParseError, Raw};

/// The keywords that Gemini knows. Whatever is not here is a constraint that the model is not held to.
const KEYWORDS: &[(&str, Holds)] = &[
    ("type", Holds::Value),
    ("title", Holds::Value),
    ("description", Holds::Value),
    ("format", Holds::Value),
    ("enum", Holds::Value),
    ("required", Holds::Value),
    ("minimum", Holds::Value),
    ("maximum", Holds::Value),
    ("minItems", Holds::Value),
    ("maxItems", Holds::Value),
    ("propertyOrdering", Holds::Value),
    ("$id", Holds::Value),
    ("$ref", Holds::Value),
    ("$anchor", Holds::Value),
    ("$defs", Holds::Named),
    ("properties", Holds::Named),
    ("items", Holds::Schema),
    ("additionalProperties", Holds::Schema),
    ("prefixItems", Holds::Schemas),
    ("anyOf", Holds::Schemas),
    ("oneOf", Holds::Schemas),
];

/// Keywords that hold nobody to anything.
const SILENT: &[&str] = &["$schema", "$comment", "examples", "default"];

/// The name that `$defs` had in earlier drafts, which is still what many write.
const OLD_DEFS: &str = "definitions";
const DEFS: &str = "$defs";

/// A schema as Gemini takes it.
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
    let is_reference = given.contains("$ref");
    let mut kept = Object::new();
    for (key, value) in given.iter() {
        let place = place.key(key);
        let new = new_name(key);
        match holds(new) {
            Some(_) if is_reference && !new.starts_with('$') => {
                losses.add(&place, "gemini looks at nothing beside a reference");
            }
            Some(_) if key == "$ref" => kept.put(key, &reference(value)),
            Some(holds) => {
                let value = change(value, holds, &place, |inner, place| {
                    schema_at(inner, place, room - 1, losses)
                })?;
                match new {
                    DEFS => add_definitions(&mut kept, &value, &place, losses)?,
                    key => kept.set_raw(key, value.into_inner()),
                }
            }
            None if key == "const" && as_text(value).is_some() && !is_reference => {
                kept.put("enum", &[value]);
            }
            None if SILENT.contains(&key) => {}
            None => losses.add(&place, "gemini has no such keyword"),
        }
    }
    Raw::of(&kept)
}

fn holds(key: &str) -> Option<Holds> {
    let row = KEYWORDS.iter().find(|(known, _)| *known == key);
    row.map(|(_, holds)| *holds)
}

fn new_name(key: &str) -> &str {
    match key {
        OLD_DEFS => DEFS,
        key => key,
    }
}

/// Adds definitions to those under the other name.
fn add_definitions(
    kept: &mut Object,
    more: &Raw,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let mut all: Object = kept.read(DEFS)?.unwrap_or_default();
    let more: Object = more.read()?;
    for (name, schema) in more.iter() {
        match all.get(name) {
            None => all.set_raw(name, schema.to_owned()),
            Some(earlier) if earlier.get() == schema.get() => {}
            Some(_) => losses.add(&place.key(name), "two definitions have this name"),
        }
    }
    kept.put(DEFS, &all);
    Ok(())
}

/// A reference into the schema, by the new name of definitions. Names between keywords stay: a property may be called so.
fn reference(value: &RawValue) -> Raw {
    let given = Raw::from(value.to_owned());
    let Some(path) = as_text(value).filter(|path| path.starts_with("#/")) else {
        return given;
    };
    let mut is_name = false;
    let segments = path.split('/').map(|segment| {
        if is_name {
            is_name = false;
            return segment;
        }
        let segment = new_name(segment);
        is_name = matches!(holds(segment), Some(Holds::Named | Holds::Schemas));
        segment
    });
    let segments: Vec<&str> = segments.collect();
    Raw::of(&segments.join("/")).unwrap_or(given)
}
