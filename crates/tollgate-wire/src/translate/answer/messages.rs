//! The events of Messages, and the message that they make.

use serde_json::value::RawValue;

use super::block::{Block, Kind};
use super::chat::Chat;
use super::ids;
use super::sequence::{Ending, Target, Told};
use super::usage;
use crate::messages::STOP_REASONS;
use crate::raw::as_text;
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::translate::request::FORMAT;
use crate::{FinishReason, Object, ParseError, Raw};

/// Members around a chat's choices that a message has elsewhere or not at all; the others go on as they are.
const APART: &[&str] = &[
    "id",
    "object",
    "created",
    "model",
    "usage",
    "service_tier",
    "system_fingerprint",
];

/// The words for a tier: of chats, of messages.
const TIERS: &[(&str, &str)] = &[("default", "standard")];

/// Writes a message.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The model asked for, until the chat says which serves.
    model: Option<Box<RawValue>>,
    /// How many blocks there are.
    blocks: usize,
    chat_id: String,
    /// The members of the chat that the start of the message told.
    told: Vec<String>,
    /// What is known of the reasoning in hand, as its start told it.
    detail: Option<Object>,
    content: Vec<Object>,
    /// The message when it is over.
    answer: Object,
}

impl Messages {
    pub(super) fn new(request: &Object) -> Self {
        Self {
            model: request.get("model").map(ToOwned::to_owned),
            ..Self::default()
        }
    }

    pub(super) fn into_answer(self) -> Object {
        self.answer
    }

    fn message(&self, chat: &Chat, usage: &Object) -> Object {
        let mut message = object! {
            "id": self.chat_id,
            "type": "message",
            "role": "assistant",
            "model": chat.member("model").or(self.model.as_deref()),
            "content": self.content,
            "container": (),
            "stop_reason": (),
            "stop_sequence": (),
            "stop_details": (),
        };
        for (key, value) in chat.members.iter().filter(|(key, _)| !APART.contains(key)) {
            message.set_raw(key, value.to_owned());
        }
        message.put("usage", usage);
        message
    }

    fn block_event(&self, kind: &str, key: &str, value: &Object, events: &mut Vec<Object>) {
        let mut event = object! { "type": *kind, "index": self.blocks };
        event.put(key, value);
        events.push(event);
    }

    fn delta(&self, kind: &str, key: &str, text: &str, events: &mut Vec<Object>) {
        let mut delta = object! { "type": *kind };
        delta.put(key, text);
        self.block_event("content_block_delta", "delta", &delta, events);
    }

    fn call_id(&self, block: &Block) -> String {
        match block.word("id") {
            id if id.is_empty() => ids::make("call", self.blocks, &self.chat_id),
            id => id,
        }
    }
}

impl Target for Messages {
    fn open(&mut self, chat: &Chat, events: &mut Vec<Object>) {
        self.chat_id = chat.word("id").unwrap_or_else(|| "answer".to_owned());
        // Clients add to these counts what the end says; a chat says nothing before its end.
        let usage = object! { "input_tokens": 0, "output_tokens": 0 };
        let message = self.message(chat, &usage);
        self.told = chat.members.iter().map(|(key, _)| key.to_owned()).collect();
        events.push(object! { "type": "message_start", "message": message });
    }

    fn begin(&mut self, block: &Block, losses: &mut Losses, events: &mut Vec<Object>) {
        self.detail = detail(block);
        let mut start = match block.kind {
            Kind::Reasoning | Kind::Summary => {
                object! { "type": "thinking", "thinking": "", "signature": "" }
            }
            Kind::Encrypted => object! { "type": "redacted_thinking", "data": *block.text() },
            Kind::Text | Kind::Refusal => {
                object! { "type": "text", "text": "", "citations": [(); 0] }
            }
            Kind::Call => object! {
                "type": "tool_use", "id": self.call_id(block), "name": block.word("name"), "input": Object::new(),
            },
            Kind::Image => {
                losses.add(
                    &message_place("images"),
                    "messages hold no images that a model made",
                );
                return;
            }
        };
        if let Some(detail) = &self.detail {
            start.put("detail", detail);
        }
        self.block_event("content_block_start", "content_block", &start, events);
    }

    fn grow(&mut self, block: &Block, from: Told, losses: &mut Losses, events: &mut Vec<Object>) {
        let text = &block.text()[from.text..];
        match block.kind {
            Kind::Reasoning | Kind::Summary => {
                self.delta("thinking_delta", "thinking", text, events);
            }
            Kind::Text | Kind::Refusal => self.delta("text_delta", "text", text, events),
            // Text that cannot become an object would only break the client: it reads these as one.
            Kind::Call if block.text().trim_start().starts_with('{') => {
                self.delta("input_json_delta", "partial_json", text, events);
            }
            Kind::Call => {}
            Kind::Encrypted | Kind::Image => {}
        }
        if !block.logprobs.is_empty() {
            let place = Place::Top.key("choices");
            losses.add(
                &place.index(0).key("logprobs"),
                "messages have no log probabilities",
            );
        }
    }

    fn end(
        &mut self,
        block: &Block,
        ending: Option<&Ending>,
        losses: &mut Losses,
        events: &mut Vec<Object>,
    ) -> Result<(), ParseError> {
        if block.kind == Kind::Image {
            return Ok(());
        }
        if self.detail.is_some() && self.detail != detail(block) {
            losses.add(
                &message_place("reasoning_details"),
                "some of it came after the block had begun",
            );
        }
        let is_unsigned = block.kind == Kind::Reasoning && !block.members.contains("signature");
        if is_unsigned && self.detail.is_none() && block.member("format").is_some() {
            losses.add(
                &message_place("reasoning_details"),
                "without a signature it comes back as text alone",
            );
        }
        let whole = self.whole(block, ending, losses)?;
        if block.kind == Kind::Reasoning && !block.word("signature").is_empty() {
            self.delta(
                "signature_delta",
                "signature",
                &block.word("signature"),
                events,
            );
        }
        for citation in citations(block, losses) {
            let delta = object! { "type": "citations_delta", "citation": citation };
            self.block_event("content_block_delta", "delta", &delta, events);
        }
        events.push(object! { "type": "content_block_stop", "index": self.blocks });
        self.content.push(whole);
        self.blocks += 1;
        Ok(())
    }

    fn close(
        &mut self,
        chat: &Chat,
        ending: &Ending,
        losses: &mut Losses,
        events: &mut Vec<Object>,
    ) -> Result<(), ParseError> {
        let reason = stop_reason(ending, losses);
        if chat.member("system_fingerprint").is_some() {
            losses.add(
                &Place::Top.key("system_fingerprint"),
                "messages have no fingerprint",
            );
        }
        let usage = used(chat, losses)?;
        let delta = object! { "stop_reason": *reason, "stop_sequence": (), "stop_details": (), "container": () };
        events.push(object! { "type": "message_delta", "delta": delta, "usage": usage });
        let mut stop = object! { "type": "message_stop" };
        let late = chat
            .members
            .iter()
            .filter(|(key, _)| !APART.contains(key) && !self.told.iter().any(|told| told == key));
        for (key, value) in late {
            stop.set_raw(key, value.to_owned());
        }
        events.push(stop);
        self.answer = self.message(chat, &usage);
        self.answer.put("stop_reason", reason);
        Ok(())
    }
}

impl Messages {
    /// The block when it is over.
    fn whole(
        &self,
        block: &Block,
        ending: Option<&Ending>,
        losses: &mut Losses,
    ) -> Result<Object, ParseError> {
        let mut whole = match block.kind {
            Kind::Reasoning | Kind::Summary => object! {
                "type": "thinking", "thinking": *block.text(), "signature": block.word("signature"),
            },
            Kind::Encrypted => object! { "type": "redacted_thinking", "data": *block.text() },
            Kind::Call => object! {
                "type": "tool_use", "id": self.call_id(block), "name": block.word("name"),
                "input": input(block, ending, losses)?,
            },
            Kind::Text | Kind::Refusal | Kind::Image => object! {
                "type": "text", "text": *block.text(), "citations": citations(block, losses),
            },
        };
        if let Some(detail) = &self.detail {
            whole.put("detail", detail);
        }
        Ok(whole)
    }
}

/// What of a detail a block of thinking has no place for: kept in a member of its own, so that the whole of it can be sent
/// back. Reasoning of this surface's own format has nothing of the kind.
fn detail(block: &Block) -> Option<Object> {
    let members = detail_members(block);
    let is_plain = matches!(block.kind, Kind::Reasoning | Kind::Encrypted);
    let is_own =
        members.len() == 2 && members.get("format").and_then(as_text).as_deref() == Some(FORMAT);
    (block.member("type").is_some() && !(is_plain && is_own)).then_some(members)
}

fn detail_members(block: &Block) -> Object {
    let mut members = block.members.clone();
    members.remove("signature");
    members
}

/// The arguments of a call as an object. Those that are none are left out: the rest of the answer is paid for, and the
/// client's tool will say what it misses. Of those that were cut with the answer the stop reason tells.
fn input(block: &Block, ending: Option<&Ending>, losses: &mut Losses) -> Result<Raw, ParseError> {
    match Raw::parse(block.arguments()) {
        Ok(input) if input.get().starts_with('{') => return Ok(input),
        Ok(input) if input.get() == "null" => {}
        _ => {
            let was_cut = ending.is_some_and(|ending| ending.finish == FinishReason::Length);
            let why = match was_cut {
                true => "arguments that were cut are no object",
                false => "arguments of messages are an object, and these are none",
            };
            losses.add(&message_place("tool_calls"), why);
        }
    }
    Raw::parse("{}")
}

/// Citations point to a source here, not to a place in the text.
fn citations(block: &Block, losses: &mut Losses) -> Vec<Object> {
    let citation = |annotation: &Object| {
        for key in ["start_index", "end_index"] {
            if annotation.has_value(key) {
                losses.add(
                    &message_place("annotations"),
                    "citations of messages name no place in the text",
                );
            }
        }
        let value = |key: &str| annotation.get(key);
        object! {
            "type": "web_search_result_location",
            "url": value("url"),
            "title": value("title"),
            "cited_text": value("content").and_then(as_text).unwrap_or_default(),
            "encrypted_index": "",
        }
    };
    block.annotations.iter().map(citation).collect()
}

fn stop_reason(ending: &Ending, losses: &mut Losses) -> &'static str {
    let finish = match (&ending.finish, ending.called, ending.refused) {
        (FinishReason::Stop, true, _) => FinishReason::ToolCalls,
        (FinishReason::Stop, false, true) => FinishReason::ContentFilter,
        (finish, _, _) => finish.clone(),
    };
    // The provider's own word, if it is one of this surface and does not say another thing. Where it says that the answer
    // was cut, the chat's `stop` does not make it whole.
    let agrees = |means: &FinishReason| {
        *means == finish || (finish == FinishReason::Stop && *means == FinishReason::Length)
    };
    let mut rows = STOP_REASONS.iter();
    let is_native = |word: &str| Some(word) == ending.native.as_deref();
    let native = rows
        .clone()
        .find(|(word, means)| is_native(word) && agrees(means));
    if let Some((word, _)) = native.or_else(|| rows.find(|(_, means)| *means == finish)) {
        return word;
    }
    let place = Place::Top.key("choices");
    losses.add(
        &place.index(0).key("finish_reason"),
        "messages have no such end; it is told as `end_turn`",
    );
    "end_turn"
}

fn used(chat: &Chat, losses: &mut Losses) -> Result<Object, ParseError> {
    let mut used = match chat.members.read::<Object>("usage")? {
        Some(usage) => usage::for_messages(&usage, losses)?,
        None => {
            losses.add(
                &Place::Top.key("usage"),
                "the chat did not say; messages must",
            );
            object! { "input_tokens": 0, "output_tokens": 0 }
        }
    };
    if let Some(tier) = chat.word("service_tier") {
        let row = TIERS.iter().find(|(here, _)| *here == tier);
        used.put(
            "service_tier",
            row.map_or(tier.as_str(), |(_, there)| there),
        );
    }
    Ok(used)
}

fn message_place(key: &'static str) -> Place<'static> {
    const CHOICE: Place<'static> = Place::Index(&Place::Key(&Place::Top, "choices"), 0);
    const MESSAGE: Place<'static> = Place::Key(&CHOICE, "message");
    Place::Key(&MESSAGE, key)
}
