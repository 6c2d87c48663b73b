//! Messages as they stand in a request: borrowed, nothing unescaped before it is asked for.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::raw::as_text;
use crate::{ParseError, Role, Text};

/// One message of a request, borrowed from it.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct MessageView<'a> {
    /// Who wrote it.
    pub role: Role,
    /// A string, an array of parts, or nothing.
    #[serde(borrow, default)]
    pub content: Option<&'a RawValue>,
    /// Calls that an assistant made.
    #[serde(borrow, default)]
    pub tool_calls: Option<&'a RawValue>,
    /// The call that a tool answers.
    #[serde(borrow, default)]
    pub tool_call_id: Option<Text<'a>>,
    /// Who among several of the role.
    #[serde(borrow, default)]
    pub name: Option<Text<'a>>,
    /// The reasoning of an assistant, to be sent back unchanged.
    #[serde(borrow, default)]
    pub reasoning_details: Option<&'a RawValue>,
}

impl<'a> MessageView<'a> {
    /// The content when it is a string.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        self.content.and_then(as_text)
    }

    /// The parts of the content; a string is one text part, nothing is none.
    ///
    /// # Errors
    /// When a part is not an object with a type.
    pub fn parts(&self) -> Result<Vec<PartView<'a>>, ParseError> {
        let Some(content) = self.content else {
            return Ok(Vec::new());
        };
        if let Some(text) = as_text(content) {
            return Ok(vec![PartView::of_text(text)]);
        }
        serde_json::from_str(content.get()).map_err(|error| ParseError::from(error).at("content"))
    }
}

/// One part of a message's content, borrowed.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct PartView<'a> {
    /// What the part is, such as `text` or `image_url`.
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    /// The text of a text part.
    #[serde(borrow, default)]
    pub text: Option<Text<'a>>,
    /// The payload of an image part.
    #[serde(borrow, default)]
    pub image_url: Option<&'a RawValue>,
    /// The payload of an audio part.
    #[serde(borrow, default)]
    pub input_audio: Option<&'a RawValue>,
    /// The payload of a video part.
    #[serde(borrow, default)]
    pub video_url: Option<&'a RawValue>,
    /// The payload of a file part.
    #[serde(borrow, default)]
    pub file: Option<&'a RawValue>,
    /// The cache mark on the part.
    #[serde(borrow, default)]
    pub cache_control: Option<&'a RawValue>,
}

impl<'a> PartView<'a> {
    fn of_text(text: Cow<'a, str>) -> Self {
        Self {
            kind: Text(Cow::Borrowed("text")),
            text: Some(Text(text)),
            image_url: None,
            input_audio: None,
            video_url: None,
            file: None,
            cache_control: None,
        }
    }
}
