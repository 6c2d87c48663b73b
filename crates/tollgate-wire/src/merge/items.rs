//! A list of objects, each put together from its pieces.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::pieces::{Pieces, Rule};
use crate::json::is_null;
use crate::{Object, ParseError};

/// How the pieces of one kind of item are told apart.
#[derive(Clone, Copy)]
pub(super) struct ItemRules {
    /// The item that a piece belongs to; without one it begins another.
    pub(super) place: fn(&Items, &Object) -> Option<usize>,
    /// What the item can be found by later.
    pub(super) names: fn(&Pieces) -> Vec<Name>,
    /// The rules inside.
    pub(super) members: fn(&str) -> Rule,
}

/// The items in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Items {
    list: Vec<Pieces>,
    /// The last item of each name. A piece may belong to any item, and who looked at all of them would make each piece
    /// dearer than the one before.
    named: BTreeMap<Name, usize>,
}

/// What an item is found by: members as the text that they are, an id as the string that it is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Index(Box<str>),
    IndexOfType(Box<str>, Box<str>),
    Id(Box<str>),
}

impl Items {
    pub(super) fn push(&mut self, piece: &Object, rules: ItemRules) -> Result<(), ParseError> {
        let position = (rules.place)(self, piece).unwrap_or(self.list.len());
        if position == self.list.len() {
            self.list.push(Pieces::default());
        }
        let item = &mut self.list[position];
        let pushed = item.push_object(piece, rules.members);
        for name in (rules.names)(item) {
            let last = self.named.entry(name).or_default();
            *last = position.max(*last);
        }
        pushed
    }

    /// The position of the last item of that name, and the item.
    pub(super) fn named(&self, name: &Name) -> Option<(usize, &Pieces)> {
        let position = *self.named.get(name)?;
        Some((position, &self.list[position]))
    }

    /// The same of the last item.
    pub(super) fn last(&self) -> Option<(usize, &Pieces)> {
        Some((self.list.len().checked_sub(1)?, self.list.last()?))
    }

    pub(super) fn into_list(self) -> Vec<Object> {
        self.list.into_iter().map(Pieces::into_object).collect()
    }
}

/// The value of a member of a piece, unless it is null.
pub(super) fn value<'a>(piece: &'a Object, key: &str) -> Option<&'a RawValue> {
    piece.get(key).filter(|value| !is_null(value))
}
