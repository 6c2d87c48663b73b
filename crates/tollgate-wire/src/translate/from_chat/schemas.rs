//! Where in a JSON schema other schemas stand.

use serde_json::value::RawValue;

use crate::translate::place::Place;
use crate::{Object, ParseError, Raw};

/// What the value of a keyword is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Anything but schemas.
    Value,
    Schema,
    /// A list of schemas.
    Schemas,
    /// Schemas by names that are no keywords.
    Named,
}

/// Deepest schema that is looked through; deeper ones go as they are, and are for the upstream to refuse.
pub(super) const DEEPEST: usize = 64;

/// The value of a keyword with each schema in it changed.
pub(super) fn change(
    value: &RawValue,
    holds: Holds,
    place: &Place<'_>,
    mut each: impl FnMut(&RawValue, &Place<'_>) -> Result<Raw, ParseError>,
) -> Result<Raw, ParseError> {
    match holds {
        Holds::Value => Ok(Raw::from(value.to_owned())),
        Holds::Schema => each(value, place),
        Holds::Schemas => {
            let list: Vec<&RawValue> = place.read(value)?;
            let list = list.iter().enumerate();
            let changed = list.map(|(index, inner)| each(inner, &place.index(index)));
            Raw::of(&changed.collect::<Result<Vec<Raw>, _>>()?)
        }
        Holds::Named => {
            let named: Object = place.read(value)?;
            let mut changed = Object::new();
            for (name, schema) in named.iter() {
                changed.set_raw(name, each(schema, &place.key(name))?.into_inner());
            }
            Raw::of(&changed)
        }
    }
}
