//! What an answer consists of: blocks, each of which is one thing that the model thought, said or called.

use serde_json::value::RawValue;

use super::arguments::Arguments;
use crate::raw::as_text;
use crate::{Object, Raw};

/// What a block is. The text is what grows in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reasoning; a signature may end it.
    Reasoning,
    /// A summary of reasoning.
    Summary,
    /// Reasoning that only its model can read; never told in pieces.
    Encrypted,
    Text,
    Refusal,
    /// A call; the text is that of its arguments.
    Call,
    /// An image; the text is its URL.
    Image,
}

/// One block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) kind: Kind,
    text: Text,
    /// All else that is known of it: the members of a detail, the id and name of a call.
    pub(super) members: Object,
    /// Of text: citations.
    pub(super) annotations: Vec<Object>,
    /// Of text: one for each token.
    pub(super) logprobs: Vec<Raw>,
    /// Which element of the chat's list it is.
    pub(super) index: Option<Raw>,
}

/// What grows in a block. Of calls it has an end of its own.
#[derive(Debug)]
enum Text {
    Said(String),
    Called(Arguments),
}

impl Block {
    pub(super) fn new(kind: Kind, index: Option<Raw>) -> Self {
        Self {
            kind,
            text: match kind {
                Kind::Call => Text::Called(Arguments::default()),
                _ => Text::Said(String::new()),
            },
            members: Object::new(),
            annotations: Vec::new(),
            logprobs: Vec::new(),
            index,
        }
    }

    pub(super) fn text(&self) -> &str {
        match &self.text {
            Text::Said(text) => text,
            Text::Called(arguments) => arguments.as_str(),
        }
    }

    pub(super) fn grow(&mut self, piece: &str) {
        match &mut self.text {
            Text::Said(text) => text.push_str(piece),
            Text::Called(arguments) => arguments.push(piece),
        }
    }

    pub(super) fn member(&self, key: &str) -> Option<&RawValue> {
        self.members.get(key)
    }

    /// A member that is a text, empty when it is not there.
    pub(super) fn word(&self, key: &str) -> String {
        let word = self.member(key).and_then(as_text);
        word.map_or_else(String::new, |word| word.into_owned())
    }

    /// Whether enough is known to tell that it has begun.
    pub(super) fn can_begin(&self) -> bool {
        match self.kind {
            Kind::Call => !self.word("name").is_empty(),
            Kind::Encrypted => false,
            _ => true,
        }
    }

    /// Whether nothing more of it is to be expected once another block has begun.
    pub(super) fn is_complete(&self) -> bool {
        match &self.text {
            Text::Said(_) => true,
            Text::Called(arguments) => arguments.is_complete(),
        }
    }

    /// The arguments of a call, `{}` when there are none.
    pub(super) fn arguments(&self) -> &str {
        match self.text() {
            text if text.trim().is_empty() => "{}",
            text => text,
        }
    }
}
