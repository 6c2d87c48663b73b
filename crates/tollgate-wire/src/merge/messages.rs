//! Events of a Messages stream, merged into the message that would have come whole.

use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};

use super::pieces::{Pieces, Rule};
use crate::raw::as_text;
use crate::{MessagesReply, Object, ParseError};

/// Collects the events of a Messages stream.
///
/// Text, thinking and signatures are appended to the block that they belong to, arguments become its `input`, citations are
/// listed, and of everything else the last value that is not null stays, in `usage` count by count.
///
/// ```
/// use tollgate_wire::MessagesMerger;
/// let mut merger = MessagesMerger::new();
/// merger.push(br#"{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":3}}}"#)?;
/// merger.push(br#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#)?;
/// merger.push(br#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#)?;
/// merger.push(br#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#)?;
/// assert_eq!(
///     merger.finish().to_vec(),
///     br#"{"id":"m","content":[{"type":"text","text":"Hi"}],"usage":{"input_tokens":3,"output_tokens":2},"stop_reason":"end_turn"}"#
/// );
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Debug, Default)]
pub struct MessagesMerger {
    message: Pieces,
    blocks: BTreeMap<u64, Block>,
}

#[derive(Debug, Default)]
struct Block {
    members: Pieces,
    /// The text of `input`, as far as it came in pieces.
    input: String,
}

impl MessagesMerger {
    /// A merger that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the data of an event. What says nothing of the message, such as a ping or `[DONE]`, adds nothing.
    ///
    /// # Errors
    /// When the data is no event, or has a value of another kind than can be merged; what was merged before stays.
    pub fn push(&mut self, data: &[u8]) -> Result<(), ParseError> {
        if data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let event = Object::parse(data)?;
        let kind = event.get("type").and_then(as_text).unwrap_or_default();
        match &*kind {
            "message_start" => {
                let message: Object = event.read("message")?.unwrap_or_default();
                self.message.push_object(&message, message_rule)
            }
            "content_block_start" => {
                let members: Object = event.read("content_block")?.unwrap_or_default();
                self.block(&event)?
                    .members
                    .push_object(&members, block_rule)
            }
            "content_block_delta" => {
                let delta: Object = event.read("delta")?.unwrap_or_default();
                self.block(&event)?.grow(&delta)
            }
            "message_delta" | "message_stop" => {
                event.iter().try_for_each(|(key, value)| match key {
                    "type" => Ok(()),
                    "delta" => self.message.push_all(value, message_rule),
                    _ => self.message.push(key, value, message_rule(key)),
                })
            }
            _ => Ok(()),
        }
    }

    /// The message so far. Whether it is whole is for the caller to know: it has a `stop_reason` then.
    pub fn finish(self) -> MessagesReply {
        let mut message = self.message.into_object();
        let blocks: Vec<Object> = self.blocks.into_values().map(Block::finish).collect();
        message.put("content", &blocks);
        MessagesReply::from_object(message)
    }

    fn block(&mut self, event: &Object) -> Result<&mut Block, ParseError> {
        let index = event.read("index")?.unwrap_or(0);
        Ok(self.blocks.entry(index).or_default())
    }
}

impl Block {
    fn grow(&mut self, delta: &Object) -> Result<(), ParseError> {
        delta.iter().try_for_each(|(key, value)| match key {
            "type" => Ok(()),
            "partial_json" => {
                self.input
                    .push_str(&as_text(value).unwrap_or(value.get().into()));
                Ok(())
            }
            "citation" => {
                let one = to_raw_value(&[value])?;
                self.members
                    .push("citations", &one, block_rule("citations"))
            }
            _ => self.members.push(key, value, block_rule(key)),
        })
    }

    fn finish(self) -> Object {
        let mut block = self.members.into_object();
        if !self.input.is_empty() {
            // Arguments that were cut are no JSON, and are kept as the text that they are.
            match RawValue::from_string(self.input.clone()) {
                Ok(input) => block.set_raw("input", input),
                Err(_) => block.put("input", &self.input),
            }
        }
        block
    }
}

fn message_rule(key: &str) -> Rule {
    match key {
        "usage" => Rule::Nested(|_| Rule::Last),
        _ => Rule::Last,
    }
}

fn block_rule(key: &str) -> Rule {
    match key {
        "citations" => Rule::Extend,
        // Whatever grows tomorrow is a text, too.
        _ => Rule::Append,
    }
}
