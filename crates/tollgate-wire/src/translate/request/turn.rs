//! What an assistant said, gathered from the pieces in which other surfaces keep it.

use std::collections::HashSet;

use crate::raw::as_text;
use crate::translate::object;
use crate::{Object, Raw};

/// A message of an assistant that grows.
#[derive(Default)]
pub(super) struct AssistantTurn {
    /// Members that go on as they are.
    pub(super) extras: Object,
    pub(super) parts: Vec<Object>,
    pub(super) refusal: String,
    pub(super) annotations: Vec<Object>,
    /// Reasoning that came as text alone.
    pub(super) reasoning: String,
    pub(super) reasoning_details: Vec<Object>,
    tool_calls: Vec<Object>,
    /// The ids of the calls.
    called: HashSet<String>,
}

impl AssistantTurn {
    /// A turn in which nothing is said yet, with members that go on as they are.
    pub(super) fn with(extras: Object) -> Self {
        Self {
            extras,
            ..Self::default()
        }
    }

    /// Whether it has said or called something, so that what is thought next belongs to another message.
    pub(super) fn has_spoken(&self) -> bool {
        self.has_content() || !self.tool_calls.is_empty()
    }

    /// Adds a call.
    pub(super) fn call(&mut self, call: Object) {
        let id = call.get("id").and_then(as_text);
        self.called.extend(id.map(|id| id.into_owned()));
        self.tool_calls.push(call);
    }

    /// Whether it has made the call of that id.
    pub(super) fn has_called(&self, id: &str) -> bool {
        self.called.contains(id)
    }

    fn has_content(&self) -> bool {
        !self.parts.is_empty() || !self.refusal.is_empty()
    }

    /// Ends the turn: the message goes to the others, if anything is in it.
    pub(super) fn flush(&mut self, messages: &mut Vec<Object>) {
        let turn = std::mem::take(self);
        let has_thought = !turn.reasoning.is_empty() || !turn.reasoning_details.is_empty();
        if turn.has_spoken() || has_thought {
            messages.push(turn.into_message());
        }
    }

    fn into_message(self) -> Object {
        let mut message = object! { "role": "assistant" };
        message.set_raw("content", content(&self.parts));
        if !self.refusal.is_empty() {
            message.put("refusal", &self.refusal);
        }
        if !self.reasoning.is_empty() {
            message.put("reasoning", &self.reasoning);
        }
        let details = self.reasoning_details.into_iter().enumerate();
        let details: Vec<Object> = details
            .map(|(index, mut detail)| {
                detail.put("index", &index);
                detail
            })
            .collect();
        let lists = [
            ("reasoning_details", details),
            ("tool_calls", self.tool_calls),
            ("annotations", self.annotations),
        ];
        for (key, list) in lists.iter().filter(|(_, list)| !list.is_empty()) {
            message.put(key, list);
        }
        for (key, value) in self.extras.iter() {
            message.set_raw(key, value.to_owned());
        }
        message
    }
}

/// Parts as the content of a message: nothing is null, one bare text is a string, as the simplest servers want it.
pub(super) fn content(parts: &[Object]) -> Box<serde_json::value::RawValue> {
    let bare_text = |part: &Object| {
        let is_text = part.get("type").and_then(as_text).as_deref() == Some("text");
        part.get("text")
            .filter(|_| is_text && part.len() == 2)
            .map(ToOwned::to_owned)
    };
    let raw = match parts {
        [] => Raw::of(&()),
        [part] => match bare_text(part) {
            Some(text) => return text,
            None => Raw::of(parts),
        },
        _ => Raw::of(parts),
    };
    raw.expect("the crate's own types have string keys and serialise")
        .into_inner()
}
