//! `POST /models/…:generateContent` and `:streamGenerateContent`, Google's dialect.

mod read;
mod schema;
mod signatures;
mod strict;

use serde_json::{Map, Value};

use super::seal::{call_seal, seal};
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

#[derive(Debug)]
pub(super) struct Gemini;

impl Dialect for Gemini {
    fn route(&self) -> &'static str {
        "generate_content"
    }

    fn id(&self, _now: u64, letters: &str) -> String {
        letters.to_owned()
    }

    /// The model and the form of the answer are in the path.
    fn check(&self, world: &World, request: &Request, fields: Fields) -> Result<Fields, Complaint> {
        strict::check(world, request, fields)
    }

    fn read(&self, fields: &Map<String, Value>) -> Result<Ask, String> {
        read::read(fields)
    }

    fn whole(&self, frame: &Frame<'_>, answer: &Answer) -> Object {
        let mut parts = Vec::new();
        let thoughts = answer.shown_reasoning().concat();
        if !thoughts.is_empty() {
            parts.push(thought(&thoughts));
        }
        let text = answer.content.concat();
        if !text.is_empty() {
            parts.push(object! { "text": text }.and(text_signature(answer)));
        }
        if let Some(call) = &answer.call {
            parts.push(function_call(answer, call));
        }
        response(frame, &parts, answer.finish, frame.charge.map(usage))
    }

    /// A call of a function comes in one piece, and the finish with the last event.
    fn events(&self, frame: &Frame<'_>, answer: &Answer, draw: &mut Draw) -> Vec<Event> {
        let event = |part: Object, tokens| {
            let usage = frame.charge.map(first_usage);
            Event::new(&response(frame, &[part], None, usage), tokens)
        };
        let mut events = Vec::new();
        for (text, tokens) in groups(answer.shown_reasoning(), draw) {
            events.push(event(thought(&text), tokens));
        }
        for (text, tokens) in groups(&answer.content, draw) {
            events.push(event(object! { "text": text }, tokens));
        }
        if let Some(call) = &answer.call {
            let tokens = call.arguments.len() as u64 + 1;
            events.push(event(function_call(answer, call), tokens));
        }
        if events.is_empty() {
            events.push(event(object! { "text": "" }, 0));
        }
        let last = [object! { "text": "" }.and(text_signature(answer))];
        let last = response(frame, &last, answer.finish, frame.charge.map(usage));
        events.push(Event::new(&last, answer.hidden_tokens()));
        events
    }

    fn count(&self, tokens: u64) -> Object {
        object! { "totalTokens": tokens, "promptTokensDetails": by_modality(tokens) }
    }

    fn refusal(&self, _id: &str, refusal: &Refusal) -> Object {
        error(refusal)
    }

    fn whole_error(&self, frame: &Frame<'_>, refusal: &Refusal) -> Object {
        if refusal.is_block() {
            blocked(frame, refusal)
        } else {
            error(refusal)
        }
    }

    fn error_events(&self, frame: &Frame<'_>, refusal: &Refusal, _sent: usize) -> Vec<Event> {
        vec![Event::new(&self.whole_error(frame, refusal), 0)]
    }
}

/// An answer, or as much of it as an event has.
fn response(
    frame: &Frame<'_>,
    parts: &[Object],
    finish: Option<Finish>,
    usage: Option<Object>,
) -> Object {
    let content = object! { "parts": parts, "role": "model" };
    let candidate = object! { "content": content }
        .with_some("finishReason", finish.map(finish_reason))
        .with("index", &0);
    object! { "candidates": [candidate] }
        .with_some("usageMetadata", usage.as_ref())
        .and(object! { "modelVersion": frame.model, "responseId": frame.id })
}

/// A call of a function ends an answer like any other text.
fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::ToolCalls => "STOP",
        Finish::Length => "MAX_TOKENS",
    }
}

fn thought(text: &str) -> Object {
    object! { "text": text, "thought": true }
}

/// What a thinking model signs when it calls nothing; nobody looks whether it comes back.
fn text_signature(answer: &Answer) -> Object {
    let signs = !answer.reasoning.is_empty() && answer.call.is_none();
    let signature = signs.then(|| seal("text", &answer.content.concat()));
    Object::new().with_some("thoughtSignature", signature.as_ref())
}

/// A limit can cut arguments short, and a call must have an object even so.
fn function_call(answer: &Answer, call: &Call) -> Object {
    let arguments: Map<String, Value> =
        serde_json::from_str(&call.arguments.concat()).unwrap_or_default();
    let signature = (!answer.reasoning.is_empty())
        .then(|| call_seal(&call.name, &Value::Object(arguments.clone())));
    object! { "functionCall": object! { "name": call.name, "args": arguments } }
        .with_some("thoughtSignature", signature.as_ref())
}

/// Thoughts are output and not part of the candidate.
fn usage(charge: &Charge) -> Object {
    let tokens = charge.tokens;
    let candidates = tokens.completion - tokens.reasoning;
    let some = |count: u64| Some(count).filter(|count| *count > 0);
    object! { "promptTokenCount": tokens.prompt }
        .with_some("cachedContentTokenCount", some(tokens.cached).as_ref())
        .with("candidatesTokenCount", &candidates)
        .with_some("thoughtsTokenCount", some(tokens.reasoning).as_ref())
        .with("totalTokenCount", &(tokens.prompt + tokens.completion))
        .with("promptTokensDetails", &by_modality(tokens.prompt))
}

/// What is known before the end.
fn first_usage(charge: &Charge) -> Object {
    let prompt = charge.tokens.prompt;
    object! {
        "promptTokenCount": prompt, "totalTokenCount": prompt,
        "promptTokensDetails": by_modality(prompt),
    }
}

fn by_modality(tokens: u64) -> [Object; 1] {
    [object! { "modality": "TEXT", "tokenCount": tokens }]
}

/// An answer that says why there is none.
fn blocked(frame: &Frame<'_>, refusal: &Refusal) -> Object {
    object! {
        "promptFeedback": object! { "blockReason": refusal.told.kind },
        "modelVersion": frame.model,
        "responseId": frame.id,
    }
}

/// Google's envelope, with what kinds of error have beside their message.
fn error(refusal: &Refusal) -> Object {
    let details = details(refusal);
    let details = Some(&details).filter(|details| !details.is_empty());
    let error = object! {
        "code": refusal.error.code, "message": refusal.error.message, "status": refusal.told.kind,
    };
    object! { "error": error.with_some("details", details) }
}

fn details(refusal: &Refusal) -> Vec<Object> {
    let told = &refusal.told;
    let mut details = Vec::new();
    if !told.code.is_empty() {
        details.push(detail("ErrorInfo").and(object! {
            "reason": told.code, "domain": "googleapis.com",
        }));
    }
    if let Some(field) = &told.param {
        let violation = object! { "field": field, "description": refusal.error.message };
        details.push(detail("BadRequest").and(object! { "fieldViolations": [violation] }));
    }
    if let Some(seconds) = told.delay {
        details.push(detail("RetryInfo").and(object! { "retryDelay": format!("{seconds}s") }));
    }
    details
}

fn detail(kind: &str) -> Object {
    object! { "@type": format!("type.googleapis.com/google.rpc.{kind}") }
}
