//! One event of a streamed answer: a borrowed view, read beside the bytes that are passed on.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::content;
use crate::document::Field;
use crate::json::{null_is_empty, utf8};
use crate::{ErrorBody, FinishReason, ParseError, Role, Text, TextLength, Usage};

/// What the data of one event is. An error is a variant of its own, in whichever of its shapes it came.
///
/// ```
/// use tollgate_wire::StreamEvent;
/// let event = StreamEvent::parse(br#"{"id":"gen-1","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#)?;
/// let StreamEvent::Chunk(chunk) = event else { panic!("a chunk") };
/// assert!(chunk.is_semantic());
/// assert!(matches!(StreamEvent::parse(b"[DONE]")?, StreamEvent::Done));
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub enum StreamEvent<'a> {
    /// A piece of the answer, or its usage.
    Chunk(ChatChunk<'a>),
    /// The answer has failed; nothing of it follows.
    Error(ErrorBody),
    /// `[DONE]`.
    Done,
}

impl<'a> StreamEvent<'a> {
    /// Reads the data of an event.
    ///
    /// # Errors
    /// When the data is neither `[DONE]` nor a chunk nor an error.
    pub fn parse(data: &'a [u8]) -> Result<Self, ParseError> {
        if data.trim_ascii() == b"[DONE]" {
            return Ok(Self::Done);
        }
        let mut chunk: ChatChunk<'a> = match serde_json::from_str(utf8(data)?) {
            Ok(chunk) => chunk,
            // An error may well have members that no chunk has, such as a code in place of the id.
            Err(error) => {
                return ErrorBody::parse(data)
                    .map(Self::Error)
                    .map_err(|_| error.into());
            }
        };
        if chunk.is_error() {
            return ErrorBody::parse(data).map(Self::Error);
        }
        chunk.data = data;
        Ok(Self::Chunk(chunk))
    }
}

/// A chunk of an answer, borrowed from the event's data.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ChatChunk<'a> {
    /// The data that the chunk was read from, to pass on as it is.
    #[serde(skip)]
    pub data: &'a [u8],
    /// The generation id, the same in all chunks.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    /// The model that serves.
    #[serde(borrow, default)]
    pub model: Option<Text<'a>>,
    /// The provider that serves, by display name.
    #[serde(borrow, default)]
    pub provider: Option<Text<'a>>,
    /// The choices; empty on some usage and debug chunks.
    #[serde(borrow, default, deserialize_with = "null_is_empty")]
    pub choices: Vec<ChunkChoice<'a>>,
    /// The usage as text; see [`ChatChunk::usage`].
    #[serde(borrow, default, rename = "usage")]
    pub usage_raw: Option<&'a RawValue>,
    /// The router's account, on the last chunk when asked for.
    #[serde(borrow, default)]
    pub openrouter_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    object: Option<Text<'a>>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
}

/// One choice of a chunk.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ChunkChoice<'a> {
    /// Position; the first when it is null or missing.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub index: u64,
    /// What is new.
    #[serde(borrow, default, deserialize_with = "null_is_empty")]
    pub delta: Delta<'a>,
    /// The text of a legacy completion.
    #[serde(borrow, default)]
    pub text: Option<&'a RawValue>,
    /// Why the choice ended; may be repeated on the usage chunk. An empty word is none: some servers write one on each chunk.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub finish_reason: Option<FinishReason>,
    /// The same in the provider's own word.
    #[serde(borrow, default)]
    pub native_finish_reason: Option<&'a RawValue>,
    /// Log probabilities of what is new.
    #[serde(borrow, default)]
    pub logprobs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// What a chunk adds to a choice, each part as its text.
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct Delta<'a> {
    /// Who speaks, repeated on every chunk.
    #[serde(default)]
    pub role: Option<Role>,
    /// Text.
    #[serde(borrow, default)]
    pub content: Option<&'a RawValue>,
    /// Reasoning as text.
    #[serde(borrow, default)]
    pub reasoning: Option<&'a RawValue>,
    /// The same under the name that other servers use.
    #[serde(borrow, default)]
    pub reasoning_content: Option<&'a RawValue>,
    /// Reasoning in items; the same words as in `reasoning`.
    #[serde(borrow, default)]
    pub reasoning_details: Option<&'a RawValue>,
    /// Why the model will not.
    #[serde(borrow, default)]
    pub refusal: Option<&'a RawValue>,
    /// Pieces of calls.
    #[serde(borrow, default)]
    pub tool_calls: Option<&'a RawValue>,
    /// Images, each whole.
    #[serde(borrow, default)]
    pub images: Option<&'a RawValue>,
    /// A piece of sound.
    #[serde(borrow, default)]
    pub audio: Option<&'a RawValue>,
    /// Citations and parsed files.
    #[serde(borrow, default)]
    pub annotations: Option<&'a RawValue>,
}

impl<'a> ChatChunk<'a> {
    /// Whether the chunk carries anything of the answer: text, reasoning, a refusal, a call, an image or sound. The first
    /// such chunk is the point after which another attempt would show.
    pub fn is_semantic(&self) -> bool {
        self.choices.iter().any(ChunkChoice::is_semantic)
    }

    /// Bytes of text and of reasoning that the chunk adds, over all choices. Content that is neither a string nor parts, and
    /// parts that cannot be read, count by their length.
    pub fn text_length(&self) -> TextLength {
        let mut length = TextLength::default();
        for choice in &self.choices {
            let reasoning = choice.delta.reasoning.or(choice.delta.reasoning_content);
            let said = choice.said().map(content::length).unwrap_or_default();
            length.content += said.content;
            length.reasoning += said.reasoning + reasoning.map_or(0, content::thinking_length);
        }
        length
    }

    /// Why the answer ended, from the first choice that says so.
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        self.choices
            .iter()
            .find_map(|choice| choice.finish_reason.as_ref())
    }

    /// Whether the chunk carries usage, in whichever of its three forms.
    pub fn has_usage(&self) -> bool {
        self.usage_raw.is_some()
    }

    /// Tokens and cost; `None` when there is none or it cannot be read, see [`ChatChunk::read_usage`].
    pub fn usage(&self) -> Option<Usage> {
        self.read_usage().ok().flatten()
    }

    /// Tokens and cost, with the reason when they cannot be read.
    ///
    /// # Errors
    /// When a count or a cost has a value of another kind.
    pub fn read_usage(&self) -> Result<Option<Usage>, ParseError> {
        self.usage_raw
            .map(Usage::from_raw)
            .transpose()
            .map_err(|error| error.at("usage"))
    }

    fn is_error(&self) -> bool {
        self.error.is_some()
            || self.choices.iter().any(|choice| choice.error.is_some())
            || self.ended_with_error()
            || self.is_bare_error()
    }

    /// Whether a choice ended with an error that nobody describes. The usage chunk after an error only repeats the reason.
    fn ended_with_error(&self) -> bool {
        !self.has_usage() && self.finish_reason() == Some(&FinishReason::Error)
    }

    /// Whether the members of an error stand where those of a chunk should.
    fn is_bare_error(&self) -> bool {
        let no_chunk = self
            .object
            .as_deref()
            .is_none_or(|object| object == "error");
        no_chunk && self.choices.is_empty() && self.message.is_some()
    }
}

impl<'a> ChunkChoice<'a> {
    /// The text that the chunk adds, from a string or from text parts.
    pub fn content(&self) -> Option<Cow<'a, str>> {
        self.said().and_then(content::text)
    }

    fn said(&self) -> Option<&'a RawValue> {
        self.delta.content.or(self.text)
    }

    fn is_semantic(&self) -> bool {
        let delta = &self.delta;
        [
            delta.content,
            delta.tool_calls,
            delta.reasoning,
            delta.reasoning_details,
            delta.reasoning_content,
            delta.refusal,
            delta.images,
            delta.audio,
            self.text,
        ]
        .into_iter()
        .flatten()
        .any(|raw| !matches!(raw.get(), "\"\"" | "[]" | "{}"))
    }
}

fn empty_is_none<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<FinishReason>, D::Error> {
    let reason = Option::<FinishReason>::deserialize(deserializer)?;
    Ok(reason.filter(|reason| !reason.as_str().is_empty()))
}
