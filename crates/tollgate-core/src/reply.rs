//! What comes back from an upstream: always a stream of frames.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use serde::Serialize;

use crate::{Billing, Cost, Doubts, Failure, GenerationId, ModelId, ProviderId, Scope, TokenUsage};

/// Frames of one reply, in order. It ends with `None` only when the upstream's
/// own end was seen; any other end is a `Failure` as the last item.
pub type Frames = Pin<Box<dyn Stream<Item = Result<Frame, Failure>> + Send>>;

/// An upstream's answer: what is known from its head, and its frames.
pub struct Reply {
    /// What the head says.
    pub head: Head,
    /// The body. A reply that is not streamed has one frame, the whole body.
    pub frames: Frames,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

/// The head of a reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// HTTP status; 200 proves nothing about the body.
    pub status: u16,
    /// The upstream's id of this generation.
    pub generation: Option<GenerationId>,
    /// Headers that callers may see, in lower case.
    pub headers: Vec<(String, String)>,
    /// What the upstream says is left of its rate limits.
    pub limits: Vec<LimitLeft>,
}

/// What is left of a rate limit, by the upstream's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LimitLeft {
    /// Whose limit it is: the key for one model, the key, or the account.
    pub scope: Scope,
    /// What it counts.
    pub counts: LimitUnit,
    /// How many are left.
    pub remaining: u64,
    /// When all of it is there again.
    pub resets_in: Duration,
}

/// What a rate limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitUnit {
    /// Requests.
    Requests,
    /// Tokens, in and out.
    Tokens,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameKind {
    /// A comment that keeps the connection alive; says nothing of progress. Its facts, if any, are
    /// of what nobody is shown, such as the usage of an answer that then fails.
    KeepAlive,
    /// One event of a stream.
    Event,
    /// The whole body of a reply that is not streamed.
    Body,
    /// The dialect's end marker.
    Done,
    /// A word of the gateway itself, between the pieces of an answer that goes
    /// on after it broke off: a chunk without choices, with a member `tollgate`.
    Notice,
}

/// One piece of a reply: the bytes as they came, and what was read from them.
#[derive(Debug, Clone)]
pub struct Frame {
    /// What it is.
    pub kind: FrameKind,
    /// The JSON text of an event or body, verbatim; the text of a comment; empty for the end.
    pub data: Bytes,
    /// What was read from `data`.
    pub facts: Facts,
}

impl Frame {
    /// A keep-alive comment.
    pub fn keep_alive(text: Bytes) -> Self {
        Self {
            kind: FrameKind::KeepAlive,
            data: text,
            facts: Facts::default(),
        }
    }

    /// The end marker.
    pub fn done() -> Self {
        Self {
            kind: FrameKind::Done,
            data: Bytes::new(),
            facts: Facts::default(),
        }
    }
}

/// What was read from a frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Holds something a caller could see: text, reasoning, refusal, a tool
    /// call, an image, audio. The first semantic frame commits the answer.
    pub semantic: bool,
    /// Bytes of text, reasoning and tool arguments in it; the meter of a
    /// running stream.
    pub output_bytes: u32,
    /// Why the answer ends, when this frame says so.
    pub finish: Option<Finish>,
    /// What the answer used, when this frame says so.
    pub usage: Option<Box<UsageReport>>,
    /// Who serves the answer, when this frame says so.
    pub served: Option<Box<Served>>,
    /// Places in the upstream's answer that a translation could not carry over.
    pub lost: Vec<String>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finish {
    /// The model was done.
    Stop,
    /// The output limit was reached.
    Length,
    /// The model wants tools to be called.
    ToolCalls,
    /// A filter cut the answer.
    ContentFilter,
    /// Some other word of the upstream.
    Other,
}

impl Finish {
    /// Whether it is the model's own end, rather than a limit's or a filter's;
    /// `None` for a word that is not known.
    pub const fn is_own_end(self) -> Option<bool> {
        match self {
            Self::Stop | Self::ToolCalls => Some(true),
            Self::Length | Self::ContentFilter => Some(false),
            Self::Other => None,
        }
    }
}

/// Who serves an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Served {
    /// The model by the upstream's name, which may be a dated form of what was asked.
    pub model: Option<ModelId>,
    /// The provider.
    pub provider: Option<ProviderId>,
    /// The upstream's id of the generation.
    pub generation: Option<GenerationId>,
}

impl Served {
    /// Takes over whatever `newer` knows.
    pub fn update(&mut self, newer: &Self) {
        self.model = newer.model.clone().or_else(|| self.model.take());
        self.provider = newer.provider.clone().or_else(|| self.provider.take());
        self.generation = newer.generation.clone().or_else(|| self.generation.take());
    }
}

/// What the upstream says an answer used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UsageReport {
    /// Tokens, in disjoint classes.
    pub tokens: TokenUsage,
    /// The upstream's own cost figure, already split by who is owed.
    pub cost: Option<Cost>,
    /// How it was paid, when the upstream says so.
    pub billing: Option<Billing>,
    /// What of it cannot be right, as far as it shows by itself; see
    /// [`doubts`](crate::doubts()).
    pub doubts: Doubts,
}
