//! Content that comes in parts.

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{ContentPart, Text};

/// Parts in their order. Pieces of text that stand next to each other are one part.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<Part>);

#[derive(Debug)]
enum Part {
    /// A text and nothing else.
    Text(String),
    /// Any other part, as it came.
    Other(Box<RawValue>),
}

impl Parts {
    pub(super) fn extend(&mut self, parts: &[&RawValue]) {
        for part in parts {
            match plain_text(part) {
                Some(text) => self.push_text(&text),
                None => self.0.push(Part::Other((*part).to_owned())),
            }
        }
    }

    pub(super) fn push_text(&mut self, piece: &str) {
        match self.0.last_mut() {
            Some(Part::Text(text)) => text.push_str(piece),
            _ if piece.is_empty() => {}
            _ => self.0.push(Part::Text(piece.to_owned())),
        }
    }

    pub(super) fn into_list(self) -> Vec<Box<RawValue>> {
        let raw = |part| match part {
            Part::Text(text) => to_raw_value(&ContentPart::text(&text))
                .expect("a part of text is an object of two strings"),
            Part::Other(raw) => raw,
        };
        self.0.into_iter().map(raw).collect()
    }
}

/// The text of a part that is nothing but one.
fn plain_text(part: &RawValue) -> Option<Text<'_>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Plain<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
        #[serde(borrow)]
        text: Text<'a>,
    }
    let part: Plain<'_> = serde_json::from_str(part.get()).ok()?;
    (part.kind.as_str() == "text").then_some(part.text)
}
