//! Chunks of a stream, merged into the answer that would have come whole.

mod calls;
mod details;
mod items;
mod messages;
mod parts;
mod pieces;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::json::is_null;
use crate::{ChatChunk, ChatResponse, FinishReason, Object, ParseError};
use pieces::{Pieces, Rule};

pub use messages::MessagesMerger;

/// Collects the chunks of a stream.
///
/// Text, reasoning, refusals and sound are appended, parts of content as well, reasoning items and calls are put together from their pieces, images
/// and annotations are listed, and of everything else the last value that is not null stays.
///
/// ```
/// use tollgate_wire::{ChunkMerger, StreamEvent};
/// let mut merger = ChunkMerger::new();
/// for data in [r#"{"choices":[{"delta":{"content":"Hel"}}]}"#, r#"{"choices":[{"delta":{"content":"lo"}}]}"#] {
///     let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes())? else { continue };
///     merger.push(&chunk)?;
/// }
/// assert_eq!(merger.finish().text(), "Hello");
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Debug, Default)]
pub struct ChunkMerger {
    top: Pieces,
    choices: BTreeMap<u64, ChoiceMerger>,
}

#[derive(Debug, Default)]
struct ChoiceMerger {
    members: Pieces,
    message: Pieces,
}

impl ChunkMerger {
    /// A merger that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk.
    ///
    /// # Errors
    /// When a part of the chunk has a value of another kind than the rules can merge; what was merged before stays.
    pub fn push(&mut self, chunk: &ChatChunk<'_>) -> Result<(), ParseError> {
        let object = Object::parse(chunk.data)?;
        for (key, value) in object.iter() {
            match key {
                "choices" if is_null(value) => {}
                "choices" => self
                    .push_choices(value)
                    .map_err(|error| error.at("choices"))?,
                _ => self
                    .top
                    .push(key, value, top_rule(key))
                    .map_err(|error| error.at(key))?,
            }
        }
        Ok(())
    }

    /// Why the first choice ended; `None` after the last chunk says that the stream was cut.
    pub fn finish_reason(&self) -> Option<FinishReason> {
        let reason = self
            .choices
            .values()
            .next()?
            .members
            .last("finish_reason")?;
        serde_json::from_str(reason.get()).ok()
    }

    /// The answer so far. Whether it is whole is for the caller to know: see [`ChunkMerger::finish_reason`].
    pub fn finish(self) -> ChatResponse {
        let usage = self.top.last("usage").map(RawValue::to_owned);
        let mut body = self.top.into_object();
        body.remove("usage");
        if body.contains("object") {
            body.put("object", "chat.completion");
        }
        let choices: Vec<Object> = self
            .choices
            .into_iter()
            .map(|(index, choice)| choice.finish(index))
            .collect();
        body.put("choices", &choices);
        if let Some(usage) = usage {
            body.set_raw("usage", usage);
        }
        ChatResponse::from_object(body)
    }

    fn push_choices(&mut self, choices: &RawValue) -> Result<(), ParseError> {
        let choices: Vec<Object> = serde_json::from_str(choices.get())?;
        for choice in &choices {
            let index = choice.read("index")?.unwrap_or(0);
            let merger = self.choices.entry(index).or_default();
            for (key, value) in choice.iter() {
                match key {
                    "index" => {}
                    "delta" if is_null(value) => {}
                    // An empty word says that there is none yet, and undoes none.
                    "finish_reason" | "native_finish_reason" if value.get() == "\"\"" => {}
                    "delta" => merger.message.push_all(value, delta_rule)?,
                    _ => merger.members.push(key, value, choice_rule(key))?,
                }
            }
        }
        Ok(())
    }
}

impl ChoiceMerger {
    fn finish(self, index: u64) -> Object {
        let mut message = Object::new();
        message.put("role", "assistant");
        message.put("content", &());
        for (key, value) in self.message.into_object().iter() {
            // An empty list is left out by servers that answer whole, and `tool_calls: null` breaks clients.
            if key == "tool_calls" && is_null(value) {
                continue;
            }
            message.set_raw(key, value.to_owned());
        }
        let mut choice = Object::new();
        choice.put("index", &index);
        choice.put("message", &message);
        choice.put("finish_reason", &());
        for (key, value) in self.members.into_object().iter() {
            choice.set_raw(key, value.to_owned());
        }
        choice
    }
}

fn top_rule(_: &str) -> Rule {
    Rule::Last
}

fn choice_rule(key: &str) -> Rule {
    match key {
        "logprobs" => Rule::Nested(|_| Rule::Extend),
        "text" => Rule::Append,
        _ => Rule::Last,
    }
}

fn delta_rule(key: &str) -> Rule {
    match key {
        "content" | "reasoning" | "reasoning_content" | "refusal" => Rule::Said,
        "images" | "annotations" => Rule::Extend,
        "audio" => Rule::Nested(audio_rule),
        "reasoning_details" => Rule::Items(details::RULES),
        "tool_calls" => Rule::Items(calls::RULES),
        _ => Rule::Last,
    }
}

fn audio_rule(key: &str) -> Rule {
    match key {
        "data" | "transcript" => Rule::Append,
        _ => Rule::Last,
    }
}
