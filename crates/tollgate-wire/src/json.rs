//! The lossless JSON object: ordered members whose values stay the text they came as.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::ParseError;

/// A JSON object that comes out as it went in: same keys, same order, every value as the text it was.
///
/// `1.10` stays `1.10`, a 23-digit integer keeps its digits, duplicate keys are kept. What is not kept is white space
/// between the members of this object (inside values it is) and the escapes with which a key was spelt. A key that
/// holds half of a surrogate pair is refused, since no string can hold it.
///
/// Equality is of keys, order and value text.
///
/// ```
/// use tollgate_wire::Object;
/// let mut object = Object::parse(br#"{"price":1.10,"n":12345678901234567890123}"#)?;
/// object.set("model", "a/b")?;
/// assert_eq!(object.to_vec(), br#"{"price":1.10,"n":12345678901234567890123,"model":"a/b"}"#);
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Clone, Default)]
pub struct Object {
    members: Vec<(Box<str>, Box<RawValue>)>,
}

/// What a document that was built has kept.
pub(crate) static EMPTY: Object = Object {
    members: Vec::new(),
};

impl Object {
    /// An object without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads any JSON object.
    ///
    /// # Errors
    /// When the text is not one JSON object; the error names line and column.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        // One check of the whole text is cheaper than serde_json's check of each string.
        Ok(serde_json::from_str(utf8(bytes)?)?)
    }

    /// Writes the object without white space between its members, each value verbatim.
    pub fn to_vec(&self) -> Vec<u8> {
        let length: usize = self
            .members
            .iter()
            .map(|(key, value)| key.len() + value.get().len() + 4)
            .sum();
        let mut out = Vec::with_capacity(length + 2);
        out.push(b'{');
        for (position, (key, value)) in self.members.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            write_key(&mut out, key);
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
        out.push(b'}');
        out
    }

    /// The value of a key; of the last one when the key is there twice, as most JSON readers have it.
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.position(key)
            .map(|position| &*self.members[position].1)
    }

    /// Whether the key is there, be it null.
    pub fn contains(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Whether the key is there with a value other than null.
    pub fn has_value(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| !is_null(value))
    }

    /// Number of members, duplicates included.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.members.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Reads the value of a key as a type of yours; absent and null are both `None`.
    ///
    /// # Errors
    /// When the value is there and does not fit the type; the error's place is the key.
    pub fn read<'a, T: Deserialize<'a>>(&'a self, key: &str) -> Result<Option<T>, ParseError> {
        match self.get(key) {
            Some(value) if !is_null(value) => match serde_json::from_str(value.get()) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(ParseError::from(error).at(key)),
            },
            _ => Ok(None),
        }
    }

    /// Sets a key: in its place when it is there (a duplicate goes), else at the end.
    ///
    /// # Errors
    /// When the value cannot be written as JSON, such as a map whose keys are not strings.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), ParseError> {
        let raw = to_raw_value(value).map_err(|error| ParseError::from(error).at(key))?;
        self.set_raw(key, raw);
        Ok(())
    }

    /// Sets a key to JSON text, in its place or at the end.
    pub fn set_raw(&mut self, key: &str, raw: Box<RawValue>) {
        let Some(position) = self.position(key) else {
            self.members.push((key.into(), raw));
            return;
        };
        self.members[position].1 = raw;
        let mut index = 0;
        self.members.retain(|(name, _)| {
            index += 1;
            index > position || &**name != key
        });
    }

    /// Takes a key out, duplicates too; gives back the value that [`Object::get`] would have given.
    pub fn remove(&mut self, key: &str) -> Option<Box<RawValue>> {
        let mut removed = None;
        while let Some(position) = self.position(key) {
            let (_, value) = self.members.remove(position);
            removed.get_or_insert(value);
        }
        removed
    }

    /// Takes out the members that are null, for readers that want them absent.
    pub(crate) fn drop_nulls(&mut self) {
        self.members.retain(|(_, value)| !is_null(value));
    }

    /// A key that is there more than once, if any. Such an object means different things to different readers.
    pub fn duplicate_key(&self) -> Option<&str> {
        let mut keys: Vec<&str> = self.members.iter().map(|(key, _)| &**key).collect();
        keys.sort_unstable();
        keys.windows(2)
            .find(|pair| pair[0] == pair[1])
            .map(|pair| pair[0])
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.members.iter().rposition(|(name, _)| &**name == key)
    }

    /// Adds a member without looking for the key.
    pub(crate) fn push_raw(&mut self, key: impl Into<Box<str>>, raw: Box<RawValue>) {
        self.members.push((key.into(), raw));
    }

    /// Sets a key to a value of a type that always serialises.
    pub(crate) fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        self.set(key, value)
            .expect("the crate's own types have string keys and serialise");
    }
}

/// The text of a body; JSON is UTF-8.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, ParseError> {
    std::str::from_utf8(bytes).map_err(|error| ParseError::new(format!("expected UTF-8, {error}")))
}

/// Whether the text is `null`.
pub(crate) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

fn write_key(out: &mut Vec<u8>, key: &str) {
    let plain = key
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain {
        out.push(b'"');
        out.extend_from_slice(key.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, key).expect("a string is always written to memory");
    }
}

// === impls of foreign traits ===

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.members.len() == other.members.len()
            && self
                .iter()
                .zip(other.iter())
                .all(|((key, value), (other_key, other_value))| {
                    key == other_key && value.get() == other_value.get()
                })
    }
}

impl Eq for Object {}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(key, value)| (key, value.get())))
            .finish()
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in &self.members {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

/// Collects members by hand: serde's `flatten` cannot hold raw values.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut members = Vec::with_capacity(map.size_hint().unwrap_or(16));
        while let Some(member) = map.next_entry::<Box<str>, Box<RawValue>>()? {
            members.push(member);
        }
        Ok(Object { members })
    }
}
