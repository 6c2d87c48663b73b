//! An object that grows by pieces, each key by its rule.

use serde_json::value::{RawValue, to_raw_value};

use super::items::{ItemRules, Items};
use super::parts::Parts;
use crate::json::is_null;
use crate::raw::as_text;
use crate::{Object, ParseError};

/// How pieces of one key become one value.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// Strings are put one after the other.
    Append,
    /// Strings and parts are put one after the other; a string among parts is a part of text.
    Said,
    /// Lists are put one after the other.
    Extend,
    /// The last value that is not null stays.
    Last,
    /// The last string that is not empty stays; some servers repeat a word, others blank it.
    LastWord,
    /// Objects are merged key by key.
    Nested(fn(&str) -> Rule),
    /// A list of objects, each put together from pieces.
    Items(ItemRules),
}

/// Members in the order in which their keys first came.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    members: Vec<(Box<str>, Merged)>,
}

#[derive(Debug)]
enum Merged {
    Null,
    Text(String),
    Parts(Parts),
    List(Vec<Box<RawValue>>),
    Value(Box<RawValue>),
    Nested(Pieces),
    Items(Items),
}

impl Pieces {
    /// Adds one piece of a key.
    pub(super) fn push(
        &mut self,
        key: &str,
        value: &RawValue,
        rule: Rule,
    ) -> Result<(), ParseError> {
        let position = match self.members.iter().position(|(name, _)| &**name == key) {
            Some(position) => position,
            None => {
                self.members.push((key.into(), Merged::Null));
                self.members.len() - 1
            }
        };
        if is_null(value) {
            return Ok(());
        }
        self.members[position]
            .1
            .add(value, rule)
            .map_err(|error| error.at(key))
    }

    /// Adds the pieces of all keys of an object.
    pub(super) fn push_all(
        &mut self,
        object: &RawValue,
        rules: fn(&str) -> Rule,
    ) -> Result<(), ParseError> {
        let object = Object::parse(object.get().as_bytes())?;
        self.push_object(&object, rules)
    }

    /// The value of a key that has the rule [`Rule::Last`].
    pub(super) fn last(&self, key: &str) -> Option<&RawValue> {
        self.members
            .iter()
            .find(|(name, _)| &**name == key)
            .and_then(|(_, merged)| match merged {
                Merged::Value(value) => Some(&**value),
                _ => None,
            })
    }

    /// The text of a key so far.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.members
            .iter()
            .find(|(name, _)| &**name == key)
            .and_then(|(_, merged)| match merged {
                Merged::Text(text) => Some(text.as_str()),
                _ => None,
            })
    }

    /// The nested pieces of a key so far.
    pub(super) fn nested(&self, key: &str) -> Option<&Pieces> {
        self.members
            .iter()
            .find(|(name, _)| &**name == key)
            .and_then(|(_, merged)| match merged {
                Merged::Nested(pieces) => Some(pieces),
                _ => None,
            })
    }

    pub(super) fn into_object(self) -> Object {
        let mut object = Object::new();
        for (key, merged) in self.members {
            object.push_raw(key, merged.into_raw());
        }
        object
    }

    pub(super) fn push_object(
        &mut self,
        object: &Object,
        rules: fn(&str) -> Rule,
    ) -> Result<(), ParseError> {
        object
            .iter()
            .try_for_each(|(key, value)| self.push(key, value, rules(key)))
    }
}

impl Merged {
    fn add(&mut self, value: &RawValue, rule: Rule) -> Result<(), ParseError> {
        match rule {
            Rule::Last => *self = Self::Value(value.to_owned()),
            Rule::LastWord => match (as_text(value), &mut *self) {
                (Some(word), Self::Text(_)) if word.is_empty() => {}
                (Some(word), _) => *self = Self::Text(word.into_owned()),
                (None, _) => *self = Self::Value(value.to_owned()),
            },
            Rule::Append => match (as_text(value), &mut *self) {
                (Some(piece), Self::Text(text)) => text.push_str(&piece),
                (Some(piece), _) => *self = Self::Text(piece.into_owned()),
                // Arguments as an object: whole in one piece.
                (None, _) => *self = Self::Value(value.to_owned()),
            },
            Rule::Said => match (as_text(value), &mut *self) {
                (Some(piece), Self::Text(text)) => text.push_str(&piece),
                (Some(piece), Self::Parts(parts)) => parts.push_text(&piece),
                (Some(piece), _) => *self = Self::Text(piece.into_owned()),
                (None, _) => match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
                    Ok(parts) => self.parts().extend(&parts),
                    Err(_) => *self = Self::Value(value.to_owned()),
                },
            },
            Rule::Extend => self
                .list()
                .extend(serde_json::from_str::<Vec<Box<RawValue>>>(value.get())?),
            Rule::Nested(rules) => self.pieces().push_all(value, rules)?,
            Rule::Items(rules) => {
                let items = self.items();
                for piece in serde_json::from_str::<Vec<Object>>(value.get())? {
                    items.push(&piece, rules)?;
                }
            }
        }
        Ok(())
    }

    fn parts(&mut self) -> &mut Parts {
        if !matches!(self, Self::Parts(_)) {
            let mut parts = Parts::default();
            if let Self::Text(text) = self {
                parts.push_text(text);
            }
            *self = Self::Parts(parts);
        }
        match self {
            Self::Parts(parts) => parts,
            _ => unreachable!("made parts just above"),
        }
    }

    fn list(&mut self) -> &mut Vec<Box<RawValue>> {
        if !matches!(self, Self::List(_)) {
            *self = Self::List(Vec::new());
        }
        match self {
            Self::List(list) => list,
            _ => unreachable!("made a list just above"),
        }
    }

    fn pieces(&mut self) -> &mut Pieces {
        if !matches!(self, Self::Nested(_)) {
            *self = Self::Nested(Pieces::default());
        }
        match self {
            Self::Nested(pieces) => pieces,
            _ => unreachable!("made nested just above"),
        }
    }

    fn items(&mut self) -> &mut Items {
        if !matches!(self, Self::Items(_)) {
            *self = Self::Items(Items::default());
        }
        match self {
            Self::Items(items) => items,
            _ => unreachable!("made items just above"),
        }
    }

    fn into_raw(self) -> Box<RawValue> {
        let raw = match self {
            Self::Null => to_raw_value(&()),
            Self::Text(text) => to_raw_value(&text),
            Self::Parts(parts) => to_raw_value(&parts.into_list()),
            Self::List(list) => to_raw_value(&list),
            Self::Value(value) => return value,
            Self::Nested(pieces) => to_raw_value(&pieces.into_object()),
            Self::Items(items) => to_raw_value(&items.into_list()),
        };
        raw.expect("texts, lists and objects of raw values serialise")
    }
}
