//! Answers of chats in the shape of other surfaces.
//!
//! There is one way: a whole answer goes through as a stream of one chunk. `chat` reads chunks into blocks (thoughts,
//! texts, calls), `sequence` tells of one block after the other, and a target writes down what it is told.

pub(super) mod ids;

mod arguments;
mod block;
mod chat;
mod completions;
mod messages;
mod responses;
mod sequence;
mod usage;
mod whole;

use crate::{ChatChunk, ChatResponse, Object, ParseError, Request, Surface};

use super::losses::{Loss, Losses, Translated};
use completions::Completions;
use messages::Messages;
use responses::Responses;
use sequence::Sequence;

/// Makes the events of the request's surface from the chunks of a chat.
///
/// Each event is the data of one server-sent event; where it has a `type`, that is the event's name too. Items and blocks
/// come one after the other: pieces of a call wait until the calls before it are complete.
///
/// ```
/// use tollgate_wire::{Request, StreamEvent, StreamTranslator, Surface};
/// let request = Request::parse(Surface::Messages, br#"{"max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}"#)?;
/// let mut translator = StreamTranslator::new(&request)?;
/// let mut names = Vec::new();
/// for data in [r#"{"id":"gen-1","choices":[{"delta":{"content":"Hi"}}]}"#, r#"{"id":"gen-1","choices":[{"finish_reason":"stop"}]}"#] {
///     let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes())? else { continue };
///     names.extend(translator.push(&chunk)?);
/// }
/// names.extend(translator.finish()?);
/// let names: Vec<String> = names.iter().filter_map(|event| event.read("type").ok()?).collect();
/// assert_eq!(names, ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"]);
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Debug)]
pub struct StreamTranslator {
    target: Target,
    losses: Losses,
}

#[derive(Debug)]
enum Target {
    Chat,
    Completions(Completions),
    Responses(Box<Sequence<Responses>>),
    Messages(Box<Sequence<Messages>>),
}

impl StreamTranslator {
    /// A translator to the surface of the request, some of whose members Responses repeats.
    ///
    /// # Errors
    /// When the request has no answers in words (embeddings).
    pub fn new(request: &Request) -> Result<Self, ParseError> {
        let target = match request.surface() {
            Surface::Chat => Target::Chat,
            Surface::Completions => Target::Completions(Completions::default()),
            Surface::Responses => {
                Target::Responses(Box::new(Sequence::new(Responses::new(request.object()))))
            }
            Surface::Messages => {
                Target::Messages(Box::new(Sequence::new(Messages::new(request.object()))))
            }
            Surface::Embeddings => {
                return Err(ParseError::new(
                    "vectors cannot be made from a chat's answer",
                ));
            }
        };
        Ok(Self {
            target,
            losses: Losses::default(),
        })
    }

    /// Takes a chunk, gives the events that it makes certain; none, one or several.
    ///
    /// # Errors
    /// When a part of the chunk cannot be read, or the answer has more than 4,096 parts. The stream is then broken:
    /// nothing of it can follow.
    pub fn push(&mut self, chunk: &ChatChunk<'_>) -> Result<Vec<Object>, ParseError> {
        match &mut self.target {
            Target::Chat => Ok(vec![Object::parse(chunk.data)?]),
            Target::Completions(target) => target.push(chunk, &mut self.losses),
            Target::Responses(sequence) => sequence.push(chunk, &mut self.losses),
            Target::Messages(sequence) => sequence.push(chunk, &mut self.losses),
        }
    }

    /// Takes an answer that came whole though a stream was asked for: as the one chunk that says all of it.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_whole(&mut self, answer: &ChatResponse) -> Result<Vec<Object>, ParseError> {
        let data = whole::as_chunk(answer)?;
        self.push(&whole::read(&data)?)
    }

    /// Gives the last events, when the chat has come to its own end (`[DONE]`, or a close after a finish reason). To be
    /// called once.
    ///
    /// # Errors
    /// When no chunk had a `finish_reason`: the stream was cut, and a cut answer must not look whole.
    pub fn finish(&mut self) -> Result<Vec<Object>, ParseError> {
        match &mut self.target {
            Target::Chat => Ok(Vec::new()),
            Target::Completions(target) => target.finish(),
            Target::Responses(sequence) => sequence.finish(&mut self.losses),
            Target::Messages(sequence) => sequence.finish(&mut self.losses),
        }
    }

    /// What could not be carried over so far, each place once.
    pub fn losses(&self) -> &[Loss] {
        self.losses.as_slice()
    }
}

pub(super) fn from_chat(
    request: &Request,
    answer: &ChatResponse,
) -> Result<Translated<Object>, ParseError> {
    let mut translator = StreamTranslator::new(request)?;
    if let Target::Chat = translator.target {
        return Ok(translator.losses.with(answer.object().clone()));
    }
    let mut events = translator.push_whole(answer)?;
    translator.finish()?;
    let value = match translator.target {
        Target::Responses(sequence) => sequence.into_target().into_answer(),
        Target::Messages(sequence) => sequence.into_target().into_answer(),
        Target::Chat | Target::Completions(_) => events.pop().unwrap_or_default(),
    };
    Ok(translator.losses.with(value))
}
