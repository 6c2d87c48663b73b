//! OpenAI's own words: chat without what OpenRouter adds, and errors.

mod strict;

use serde_json::{Map, Value};

use super::chat::{FINGERPRINT, read};
use super::{Dialect, Event, Fields, Frame, groups};
use crate::answer::{Answer, Call, Finish};
use crate::ask::Ask;
use crate::bill::Charge;
use crate::complaint::Complaint;
use crate::draw::Draw;
use crate::json::{Object, object};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::world::World;

pub(crate) use self::strict::check_embeddings;
pub(super) use self::strict::check_responses;

/// `POST /chat/completions`.
#[derive(Debug)]
pub(super) struct Chat;

const NULL: Option<&str> = None;

impl Dialect for Chat {
    fn route(&self) -> &'static str {
        "chat"
    }

    fn id(&self, _now: u64, letters: &str) -> String {
        format!("chatcmpl-{letters}")
    }

    fn check(&self, world: &World, _: &Request, fields: Fields) -> Result<Fields, Complaint> {
        strict::check_chat(&world.catalog, &fields)?;
        Ok(fields)
    }

    /// What the model thinks is charged and never shown.
    fn read(&self, fields: &Map<String, Value>) -> Result<Ask, String> {
        let mut ask = read(fields)?;
        ask.reasoning.exclude = true;
        Ok(ask)
    }

    fn whole(&self, frame: &Frame<'_>, answer: &Answer) -> Object {
        let choice = object! {
            "index": 0,
            "message": message(answer),
            "logprobs": NULL,
            "finish_reason": answer.finish.map(Finish::word),
        };
        head(frame, "chat.completion", &[choice])
            .with_some("usage", frame.charge.map(usage).as_ref())
            .and(tail())
    }

    fn events(&self, frame: &Frame<'_>, answer: &Answer, draw: &mut Draw) -> Vec<Event> {
        let wants_usage = wants_usage(frame);
        let chunk = |delta: Object, finish: Option<Finish>, tokens| {
            let choice = object! {
                "index": 0, "delta": delta, "logprobs": NULL,
                "finish_reason": finish.map(Finish::word),
            };
            let data = head(frame, CHUNK, &[choice]).and(tail());
            let usage = Some(&NULL).filter(|_| wants_usage);
            Event::new(&data.with_some("usage", usage), tokens)
        };
        let first = object! { "role": "assistant", "content": "", "refusal": NULL };
        let mut events = vec![chunk(first, None, answer.hidden_tokens())];
        for (delta, tokens) in deltas(answer, draw) {
            events.push(chunk(delta, None, tokens));
        }
        if answer.finish.is_some() {
            events.push(chunk(object! {}, answer.finish, 0));
        }
        if let Some(charge) = frame.charge.filter(|_| wants_usage) {
            let data = head(frame, CHUNK, &[]).and(tail());
            events.push(Event::new(&data.with("usage", &usage(charge)), 0));
        }
        if frame.has_end() {
            events.push(Event::done());
        }
        events
    }

    fn refusal(&self, _id: &str, refusal: &Refusal) -> Object {
        error(refusal)
    }

    /// The dialect has no place for an error beside text, so it stands alone.
    fn whole_error(&self, _: &Frame<'_>, refusal: &Refusal) -> Object {
        error(refusal)
    }

    fn error_events(&self, _: &Frame<'_>, refusal: &Refusal, _sent: usize) -> Vec<Event> {
        vec![Event::new(&error(refusal), 0)]
    }
}

const CHUNK: &str = "chat.completion.chunk";

/// An error, as a body or as the data of an event.
pub(super) fn error(refusal: &Refusal) -> Object {
    let told = &refusal.told;
    let code = Some(told.code).filter(|code| !code.is_empty());
    object! {
        "error": object! {
            "message": refusal.error.message, "type": told.kind, "param": told.param, "code": code,
        },
    }
}

/// Only who asks for it is told the usage of a stream.
fn wants_usage(frame: &Frame<'_>) -> bool {
    let options = frame.asked.get("stream_options");
    options.and_then(|options| options.get("include_usage")) == Some(&Value::Bool(true))
}

fn head(frame: &Frame<'_>, object: &str, choices: &[Object]) -> Object {
    object! {
        "id": frame.id,
        "object": object,
        "created": frame.created,
        "model": frame.model,
        "choices": choices,
    }
}

fn tail() -> Object {
    object! { "service_tier": "default", "system_fingerprint": FINGERPRINT }
}

fn message(answer: &Answer) -> Object {
    let content = answer.content.concat();
    let content = Some(content).filter(|text| !text.is_empty() || answer.call.is_none());
    let calls = answer.call.as_ref().map(|call| [call_json(call)]);
    object! { "role": "assistant", "content": content }
        .with_some("tool_calls", calls.as_ref())
        .with("refusal", &NULL)
        .with("annotations", &[(); 0])
}

fn call_json(call: &Call) -> Object {
    object! {
        "id": call.id, "type": "function",
        "function": object! { "name": call.name, "arguments": call.arguments.concat() },
    }
}

/// The pieces of an answer, a few to an event, with the tokens of each.
fn deltas(answer: &Answer, draw: &mut Draw) -> Vec<(Object, u64)> {
    let mut deltas: Vec<(Object, u64)> = groups(&answer.content, draw)
        .into_iter()
        .map(|(text, tokens)| (object! { "content": text }, tokens))
        .collect();
    if let Some(call) = &answer.call {
        let function = object! { "name": call.name, "arguments": "" };
        let first = object! { "index": 0, "id": call.id, "type": "function", "function": function };
        // The name of a called tool is one token.
        deltas.push((object! { "tool_calls": [first] }, 1));
        for (text, tokens) in groups(&call.arguments, draw) {
            let more = object! { "index": 0, "function": object! { "arguments": text } };
            deltas.push((object! { "tool_calls": [more] }, tokens));
        }
    }
    deltas
}

fn usage(charge: &Charge) -> Object {
    let tokens = charge.tokens;
    object! {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "total_tokens": tokens.prompt + tokens.completion,
        "prompt_tokens_details": object! { "cached_tokens": tokens.cached, "audio_tokens": 0 },
        "completion_tokens_details": object! {
            "reasoning_tokens": tokens.reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    }
}
