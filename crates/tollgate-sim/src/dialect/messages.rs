//! `POST /messages`, Anthropic's dialect as it has it and as OpenRouter does.

mod read;
mod stream;
mod strict;
mod usage;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::seal::{Maker, thought_seal};
use super::{Dialect, Event, Fields, Frame};
use crate::answer::{Answer, Call, Finish};
use crate::ask::Ask;
use crate::base64::encode;
use crate::complaint::Complaint;
use crate::draw::Draw;
use crate::host::Host;
use crate::json::{Object, object};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::world::World;

#[derive(Debug)]
pub(super) struct Messages {
    pub(super) host: Host,
}

impl Dialect for Messages {
    fn route(&self) -> &'static str {
        "messages"
    }

    fn key_header(&self) -> Option<&'static str> {
        Some("x-api-key")
    }

    fn id(&self, now: u64, letters: &str) -> String {
        match self.host.is_direct() {
            true => format!("msg_01{letters}"),
            false => format!("gen-{now}-{letters}"),
        }
    }

    fn check_headers(&self, request: &Request) -> Result<(), Complaint> {
        match self.host.is_direct() {
            true => strict::version(request),
            false => Ok(()),
        }
    }

    fn check(&self, _: &World, request: &Request, fields: Fields) -> Result<Fields, Complaint> {
        if self.host.is_direct() {
            strict::check(request, &fields)?;
        }
        Ok(fields)
    }

    fn read(&self, fields: &Map<String, Value>) -> Result<Ask, String> {
        read::read(fields)
    }

    fn whole(&self, frame: &Frame<'_>, answer: &Answer) -> Object {
        let usage = frame.charge.map(|charge| usage::whole(frame.host, charge));
        message(frame, &blocks(frame, answer), answer.finish, usage.as_ref())
            .with_some("openrouter_metadata", frame.metadata)
    }

    fn events(&self, frame: &Frame<'_>, answer: &Answer, draw: &mut Draw) -> Vec<Event> {
        stream::events(frame, answer, draw)
    }

    fn refusal(&self, id: &str, refusal: &Refusal) -> Object {
        error(self.host, id, refusal).with_some("openrouter_metadata", refusal.trail.as_ref())
    }

    /// The dialect has no place for an error beside text, so it stands alone.
    fn whole_error(&self, frame: &Frame<'_>, refusal: &Refusal) -> Object {
        framed_error(frame, refusal).with_some("openrouter_metadata", frame.metadata)
    }

    fn error_events(&self, frame: &Frame<'_>, refusal: &Refusal, _sent: usize) -> Vec<Event> {
        stream::error_events(frame, refusal)
    }
}

/// Anthropic's words for an error of a status; any other is an `api_error`.
const ERROR_TYPES: [(u16, &str); 13] = [
    (400, "invalid_request_error"),
    (401, "authentication_error"),
    (402, "billing_error"),
    (403, "permission_error"),
    (404, "not_found_error"),
    (405, "invalid_request_error"),
    (408, "timeout_error"),
    (413, "invalid_request_error"),
    (422, "invalid_request_error"),
    (429, "rate_limit_error"),
    (503, "overloaded_error"),
    (504, "timeout_error"),
    (529, "overloaded_error"),
];

/// An error after a status line that promised an answer.
fn framed_error(frame: &Frame<'_>, refusal: &Refusal) -> Object {
    let id = match frame.host.is_direct() {
        true => frame.request_id,
        false => frame.id,
    };
    error(frame.host, id, refusal)
}

/// An error, as a body or as the data of an event.
fn error(host: Host, id: &str, refusal: &Refusal) -> Object {
    if host.is_direct() {
        let error = object! { "type": refusal.told.kind, "message": refusal.error.message };
        return object! { "type": "error", "error": error, "request_id": id };
    }
    let (kind, refusal) = refusal.without_type();
    let error = &refusal.error;
    let word = ERROR_TYPES
        .iter()
        .find(|(status, _)| *status == error.code)
        .map_or("api_error", |(_, word)| word);
    let metadata = Some(&error.metadata).filter(|metadata| !metadata.is_empty());
    let told = object! { "type": word, "message": error.message }
        .with_some("error_type", kind.as_ref())
        .with_some("availability", error.availability.as_ref());
    object! { "type": "error", "error": told, "request_id": id }.with_some("metadata", metadata)
}

/// A message with these blocks; one without a finish has only begun.
fn message(
    frame: &Frame<'_>,
    content: &[Object],
    finish: Option<Finish>,
    usage: Option<&Object>,
) -> Object {
    const NULL: Option<&str> = None;
    object! {
        "id": frame.id,
        "type": "message",
        "role": "assistant",
        "model": frame.model,
        "content": content,
        "container": NULL,
        "stop_reason": finish.map(stop_reason),
        "stop_sequence": NULL,
        "stop_details": NULL,
    }
    .with_some(
        "provider",
        Some(frame.provider).filter(|_| !frame.host.is_direct()),
    )
    .with_some("usage", usage)
}

fn stop_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
    }
}

/// The blocks of a whole answer.
fn blocks(frame: &Frame<'_>, answer: &Answer) -> Vec<Object> {
    let mut blocks = Vec::new();
    if !answer.shown_reasoning().is_empty() {
        let text = answer.shown_reasoning().concat();
        blocks.push(thinking(&text, &signature(frame, &text)));
    }
    if !answer.content.is_empty() {
        blocks.push(text(frame.host, &answer.content.concat()));
    }
    if let Some(call) = &answer.call {
        blocks.push(tool_use(frame.host, call, &input(&call.arguments.concat())));
    }
    blocks
}

fn thinking(thinking: &str, signature: &str) -> Object {
    object! { "type": "thinking", "thinking": thinking, "signature": signature }
}

/// What a client must send back unchanged; Anthropic itself looks whether it did. OpenRouter passes
/// on what its models have signed.
fn signature(frame: &Frame<'_>, thought: &str) -> String {
    match frame.host.is_direct() || Maker::of(frame.model) == Maker::Anthropic {
        true => thought_seal(thought),
        false => encode(format!("simulated signature {}", frame.tail()).as_bytes()),
    }
}

fn text(host: Host, text: &str) -> Object {
    let citations = (!host.is_direct()).then_some(&[(); 0]);
    object! { "type": "text", "text": text }.with_some("citations", citations)
}

fn tool_use(host: Host, call: &Call, input: &RawValue) -> Object {
    let id = format!("toolu_{}", call.id.trim_start_matches("call_"));
    let caller = (!host.is_direct()).then(|| object! { "type": "direct" });
    object! { "type": "tool_use", "id": id, "name": call.name, "input": input }
        .with_some("caller", caller.as_ref())
}

/// Arguments as JSON. A limit can cut them short, and a block must have an object even so.
fn input(arguments: &str) -> Box<RawValue> {
    RawValue::from_string(arguments.to_owned()).unwrap_or_else(|_| crate::json::raw(&object! {}))
}
