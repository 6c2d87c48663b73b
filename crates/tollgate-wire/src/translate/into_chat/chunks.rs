//! The chunks of a chat, written one by one.

use serde_json::value::RawValue;

use crate::translate::object;
use crate::{FinishReason, Object, ParseError};

/// Most thoughts or calls that an answer has, many times what is seen: who merges the chunks looks for the place of each.
const MOST: usize = 4096;

/// What all chunks of an answer have alike.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) created: u64,
    pub(super) model: Option<Box<RawValue>>,
    /// Members that chats have under the same name, such as the provider behind another gateway.
    pub(super) extras: Object,
}

impl Chunks {
    /// A piece of the answer at a position.
    pub(super) fn delta(&self, index: u64, delta: &Object) -> Object {
        self.chunk(&[object! { "index": index, "delta": delta, "finish_reason": () }])
    }

    /// The first piece, which says who speaks.
    pub(super) fn role(&self, index: u64) -> Object {
        self.delta(index, &object! { "role": "assistant", "content": "" })
    }

    /// Why the answer at a position ends, also in the upstream's own word.
    pub(super) fn ending(&self, index: u64, finish: &FinishReason, native: &str) -> Object {
        self.chunk(&[object! {
            "index": index,
            "delta": Object::new(),
            "finish_reason": finish,
            "native_finish_reason": *native,
        }])
    }

    /// What the answer used.
    pub(super) fn usage(&self, usage: &Object) -> Object {
        let mut chunk = self.chunk(&[]);
        chunk.put("usage", usage);
        chunk
    }

    fn chunk(&self, choices: &[Object]) -> Object {
        let mut chunk = object! {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
        };
        if let Some(model) = &self.model {
            chunk.set_raw("model", model.clone());
        }
        for (key, value) in self.extras.iter() {
            chunk.set_raw(key, value.to_owned());
        }
        chunk.put("choices", choices);
        chunk
    }
}

/// A piece of reasoning: as text, and as a detail that can be sent back.
pub(super) fn reasoning(text: Option<&str>, detail: Object) -> Object {
    let mut delta = Object::new();
    if let Some(text) = text {
        delta.put("reasoning", text);
    }
    delta.put("reasoning_details", &[detail]);
    delta
}

/// The beginning of a call, with as much of its arguments as is known.
pub(super) fn call(index: usize, id: &str, name: &str, arguments: &str) -> Object {
    let function = object! { "name": *name, "arguments": *arguments };
    let call = object! { "index": index, "id": *id, "type": "function", "function": function };
    object! { "tool_calls": [call] }
}

/// More arguments of a call.
pub(super) fn arguments(index: usize, piece: &str) -> Object {
    let call = object! { "index": index, "function": object! { "arguments": *piece } };
    object! { "tool_calls": [call] }
}

/// The position of one more thought or call.
pub(super) fn next(count: &mut usize) -> Result<usize, ParseError> {
    if *count == MOST {
        return Err(ParseError::new(format!(
            "the answer has more than {MOST} thoughts or calls, which no model means"
        )));
    }
    *count += 1;
    Ok(*count - 1)
}
