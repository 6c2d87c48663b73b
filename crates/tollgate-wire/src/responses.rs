//! Answers in the shape of OpenAI's Responses: whole, and event by event.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::document::read_field;
use crate::envelope::envelope;
use crate::json::{is_null, utf8};
use crate::raw::as_text;
use crate::{ErrorBody, FinishReason, Object, ParseError, Text, Usage};

/// What the data of one event of a Responses stream is.
///
/// ```
/// use tollgate_wire::ResponsesEvent;
/// let event = ResponsesEvent::parse(br#"{"type":"response.output_text.delta","delta":"Hi","sequence_number":4}"#)?;
/// let ResponsesEvent::Delta { text_bytes, .. } = event else { panic!("text") };
/// assert_eq!(text_bytes, 2);
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "short-lived, one per event")]
pub enum ResponsesEvent<'a> {
    /// The answer has begun; it says who serves.
    Begun(ResponsesReply),
    /// A piece of text, reasoning or arguments.
    Delta {
        /// Bytes of text in it, unescaped.
        text_bytes: usize,
    },
    /// An item that is there from its first event, such as a call or an image.
    Item,
    /// The answer is over, with all of it: completed, or not to its end but by intent.
    Ended(ResponsesReply),
    /// The answer has failed or was cancelled, whatever the name of the event; nothing of it follows.
    Error(ErrorBody),
    /// `[DONE]`, which not every server sends, and which ends nothing: before [`Ended`](Self::Ended) the answer was cut.
    Done,
    /// Anything else: ends of parts, progress of tools, events of tomorrow.
    Other(Cow<'a, str>),
}

/// How far an answer is that has come to no good end.
const FAILED: &[&str] = &["failed", "cancelled"];

/// Items that begin empty and are filled by deltas.
const FILLED_LATER: &[&str] = &["message", "reasoning"];

impl<'a> ResponsesEvent<'a> {
    /// Reads the data of an event.
    ///
    /// # Errors
    /// When the data is neither `[DONE]` nor an event nor an error.
    pub fn parse(data: &'a [u8]) -> Result<Self, ParseError> {
        #[derive(Deserialize)]
        struct Event<'a> {
            #[serde(borrow, rename = "type", default)]
            kind: Option<Text<'a>>,
            #[serde(borrow, default)]
            delta: Option<&'a RawValue>,
            #[serde(borrow, default)]
            response: Option<&'a RawValue>,
            #[serde(borrow, default)]
            item: Option<&'a RawValue>,
        }
        if data.trim_ascii() == b"[DONE]" {
            return Ok(Self::Done);
        }
        let event: Event<'a> = serde_json::from_str(utf8(data)?)?;
        let Some(kind) = event.kind else {
            return ErrorBody::parse(data).map(Self::Error);
        };
        let response = || -> Result<ResponsesReply, ParseError> {
            let raw = event.response.filter(|raw| !is_null(raw));
            let raw = raw.ok_or_else(|| ParseError::new("is required").at("response"))?;
            Ok(ResponsesReply(Object::parse(raw.get().as_bytes())?))
        };
        Ok(match kind.as_str() {
            "error" | "response.error" => Self::Error(ErrorBody::lossy(data)),
            "response.failed" | "response.cancelled" => Self::Error(response()?.error_body()),
            "response.created" | "response.queued" => Self::Begun(response()?),
            "response.completed" | "response.incomplete" | "response.done" => {
                let reply = response()?;
                match reply.has_failed() {
                    true => Self::Error(reply.error_body()),
                    false => Self::Ended(reply),
                }
            }
            "response.output_item.added" if event.item.is_some_and(is_whole_item) => Self::Item,
            "response.image_generation_call.partial_image" => Self::Item,
            kind if kind.ends_with(".delta") => Self::Delta {
                text_bytes: event.delta.map_or(0, text_bytes),
            },
            _ => Self::Other(kind.0),
        })
    }
}

fn is_whole_item(item: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
    }
    serde_json::from_str::<Item<'_>>(item.get())
        .is_ok_and(|item| !FILLED_LATER.contains(&item.kind.as_str()))
}

/// Bytes of a delta: those of its text, or all of it where it is something else.
fn text_bytes(delta: &RawValue) -> usize {
    as_text(delta).map_or(delta.get().len(), |text| text.len())
}

envelope! {
    /// An answer that came whole, or the answer that an event carries.
    pub struct ResponsesReply;
}

impl ResponsesReply {
    /// Reads a body.
    ///
    /// # Errors
    /// When the text is not a JSON object, or has neither `output` nor an error.
    pub fn parse(bytes: &[u8]) -> Result<Result<Self, ErrorBody>, ParseError> {
        let reply = Self(Object::parse(bytes)?);
        if reply.has_failed() {
            return Ok(Err(reply.error_body()));
        }
        match reply.0.contains("output") {
            true => Ok(Ok(reply)),
            false => ErrorBody::from_object(reply.0).map(Err).map_err(|_| {
                ParseError::new(
                    "expected an answer or an error, found neither `output` nor `error`",
                )
            }),
        }
    }

    /// The generation id.
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.0.get("id").and_then(as_text)
    }

    /// The model that serves.
    pub fn model(&self) -> Option<Cow<'_, str>> {
        self.0.get("model").and_then(as_text)
    }

    /// The provider that serves, where it is told.
    pub fn provider(&self) -> Option<Cow<'_, str>> {
        self.0.get("provider").and_then(as_text)
    }

    /// How far the answer is: `completed`, `incomplete`, `failed`, …
    pub fn status(&self) -> Option<Cow<'_, str>> {
        self.0.get("status").and_then(as_text)
    }

    /// Tokens and cost, with the reason when they cannot be read.
    ///
    /// # Errors
    /// When a count or a cost has a value of another kind.
    pub fn read_usage(&self) -> Result<Option<Usage>, ParseError> {
        read_field(&self.0, "usage")
    }

    /// The items of the answer.
    pub fn output(&self) -> Vec<Object> {
        self.0.read("output").ok().flatten().unwrap_or_default()
    }

    /// Why the answer ended, in the words of chats; `None` while it runs.
    pub fn finish_reason(&self) -> Option<FinishReason> {
        match self.status()?.as_ref() {
            "completed" => Some(
                match self
                    .output()
                    .iter()
                    .any(|item| is_kind(item, "function_call"))
                {
                    true => FinishReason::ToolCalls,
                    false => FinishReason::Stop,
                },
            ),
            "incomplete" => {
                let details: Option<Object> = self.0.read("incomplete_details").ok().flatten();
                let reason =
                    details.and_then(|details| details.read::<String>("reason").ok().flatten());
                Some(match reason.as_deref() {
                    Some("content_filter") => FinishReason::ContentFilter,
                    _ => FinishReason::Length,
                })
            }
            "in_progress" | "queued" => None,
            other => Some(FinishReason::from(other)),
        }
    }

    /// Bytes of text, reasoning and arguments in the answer.
    pub fn text_bytes(&self) -> usize {
        self.output().iter().map(item_bytes).sum()
    }

    fn has_failed(&self) -> bool {
        let status = self.status();
        self.0.has_value("error") || status.is_some_and(|status| FAILED.contains(&status.as_ref()))
    }

    fn error_body(self) -> ErrorBody {
        ErrorBody::of_failed(self.0, "the answer failed without saying why")
    }
}

fn is_kind(item: &Object, kind: &str) -> bool {
    item.get("type").and_then(as_text).as_deref() == Some(kind)
}

/// Bytes of what an item says.
fn item_bytes(item: &Object) -> usize {
    let parts = |key: &str| -> usize {
        let parts: Vec<Object> = item.read(key).ok().flatten().unwrap_or_default();
        let texts = |part: &Object| {
            let keys = ["text", "refusal"].iter();
            let lengths = keys.filter_map(|key| Some(as_text(part.get(key)?)?.len()));
            lengths.sum::<usize>()
        };
        parts.iter().map(texts).sum()
    };
    let arguments = item
        .get("arguments")
        .and_then(as_text)
        .map_or(0, |text| text.len());
    parts("content") + parts("summary") + arguments
}
