//! The dialects: each reads a request and writes an answer, and all between is shared.

mod chat;
mod completions;
mod gemini;
mod messages;
mod openai;
mod responses;
mod seal;

use std::fmt;

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::ask::Ask;
use crate::bill::Charge;
use crate::complaint::Complaint;
use crate::draw::Draw;
use crate::fault::{Fault, Part};
use crate::host::Host;
use crate::json::{Object, object};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::scenario::Scenario;
use crate::world::World;

/// The fields of a request's body.
pub(crate) type Fields = Map<String, Value>;

/// How requests are read, and answers and errors written.
pub(crate) trait Dialect: fmt::Debug + Send + Sync {
    /// The name that rules use.
    fn route(&self) -> &'static str;

    /// A header other than `Authorization` that may carry the API key.
    fn key_header(&self) -> Option<&'static str> {
        None
    }

    /// The id of an answer, from the second since 1970 and letters that no other has.
    fn id(&self, now: u64, letters: &str) -> String {
        format!("gen-{now}-{letters}")
    }

    /// Checks the headers that its host insists on, beyond the key.
    ///
    /// # Errors
    /// What is wrong with the request.
    fn check_headers(&self, _: &Request) -> Result<(), Complaint> {
        Ok(())
    }

    /// Checks what its host insists on beyond what is read, and gives back the fields with those
    /// that were elsewhere in the request.
    ///
    /// # Errors
    /// What is wrong with the request.
    fn check(&self, _: &World, _: &Request, fields: Fields) -> Result<Fields, Complaint> {
        Ok(fields)
    }

    /// Reads the fields of a request.
    ///
    /// # Errors
    /// The message for a 400.
    fn read(&self, fields: &Map<String, Value>) -> Result<Ask, String>;

    /// A whole answer.
    fn whole(&self, frame: &Frame<'_>, answer: &Answer) -> Object;

    /// The events of a streamed answer.
    fn events(&self, frame: &Frame<'_>, answer: &Answer, draw: &mut Draw) -> Vec<Event>;

    /// The body of an answer that only counts.
    fn count(&self, tokens: u64) -> Object {
        object! { "input_tokens": tokens }
    }

    /// The body of an error that the status line tells of.
    fn refusal(&self, id: &str, refusal: &Refusal) -> Object;

    /// The body of an error after a status line that promised an answer, in the fault's place.
    fn whole_error(&self, frame: &Frame<'_>, refusal: &Refusal) -> Object;

    /// The events of an error in the fault's place, after `sent` others.
    fn error_events(&self, frame: &Frame<'_>, refusal: &Refusal, sent: usize) -> Vec<Event>;
}

/// `POST /chat/completions`; its errors are also those of everything that has no dialect.
pub(crate) const CHAT: &dyn Dialect = &chat::Chat;
/// `POST /completions`.
pub(crate) const COMPLETIONS: &dyn Dialect = &completions::Completions;
/// `POST /responses`.
pub(crate) const RESPONSES: &dyn Dialect = &responses::Responses {
    host: Host::OpenRouter,
};
/// `POST /messages`.
pub(crate) const MESSAGES: &dyn Dialect = &messages::Messages {
    host: Host::OpenRouter,
};

/// `POST /chat/completions` as OpenAI has it; its errors are those of everything there.
pub(crate) const OPENAI_CHAT: &dyn Dialect = &openai::Chat;
/// `POST /responses` as OpenAI has it.
pub(crate) const OPENAI_RESPONSES: &dyn Dialect = &responses::Responses { host: Host::OpenAi };
/// `POST /messages` as Anthropic has it; its errors are those of everything there.
pub(crate) const PLAIN_MESSAGES: &dyn Dialect = &messages::Messages {
    host: Host::Anthropic,
};
/// `POST /models/…:generateContent`; its errors are those of everything of Google's.
pub(crate) const GENERATE: &dyn Dialect = &gemini::Gemini;

/// One of each name.
pub(crate) const DIALECTS: [&dyn Dialect; 5] = [CHAT, COMPLETIONS, RESPONSES, MESSAGES, GENERATE];

pub(crate) use self::openai::check_embeddings;

/// What all bodies of one answer have in common.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) id: &'a str,
    pub(crate) host: Host,
    /// What a direct host calls the request.
    pub(crate) request_id: &'a str,
    /// Seconds since 1970.
    pub(crate) created: u64,
    /// Seconds since 1970.
    pub(crate) completed: u64,
    pub(crate) model: &'a str,
    pub(crate) provider: &'a str,
    /// `openrouter_metadata`, when the client asked for it.
    pub(crate) metadata: Option<&'a Object>,
    pub(crate) fault: &'a Fault,
    /// The fields of the request, for dialects that repeat them.
    pub(crate) asked: &'a Map<String, Value>,
    pub(crate) scenario: &'a Scenario,
    /// What the usage says; nothing where it is left out.
    pub(crate) charge: Option<&'a Charge>,
}

impl Frame<'_> {
    /// The random end of the id, for ids of parts.
    fn tail(&self) -> &str {
        self.id.rsplit(['-', '_']).next().unwrap_or_default()
    }

    /// True unless the fault leaves the end mark out.
    fn has_end(&self) -> bool {
        !self.fault.omits(Part::Done)
    }
}

/// One `data:` event of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The text of an `event:` line before it.
    pub(crate) name: Option<&'static str>,
    pub(crate) data: Vec<u8>,
    /// Output tokens in it.
    pub(crate) tokens: u64,
}

impl Event {
    fn new(data: &Object, tokens: u64) -> Self {
        Self {
            name: None,
            data: data.to_vec(),
            tokens,
        }
    }

    fn named(name: &'static str, data: &Object, tokens: u64) -> Self {
        Self {
            name: Some(name),
            ..Self::new(data, tokens)
        }
    }

    /// OpenAI's end of a stream.
    fn done() -> Self {
        Self {
            name: None,
            data: b"[DONE]".to_vec(),
            tokens: 0,
        }
    }
}

/// Text that goes out together, with its tokens: one to four at a time, as networks deliver them.
fn groups(mut pieces: &[String], draw: &mut Draw) -> Vec<(String, u64)> {
    let mut groups = Vec::new();
    while !pieces.is_empty() {
        let count = usize::try_from(draw.between(1, 4))
            .unwrap_or(1)
            .min(pieces.len());
        let (group, rest) = pieces.split_at(count);
        groups.push((group.concat(), group.len() as u64));
        pieces = rest;
    }
    groups
}

/// What an answer that breaks off in a whole body has said by then.
const PARTIAL: &str = "Partial ans";
