//! The bodies of chat: whole answers, streams, and errors in every place.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::answer::{Answer, Call, Finish};
use crate::bill::Charge;
use crate::draw::Draw;
use crate::fault::{Fault, Part, Place};
use crate::json::{Object, object, raw};
use crate::refusal::Refusal;
use crate::scenario::UsageChunk;
use crate::script::Script;

/// What all bodies of one answer have in common.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) id: &'a str,
    /// Seconds since 1970.
    pub(crate) created: u64,
    pub(crate) model: &'a str,
    pub(crate) provider: &'a str,
    /// `openrouter_metadata`, when the client asked for it.
    pub(crate) metadata: Option<&'a Object>,
    pub(crate) fault: &'a Fault,
}

/// How a stream looks and how long it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) comments: u32,
    pub(crate) usage_chunk: UsageChunk,
    pub(crate) first_token: Duration,
    pub(crate) per_token: Duration,
}

/// OpenAI's clients insist on a text here.
const FINGERPRINT: &str = "fp_simulated";

impl Frame<'_> {
    /// A whole answer in one body.
    pub(crate) fn whole(&self, answer: &Answer, charge: &Charge, pace: Pace) -> Script {
        let usage = (!self.fault.omits(Part::Usage)).then(|| charge.to_json());
        let body = self
            .head("chat.completion", &[whole_choice(answer)])
            .with_some("usage", usage.as_ref())
            .with_some("openrouter_metadata", self.metadata);
        let tokens = answer.tokens();
        Script::json(200, &body, tokens)
            .after(pace.first_token + per_tokens(pace.per_token, tokens))
    }

    /// An answer in chunks.
    pub(crate) fn stream(
        &self,
        answer: &Answer,
        charge: &Charge,
        pace: Pace,
        draw: &mut Draw,
    ) -> Script {
        let mut script = Script::stream();
        for _ in 0..pace.comments {
            script.push_comment();
        }
        script.push_wait(pace.first_token);
        self.push_chunk(
            &mut script,
            object! { "role": "assistant", "content": "" },
            None,
            hidden_tokens(answer),
        );
        for (delta, tokens) in deltas(answer, draw) {
            script.push_wait(per_tokens(pace.per_token, tokens));
            self.push_chunk(&mut script, delta, None, tokens);
        }
        if answer.finish.is_some() {
            self.push_chunk(
                &mut script,
                object! { "role": "assistant", "content": "" },
                answer.finish,
                0,
            );
        }
        if !self.fault.omits(Part::Usage) {
            script.push_event(
                &self.usage_chunk(answer, charge, pace.usage_chunk).to_vec(),
                0,
            );
        }
        if !self.fault.omits(Part::Done) {
            script.push_event(b"[DONE]", 0);
        }
        script
    }

    /// Ends a stream with an error after the events that the fault lets pass.
    pub(crate) fn break_off(&self, mut script: Script, refusal: &Refusal) -> Script {
        let at = script.after_events(self.fault.cut_event.unwrap_or(0));
        script.steps.truncate(at);
        let error = refusal.error.to_json();
        let event = match self.fault.place {
            Place::BareEvent => object! { "error": error, "user_id": None::<&str> },
            _ => {
                let choice = chunk_choice(
                    object! { "role": "assistant", "content": "" },
                    Some(("error", "error")),
                );
                self.head("chat.completion.chunk", &[choice])
                    .with("error", &error)
            }
        };
        script.push_event(&event.to_vec(), 0);
        script
    }

    /// HTTP 200 with an error where the answer should be.
    pub(crate) fn error_inside(&self, refusal: &Refusal, form: Form) -> Script {
        let error = refusal.error.to_json();
        let body = match (self.fault.place, form) {
            (Place::Choice, Form::Whole) => {
                let message = object! { "role": "assistant", "content": "Partial ans", "refusal": None::<&str> };
                let choice = object! {
                    "index": 0, "logprobs": None::<&str>, "finish_reason": "error", "native_finish_reason": None::<&str>,
                    "message": message, "error": error,
                };
                self.head("chat.completion", &[choice])
            }
            (Place::Choice, Form::Stream) => {
                let delta = object! { "role": "assistant", "content": "" };
                let choice = chunk_choice(delta, Some(("error", "error"))).with("error", &error);
                self.head("chat.completion.chunk", &[choice])
            }
            (_, Form::Whole) => object! { "id": self.id, "error": error, "user_id": crate::refusal::USER },
            (_, Form::Stream) => object! { "error": error, "user_id": None::<&str> },
        }
        .with_some("openrouter_metadata", self.metadata);
        match form {
            Form::Whole => Script::json(200, &body, 0),
            Form::Stream => {
                let mut script = Script::stream();
                script.push_comment();
                script.push_event(&body.to_vec(), 0);
                script
            }
        }
    }

    fn push_chunk(&self, script: &mut Script, delta: Object, finish: Option<Finish>, tokens: u64) {
        let words = finish.map(|finish| (finish.word(), finish.native_word()));
        let chunk = self.head("chat.completion.chunk", &[chunk_choice(delta, words)]);
        script.push_event(&chunk.to_vec(), tokens);
    }

    fn usage_chunk(&self, answer: &Answer, charge: &Charge, form: UsageChunk) -> Object {
        let words = answer
            .finish
            .map(|finish| (finish.word(), finish.native_word()));
        let choice = |words| chunk_choice(object! { "role": "assistant", "content": "" }, words);
        let choices = match form {
            UsageChunk::RepeatsFinish => vec![choice(words)],
            UsageChunk::NullFinish => vec![choice(None)],
            UsageChunk::NoChoices => Vec::new(),
        };
        self.head("chat.completion.chunk", &choices)
            .with("usage", &charge.to_json())
            .with_some("openrouter_metadata", self.metadata)
    }

    fn head(&self, object: &str, choices: &[Object]) -> Object {
        object! {
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "provider": self.provider,
            "system_fingerprint": FINGERPRINT,
            "service_tier": "default",
            "choices": choices,
        }
    }
}

/// Whether the client asked for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Stream,
}

fn whole_choice(answer: &Answer) -> Object {
    let content = answer.content.concat();
    let content = if content.is_empty() && answer.call.is_some() {
        None
    } else {
        Some(content)
    };
    let reasoning =
        Some(answer.reasoning.concat()).filter(|text| answer.shows_reasoning && !text.is_empty());
    let details = reasoning.as_deref().map(|text| [reasoning_detail(text)]);
    let calls = answer.call.as_ref().map(|call| [call_json(call)]);
    object! {
        "index": 0,
        "logprobs": None::<&str>,
        "finish_reason": answer.finish.map(Finish::word),
        "native_finish_reason": answer.finish.map(Finish::native_word),
        "message": object! { "role": "assistant", "content": content, "refusal": None::<&str>, "reasoning": reasoning }
            .with_some("reasoning_details", details.as_ref())
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

/// Tokens that the client is charged for and never sees.
fn hidden_tokens(answer: &Answer) -> u64 {
    if answer.shows_reasoning {
        0
    } else {
        answer.reasoning.len() as u64
    }
}

/// The pieces of an answer, a few to an event, with the tokens of each.
fn deltas(answer: &Answer, draw: &mut Draw) -> Vec<(Object, u64)> {
    let mut deltas = Vec::new();
    let shown = if answer.shows_reasoning {
        answer.reasoning.as_slice()
    } else {
        &[]
    };
    for group in groups(shown, draw) {
        let text = group.concat();
        let delta = object! {
            "role": "assistant", "content": "", "reasoning": text, "reasoning_details": [reasoning_detail(&text)],
        };
        deltas.push((delta, group.len() as u64));
    }
    for group in groups(&answer.content, draw) {
        deltas.push((
            object! { "role": "assistant", "content": group.concat() },
            group.len() as u64,
        ));
    }
    if let Some(call) = &answer.call {
        let first = object! {
            "index": 0, "id": call.id, "type": "function", "function": object! { "name": call.name, "arguments": "" },
        };
        deltas.push((tool_delta(first), 1));
        for group in groups(&call.arguments, draw) {
            let more = object! { "index": 0, "type": "function", "function": object! { "arguments": group.concat() } };
            deltas.push((tool_delta(more), group.len() as u64));
        }
    }
    deltas
}

fn tool_delta(call: Object) -> Object {
    object! { "role": "assistant", "content": None::<&str>, "tool_calls": [call] }
}

/// One to four tokens at a time, as networks deliver them.
fn groups<'a>(mut pieces: &'a [String], draw: &mut Draw) -> Vec<&'a [String]> {
    let mut groups = Vec::new();
    while !pieces.is_empty() {
        let count = usize::try_from(draw.between(1, 4))
            .unwrap_or(1)
            .min(pieces.len());
        let (group, rest) = pieces.split_at(count);
        groups.push(group);
        pieces = rest;
    }
    groups
}

fn reasoning_detail(text: &str) -> Box<RawValue> {
    raw(&object! { "type": "reasoning.text", "text": text, "format": "unknown", "index": 0 })
}

fn call_json(call: &Call) -> Object {
    object! {
        "index": 0, "id": call.id, "type": "function",
        "function": object! { "name": call.name, "arguments": call.arguments.concat() },
    }
}

fn per_tokens(per_token: Duration, tokens: u64) -> Duration {
    per_token.saturating_mul(u32::try_from(tokens).unwrap_or(u32::MAX))
}
