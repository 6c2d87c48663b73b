//! Answers of upstreams that speak no chat, as chats: the way in, before `answer` leads to the caller's surface.
//!
//! There is one way: a whole answer is told as the events of a stream, and its chunks are merged.

mod block;
mod chunks;
mod gemini;
mod messages;
mod usage;

use crate::{ChatResponse, ChunkMerger, Object, ParseError, StreamEvent, UpstreamDialect};

use super::losses::{Loss, Losses, Translated};
use chunks::Chunks;
use gemini::Gemini;
use messages::Messages;

/// Makes the chunks of a chat from the events of another dialect's stream.
///
/// Signatures, encrypted thoughts and ids of calls go into `reasoning_details` and `tool_calls`, from which
/// [`from_chat`](crate::from_chat) and [`gemini_from_chat`](crate::gemini_from_chat) take them back unchanged.
///
/// ```
/// use tollgate_wire::{ChatTranslator, UpstreamDialect};
/// let mut chat = ChatTranslator::new(UpstreamDialect::Gemini).with_created(1_786_190_400);
/// let event = br#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],"responseId":"r1"}"#;
/// let chunks = chat.push(event)?;
/// assert!(String::from_utf8_lossy(&chunks[1].to_vec()).contains(r#""delta":{"content":"Hi"}"#));
/// chat.finish()?;
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Debug)]
pub struct ChatTranslator {
    source: Source,
    chunks: Chunks,
    losses: Losses,
}

#[derive(Debug)]
enum Source {
    Messages(Box<Messages>),
    Gemini(Box<Gemini>),
}

impl ChatTranslator {
    /// A translator of answers in that dialect.
    pub fn new(dialect: UpstreamDialect) -> Self {
        Self {
            source: match dialect {
                UpstreamDialect::Messages => Source::Messages(Box::default()),
                UpstreamDialect::Gemini => Source::Gemini(Box::default()),
            },
            chunks: Chunks::default(),
            losses: Losses::default(),
        }
    }

    /// When the answer was made, in seconds since 1970: the other dialects do not say, and chats must. By default 0.
    #[must_use]
    pub fn with_created(mut self, seconds: u64) -> Self {
        self.chunks.created = seconds;
        self
    }

    /// Takes the data of an event, gives the chunks that it makes; none, one or several.
    ///
    /// # Errors
    /// When the data cannot be read, or is an error. The stream is then broken: nothing of it can follow.
    pub fn push(&mut self, data: &[u8]) -> Result<Vec<Object>, ParseError> {
        let (chunks, losses) = (&mut self.chunks, &mut self.losses);
        match &mut self.source {
            Source::Messages(source) => source.push(data, chunks, losses),
            Source::Gemini(source) => source.push(data, chunks, losses),
        }
    }

    /// Takes an answer that came whole.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_whole(&mut self, body: &[u8]) -> Result<Vec<Object>, ParseError> {
        let (chunks, losses) = (&mut self.chunks, &mut self.losses);
        match &mut self.source {
            Source::Messages(source) => source.push_whole(body, chunks, losses),
            Source::Gemini(source) => source.push(body, chunks, losses),
        }
    }

    /// Gives the last chunks, which tell what was used, when the stream has come to its own end. To be called once.
    ///
    /// # Errors
    /// When no event said why the answer ends: the stream was cut, and a cut answer must not look whole.
    pub fn finish(&mut self) -> Result<Vec<Object>, ParseError> {
        let usage = match &mut self.source {
            Source::Messages(source) => source.finish(&mut self.losses),
            Source::Gemini(source) => source.finish(),
        };
        let usage = usage?.map(|usage| self.chunks.usage(&usage));
        Ok(usage.into_iter().collect())
    }

    /// What could not be carried over so far, by its place in the upstream's answer, each place once.
    pub fn losses(&self) -> &[Loss] {
        self.losses.as_slice()
    }

    /// Takes an answer that came whole and gives the chat that it is.
    ///
    /// # Errors
    /// As [`push`](Self::push) and [`finish`](Self::finish).
    pub fn whole(&mut self, body: &[u8]) -> Result<ChatResponse, ParseError> {
        let mut chunks = self.push_whole(body)?;
        chunks.extend(self.finish()?);
        let mut merger = ChunkMerger::new();
        for chunk in chunks {
            let data = chunk.to_vec();
            match StreamEvent::parse(&data)? {
                StreamEvent::Chunk(chunk) => merger.push(&chunk)?,
                StreamEvent::Error(_) | StreamEvent::Done => {
                    return Err(ParseError::new("the answer ended with an error"));
                }
            }
        }
        Ok(merger.finish())
    }
}

pub(super) fn chat_from_answer(
    dialect: UpstreamDialect,
    created: u64,
    body: &[u8],
) -> Result<Translated<ChatResponse>, ParseError> {
    let mut translator = ChatTranslator::new(dialect).with_created(created);
    let answer = translator.whole(body)?;
    Ok(translator.losses.with(answer))
}
