//! JSON schemas, without the keywords that Gemini refuses.

use serde_json::value::RawValue;

use crate::raw::as_text;
use crate::translate::losses::Losses;
use crate::translate::place::Place;
use crate::{Object, ParseError, Raw};

/// What the value of a keyword is.
#[derive(Clone, Copy)]
enum Holds {
    /// Anything but schemas.
    Value,
    Schema,
    /// A list of schemas.
    Schemas,
    /// Schemas by names that are no keywords.
    Named,
}

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

/// Deepest schema that is looked through; deeper ones go as they are, and are for Gemini to refuse.
const DEEPEST: usize = 64;

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
    let mut kept = Object::new();
    for (key, value) in given.iter() {
        let place = place.key(key);
        let row = KEYWORDS.iter().find(|(known, _)| *known == key);
        match row.map(|(_, holds)| *holds) {
            Some(Holds::Value) => kept.set_raw(key, value.to_owned()),
            Some(Holds::Schema) => {
                let inner = schema_at(value, &place, room - 1, losses)?;
                kept.set_raw(key, inner.into_inner());
            }
            Some(Holds::Schemas) => {
                let list: Vec<&RawValue> = place.read(value)?;
                let inner = list
                    .iter()
                    .enumerate()
                    .map(|(index, inner)| schema_at(inner, &place.index(index), room - 1, losses));
                kept.put(key, &inner.collect::<Result<Vec<Raw>, _>>()?);
            }
            Some(Holds::Named) => {
                let named: Object = place.read(value)?;
                let mut inner = Object::new();
                for (name, schema) in named.iter() {
                    let schema = schema_at(schema, &place.key(name), room - 1, losses)?;
                    inner.set_raw(name, schema.into_inner());
                }
                kept.put(key, &inner);
            }
            None if key == "const" && as_text(value).is_some() => kept.put("enum", &[value]),
            None if SILENT.contains(&key) => {}
            None => losses.add(&place, "gemini has no such keyword"),
        }
    }
    Raw::of(&kept)
}
