//! What the gateway needs to know of answers, whatever surface they have.

mod chat;
mod embeddings;
mod gemini;
mod messages;
mod mould;
mod plain;
mod responses;
mod served_by;

use tollgate_core::{Billing, Facts, UsageReport};
use tollgate_wire::{ErrorBody, ParseError, Surface};

use crate::usage::unreadable;

/// The shape of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// That of a surface, which callers may have asked for.
    Of(Surface),
    /// Gemini's, in which nobody asks.
    Gemini,
}

/// What one event of a stream turned out to be.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "short-lived, one per event")]
pub(crate) enum Event {
    /// A piece of the answer, or a word about it.
    Piece(Facts),
    /// The same, and the surface's own end: nothing has to follow it.
    Last(Facts),
    /// An end marker that is no event.
    Done,
    /// An end marker before the surface's own end: the answer was cut.
    Cut,
    /// The answer has failed.
    Error(ErrorBody),
    /// The answer ends with an error that nobody describes, and says perhaps what it used.
    BrokenOff(Option<Box<UsageReport>>),
}

/// What a body with a good status turned out to be.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "short-lived, one per answer")]
pub(crate) enum Body {
    /// An answer.
    Answer(Facts),
    /// An answer with nothing in it.
    Empty(Facts),
    /// An error.
    Error(ErrorBody),
    /// An answer that ended with an error that nobody describes.
    BrokenOff(Facts),
}

/// Reads the events of one stream.
#[derive(Debug)]
pub(crate) enum Reader {
    Chat(chat::Reader),
    Responses(responses::Reader),
    Messages(Box<messages::Reader>),
    Gemini(gemini::Reader),
}

impl Reader {
    /// A reader for answers of that shape on a lane that is paid so.
    pub(crate) fn new(shape: Shape, lane: Billing) -> Self {
        let surface = match shape {
            Shape::Of(surface) => surface,
            Shape::Gemini => return Self::Gemini(gemini::Reader::new(lane)),
        };
        match surface {
            Surface::Responses => Self::Responses(responses::Reader::new(lane)),
            Surface::Messages => Self::Messages(Box::new(messages::Reader::new(lane))),
            // Embeddings have no streams; who sends one all the same is found out by its first event.
            Surface::Chat | Surface::Completions | Surface::Embeddings => {
                Self::Chat(chat::Reader::new(lane))
            }
        }
    }

    /// Reads the data of an event.
    pub(crate) fn event(&mut self, data: &[u8]) -> Result<Event, ParseError> {
        match self {
            Self::Chat(reader) => reader.event(data),
            Self::Responses(reader) => reader.event(data),
            Self::Messages(reader) => reader.event(data),
            Self::Gemini(reader) => reader.event(data),
        }
    }

    /// Whether a stream of so many answers may end here without its end marker: each has said
    /// why it ends.
    pub(crate) fn may_end(&self, answers: u32) -> bool {
        match self {
            Self::Chat(reader) => reader.may_end(answers),
            Self::Responses(_) => false,
            Self::Messages(reader) => reader.may_end(),
            Self::Gemini(reader) => reader.may_end(answers),
        }
    }

    /// The event that the surface's clients wait for at a good end, when it did not come.
    pub(crate) fn missing_end(&self) -> Option<&'static [u8]> {
        match self {
            Self::Messages(_) => Some(messages::STOP),
            Self::Chat(_) | Self::Responses(_) | Self::Gemini(_) => None,
        }
    }

    /// The generation, once an event has named it.
    pub(crate) fn generation(&self) -> Option<&str> {
        match self {
            Self::Chat(reader) => reader.served.generation(),
            Self::Responses(reader) => reader.served.generation(),
            Self::Messages(reader) => reader.served.generation(),
            Self::Gemini(reader) => reader.served.generation(),
        }
    }
}

/// Reads a body; [`of_generation`](crate::evidence::of_generation) takes the id that stands in it.
pub(crate) fn body(shape: Shape, data: &[u8], lane: Billing) -> Result<Body, ParseError> {
    match shape {
        Shape::Of(Surface::Chat | Surface::Completions) => chat::body(data, lane),
        Shape::Of(Surface::Responses) => responses::body(data, lane),
        Shape::Of(Surface::Messages) => messages::body(data, lane),
        Shape::Of(Surface::Embeddings) => embeddings::body(data, lane),
        Shape::Gemini => gemini::body(data, lane),
    }
}

/// A report that cannot be read is one all the same: somebody should look at it.
fn report<T>(
    usage: Result<Option<T>, ParseError>,
    read: impl FnOnce(&T) -> UsageReport,
) -> Option<Box<UsageReport>> {
    match usage {
        Ok(usage) => usage.as_ref().map(|usage| Box::new(read(usage))),
        Err(_) => Some(Box::new(unreadable())),
    }
}

fn saturate(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
