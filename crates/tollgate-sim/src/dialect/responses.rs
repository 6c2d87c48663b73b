//! `POST /responses`, OpenAI's Responses dialect as it has it and as OpenRouter does: stateless.

mod echo;
mod read;
mod stream;

use serde_json::{Map, Value};

use super::openai::{self, check_responses};
use super::seal::{Maker, thought_seal};
use super::{CHAT, Dialect, Event, Fields, Frame, PARTIAL};
use crate::answer::{Answer, Call, Finish};
use crate::ask::Ask;
use crate::bill::Charge;
use crate::complaint::Complaint;
use crate::draw::Draw;
use crate::fault::Place;
use crate::host::Host;
use crate::json::{Object, object};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::world::World;

#[derive(Debug)]
pub(super) struct Responses {
    pub(super) host: Host,
}

impl Dialect for Responses {
    fn route(&self) -> &'static str {
        "responses"
    }

    fn id(&self, now: u64, letters: &str) -> String {
        match self.host.is_direct() {
            true => format!("resp_{letters}"),
            false => format!("gen-{now}-{letters}"),
        }
    }

    /// OpenAI keeps responses unless told otherwise; here nobody ever asks for them.
    fn check(&self, _: &World, _: &Request, mut fields: Fields) -> Result<Fields, Complaint> {
        if self.host.is_direct() {
            check_responses(&fields)?;
            fields.entry("store").or_insert(Value::Bool(true));
        }
        Ok(fields)
    }

    fn read(&self, fields: &Map<String, Value>) -> Result<Ask, String> {
        if !self.host.is_direct() {
            return read::read(fields);
        }
        let mut ask = read::read_items(fields)?;
        ask.reasoning.exclude = !read::wants_thoughts(fields);
        Ok(ask)
    }

    fn whole(&self, frame: &Frame<'_>, answer: &Answer) -> Object {
        ended(frame, answer, &items(frame, answer))
    }

    fn events(&self, frame: &Frame<'_>, answer: &Answer, draw: &mut Draw) -> Vec<Event> {
        stream::events(frame, answer, draw)
    }

    /// The chat dialect's envelope, with the kind of error at the top.
    fn refusal(&self, id: &str, refusal: &Refusal) -> Object {
        if self.host.is_direct() {
            return openai::error(refusal);
        }
        let (kind, refusal) = refusal.without_type();
        CHAT.refusal(id, &refusal)
            .with_some("error_type", kind.as_ref())
    }

    fn whole_error(&self, frame: &Frame<'_>, refusal: &Refusal) -> Object {
        match frame.fault.place {
            Place::Choice => {
                let text = message(frame, PARTIAL, "incomplete");
                failed(frame, refusal, &[text])
            }
            _ => self
                .refusal(frame.id, refusal)
                .with_some("openrouter_metadata", frame.metadata),
        }
    }

    fn error_events(&self, frame: &Frame<'_>, refusal: &Refusal, sent: usize) -> Vec<Event> {
        stream::error_events(frame, refusal, sent)
    }
}

/// The words of `status`.
const IN_PROGRESS: &str = "in_progress";
const COMPLETED: &str = "completed";
const INCOMPLETE: &str = "incomplete";

/// The response at the end of an answer. Where the finish is left out it is incomplete, and
/// nothing says why.
fn ended(frame: &Frame<'_>, answer: &Answer, output: &[Object]) -> Object {
    let is_whole = matches!(answer.finish, Some(Finish::Stop | Finish::ToolCalls));
    let details =
        (answer.finish == Some(Finish::Length)).then(|| object! { "reason": "max_output_tokens" });
    let response = Response {
        status: status(answer),
        completed_at: is_whole.then_some(frame.completed),
        output,
        error: None,
        incomplete_details: details,
        usage: frame.charge.map(|charge| usage(frame.host, charge)),
    };
    response.to_json(frame)
}

fn status(answer: &Answer) -> &'static str {
    match answer.finish {
        Some(Finish::Stop | Finish::ToolCalls) => COMPLETED,
        Some(Finish::Length) | None => INCOMPLETE,
    }
}

/// The response of an answer that went wrong.
fn failed(frame: &Frame<'_>, refusal: &Refusal, output: &[Object]) -> Object {
    let (kind, refusal) = refusal.without_type();
    let metadata = Some(&refusal.error.metadata).filter(|metadata| !metadata.is_empty());
    let error =
        object! { "code": error_word(refusal.error.code), "message": refusal.error.message }
            .with_some("metadata", metadata);
    let response = Response {
        status: "failed",
        completed_at: None,
        output,
        error: Some(error),
        incomplete_details: None,
        usage: None,
    };
    response
        .to_json(frame)
        .with_some("error_type", kind.as_ref())
}

/// OpenAI's word for an error of this status.
fn error_word(status: u16) -> &'static str {
    match status {
        400 | 413 | 422 => "invalid_prompt",
        403 => "permission_denied",
        429 => "rate_limit_exceeded",
        _ => "server_error",
    }
}

/// What differs between the responses of one answer.
struct Response<'a> {
    status: &'static str,
    completed_at: Option<u64>,
    output: &'a [Object],
    error: Option<Object>,
    incomplete_details: Option<Object>,
    usage: Option<Object>,
}

impl Response<'_> {
    fn to_json(&self, frame: &Frame<'_>) -> Object {
        let is_over = self.status != IN_PROGRESS;
        object! {
            "id": frame.id,
            "object": "response",
            "created_at": frame.created,
            "completed_at": self.completed_at,
            "status": self.status,
            "model": frame.model,
            "output": self.output,
            "error": self.error,
            "incomplete_details": self.incomplete_details,
        }
        .and(echo::echo(frame.asked))
        .with("service_tier", "default")
        .with("usage", &self.usage)
        .with_some("openrouter_metadata", frame.metadata.filter(|_| is_over))
    }
}

/// The items of an answer.
fn items(frame: &Frame<'_>, answer: &Answer) -> Vec<Object> {
    let mut items = Vec::new();
    if !answer.shown_reasoning().is_empty() {
        items.push(reasoning(frame, &answer.shown_reasoning().concat()));
    }
    if !answer.content.is_empty() {
        items.push(message(frame, &answer.content.concat(), status(answer)));
    }
    if let Some(call) = &answer.call {
        let arguments = call.arguments.concat();
        items.push(function_call(frame, call, &arguments, status(answer)));
    }
    items
}

/// A reasoning item that is over; without text it has just begun.
fn reasoning(frame: &Frame<'_>, text: &str) -> Object {
    match maker(frame) {
        Maker::Anthropic => signed_reasoning(frame, text),
        Maker::Google | Maker::Another => summarised(frame, text),
    }
}

/// Whose thoughts are passed on; a direct provider's are its own.
fn maker(frame: &Frame<'_>) -> Maker {
    match frame.host.is_direct() {
        true => Maker::Another,
        false => Maker::of(frame.model),
    }
}

/// A thought that is told in full, with its signature.
fn signed_reasoning(frame: &Frame<'_>, text: &str) -> Object {
    let is_over = !text.is_empty();
    let part = object! { "type": "reasoning_text", "text": text };
    object! { "type": "reasoning", "id": item_id("rs", frame), "summary": [(); 0] }
        .with_some("content", Some(&[part]).filter(|_| is_over))
        .with_some("signature", is_over.then(|| thought_seal(text)).as_ref())
        .with("format", maker(frame).format())
}

fn summarised(frame: &Frame<'_>, text: &str) -> Object {
    let wants_encrypted = frame
        .asked
        .get("include")
        .and_then(Value::as_array)
        .is_some_and(|include| {
            include
                .iter()
                .any(|key| key == "reasoning.encrypted_content")
        });
    let format = (!frame.host.is_direct()).then_some("openai-responses-v1");
    let encrypted = (wants_encrypted && !text.is_empty())
        .then(|| crate::base64::encode(format!("sealed {}", frame.tail()).as_bytes()));
    let summary: Vec<Object> = [summary_part(text)]
        .into_iter()
        .filter(|_| !text.is_empty())
        .collect();
    object! { "type": "reasoning", "id": item_id("rs", frame), "summary": summary }
        .with_some("encrypted_content", encrypted.as_ref())
        .with_some("format", format)
}

fn message(frame: &Frame<'_>, text: &str, status: &str) -> Object {
    let content: Vec<Object> = [text_part(text)]
        .into_iter()
        .filter(|_| !text.is_empty())
        .collect();
    object! {
        "type": "message", "id": item_id("msg", frame), "role": "assistant", "status": status,
        "content": content,
    }
}

fn function_call(frame: &Frame<'_>, call: &Call, arguments: &str, status: &str) -> Object {
    object! {
        "type": "function_call", "id": item_id("fc", frame), "call_id": call.id, "name": call.name,
        "arguments": arguments, "status": status,
    }
}

fn summary_part(text: &str) -> Object {
    object! { "type": "summary_text", "text": text }
}

fn text_part(text: &str) -> Object {
    object! { "type": "output_text", "text": text, "annotations": [(); 0], "logprobs": [(); 0] }
}

/// An answer has at most one item of a kind, so its own tail makes the id unique.
fn item_id(kind: &str, frame: &Frame<'_>) -> String {
    format!("{kind}_{}", frame.tail())
}

fn usage(host: Host, charge: &Charge) -> Object {
    let tokens = charge.tokens;
    let usage = object! {
        "input_tokens": tokens.prompt,
        "input_tokens_details": object! { "cached_tokens": tokens.cached, "cache_write_tokens": 0 },
        "output_tokens": tokens.completion,
        "output_tokens_details": object! { "reasoning_tokens": tokens.reasoning },
        "total_tokens": tokens.prompt + tokens.completion,
    };
    match host.is_direct() {
        true => usage,
        false => usage.and(cost(charge)),
    }
}

/// What OpenRouter tells beside the tokens.
fn cost(charge: &Charge) -> Object {
    object! {
        "cost": charge.cost(),
        "is_byok": charge.byok.is_some(),
        "cost_details": object! {
            "upstream_inference_cost": charge.price.total,
            "upstream_inference_input_cost": charge.price.prompt,
            "upstream_inference_output_cost": charge.price.completion,
        },
    }
}
