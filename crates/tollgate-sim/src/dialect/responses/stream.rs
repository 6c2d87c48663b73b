//! The events of a streamed response.

use super::{
    COMPLETED, IN_PROGRESS, Response, ended, error_word, failed, function_call, item_id, items,
    maker, message, reasoning, status, summary_part, text_part,
};
use crate::answer::{Answer, Call};
use crate::dialect::seal::Maker;
use crate::dialect::{Event, Frame, groups};
use crate::draw::Draw;
use crate::fault::Place;
use crate::json::{Object, object};
use crate::refusal::Refusal;
use crate::scenario::EventNames;

/// The events of an answer, from `response.created` to the end.
pub(super) fn events(frame: &Frame<'_>, answer: &Answer, draw: &mut Draw) -> Vec<Event> {
    let mut writer = Writer::new(frame, 0);
    writer.begin(answer.hidden_tokens());
    let shown = answer.shown_reasoning();
    if !shown.is_empty() {
        writer.reasoning(groups(shown, draw));
    }
    if !answer.content.is_empty() {
        writer.message(groups(&answer.content, draw), status(answer));
    }
    if let Some(call) = &answer.call {
        writer.function_call(call, groups(&call.arguments, draw), status(answer));
    }
    let response = ended(frame, answer, &items(frame, answer));
    let kind = if status(answer) == COMPLETED {
        "response.completed"
    } else {
        "response.incomplete"
    };
    writer.push(kind, object! { "response": response }, 0);
    // OpenAI's own streams end with the response.
    if frame.has_end() && !frame.host.is_direct() {
        writer.events.push(Event::done());
    }
    writer.events
}

/// An error, as an event of its own or as the end of the response.
pub(super) fn error_events(frame: &Frame<'_>, refusal: &Refusal, sent: usize) -> Vec<Event> {
    let mut writer = Writer::new(frame, sent);
    match frame.fault.place {
        Place::Body | Place::BareEvent => {
            let error = object! {
                "code": error_word(refusal.error.code), "message": refusal.error.message,
                "param": None::<&str>,
            };
            writer.push("error", error, 0);
        }
        place => {
            if place == Place::Choice {
                writer.begin(0);
            }
            let response = failed(frame, refusal, &[]);
            writer.push("response.failed", object! { "response": response }, 0);
        }
    }
    writer.events
}

/// Numbers events and items.
struct Writer<'a> {
    frame: &'a Frame<'a>,
    events: Vec<Event>,
    /// How many events went before the first of these.
    sent: usize,
    output_index: usize,
}

/// Text that goes out together, with its tokens.
type Groups = Vec<(String, u64)>;

impl<'a> Writer<'a> {
    fn new(frame: &'a Frame<'a>, sent: usize) -> Self {
        Self {
            frame,
            events: Vec::new(),
            sent,
            output_index: 0,
        }
    }

    fn push(&mut self, kind: &'static str, fields: Object, tokens: u64) {
        let data = object! { "type": kind }
            .and(fields)
            .with("sequence_number", &(self.sent + self.events.len()));
        self.events.push(match self.frame.scenario.response_events {
            EventNames::Named => Event::named(kind, &data, tokens),
            EventNames::Bare => Event::new(&data, tokens),
        });
    }

    fn begin(&mut self, tokens: u64) {
        let response = Response {
            status: IN_PROGRESS,
            completed_at: None,
            output: &[],
            error: None,
            incomplete_details: None,
            usage: None,
        }
        .to_json(self.frame);
        self.push("response.created", object! { "response": response }, tokens);
        self.push("response.in_progress", object! { "response": response }, 0);
    }

    fn reasoning(&mut self, groups: Groups) {
        if maker(self.frame) == Maker::Anthropic {
            return self.thought(groups);
        }
        let place = self.place("rs").with("summary_index", &0);
        let part = |text: &str| place.clone().with("part", &summary_part(text));
        self.added(reasoning(self.frame, ""), 0);
        self.push("response.reasoning_summary_part.added", part(""), 0);
        let text = self.deltas("response.reasoning_summary_text.delta", &place, groups);
        let whole = place.clone().with("text", &text);
        self.push("response.reasoning_summary_text.done", whole, 0);
        self.push("response.reasoning_summary_part.done", part(&text), 0);
        self.done(reasoning(self.frame, &text));
    }

    /// A thought that is told in full.
    fn thought(&mut self, groups: Groups) {
        let place = self.place("rs").with("content_index", &0);
        self.added(reasoning(self.frame, ""), 0);
        let text = self.deltas("response.reasoning_text.delta", &place, groups);
        let whole = place.with("text", &text);
        self.push("response.reasoning_text.done", whole, 0);
        self.done(reasoning(self.frame, &text));
    }

    fn message(&mut self, groups: Groups, status: &str) {
        let place = self.place("msg").with("content_index", &0);
        let part = |text: &str| place.clone().with("part", &text_part(text));
        let worded = place.clone().with("logprobs", &[(); 0]);
        self.added(message(self.frame, "", IN_PROGRESS), 0);
        self.push("response.content_part.added", part(""), 0);
        let text = self.deltas("response.output_text.delta", &worded, groups);
        self.push("response.output_text.done", worded.with("text", &text), 0);
        self.push("response.content_part.done", part(&text), 0);
        self.done(message(self.frame, &text, status));
    }

    /// The name of a called tool is one token.
    fn function_call(&mut self, call: &Call, groups: Groups, status: &str) {
        let place = self.place("fc");
        self.added(function_call(self.frame, call, "", IN_PROGRESS), 1);
        let arguments = self.deltas("response.function_call_arguments.delta", &place, groups);
        let whole = place.with("name", &call.name).with("arguments", &arguments);
        self.push("response.function_call_arguments.done", whole, 0);
        self.done(function_call(self.frame, call, &arguments, status));
    }

    /// Where events about the current item belong.
    fn place(&self, kind: &str) -> Object {
        object! { "output_index": self.output_index, "item_id": item_id(kind, self.frame) }
    }

    /// One event for each group; gives back the whole text.
    fn deltas(&mut self, kind: &'static str, place: &Object, groups: Groups) -> String {
        let mut whole = String::new();
        for (text, tokens) in groups {
            self.push(kind, place.clone().with("delta", &text), tokens);
            whole.push_str(&text);
        }
        whole
    }

    fn added(&mut self, item: Object, tokens: u64) {
        let fields = object! { "output_index": self.output_index, "item": item };
        self.push("response.output_item.added", fields, tokens);
    }

    fn done(&mut self, item: Object) {
        let fields = object! { "output_index": self.output_index, "item": item };
        self.push("response.output_item.done", fields, 0);
        self.output_index += 1;
    }
}
