//! The events of a streamed message.

use super::{framed_error, message, signature, stop_reason, text, thinking, tool_use, usage};
use crate::answer::{Answer, Finish};
use crate::dialect::{Event, Frame, groups};
use crate::draw::Draw;
use crate::fault::Place;
use crate::json::{Object, object, raw};
use crate::refusal::Refusal;

/// The events of an answer, from `message_start` to `message_stop`.
pub(super) fn events(frame: &Frame<'_>, answer: &Answer, draw: &mut Draw) -> Vec<Event> {
    let mut writer = Writer {
        events: vec![start(frame, answer.hidden_tokens()), ping()],
        index: 0,
    };
    let shown = answer.shown_reasoning();
    if !shown.is_empty() {
        writer.open(&thinking("", ""), 0);
        for (text, tokens) in groups(shown, draw) {
            let delta = object! { "type": "thinking_delta", "thinking": text };
            writer.delta(&delta, tokens);
        }
        let signature = signature(frame, &shown.concat());
        writer.delta(
            &object! { "type": "signature_delta", "signature": signature },
            0,
        );
        writer.close();
    }
    if !answer.content.is_empty() {
        writer.open(&text(frame.host, ""), 0);
        for (text, tokens) in groups(&answer.content, draw) {
            writer.delta(&object! { "type": "text_delta", "text": text }, tokens);
        }
        writer.close();
    }
    if let Some(call) = &answer.call {
        // The name of a called tool is one token.
        writer.open(&tool_use(frame.host, call, &raw(&object! {})), 1);
        for (text, tokens) in groups(&call.arguments, draw) {
            let delta = object! { "type": "input_json_delta", "partial_json": text };
            writer.delta(&delta, tokens);
        }
        writer.close();
    }
    let mut events = writer.events;
    events.push(end(frame, answer.finish));
    if frame.has_end() {
        let stop = object! { "type": "message_stop" };
        let stop = stop.with_some("openrouter_metadata", frame.metadata);
        events.push(Event::named("message_stop", &stop, 0));
    }
    events
}

/// An error; only where it is in the place of a choice has the message begun before it.
pub(super) fn error_events(frame: &Frame<'_>, refusal: &Refusal) -> Vec<Event> {
    let error = Event::named("error", &framed_error(frame, refusal), 0);
    if frame.fault.place == Place::Choice {
        vec![start(frame, 0), error]
    } else {
        vec![error]
    }
}

fn start(frame: &Frame<'_>, tokens: u64) -> Event {
    let usage = frame.charge.map(|charge| usage::first(frame.host, charge));
    let message = message(frame, &[], None, usage.as_ref());
    let data = object! { "type": "message_start", "message": message };
    Event::named("message_start", &data, tokens)
}

fn ping() -> Event {
    Event::named("ping", &object! { "type": "ping" }, 0)
}

fn end(frame: &Frame<'_>, finish: Option<Finish>) -> Event {
    const NULL: Option<&str> = None;
    let delta = object! {
        "stop_reason": finish.map(stop_reason), "stop_sequence": NULL, "stop_details": NULL, "container": NULL,
    };
    let data = object! { "type": "message_delta", "delta": delta }
        .with_some("usage", frame.charge.map(usage::last).as_ref());
    Event::named("message_delta", &data, 0)
}

/// Numbers the blocks.
struct Writer {
    events: Vec<Event>,
    index: usize,
}

impl Writer {
    fn open(&mut self, block: &Object, tokens: u64) {
        self.push(
            "content_block_start",
            Some(("content_block", block)),
            tokens,
        );
    }

    fn delta(&mut self, delta: &Object, tokens: u64) {
        self.push("content_block_delta", Some(("delta", delta)), tokens);
    }

    fn close(&mut self) {
        self.push("content_block_stop", None, 0);
        self.index += 1;
    }

    fn push(&mut self, name: &'static str, field: Option<(&'static str, &Object)>, tokens: u64) {
        let data = object! { "type": name, "index": self.index };
        let data = match field {
            Some((key, value)) => data.with(key, value),
            None => data,
        };
        self.events.push(Event::named(name, &data, tokens));
    }
}
