//! `POST /chat/completions`, OpenAI's chat dialect as OpenRouter has it.

mod read;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::seal::{Maker, call_seal, thought_seal};
use super::{Dialect, Event, Frame, PARTIAL, groups};
use crate::answer::{Answer, Call, Finish};
use crate::ask::Ask;
use crate::draw::Draw;
use crate::fault::Place;
use crate::json::{Object, object, raw};
use crate::refusal::{Refusal, USER};
use crate::scenario::UsageChunk;

pub(super) use self::read::{format, read, reasoning};

#[derive(Debug)]
pub(super) struct Chat;

/// OpenAI's clients insist on a text here.
pub(super) const FINGERPRINT: &str = "fp_simulated";

impl Dialect for Chat {
    fn route(&self) -> &'static str {
        "chat"
    }

    fn read(&self, fields: &Map<String, Value>) -> Result<Ask, String> {
        read(fields)
    }

    fn whole(&self, frame: &Frame<'_>, answer: &Answer) -> Object {
        head(
            frame,
            "chat.completion",
            &[whole_choice(answer, Maker::of(frame.model))],
        )
        .with_some(
            "usage",
            frame.charge.map(|charge| charge.to_json()).as_ref(),
        )
        .with_some("openrouter_metadata", frame.metadata)
    }

    fn events(&self, frame: &Frame<'_>, answer: &Answer, draw: &mut Draw) -> Vec<Event> {
        let chunk = |delta, finish, tokens| {
            let words = words(finish);
            let choice = chunk_choice(delta, words);
            Event::new(&head(frame, "chat.completion.chunk", &[choice]), tokens)
        };
        let mut events = vec![chunk(nothing(), None, answer.hidden_tokens())];
        events.extend(
            deltas(answer, Maker::of(frame.model), draw)
                .into_iter()
                .map(|(delta, tokens)| chunk(delta, None, tokens)),
        );
        if answer.finish.is_some() {
            events.push(chunk(nothing(), answer.finish, 0));
        }
        if frame.charge.is_some() {
            let choice = |finish| chunk_choice(nothing(), words(finish));
            let choices = usage_choices(frame.scenario.usage_chunk, answer.finish, choice);
            events.push(usage_event(frame, "chat.completion.chunk", &choices));
        }
        if frame.has_end() {
            events.push(Event::done());
        }
        events
    }

    fn refusal(&self, _id: &str, refusal: &Refusal) -> Object {
        object! { "error": refusal.error.to_json(), "user_id": USER }
            .with_some("openrouter_metadata", refusal.trail.as_ref())
    }

    fn whole_error(&self, frame: &Frame<'_>, refusal: &Refusal) -> Object {
        let error = refusal.error.to_json();
        match frame.fault.place {
            Place::Choice => {
                let message = object! { "role": "assistant", "content": PARTIAL, "refusal": None::<&str> };
                let choice = object! {
                    "index": 0, "logprobs": None::<&str>, "finish_reason": "error", "native_finish_reason": None::<&str>,
                    "message": message, "error": error,
                };
                head(frame, "chat.completion", &[choice])
            }
            _ => object! { "id": frame.id, "error": error, "user_id": USER },
        }
        .with_some("openrouter_metadata", frame.metadata)
    }

    fn error_events(&self, frame: &Frame<'_>, refusal: &Refusal, _sent: usize) -> Vec<Event> {
        let error = refusal.error.to_json();
        let choice = || chunk_choice(nothing(), Some(("error", "error")));
        vec![error_event(frame, "chat.completion.chunk", &error, choice)]
    }
}

/// An event with an error in the fault's place.
pub(super) fn error_event(
    frame: &Frame<'_>,
    object: &str,
    error: &Object,
    choice: impl FnOnce() -> Object,
) -> Event {
    let data = match frame.fault.place {
        Place::BareEvent => object! { "error": error, "user_id": None::<&str> },
        Place::Body => object! { "error": error, "user_id": None::<&str> }
            .with_some("openrouter_metadata", frame.metadata),
        Place::Choice => head(frame, object, &[choice().with("error", error)])
            .with_some("openrouter_metadata", frame.metadata),
        _ => head(frame, object, &[choice()]).with("error", error),
    };
    Event::new(&data, 0)
}

/// The choices of a usage chunk in the form that the scenario has.
pub(super) fn usage_choices(
    form: UsageChunk,
    finish: Option<Finish>,
    choice: impl FnOnce(Option<Finish>) -> Object,
) -> Vec<Object> {
    match form {
        UsageChunk::RepeatsFinish => vec![choice(finish)],
        UsageChunk::NullFinish => vec![choice(None)],
        UsageChunk::NoChoices => Vec::new(),
    }
}

/// The last chunk, which has the usage.
pub(super) fn usage_event(frame: &Frame<'_>, object: &str, choices: &[Object]) -> Event {
    let data = head(frame, object, choices)
        .with_some(
            "usage",
            frame.charge.map(|charge| charge.to_json()).as_ref(),
        )
        .with_some("openrouter_metadata", frame.metadata);
    Event::new(&data, 0)
}

/// What every body and chunk begins with.
pub(super) fn head(frame: &Frame<'_>, object: &str, choices: &[Object]) -> Object {
    object! {
        "id": frame.id,
        "object": object,
        "created": frame.created,
        "model": frame.model,
        "provider": frame.provider,
        "system_fingerprint": FINGERPRINT,
        "service_tier": "default",
        "choices": choices,
    }
}

/// The finish reason, and the provider's own word for it.
pub(super) fn words(finish: Option<Finish>) -> Option<(&'static str, &'static str)> {
    finish.map(|finish| (finish.word(), finish.native_word()))
}

fn nothing() -> Object {
    object! { "role": "assistant", "content": "" }
}

fn whole_choice(answer: &Answer, maker: Maker) -> Object {
    let content = answer.content.concat();
    let content = if content.is_empty() && answer.call.is_some() {
        None
    } else {
        Some(content)
    };
    let reasoning = Some(answer.shown_reasoning().concat()).filter(|text| !text.is_empty());
    let details = details(answer, maker, reasoning.as_deref());
    let calls = answer.call.as_ref().map(|call| [call_json(call)]);
    object! {
        "index": 0,
        "logprobs": None::<&str>,
        "finish_reason": answer.finish.map(Finish::word),
        "native_finish_reason": answer.finish.map(Finish::native_word),
        "message": object! { "role": "assistant", "content": content, "refusal": None::<&str>, "reasoning": reasoning }
            .with_some("reasoning_details", Some(&details).filter(|details| !details.is_empty()))
            .with_some("tool_calls", calls.as_ref()),
    }
}

fn chunk_choice(delta: Object, finish: Option<(&str, &str)>) -> Object {
    object! {
        "index": 0,
        "delta": delta,
        "finish_reason": finish.map(|(word, _)| word),
        "native_finish_reason": finish.map(|(_, native)| native),
        "logprobs": None::<&str>,
    }
}

/// The pieces of an answer, a few to an event, with the tokens of each.
fn deltas(answer: &Answer, maker: Maker, draw: &mut Draw) -> Vec<(Object, u64)> {
    let mut deltas = Vec::new();
    for (text, tokens) in groups(answer.shown_reasoning(), draw) {
        let delta = object! {
            "role": "assistant", "content": "", "reasoning": text, "reasoning_details": [reasoning_detail(maker, &text)],
        };
        deltas.push((delta, tokens));
    }
    if let Some(signature) = thought_signature(answer, maker) {
        let detail = object! {
            "type": "reasoning.text", "signature": signature, "format": maker.format(), "index": 0,
        };
        deltas.push((signed_delta(detail), 0));
    }
    for (text, tokens) in groups(&answer.content, draw) {
        deltas.push((object! { "role": "assistant", "content": text }, tokens));
    }
    if let Some(call) = &answer.call {
        let first = object! {
            "index": 0, "id": call.id, "type": "function", "function": object! { "name": call.name, "arguments": "" },
        };
        deltas.push((tool_delta(first), 1));
        for (text, tokens) in groups(&call.arguments, draw) {
            let more = object! { "index": 0, "type": "function", "function": object! { "arguments": text } };
            deltas.push((tool_delta(more), tokens));
        }
        if let Some(detail) = call_signature(answer, call, maker) {
            deltas.push((signed_delta(detail), 0));
        }
    }
    deltas
}

fn signed_delta(detail: Object) -> Object {
    object! { "role": "assistant", "content": "", "reasoning_details": [detail] }
}

fn tool_delta(call: Object) -> Object {
    object! { "role": "assistant", "content": None::<&str>, "tool_calls": [call] }
}

fn reasoning_detail(maker: Maker, text: &str) -> Box<RawValue> {
    let format = maker.format();
    raw(&object! { "type": "reasoning.text", "text": text, "format": format, "index": 0 })
}

/// What a whole answer thought, and what its maker has signed of it.
fn details(answer: &Answer, maker: Maker, reasoning: Option<&str>) -> Vec<Box<RawValue>> {
    let signature = thought_signature(answer, maker);
    let thought = reasoning.map(|text| {
        let detail = object! { "type": "reasoning.text", "text": text }
            .with_some("signature", signature.as_ref())
            .and(object! { "format": maker.format(), "index": 0 });
        raw(&detail)
    });
    let call = answer.call.as_ref();
    let signed = call.and_then(|call| call_signature(answer, call, maker));
    thought
        .into_iter()
        .chain(signed.as_ref().map(raw))
        .collect()
}

fn thought_signature(answer: &Answer, maker: Maker) -> Option<String> {
    let text = answer.shown_reasoning().concat();
    (maker == Maker::Anthropic && !text.is_empty()).then(|| thought_seal(&text))
}

/// A call of a thinking model of Google's is signed, whether its thoughts are shown or not.
fn call_signature(answer: &Answer, call: &Call, maker: Maker) -> Option<Object> {
    if maker != Maker::Google || answer.reasoning.is_empty() {
        return None;
    }
    let arguments = serde_json::from_str(&call.arguments.concat()).ok()?;
    let data = call_seal(&call.name, &arguments);
    Some(object! {
        "type": "reasoning.encrypted", "data": data, "id": call.id, "format": maker.format(), "index": 1,
    })
}

fn call_json(call: &Call) -> Object {
    object! {
        "index": 0, "id": call.id, "type": "function",
        "function": object! { "name": call.name, "arguments": call.arguments.concat() },
    }
}
