//! The lossless JSON object: ordered members whose values stay the text they came as.

use std::collections::HashMap;
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
    /// Where the last member of each key is, once there are many and one is set: callers choose how many there are, and
    /// looking through all of them for each took minutes. None while there are few, as there nearly always are.
    places: Option<Box<Places>>,
}

/// Where the last member of each key is. It is boxed, since most objects never have it.
#[derive(Clone)]
struct Places(HashMap<Box<str>, usize>);

/// Most members that are looked through for a key each time that one is set.
const FEW: usize = 64;

/// What a document that was built has kept.
pub(crate) static EMPTY: Object = Object {
    members: Vec::new(),
    places: None,
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
        if self.places.is_none() && self.members.len() > FEW {
            let keys = self.members.iter().map(|(key, _)| key.clone());
            self.places = Some(Box::new(Places(keys.zip(0..).collect())));
        }
        let Some(position) = self.position(key) else {
            self.push_raw(key, raw);
            return;
        };
        self.members[position].1 = raw;
        let places = self.places.as_ref();
        if places.is_some_and(|places| places.0.len() == self.members.len()) {
            // No key is there twice.
            return;
        }
        let mut index = 0;
        self.retain(|name, _| {
            index += 1;
            index > position || name != key
        });
    }

    /// Takes a key out, duplicates too; gives back the value that [`Object::get`] would have given.
    pub fn remove(&mut self, key: &str) -> Option<Box<RawValue>> {
        let mut removed = None;
        while let Some(position) = self.position(key) {
            let (_, value) = self.members.remove(position);
            self.places = None;
            removed.get_or_insert(value);
        }
        removed
    }

    /// Takes out the members that are null, for readers that want them absent.
    pub(crate) fn drop_nulls(&mut self) {
        self.retain(|_, value| !is_null(value));
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
        if let Some(places) = &self.places {
            return places.0.get(key).copied();
        }
        #[cfg(test)]
        steps::add(self.members.len());
        self.members.iter().rposition(|(name, _)| &**name == key)
    }

    fn retain(&mut self, mut keep: impl FnMut(&str, &RawValue) -> bool) {
        #[cfg(test)]
        steps::add(self.members.len());
        let before = self.members.len();
        self.members.retain(|(key, value)| keep(key, value));
        if self.members.len() < before {
            self.places = None;
        }
    }

    /// Adds a member without looking for the key.
    pub(crate) fn push_raw(&mut self, key: impl Into<Box<str>>, raw: Box<RawValue>) {
        let key = key.into();
        if let Some(places) = &mut self.places {
            places.0.insert(key.clone(), self.members.len());
        }
        self.members.push((key, raw));
    }

    /// Sets a key to a value of a type that always serialises.
    pub(crate) fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        self.set(key, value)
            .expect("the crate's own types have string keys and serialise");
    }
}

/// Counts the members that are looked at, for tests of what callers can make take long.
#[cfg(test)]
pub(crate) mod steps {
    use std::cell::Cell;

    thread_local! {
        static TAKEN: Cell<usize> = const { Cell::new(0) };
    }

    pub(crate) fn add(members: usize) {
        TAKEN.set(TAKEN.get() + members);
    }

    /// How many members some work looks at.
    pub(crate) fn of(work: impl FnOnce()) -> usize {
        TAKEN.set(0);
        work();
        TAKEN.get()
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

/// Reads null as the value that stands for none.
pub(crate) fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
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
        Ok(Object {
            members,
            places: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn setting_many_members_looks_at_few_of_them() {
        const MANY: usize = 10_000;
        let keys: Vec<String> = (0..MANY).map(|key| key.to_string()).collect();
        let mut object = Object::new();
        let steps = steps::of(|| {
            for text in ["1", "2"] {
                for key in &keys {
                    object.set_raw(key, raw(text));
                }
            }
        });
        assert!(steps <= FEW * FEW, "{steps}");
        assert_eq!(object.len(), MANY);
        assert!(object.iter().all(|(_, value)| value.get() == "2"));
    }

    #[test]
    fn an_object_of_many_members_is_changed_as_one_of_few() {
        for others in [0, 10 * FEW] {
            let others: Vec<_> = (0..others).map(|key| format!("\"{key}\":0,")).collect();
            let others = others.concat();
            let text = format!(r#"{{{others}"a":1,"b":2,"a":3,"c":null}}"#);
            let mut object = Object::parse(text.as_bytes()).unwrap();
            let mut check = |change: &dyn Fn(&mut Object), expected: &str| {
                change(&mut object);
                let written = String::from_utf8(object.to_vec()).unwrap();
                assert_eq!(written, format!("{{{others}{expected}}}"));
                for key in ["a", "b", "c", "d"] {
                    let last = object.iter().filter(|(name, _)| *name == key).last();
                    let found = object.get(key).map(RawValue::get);
                    assert_eq!(found, last.map(|(_, value)| value.get()), "{key}");
                }
            };
            check(
                &|object| object.set_raw("d", raw("4")),
                r#""a":1,"b":2,"a":3,"c":null,"d":4"#,
            );
            check(
                &|object| object.set_raw("a", raw("5")),
                r#""b":2,"a":5,"c":null,"d":4"#,
            );
            check(
                &|object| object.set_raw("b", raw("6")),
                r#""b":6,"a":5,"c":null,"d":4"#,
            );
            check(
                &|object| object.push_raw("b", raw("7")),
                r#""b":6,"a":5,"c":null,"d":4,"b":7"#,
            );
            check(
                &|object| object.set_raw("d", raw("8")),
                r#""b":6,"a":5,"c":null,"d":8,"b":7"#,
            );
            check(
                &|object| assert_eq!(object.remove("b").unwrap().get(), "7"),
                r#""a":5,"c":null,"d":8"#,
            );
            check(&|object| object.drop_nulls(), r#""a":5,"d":8"#);
            check(&|object| object.set_raw("d", raw("9")), r#""a":5,"d":9"#);
        }
    }
}
