//! Where in a document something stands; written out only when there is something to say about it.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ParseError;
use crate::parse_error::shown;

/// A path from the top, as a list on the stack. Keys are shortened when it is written: a path ends in errors and headers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    Top,
    Key(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, usize),
}

impl<'a> Place<'a> {
    pub(super) fn key(&'a self, key: &'a str) -> Place<'a> {
        Place::Key(self, key)
    }

    pub(super) fn index(&'a self, index: usize) -> Place<'a> {
        Place::Index(self, index)
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(message).at(&self.to_string())
    }

    /// Reads what stands here.
    pub(super) fn read<'r, T: Deserialize<'r>>(&self, raw: &'r RawValue) -> Result<T, ParseError> {
        serde_json::from_str(raw.get())
            .map_err(|error| ParseError::from(error).at(&self.to_string()))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Key(Self::Top, key) => f.write_str(&shown(key)),
            Self::Key(parent, key) => write!(f, "{parent}.{}", shown(key)),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
