//! The events of Responses, and the response that the last of them holds.

use serde_json::value::RawValue;

use super::block::{Block, Kind};
use super::chat::Chat;
use super::ids;
use super::sequence::{Ending, Target, Told};
use super::usage;
use crate::json::is_null;
use crate::raw::as_text;
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{FinishReason, Object, ParseError, Raw};

/// What a response repeats of its request, and what it says when the request is silent.
const ECHOES: &[(&str, &str)] = &[
    ("background", "false"),
    ("previous_response_id", "null"),
    ("instructions", "null"),
    ("metadata", "{}"),
    ("max_output_tokens", "null"),
    ("parallel_tool_calls", "true"),
    ("temperature", "null"),
    ("top_p", "null"),
    ("frequency_penalty", "null"),
    ("presence_penalty", "null"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("text", "{\"format\":{\"type\":\"text\"}}"),
    ("reasoning", "null"),
    ("user", "null"),
    ("prompt_cache_key", "null"),
];

/// Members around a chat's choices that a response has elsewhere or not at all; the others go on as they are.
const APART: &[&str] = &[
    "id",
    "object",
    "created",
    "model",
    "usage",
    "service_tier",
    "system_fingerprint",
];

/// Writes a response.
#[derive(Debug)]
pub(super) struct Responses {
    echoes: Object,
    /// The model asked for, until the chat says which serves.
    model: Option<Box<RawValue>>,
    chat_id: String,
    output: Vec<Object>,
    item: Option<Item>,
    sequence: u64,
    /// The response when it is over.
    answer: Object,
}

/// The item that is being written.
#[derive(Debug)]
struct Item {
    kind: ItemKind,
    object: Object,
    id: String,
    content: Vec<Object>,
    summary: Vec<Object>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ItemKind {
    Reasoning,
    Message,
    Call,
    Image,
}

impl Responses {
    pub(super) fn new(request: &Object) -> Self {
        let mut echoes = Object::new();
        for (key, silent) in ECHOES {
            let said = request.get(key).filter(|value| !is_null(value));
            match said {
                Some(value) => echoes.set_raw(key, value.to_owned()),
                None => echoes.put(key, &Raw::parse(silent).ok()),
            }
        }
        Self {
            echoes,
            model: request.get("model").map(ToOwned::to_owned),
            chat_id: String::new(),
            output: Vec::new(),
            item: None,
            sequence: 0,
            answer: Object::new(),
        }
    }

    pub(super) fn into_answer(self) -> Object {
        self.answer
    }

    fn response(&self, chat: &Chat, status: &str) -> Object {
        let created: u64 = chat.member("created").and_then(whole).unwrap_or(0);
        let mut response = object! {
            "id": self.chat_id,
            "object": "response",
            "created_at": created,
            // Nobody here knows the time.
            "completed_at": (),
            "status": *status,
            "model": chat.member("model").or(self.model.as_deref()),
            "output": self.output,
            "error": (),
            "incomplete_details": (),
        };
        for (key, value) in self.echoes.iter() {
            response.set_raw(key, value.to_owned());
        }
        response.put("store", &false);
        response.put("service_tier", &chat.member("service_tier"));
        for (key, value) in chat.members.iter().filter(|(key, _)| !APART.contains(key)) {
            response.set_raw(key, value.to_owned());
        }
        response.put("usage", &());
        response
    }

    fn event(&mut self, kind: &str, members: Object, events: &mut Vec<Object>) {
        let mut event = object! { "type": *kind };
        for (key, value) in members.iter() {
            event.push_raw(key, value.to_owned());
        }
        event.put("sequence_number", &self.sequence);
        self.sequence += 1;
        events.push(event);
    }

    /// An event that belongs to the item in hand: members of its own after its place.
    fn item_event(
        &mut self,
        kind: &str,
        part: Option<(&str, usize)>,
        own: Object,
        events: &mut Vec<Object>,
    ) {
        let Some(item) = &self.item else { return };
        let mut members = object! { "output_index": self.output.len(), "item_id": item.id };
        if let Some((key, index)) = part {
            members.put(key, &index);
        }
        for (key, value) in own.iter() {
            members.push_raw(key, value.to_owned());
        }
        self.event(kind, members, events);
    }

    fn open_item(&mut self, block: &Block, events: &mut Vec<Object>) {
        let position = self.output.len();
        let made = |prefix| ids::make(prefix, position, &self.chat_id);
        let given = |key: &str, prefix| {
            Some(block.word(key))
                .filter(|id| !id.is_empty())
                .unwrap_or_else(|| made(prefix))
        };
        let kind = item_kind(block.kind);
        let (id, object) = match kind {
            ItemKind::Reasoning => {
                let id = given("id", "rs");
                (
                    id.clone(),
                    object! { "type": "reasoning", "id": id, "summary": [(); 0], "status": "in_progress" },
                )
            }
            ItemKind::Message => {
                let id = made("msg");
                (
                    id.clone(),
                    object! { "type": "message", "id": id, "role": "assistant", "status": "in_progress", "content": [(); 0] },
                )
            }
            ItemKind::Call => {
                let id = made("fc");
                (
                    id.clone(),
                    object! {
                        "type": "function_call", "id": id, "call_id": given("id", "call"), "name": block.word("name"),
                        "arguments": "", "status": "in_progress",
                    },
                )
            }
            ItemKind::Image => {
                let id = made("ig");
                (
                    id.clone(),
                    object! { "type": "image_generation_call", "id": id, "status": "in_progress", "result": () },
                )
            }
        };
        let added = object! { "output_index": position, "item": object };
        self.event("response.output_item.added", added, events);
        self.item = Some(Item {
            kind,
            object,
            id,
            content: Vec::new(),
            summary: Vec::new(),
        });
    }

    fn close_item(&mut self, status: &str, events: &mut Vec<Object>) {
        let Some(mut item) = self.item.take() else {
            return;
        };
        match item.kind {
            ItemKind::Reasoning => {
                item.object.remove("status");
                item.object.put("summary", &item.summary);
                if !item.content.is_empty() {
                    item.object.put("content", &item.content);
                }
            }
            ItemKind::Message => {
                item.object.put("status", status);
                item.object.put("content", &item.content);
            }
            ItemKind::Call => item.object.put("status", status),
            // Images come whole.
            ItemKind::Image => item.object.put("status", "completed"),
        }
        let done = object! { "output_index": self.output.len(), "item": item.object };
        self.event("response.output_item.done", done, events);
        self.output.push(item.object);
    }
}

impl Target for Responses {
    fn open(&mut self, chat: &Chat, events: &mut Vec<Object>) {
        self.chat_id = chat.word("id").unwrap_or_else(|| "answer".to_owned());
        let response = self.response(chat, "in_progress");
        for kind in ["response.created", "response.in_progress"] {
            self.event(kind, object! { "response": response }, events);
        }
    }

    fn begin(&mut self, block: &Block, _: &mut Losses, events: &mut Vec<Object>) {
        if !self.item.as_ref().is_some_and(|item| item.takes(block)) {
            self.close_item("completed", events);
            self.open_item(block, events);
        }
        if let Some(part) = part_of(block.kind) {
            let index = self.item.as_ref().map_or(0, |item| item.parts(part).len());
            let own = object! { "part": part.empty(block) };
            self.item_event(part.added, Some((part.index, index)), own, events);
        }
    }

    fn grow(&mut self, block: &Block, from: Told, _: &mut Losses, events: &mut Vec<Object>) {
        let mut own = object! { "delta": block.text()[from.text..] };
        match (part_of(block.kind), block.kind) {
            (Some(part), kind) => {
                if kind == Kind::Text {
                    own.put("logprobs", &block.logprobs[from.logprobs..]);
                }
                let index = self.item.as_ref().map_or(0, |item| item.parts(part).len());
                self.item_event(part.delta, Some((part.index, index)), own, events);
            }
            (None, Kind::Call) => {
                self.item_event("response.function_call_arguments.delta", None, own, events);
            }
            (None, _) => {}
        }
    }

    fn end(
        &mut self,
        block: &Block,
        _: Option<&Ending>,
        losses: &mut Losses,
        events: &mut Vec<Object>,
    ) -> Result<(), ParseError> {
        match block.kind {
            Kind::Call => self.end_call(block, events),
            Kind::Image => self.end_image(block, losses),
            Kind::Encrypted => {
                if let Some(item) = &mut self.item {
                    item.object.put("encrypted_content", block.text());
                }
            }
            _ => self.end_part(block, events),
        }
        if let Some(item) = self
            .item
            .as_mut()
            .filter(|item| item.kind == ItemKind::Reasoning)
        {
            item.take_members(block, losses);
        }
        Ok(())
    }

    fn close(
        &mut self,
        chat: &Chat,
        ending: &Ending,
        losses: &mut Losses,
        events: &mut Vec<Object>,
    ) -> Result<(), ParseError> {
        let incomplete = match &ending.finish {
            FinishReason::Length => Some("max_output_tokens"),
            FinishReason::ContentFilter => Some("content_filter"),
            _ => None,
        };
        let status = match incomplete {
            Some(_) => "incomplete",
            None => "completed",
        };
        self.close_item(status, events);
        if let FinishReason::Other(_) = ending.finish {
            let place = Place::Top.key("choices");
            losses.add(
                &place.index(0).key("finish_reason"),
                "responses have no such end; it is told as completed",
            );
        }
        if chat.member("system_fingerprint").is_some() {
            losses.add(
                &Place::Top.key("system_fingerprint"),
                "responses have no fingerprint",
            );
        }
        let mut response = self.response(chat, status);
        if let Some(reason) = incomplete {
            response.put("incomplete_details", &object! { "reason": *reason });
        }
        if let Some(used) = chat.members.read::<Object>("usage")? {
            response.put("usage", &usage::for_responses(&used, losses)?);
        }
        let kind = format!("response.{status}");
        self.event(&kind, object! { "response": response }, events);
        self.answer = response;
        Ok(())
    }
}

impl Responses {
    fn end_part(&mut self, block: &Block, events: &mut Vec<Object>) {
        let Some(part) = part_of(block.kind) else {
            return;
        };
        let index = self.item.as_ref().map_or(0, |item| item.parts(part).len());
        let at = Some((part.index, index));
        for (number, annotation) in block.annotations.iter().map(flat).enumerate() {
            let own = object! { "annotation_index": number, "annotation": annotation };
            self.item_event("response.output_text.annotation.added", at, own, events);
        }
        let mut own = Object::new();
        own.put(part.text, block.text());
        if block.kind == Kind::Text {
            own.put("logprobs", &block.logprobs);
        }
        self.item_event(part.text_done, at, own, events);
        let whole = part.whole(block);
        self.item_event(part.done, at, object! { "part": whole }, events);
        if let Some(item) = &mut self.item {
            item.parts_mut(part).push(whole);
        }
    }

    fn end_call(&mut self, block: &Block, events: &mut Vec<Object>) {
        let arguments = block.arguments();
        let own = object! { "name": block.word("name"), "arguments": *arguments };
        self.item_event("response.function_call_arguments.done", None, own, events);
        if let Some(item) = &mut self.item {
            item.object.put("arguments", arguments);
        }
    }

    fn end_image(&mut self, block: &Block, losses: &mut Losses) {
        let data = block
            .text()
            .strip_prefix("data:")
            .and_then(|rest| rest.split_once(";base64,"));
        match (data, &mut self.item) {
            (Some((_, data)), Some(item)) => item.object.put("result", data),
            _ => {
                let place = Place::Top.key("choices");
                let place = place.index(0);
                losses.add(
                    &place.key("message").key("images"),
                    "images of responses hold their data, not a URL",
                );
            }
        }
    }
}

impl Item {
    /// Whether a block goes on with the item: parts of a message; details of reasoning that say they are of one, in the
    /// order summaries, text, what is encrypted.
    fn takes(&self, block: &Block) -> bool {
        if self.kind != item_kind(block.kind) {
            return false;
        }
        match block.kind {
            Kind::Text | Kind::Refusal => true,
            Kind::Call | Kind::Image => false,
            kind => {
                let is_same = |key: &str| {
                    block.member(key).map(RawValue::get) == self.object.get(key).map(RawValue::get)
                };
                let is_free = !self.object.contains("encrypted_content")
                    && (self.content.is_empty() || kind == Kind::Encrypted);
                is_free && !block.members.is_empty() && is_same("id") && is_same("format")
            }
        }
    }

    fn parts(&self, part: &Part) -> &Vec<Object> {
        match part.index {
            "summary_index" => &self.summary,
            _ => &self.content,
        }
    }

    fn parts_mut(&mut self, part: &Part) -> &mut Vec<Object> {
        match part.index {
            "summary_index" => &mut self.summary,
            _ => &mut self.content,
        }
    }

    /// What is known of a detail beside its text: signature, format, and what nobody here knows.
    fn take_members(&mut self, block: &Block, losses: &mut Losses) {
        for (key, value) in block.members.iter() {
            match key {
                "type" => {}
                "id" if as_text(value).as_deref() != Some(&self.id) => {
                    let place = Place::Top.key("choices");
                    let place = place.index(0);
                    let place = place.key("message");
                    losses.add(
                        &place.key("reasoning_details").key("id"),
                        "it came after the item had begun",
                    );
                }
                _ => self.object.set_raw(key, value.to_owned()),
            }
        }
    }
}

/// A part of an item: what its events are called, and where they keep it.
struct Part {
    kind: &'static str,
    text: &'static str,
    index: &'static str,
    added: &'static str,
    delta: &'static str,
    text_done: &'static str,
    done: &'static str,
}

const TEXT: Part = Part {
    kind: "output_text",
    text: "text",
    index: "content_index",
    added: "response.content_part.added",
    delta: "response.output_text.delta",
    text_done: "response.output_text.done",
    done: "response.content_part.done",
};

const REFUSAL: Part = Part {
    kind: "refusal",
    text: "refusal",
    delta: "response.refusal.delta",
    text_done: "response.refusal.done",
    ..TEXT
};

const REASONING: Part = Part {
    kind: "reasoning_text",
    delta: "response.reasoning_text.delta",
    text_done: "response.reasoning_text.done",
    ..TEXT
};

const SUMMARY: Part = Part {
    kind: "summary_text",
    text: "text",
    index: "summary_index",
    added: "response.reasoning_summary_part.added",
    delta: "response.reasoning_summary_text.delta",
    text_done: "response.reasoning_summary_text.done",
    done: "response.reasoning_summary_part.done",
};

impl Part {
    fn of(&self, text: &str) -> Object {
        let mut part = object! { "type": *self.kind };
        part.put(self.text, text);
        part
    }

    fn empty(&self, block: &Block) -> Object {
        let mut part = self.of("");
        if block.kind == Kind::Text {
            part.put("annotations", &[(); 0]);
            part.put("logprobs", &[(); 0]);
        }
        part
    }

    fn whole(&self, block: &Block) -> Object {
        let mut part = self.of(block.text());
        if block.kind == Kind::Text {
            let annotations: Vec<Object> = block.annotations.iter().map(flat).collect();
            part.put("annotations", &annotations);
            part.put("logprobs", &block.logprobs);
        }
        part
    }
}

fn part_of(kind: Kind) -> Option<&'static Part> {
    match kind {
        Kind::Text => Some(&TEXT),
        Kind::Refusal => Some(&REFUSAL),
        Kind::Reasoning => Some(&REASONING),
        Kind::Summary => Some(&SUMMARY),
        Kind::Encrypted | Kind::Call | Kind::Image => None,
    }
}

fn item_kind(kind: Kind) -> ItemKind {
    match kind {
        Kind::Reasoning | Kind::Summary | Kind::Encrypted => ItemKind::Reasoning,
        Kind::Text | Kind::Refusal => ItemKind::Message,
        Kind::Call => ItemKind::Call,
        Kind::Image => ItemKind::Image,
    }
}

/// A citation as Responses has it, without a wrapping of its own.
fn flat(citation: &Object) -> Object {
    let mut flat = object! { "type": "url_citation" };
    for (key, value) in citation.iter() {
        flat.set_raw(key, value.to_owned());
    }
    flat
}

fn whole(raw: &RawValue) -> Option<u64> {
    crate::document::whole_number(raw).ok()
}
