//! Documents: structs with typed fields over the object they were read from.
//!
//! A document is lossless and can still be changed: on writing, a field that reads the same from the kept object stays
//! the text it was, a field that was changed replaces it, and everything unknown is carried along.

use serde_json::value::{RawValue, to_raw_value};

use crate::json::is_null;
use crate::{Decimal, Object, ParseError, Raw};

/// A value that a typed field can hold. Reading is tolerant: `12`, `12.0` and `"12"` are the same count.
pub(crate) trait Field: Sized + PartialEq + serde::Serialize {
    /// Reads a value that is there and not null.
    fn from_raw(raw: &RawValue) -> Result<Self, ParseError>;

    /// Reads a value that is there and may say by itself that there is none.
    fn some_from_raw(raw: &RawValue) -> Result<Option<Self>, ParseError> {
        Self::from_raw(raw).map(Some)
    }

    /// The value when the key is absent or null; `None` makes the key required.
    fn absent() -> Option<Self> {
        None
    }

    /// The text to write; `None` leaves the key out.
    fn to_raw(&self) -> Option<Box<RawValue>> {
        Some(to_raw_value(self).expect("the crate's own types have string keys and serialise"))
    }
}

/// Reads one field of an object.
pub(crate) fn read_field<T: Field>(object: &Object, key: &str) -> Result<T, ParseError> {
    match object.get(key) {
        Some(raw) if !is_null(raw) => T::from_raw(raw),
        _ => T::absent().ok_or_else(|| ParseError::new("is required, and is missing or null")),
    }
    .map_err(|error| error.at(key))
}

/// Writes one field over the object it was read from. `built` says that there was no such object.
pub(crate) fn write_field<T: Field>(object: &mut Object, key: &str, value: &T, built: bool) {
    if !built && read_field::<T>(object, key).is_ok_and(|kept| kept == *value) {
        return;
    }
    match value.to_raw() {
        Some(raw) => object.set_raw(key, raw),
        None => drop(object.remove(key)),
    }
}

/// Declares a document: `field: Type = "key"`.
macro_rules! document {
    ($( $(#[$meta:meta])* pub struct $Name:ident { $( $(#[$field_meta:meta])* $field:ident: $Type:ty = $key:literal ),* $(,)? } )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $Name {
            $( $(#[$field_meta])* pub $field: $Type, )*
            /// `None` when it was built.
            kept: Option<$crate::Object>,
        }

        impl $Name {
            /// The keys that have a typed field.
            pub const KEYS: &'static [&'static str] = &[$( $key ),*];

            /// Reads the document from JSON text.
            ///
            /// # Errors
            /// When the text is not a JSON object, or a field that is typed here has a value of another kind.
            pub fn parse(bytes: &[u8]) -> Result<Self, $crate::ParseError> {
                Self::from_object($crate::Object::parse(bytes)?)
            }

            /// Reads the document from an object.
            ///
            /// # Errors
            /// When a field that is typed here has a value of another kind.
            pub fn from_object(object: $crate::Object) -> Result<Self, $crate::ParseError> {
                Ok(Self {
                    $( $field: $crate::document::read_field(&object, $key)?, )*
                    kept: Some(object),
                })
            }

            /// The object that the document was read from, unknown members included; empty when it was built.
            pub fn kept(&self) -> &$crate::Object {
                self.kept.as_ref().unwrap_or(&$crate::json::EMPTY)
            }

            /// The whole document as an object: what was kept, with the fields that were changed since.
            pub fn to_object(&self) -> $crate::Object {
                let built = self.kept.is_none();
                let mut object = self.kept.clone().unwrap_or_default();
                $( $crate::document::write_field(&mut object, $key, &self.$field, built); )*
                object
            }

            /// Sets a member that has no typed field (or that has one).
            ///
            /// # Errors
            /// When the value cannot be written as JSON, or does not fit the typed field.
            pub fn with_member<T: serde::Serialize + ?Sized>(self, key: &str, value: &T) -> Result<Self, $crate::ParseError> {
                let mut object = self.to_object();
                object.set(key, value)?;
                Self::from_object(object)
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.to_object().serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let object = $crate::Object::deserialize(deserializer)?;
                Self::from_object(object).map_err(serde::de::Error::custom)
            }
        }

        impl $crate::document::Field for $Name {
            fn from_raw(raw: &serde_json::value::RawValue) -> Result<Self, $crate::ParseError> {
                Self::parse(raw.get().as_bytes())
            }

            fn absent() -> Option<Self> {
                Some(Self::default())
            }

            fn to_raw(&self) -> Option<Box<serde_json::value::RawValue>> {
                let object = self.to_object();
                (!object.is_empty()).then(|| $crate::document::Field::to_raw(&object)).flatten()
            }
        }
    )* };
}
pub(crate) use document;

/// Rows of a list, read one by one so that a row that cannot be read does not cost the others.
///
/// A list that is not changed is written as it came, rejected rows included; a changed one is written from `rows`.
#[derive(Clone, Debug)]
pub struct Rows<T> {
    /// The rows that could be read, in order.
    pub rows: Vec<T>,
    /// Why the others could not, with their index.
    pub rejected: Vec<ParseError>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            rejected: Vec::new(),
        }
    }
}

impl<T: PartialEq> PartialEq for Rows<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}

impl<T> From<Vec<T>> for Rows<T> {
    fn from(rows: Vec<T>) -> Self {
        Self {
            rows,
            rejected: Vec::new(),
        }
    }
}

impl<T> std::ops::Deref for Rows<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.rows
    }
}

impl<T> IntoIterator for Rows<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<T: serde::Serialize> serde::Serialize for Rows<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(serializer)
    }
}

// === what fields are made of ===

impl<T: Field> Field for Rows<T> {
    fn from_raw(raw: &RawValue) -> Result<Self, ParseError> {
        let mut list = Self::default();
        for (index, row) in elements(raw)?.into_iter().enumerate() {
            match T::from_raw(row) {
                Ok(row) => list.rows.push(row),
                Err(error) => list.rejected.push(error.at_index(index)),
            }
        }
        Ok(list)
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

impl<T: Field> Field for Vec<T> {
    fn from_raw(raw: &RawValue) -> Result<Self, ParseError> {
        let read = |(index, element)| T::from_raw(element).map_err(|error| error.at_index(index));
        elements(raw)?.into_iter().enumerate().map(read).collect()
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

impl<T: Field> Field for Option<T> {
    fn from_raw(raw: &RawValue) -> Result<Self, ParseError> {
        T::some_from_raw(raw)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn to_raw(&self) -> Option<Box<RawValue>> {
        self.as_ref().and_then(T::to_raw)
    }
}

impl Field for u64 {
    fn from_raw(raw: &RawValue) -> Result<Self, ParseError> {
        whole_number(raw)
    }

    fn absent() -> Option<Self> {
        Some(0)
    }
}

impl Field for i64 {
    fn from_raw(raw: &RawValue) -> Result<Self, ParseError> {
        whole_number(raw)
    }

    fn absent() -> Option<Self> {
        Some(0)
    }
}

impl Field for f64 {
    fn from_raw(raw: &RawValue) -> Result<Self, ParseError> {
        let number = Decimal::from_raw(raw)?;
        number.as_str().parse().map_err(|_| not_a("number", raw))
    }
}

impl Field for bool {
    fn from_raw(raw: &RawValue) -> Result<Self, ParseError> {
        Ok(serde_json::from_str(raw.get())?)
    }

    fn absent() -> Option<Self> {
        Some(false)
    }
}

impl Field for String {
    fn from_raw(raw: &RawValue) -> Result<Self, ParseError> {
        Ok(serde_json::from_str(raw.get())?)
    }
}

impl Field for Decimal {
    fn from_raw(raw: &RawValue) -> Result<Self, ParseError> {
        Self::from_raw(raw)
    }
}

impl Field for Raw {
    fn from_raw(raw: &RawValue) -> Result<Self, ParseError> {
        Ok(Self::from(raw.to_owned()))
    }
}

impl Field for Object {
    fn from_raw(raw: &RawValue) -> Result<Self, ParseError> {
        Self::parse(raw.get().as_bytes())
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

fn elements(raw: &RawValue) -> Result<Vec<&RawValue>, ParseError> {
    Ok(serde_json::from_str(raw.get())?)
}

/// Reads `12`, `12.0`, `1.2e1` and each of them in quotes; a fraction or a number out of range is an error.
pub(crate) fn whole_number<T: std::str::FromStr + TryFrom<i128>>(
    raw: &RawValue,
) -> Result<T, ParseError> {
    let number = Decimal::from_raw(raw)?;
    if let Ok(value) = number.as_str().parse() {
        return Ok(value);
    }
    // Floats hold every integer below 2⁵³, more than any count of tokens; above that the text must be an integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let value: f64 = number
        .as_str()
        .parse()
        .map_err(|_| not_a("whole number", raw))?;
    if value.fract() != 0.0 || value.abs() > EXACT {
        return Err(not_a("whole number in range", raw));
    }
    T::try_from(value as i128).map_err(|_| not_a("whole number in range", raw))
}

fn not_a(what: &str, raw: &RawValue) -> ParseError {
    ParseError::new(format!("expected a {what}, found {:.40}", raw.get()))
}
