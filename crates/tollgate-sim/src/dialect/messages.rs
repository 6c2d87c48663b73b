//! `POST /messages`, Anthropic's dialect as OpenRouter has it.

mod read;
mod stream;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Dialect, Event, Frame};
use crate::answer::{Answer, Call, Finish};
use crate::ask::Ask;
use crate::base64::encode;
use crate::bill::Charge;
use crate::draw::Draw;
use crate::json::{Object, object};
use crate::refusal::Refusal;

#[derive(Debug)]
pub(super) struct Messages;

impl Dialect for Messages {
    fn route(&self) -> &'static str {
        "messages"
    }

    fn key_header(&self) -> Option<&'static str> {
        Some("x-api-key")
    }

    fn read(&self, fields: &Map<String, Value>) -> Result<Ask, String> {
        read::read(fields)
    }

    fn whole(&self, frame: &Frame<'_>, answer: &Answer) -> Object {
        let usage = frame.charge.map(whole_usage);
        message(frame, &blocks(frame, answer), answer.finish, usage.as_ref())
            .with_some("openrouter_metadata", frame.metadata)
    }

    fn events(&self, frame: &Frame<'_>, answer: &Answer, draw: &mut Draw) -> Vec<Event> {
        stream::events(frame, answer, draw)
    }

    fn refusal(&self, id: &str, refusal: &Refusal) -> Object {
        error(id, refusal).with_some("openrouter_metadata", refusal.trail.as_ref())
    }

    /// The dialect has no place for an error beside text, so it stands alone.
    fn whole_error(&self, frame: &Frame<'_>, refusal: &Refusal) -> Object {
        error(frame.id, refusal).with_some("openrouter_metadata", frame.metadata)
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

/// An error, as a body or as the data of an event.
fn error(id: &str, refusal: &Refusal) -> Object {
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
        "provider": frame.provider,
    }
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
        blocks.push(thinking(&text, &signature(frame)));
    }
    if !answer.content.is_empty() {
        blocks.push(text(&answer.content.concat()));
    }
    if let Some(call) = &answer.call {
        blocks.push(tool_use(call, &input(&call.arguments.concat())));
    }
    blocks
}

fn thinking(thinking: &str, signature: &str) -> Object {
    object! { "type": "thinking", "thinking": thinking, "signature": signature }
}

/// What a client must send back unchanged.
fn signature(frame: &Frame<'_>) -> String {
    encode(format!("simulated signature {}", frame.tail()).as_bytes())
}

fn text(text: &str) -> Object {
    object! { "type": "text", "text": text, "citations": [(); 0] }
}

fn tool_use(call: &Call, input: &RawValue) -> Object {
    let id = format!("toolu_{}", call.id.trim_start_matches("call_"));
    object! {
        "type": "tool_use", "id": id, "name": call.name, "input": input,
        "caller": object! { "type": "direct" },
    }
}

/// Arguments as JSON. A limit can cut them short, and a block must have an object even so.
fn input(arguments: &str) -> Box<RawValue> {
    RawValue::from_string(arguments.to_owned()).unwrap_or_else(|_| crate::json::raw(&object! {}))
}

/// The usage at the beginning of a stream: cached tokens are not input tokens in this dialect.
fn first_usage(charge: &Charge) -> Object {
    const NULL: Option<&str> = None;
    let tokens = charge.tokens;
    object! {
        "input_tokens": tokens.prompt - tokens.cached,
        "output_tokens": 0,
        "cache_creation_input_tokens": NULL,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": NULL,
        "output_tokens_details": NULL,
        "server_tool_use": NULL,
        "service_tier": "standard",
        "inference_geo": NULL,
    }
}

/// The usage at the end of a stream, which tells no cost.
fn last_usage(charge: &Charge) -> Object {
    let tokens = charge.tokens;
    object! {
        "input_tokens": tokens.prompt - tokens.cached,
        "output_tokens": tokens.completion,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": tokens.cached,
        "output_tokens_details": object! { "thinking_tokens": tokens.reasoning },
        "server_tool_use": None::<&str>,
    }
}

fn whole_usage(charge: &Charge) -> Object {
    const NULL: Option<&str> = None;
    last_usage(charge).and(object! {
        "cache_creation": NULL,
        "service_tier": "standard",
        "inference_geo": NULL,
        "cost": charge.cost(),
        "is_byok": charge.byok.is_some(),
        "cost_details": object! {
            "upstream_inference_cost": charge.price.total,
            "upstream_inference_prompt_cost": charge.price.prompt,
            "upstream_inference_completions_cost": charge.price.completion,
        },
    })
}
