//! The events of Messages as the chunks of a chat.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::block::{Block, annotation, is_empty_object, lose, said, word};
use super::chunks::{self, Chunks};
use super::usage;
use crate::json::{is_null, utf8};
use crate::messages::finish;
use crate::raw::as_text;
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::translate::request::FORMAT;
use crate::{MessagesReply, Object, ParseError};

/// The answer so far.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The blocks that have begun and not ended, by their position.
    open: BTreeMap<u64, Block>,
    calls: usize,
    details: usize,
    /// Letters of text so far: chats count places in them.
    letters: usize,
    /// Each count as last told: they only grow.
    usage: Object,
    tier: Option<String>,
    is_over: bool,
}

/// Members of a message that frame it, or stand elsewhere in a chat.
const APART: &[&str] = &[
    "id",
    "type",
    "role",
    "model",
    "content",
    "stop_reason",
    "stop_sequence",
    "stop_details",
    "container",
    "usage",
];

const PAUSED: &str = "chats are not paused; it is told as `length`";

/// A tier in the words of messages and of chats.
const TIERS: &[(&str, &str)] = &[("standard", "default")];

impl Messages {
    pub(super) fn push(
        &mut self,
        data: &[u8],
        chunks: &mut Chunks,
        losses: &mut Losses,
    ) -> Result<Vec<Object>, ParseError> {
        if utf8(data)?.trim() == "[DONE]" {
            return Ok(Vec::new());
        }
        let event = Object::parse(data)?;
        let index = event.read("index")?.unwrap_or(0);
        let member = |key: &str| event.read::<Object>(key).map(Option::unwrap_or_default);
        let mut out = Vec::new();
        match word(&event, "type").as_str() {
            "message_start" => self.begin(&member("message")?, chunks, &mut out)?,
            "content_block_start" => {
                let deltas = self.begin_block(index, &member("content_block")?, losses)?;
                chunks.add(&deltas, &mut out);
            }
            "content_block_delta" => {
                let deltas = self.grow(index, &member("delta")?, losses);
                chunks.add(&deltas, &mut out);
            }
            "content_block_stop" => chunks.add(&self.end_block(index, losses), &mut out),
            "message_delta" => {
                self.count(&event)?;
                self.end(&member("delta")?, chunks, losses, &mut out);
            }
            "error" => {
                return Err(ParseError::new("expected an event, found an error"));
            }
            // Pings, the end, and events of tomorrow.
            _ => {}
        }
        Ok(out)
    }

    pub(super) fn push_whole(
        &mut self,
        body: &[u8],
        chunks: &mut Chunks,
        losses: &mut Losses,
    ) -> Result<Vec<Object>, ParseError> {
        let reply = MessagesReply::parse(body)?.map_err(|error| {
            ParseError::new(format!(
                "expected an answer, found the error {:?}",
                error.message
            ))
        })?;
        let message = reply.object();
        let mut out = Vec::new();
        self.begin(message, chunks, &mut out)?;
        let blocks: Vec<Object> = message.read("content")?.unwrap_or_default();
        for (index, block) in (0..).zip(&blocks) {
            let deltas = self.begin_block(index, block, losses)?;
            chunks.add(&deltas, &mut out);
            chunks.add(&self.end_block(index, losses), &mut out);
        }
        self.end(message, chunks, losses, &mut out);
        Ok(out)
    }

    pub(super) fn finish(&mut self, losses: &mut Losses) -> Result<Option<Object>, ParseError> {
        if !self.is_over {
            return Err(Place::Top
                .key("stop_reason")
                .error("is missing at the end, so the answer was cut"));
        }
        match self.usage.is_empty() {
            true => Ok(None),
            false => usage::from_messages(&self.usage, losses).map(Some),
        }
    }

    fn begin(
        &mut self,
        message: &Object,
        chunks: &mut Chunks,
        out: &mut Vec<Object>,
    ) -> Result<(), ParseError> {
        chunks.id = match word(message, "id") {
            id if id.is_empty() => "answer".to_owned(),
            id => id,
        };
        chunks.model = message.get("model").map(ToOwned::to_owned);
        for (key, value) in message.iter().filter(|(key, _)| !APART.contains(key)) {
            chunks.extras.set_raw(key, value.to_owned());
        }
        self.count(message)?;
        if let Some(tier) = &self.tier {
            chunks.extras.put("service_tier", tier);
        }
        out.push(chunks.role(0));
        Ok(())
    }

    /// Takes the counts of an event; those that it does not tell stay.
    fn count(&mut self, event: &Object) -> Result<(), ParseError> {
        let newer: Object = event.read("usage")?.unwrap_or_default();
        for (key, value) in newer.iter().filter(|(_, value)| !is_null(value)) {
            match (key, as_text(value)) {
                ("service_tier", Some(tier)) => {
                    let row = TIERS.iter().find(|(here, _)| *here == tier);
                    self.tier = Some(row.map_or(&*tier, |(_, there)| *there).to_owned());
                }
                _ => self.usage.set_raw(key, value.to_owned()),
            }
        }
        Ok(())
    }

    fn begin_block(
        &mut self,
        index: u64,
        block: &Object,
        losses: &mut Losses,
    ) -> Result<Vec<Object>, ParseError> {
        let mut deltas = Vec::new();
        let opened = match word(block, "type").as_str() {
            "text" => {
                let start = self.letters;
                deltas.extend(self.text(&word(block, "text")));
                let citations = block.read("citations")?.unwrap_or_default();
                Block::Text { start, citations }
            }
            "thinking" => {
                let detail = self.detail(block, "reasoning.text")?;
                deltas.extend(said("thinking", &word(block, "thinking"), &detail));
                deltas.extend(said("signature", &word(block, "signature"), &detail));
                Block::Thinking(detail)
            }
            "redacted_thinking" => {
                let detail = self.detail(block, "reasoning.encrypted")?;
                deltas.extend(said("data", &word(block, "data"), &detail));
                Block::Lost
            }
            "tool_use" => {
                let index_of_call = chunks::next(&mut self.calls)?;
                let (id, name) = (word(block, "id"), word(block, "name"));
                // In streams the object is empty here, and its text follows.
                let input = block.get("input").map(RawValue::get);
                let input = input.filter(|input| !is_empty_object(input));
                let arguments = input.unwrap_or_default();
                deltas.push(chunks::call(index_of_call, &id, &name, arguments));
                self.check_caller(index, block, losses);
                Block::Call {
                    index: index_of_call,
                    has_arguments: input.is_some(),
                }
            }
            _ => {
                lose(index, "chats have no blocks of this kind", losses);
                Block::Lost
            }
        };
        self.open.insert(index, opened);
        Ok(deltas)
    }

    fn check_caller(&self, index: u64, block: &Object, losses: &mut Losses) {
        let caller: Option<Object> = block.read("caller").ok().flatten();
        if caller.is_some_and(|caller| word(&caller, "type") != "direct") {
            lose(index, "calls of chats come from the model only", losses);
        }
    }

    fn grow(&mut self, index: u64, delta: &Object, losses: &mut Losses) -> Vec<Object> {
        let kind = word(delta, "type");
        let deltas = match (self.open.get_mut(&index), kind.as_str()) {
            (Some(Block::Text { .. }), "text_delta") => self.text(&word(delta, "text")),
            (Some(Block::Text { citations, .. }), "citations_delta") => {
                citations.extend(delta.read::<Object>("citation").ok().flatten());
                return Vec::new();
            }
            (Some(Block::Thinking(detail)), "thinking_delta") => {
                said("thinking", &word(delta, "thinking"), detail)
            }
            (Some(Block::Thinking(detail)), "signature_delta") => {
                said("signature", &word(delta, "signature"), detail)
            }
            (
                Some(Block::Call {
                    index,
                    has_arguments,
                }),
                "input_json_delta",
            ) => {
                let piece = word(delta, "partial_json");
                *has_arguments |= !piece.is_empty();
                (!piece.is_empty()).then(|| chunks::arguments(*index, &piece))
            }
            (Some(Block::Lost), _) => None,
            _ => {
                lose(index, "chats have no pieces of this kind", losses);
                None
            }
        };
        deltas.into_iter().collect()
    }

    fn end_block(&mut self, index: u64, losses: &mut Losses) -> Vec<Object> {
        match self.open.remove(&index) {
            Some(Block::Text { start, citations }) => {
                let (of_urls, others): (Vec<Object>, Vec<Object>) =
                    citations.into_iter().partition(|one| one.has_value("url"));
                if !others.is_empty() {
                    lose(index, "citations of chats are of URLs only", losses);
                }
                let of = |citation: &Object| annotation(citation, start, self.letters);
                let annotations: Vec<Object> = of_urls.iter().map(of).collect();
                let is_any = !annotations.is_empty();
                let delta = is_any.then(|| object! { "annotations": annotations });
                delta.into_iter().collect()
            }
            // A call without arguments has an empty object, never an empty text.
            Some(Block::Call {
                index,
                has_arguments: false,
            }) => vec![chunks::arguments(index, "{}")],
            _ => Vec::new(),
        }
    }

    fn end(
        &mut self,
        ending: &Object,
        chunks: &Chunks,
        losses: &mut Losses,
        out: &mut Vec<Object>,
    ) {
        let reason = word(ending, "stop_reason");
        let Some(finish) = finish(&reason) else {
            return;
        };
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        if reason == "pause_turn" {
            losses.add(&Place::Top.key("stop_reason"), PAUSED);
        }
        for (key, why) in [
            ("stop_sequence", "chats do not say which text stopped them"),
            ("stop_details", "chats do not say more of their end"),
            ("container", "chats have no containers"),
        ] {
            if ending.has_value(key) {
                losses.add(&Place::Top.key(key), why);
            }
        }
        out.push(chunks.ending(0, &finish, &reason));
    }

    fn text(&mut self, text: &str) -> Option<Object> {
        self.letters += text.chars().count();
        (!text.is_empty()).then(|| object! { "content": *text })
    }

    /// The detail that a block of thinking is: of this dialect's own format, unless the block says more of it.
    fn detail(&mut self, block: &Object, kind: &str) -> Result<Object, ParseError> {
        let kept: Option<Object> = block.read("detail").ok().flatten();
        let mut detail = kept.unwrap_or_else(|| object! { "type": *kind, "format": *FORMAT });
        detail.put("index", &chunks::next(&mut self.details)?);
        Ok(detail)
    }
}

impl Chunks {
    fn add(&self, deltas: &[Object], out: &mut Vec<Object>) {
        out.extend(deltas.iter().map(|delta| self.delta(0, delta)));
    }
}
