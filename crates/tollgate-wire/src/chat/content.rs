//! What an answer says: a string, or parts. Mistral's models that reason stream parts, of text and of thinking.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::raw::as_text;
use crate::{PartView, Text};

/// Bytes of UTF-8 text in a chunk, or in a choice of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextLength {
    /// Of the answer.
    pub content: usize,
    /// Of the reasoning.
    pub reasoning: usize,
}

/// A part, as far as it is counted.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
}

/// The text, from a string or from text parts; `None` when the content is neither.
pub(super) fn text(content: &RawValue) -> Option<Cow<'_, str>> {
    as_text(content).or_else(|| {
        let parts: Vec<PartView<'_>> = serde_json::from_str(content.get()).ok()?;
        let texts = parts.iter().filter_map(|part| part.text.as_deref());
        Some(texts.collect())
    })
}

/// How much of text and of thinking there is. What cannot be read counts by its length: too much rather than nothing.
pub(super) fn length(content: &RawValue) -> TextLength {
    if let Some(text) = as_text(content) {
        return TextLength {
            content: text.len(),
            reasoning: 0,
        };
    }
    let mut length = TextLength::default();
    let Some(parts) = parts(content) else {
        length.content = content.get().len();
        return length;
    };
    for part in parts {
        match serde_json::from_str::<Part<'_>>(part.get()) {
            Ok(Part { text, thinking }) => {
                length.content += text.map_or(0, |text| text.len());
                length.reasoning += thinking.map_or(0, thinking_length);
            }
            Err(_) => length.content += part.get().len(),
        }
    }
    length
}

/// The same of reasoning, which is a string or parts of text. Only one level is looked into, so nobody nests too deep.
pub(super) fn thinking_length(thinking: &RawValue) -> usize {
    if let Some(text) = as_text(thinking) {
        return text.len();
    }
    let Some(parts) = parts(thinking) else {
        return thinking.get().len();
    };
    let length = |part: &RawValue| match serde_json::from_str::<Part<'_>>(part.get()) {
        Ok(Part {
            text: Some(text), ..
        }) => text.len(),
        _ => part.get().len(),
    };
    parts.into_iter().map(length).sum()
}

fn parts(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}
