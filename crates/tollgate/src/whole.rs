//! Answers that come in pieces and are wanted whole.

use tollgate_core::{Facts, Failure, FailureKind, Frame, FrameKind};
use tollgate_wire::{ChatReply, ChatResponse, ChunkMerger, StreamEvent};

/// Puts an answer together. One that comes in one piece stays as it is, byte
/// for byte.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    merger: ChunkMerger,
    facts: Facts,
    body: Option<Frame>,
}

impl Whole {
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
            data: merger.finish().to_vec().into(),
            facts,
        })
    }

    fn merge(&mut self, frame: &Frame) -> Result<(), Failure> {
        self.note(&frame.facts);
        match StreamEvent::parse(&frame.data) {
            Ok(StreamEvent::Chunk(chunk)) => self
                .merger
                .push(&chunk)
                .map_err(|error| unreadable().with_source(error)),
            Ok(StreamEvent::Done) => Ok(()),
            Ok(StreamEvent::Error(_)) | Err(_) => Err(unreadable()),
        }
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
