//! Answers that come in pieces and are wanted whole.

use tollgate_core::{Facts, Failure, FailureKind, Frame, FrameKind};
use tollgate_wire::{
    ChatReply, ChatResponse, ChunkMerger, MessagesMerger, Object, ParseError, ResponsesEvent,
    StreamEvent, Surface,
};

/// Puts an answer together, in the shape of its surface; by default that of
/// chats. One that comes in one piece stays as it is, byte for byte.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    merger: Merger,
    facts: Facts,
    body: Option<Frame>,
}

/// The pieces so far.
#[derive(Debug)]
enum Merger {
    Chat(Box<ChunkMerger>),
    Messages(Box<MessagesMerger>),
    /// The last event of a stream holds all of the answer.
    Responses(Object),
}

impl Whole {
    /// For an answer of that surface.
    pub(crate) fn of(surface: Surface) -> Self {
        Self {
            merger: Merger::of(surface),
            ..Self::default()
        }
    }

    /// Adds a piece.
    pub(crate) fn add(&mut self, frame: Frame) -> Result<(), Failure> {
        match frame.kind {
            FrameKind::Event => self.merge(&frame),
            FrameKind::Body => {
                self.body = Some(frame);
                Ok(())
            }
            FrameKind::KeepAlive | FrameKind::Done | FrameKind::Notice => Ok(()),
        }
    }

    /// The answer as one frame, with what was read from its pieces.
    pub(crate) fn into_body(self) -> Frame {
        let Self {
            merger,
            facts,
            body,
        } = self;
        body.unwrap_or_else(|| Frame {
            kind: FrameKind::Body,
            data: merger.finish().into(),
            facts,
        })
    }

    fn merge(&mut self, frame: &Frame) -> Result<(), Failure> {
        self.note(&frame.facts);
        self.merger
            .push(&frame.data)
            .map_err(|error| unreadable().with_source(error))
    }

    fn note(&mut self, newer: &Facts) {
        let facts = &mut self.facts;
        facts.semantic |= newer.semantic;
        facts.output_bytes = facts.output_bytes.saturating_add(newer.output_bytes);
        facts.finish = newer.finish.or(facts.finish);
        if newer.usage.is_some() {
            facts.usage.clone_from(&newer.usage);
        }
        if let Some(served) = &newer.served {
            facts.served.get_or_insert_default().update(served);
        }
    }
}

impl Default for Merger {
    fn default() -> Self {
        Self::of(Surface::Chat)
    }
}

impl Merger {
    fn of(surface: Surface) -> Self {
        match surface {
            Surface::Messages => Self::Messages(Box::default()),
            Surface::Responses => Self::Responses(Object::new()),
            // Embeddings have no pieces.
            Surface::Chat | Surface::Completions | Surface::Embeddings => {
                Self::Chat(Box::default())
            }
        }
    }

    fn push(&mut self, data: &[u8]) -> Result<(), ParseError> {
        match self {
            Self::Chat(merger) => match StreamEvent::parse(data)? {
                StreamEvent::Chunk(chunk) => merger.push(&chunk),
                StreamEvent::Done => Ok(()),
                StreamEvent::Error(_) => Err(ParseError::new("expected a chunk, found an error")),
            },
            Self::Messages(merger) => merger.push(data),
            Self::Responses(answer) => {
                if let ResponsesEvent::Ended(reply) = ResponsesEvent::parse(data)? {
                    *answer = reply.into_object();
                }
                Ok(())
            }
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Chat(merger) => merger.finish().to_vec(),
            Self::Messages(merger) => merger.finish().to_vec(),
            Self::Responses(answer) => answer.to_vec(),
        }
    }
}

/// The answer of that surface in a body. Only those of chats and completions
/// can be told from an error here, and have been told from it before.
pub(crate) fn read_body(surface: Surface, frame: &Frame) -> Result<ChatResponse, Failure> {
    match surface {
        Surface::Chat | Surface::Completions => parse_body(frame),
        Surface::Messages | Surface::Responses | Surface::Embeddings => Object::parse(&frame.data)
            .map(ChatResponse::from_object)
            .map_err(|error| unreadable().with_source(error)),
    }
}

/// The answer in a body.
pub(crate) fn parse_body(frame: &Frame) -> Result<ChatResponse, Failure> {
    match ChatReply::parse(&frame.data) {
        Ok(ChatReply::Answer(response)) => Ok(response),
        Ok(ChatReply::Error(_)) => Err(unreadable()),
        Err(error) => Err(unreadable().with_source(error)),
    }
}

// The transport has read every frame before; what it let through is readable.
fn unreadable() -> Failure {
    Failure::new(
        FailureKind::Internal,
        "a frame that was let through cannot be read",
    )
}
