//! JSON objects that keep the order of their keys and the digits of their numbers.

use std::fmt;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

/// An object under construction: keys in the order given, values already JSON.
///
/// A map of parsed values would sort the keys and pass money through a float.
#[derive(Clone, Default)]
pub(crate) struct Object(Vec<(&'static str, Box<RawValue>)>);

impl Object {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a key; the caller takes care not to add it twice.
    pub(crate) fn with(mut self, key: &'static str, value: &(impl Serialize + ?Sized)) -> Self {
        self.0.push((key, raw(value)));
        self
    }

    /// Adds a key when there is a value; `None` leaves the key out.
    pub(crate) fn with_some(
        self,
        key: &'static str,
        value: Option<&(impl Serialize + ?Sized)>,
    ) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds all keys of another object.
    pub(crate) fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    pub(crate) fn to_vec(&self) -> Vec<u8> {
        raw(self).get().as_bytes().to_vec()
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_map()
            .entries(self.0.iter().map(|(key, value)| (key, value.get())))
            .finish()
    }
}

/// The JSON text of a value. Values here are strings, numbers, lists and
/// objects with string keys, none of which can fail to serialise.
pub(crate) fn raw(value: &(impl Serialize + ?Sized)) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("strings, numbers and objects serialise")
}

/// `object! { "key": value, … }` builds an [`Object`].
macro_rules! object {
    ($($key:literal : $value:expr),* $(,)?) => {
        $crate::json::Object::new()$(.with($key, &$value))*
    };
}
pub(crate) use object;
