//! Answers in the shape of Anthropic's Messages: whole, and event by event.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::document::document;
use crate::envelope::envelope;
use crate::json::utf8;
use crate::raw::as_text;
use crate::{
    CostDetails, Decimal, ErrorBody, FinishReason, Object, ParseError, ServerToolUse, Text,
};

/// What the data of one event of a Messages stream is.
///
/// ```
/// use tollgate_wire::MessagesEvent;
/// let text = br#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#;
/// let MessagesEvent::Delta { text_bytes, .. } = MessagesEvent::parse(text)? else { panic!("text") };
/// assert_eq!(text_bytes, 2);
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub enum MessagesEvent<'a> {
    /// The answer has begun; it says who serves, and what the prompt used.
    Begun(MessagesReply),
    /// A piece of text, thinking, arguments or a signature.
    Delta {
        /// Bytes of text in it, unescaped.
        text_bytes: usize,
    },
    /// A block that is there from its first event, such as a call.
    Block,
    /// Why the answer ends, and what all of it used.
    Ending {
        /// Why, in the words of chats.
        finish: Option<FinishReason>,
        /// Cumulative; a count that is null or absent keeps its earlier value. With the reason when it cannot be read.
        usage: Result<Option<MessagesUsage>, ParseError>,
    },
    /// The end.
    Stop,
    /// `[DONE]`, which servers send that know it from chats: the end once a reason was told, before it a cut.
    Done,
    /// The answer has failed; nothing of it follows.
    Error(ErrorBody),
    /// Anything else: ends of blocks, pings, events of tomorrow.
    Other(Cow<'a, str>),
}

/// Blocks that begin empty and are filled by deltas.
const FILLED_LATER: &[&str] = &["text", "thinking"];

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content_block: Option<Typed<'a>>,
    #[serde(borrow, default)]
    delta: Option<DeltaView<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

#[derive(Deserialize)]
struct DeltaView<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Text<'a>>,
    #[serde(borrow, default)]
    partial_json: Option<Text<'a>>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'a>>,
}

impl<'a> MessagesEvent<'a> {
    /// Reads the data of an event.
    ///
    /// # Errors
    /// When the data is neither `[DONE]` nor an event nor an error.
    pub fn parse(data: &'a [u8]) -> Result<Self, ParseError> {
        if data.trim_ascii() == b"[DONE]" {
            return Ok(Self::Done);
        }
        let event: Event<'a> = serde_json::from_str(utf8(data)?)?;
        let Some(kind) = event.kind else {
            return ErrorBody::parse(data).map(Self::Error);
        };
        Ok(match kind.as_str() {
            "error" => Self::Error(ErrorBody::lossy(data)),
            "message_start" => {
                let message = event
                    .message
                    .ok_or_else(|| ParseError::new("is required").at("message"))?;
                Self::Begun(MessagesReply(Object::parse(message.get().as_bytes())?))
            }
            "content_block_start" if event.content_block.as_ref().is_some_and(is_whole_block) => {
                Self::Block
            }
            "content_block_delta" => {
                let delta = event.delta.as_ref();
                let texts = delta.map(|delta| [&delta.text, &delta.thinking, &delta.partial_json]);
                let lengths = texts.into_iter().flatten().flatten();
                Self::Delta {
                    text_bytes: lengths.map(|text| text.len()).sum(),
                }
            }
            "message_delta" => Self::Ending {
                finish: event.delta.and_then(|delta| finish(&delta.stop_reason?)),
                usage: event
                    .usage
                    .map(|usage| MessagesUsage::parse(usage.get().as_bytes()))
                    .transpose(),
            },
            "message_stop" => Self::Stop,
            _ => Self::Other(kind.0),
        })
    }
}

fn is_whole_block(block: &Typed<'_>) -> bool {
    !FILLED_LATER.contains(&block.kind.as_str())
}

/// Why a message ends, and what chats say then; of several words for the same, the first is the plainest. A pause is no
/// end: the model wants to go on, so the answer is told as cut short.
pub(crate) const STOP_REASONS: &[(&str, FinishReason)] = &[
    ("end_turn", FinishReason::Stop),
    ("stop_sequence", FinishReason::Stop),
    ("max_tokens", FinishReason::Length),
    ("model_context_window_exceeded", FinishReason::Length),
    ("pause_turn", FinishReason::Length),
    ("tool_use", FinishReason::ToolCalls),
    ("refusal", FinishReason::ContentFilter),
];

/// Why a message ended, in the words of chats; an empty word is none.
pub(crate) fn finish(reason: &str) -> Option<FinishReason> {
    let row = STOP_REASONS.iter().find(|(word, _)| *word == reason);
    let finish = row.map_or_else(|| FinishReason::from(reason), |(_, finish)| finish.clone());
    (!reason.is_empty()).then_some(finish)
}

envelope! {
    /// An answer that came whole, or the one that a stream begins with.
    pub struct MessagesReply;
}

impl MessagesReply {
    /// Reads a body.
    ///
    /// # Errors
    /// When the text is not a JSON object, or has neither `content` nor an error.
    pub fn parse(bytes: &[u8]) -> Result<Result<Self, ErrorBody>, ParseError> {
        let object = Object::parse(bytes)?;
        if !object.has_value("error") && object.contains("content") {
            return Ok(Ok(Self(object)));
        }
        ErrorBody::from_object(object).map(Err).map_err(|_| {
            ParseError::new("expected an answer or an error, found neither `content` nor `error`")
        })
    }

    /// Takes an object as an answer without looking for errors; [`MessagesReply::parse`] looks.
    pub fn from_object(object: Object) -> Self {
        Self(object)
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

    /// Tokens and cost, with the reason when they cannot be read.
    ///
    /// # Errors
    /// When a count or a cost has a value of another kind.
    pub fn read_usage(&self) -> Result<Option<MessagesUsage>, ParseError> {
        match self.0.has_value("usage") {
            true => crate::document::read_field(&self.0, "usage").map(Some),
            false => Ok(None),
        }
    }

    /// The blocks of the answer.
    pub fn content(&self) -> Vec<Object> {
        self.0.read("content").ok().flatten().unwrap_or_default()
    }

    /// Why the answer ended, in the words of chats.
    pub fn finish_reason(&self) -> Option<FinishReason> {
        finish(&self.0.get("stop_reason").and_then(as_text)?)
    }

    /// Bytes of text, thinking and arguments in the answer.
    pub fn text_bytes(&self) -> usize {
        let bytes = |block: &Object| {
            let texts = ["text", "thinking"].iter();
            let texts = texts.filter_map(|key| Some(as_text(block.get(key)?)?.len()));
            texts.sum::<usize>() + block.get("input").map_or(0, |input| input.get().len())
        };
        self.content().iter().map(bytes).sum()
    }
}

document! {
    /// Tokens and cost by Anthropic's count: cached tokens stand beside the prompt's others, not among them.
    pub struct MessagesUsage {
        /// Tokens in that were neither read from a cache nor written to one.
        input_tokens: Option<u64> = "input_tokens",
        /// Tokens out, thinking included.
        output_tokens: Option<u64> = "output_tokens",
        /// Tokens in that were written to the cache.
        cache_creation_input_tokens: Option<u64> = "cache_creation_input_tokens",
        /// Tokens in that were read from the cache.
        cache_read_input_tokens: Option<u64> = "cache_read_input_tokens",
        /// The written ones by how long they live.
        cache_creation: Option<CacheCreation> = "cache_creation",
        /// Parts of the output.
        output_tokens_details: Option<Object> = "output_tokens_details",
        /// Server tools that ran.
        server_tool_use: Option<ServerToolUse> = "server_tool_use",
        /// US dollars charged to credits; for BYOK only the fee.
        cost: Option<Decimal> = "cost",
        /// Whether the caller's own provider key served.
        is_byok: Option<bool> = "is_byok",
        /// Parts of the cost.
        cost_details: CostDetails = "cost_details",
    }

    /// Tokens written to the cache, by how long they live.
    pub struct CacheCreation {
        /// For five minutes.
        ephemeral_5m_input_tokens: u64 = "ephemeral_5m_input_tokens",
        /// For one hour.
        ephemeral_1h_input_tokens: u64 = "ephemeral_1h_input_tokens",
    }
}

impl MessagesUsage {
    /// This usage where the newer one is silent, else the newer one: counts are cumulative.
    #[must_use]
    pub fn updated(&self, newer: &Self) -> Self {
        Self {
            input_tokens: newer.input_tokens.or(self.input_tokens),
            output_tokens: newer.output_tokens.or(self.output_tokens),
            cache_creation_input_tokens: newer
                .cache_creation_input_tokens
                .or(self.cache_creation_input_tokens),
            cache_read_input_tokens: newer
                .cache_read_input_tokens
                .or(self.cache_read_input_tokens),
            cache_creation: newer
                .cache_creation
                .clone()
                .or_else(|| self.cache_creation.clone()),
            output_tokens_details: newer
                .output_tokens_details
                .clone()
                .or_else(|| self.output_tokens_details.clone()),
            server_tool_use: newer
                .server_tool_use
                .clone()
                .or_else(|| self.server_tool_use.clone()),
            cost: newer.cost.clone().or_else(|| self.cost.clone()),
            is_byok: newer.is_byok.or(self.is_byok),
            cost_details: match newer.cost_details.upstream_inference_cost {
                Some(_) => newer.cost_details.clone(),
                None => self.cost_details.clone(),
            },
            kept: None,
        }
    }

    /// Tokens of the output that were thinking.
    pub fn thinking_tokens(&self) -> u64 {
        let details = self.output_tokens_details.as_ref();
        let count = |key: &str| details.and_then(|details| details.read(key).ok().flatten());
        count("thinking_tokens")
            .or_else(|| count("reasoning_tokens"))
            .unwrap_or(0)
    }
}
