//! The messages of a chat as turns: instructions apart, results of tools as what a user says.

use serde_json::value::RawValue;

use super::blocks;
use crate::json::is_null;
use crate::raw::as_text;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::from_chat::{messages_of, value};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{ChatRequest, Object, ParseError, Raw};

const MESSAGE: Rules = &[
    ("role", Rule::Apart),
    ("content", Rule::Apart),
    ("reasoning", Rule::Apart),
    ("reasoning_content", Rule::Apart),
    ("reasoning_details", Rule::Apart),
    ("tool_calls", Rule::Apart),
    ("tool_call_id", Rule::Apart),
    ("name", Rule::Lost(&[], "messages do not name who speaks")),
    (
        "refusal",
        Rule::Lost(&[], "messages of a request hold no refusals"),
    ),
    (
        "annotations",
        Rule::Lost(&["[]"], "citations of messages name no place in the text"),
    ),
    (
        "images",
        Rule::Lost(&["[]"], "messages hold no images that a model made"),
    ),
    ("audio", Rule::Lost(&[], "messages have no sound")),
];

const LATE: &str = "instructions stand before all else; they are told there";
const BLANK: &str = "what is to be gone on with cannot end in white space";

/// One turn.
struct Turn {
    role: String,
    content: Content,
    /// Members that go on as they are.
    extras: Object,
}

/// A text as it was written, or blocks.
enum Content {
    Text(Raw),
    Blocks(Vec<Object>),
}

/// Sets `system` and `messages`. Turns of one side that follow each other are one.
pub(super) fn push(
    chat: &ChatRequest,
    request: &mut Object,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let top = Place::Top.key("messages");
    let mut system: Option<Content> = None;
    let mut turns: Vec<Turn> = Vec::new();
    let given = messages_of(chat)?;
    for (index, message) in given.iter().enumerate() {
        let place = top.index(index);
        let turn = Turn::of(message, &place, losses)?;
        if turn.content.is_nothing() {
            continue;
        }
        if turn.role == "system" {
            if !turns.is_empty() {
                losses.add(&place.key("role"), LATE);
            }
            system = Some(match system {
                Some(earlier) => earlier.and(turn.content),
                None => turn.content,
            });
        } else {
            add(&mut turns, turn);
        }
    }
    if turns.is_empty() {
        return Err(top.error("must have one that is no instruction, with more than white space"));
    }
    if let Some(last) = turns.last_mut().filter(|last| last.role == "assistant")
        && last.trim_end()
    {
        losses.add(&top.index(given.len() - 1).key("content"), BLANK);
    }
    if let Some(system) = system {
        request.set_raw("system", system.into_raw()?);
    }
    let turns: Vec<Object> = turns
        .into_iter()
        .map(Turn::write)
        .collect::<Result<_, _>>()?;
    request.put("messages", &turns);
    Ok(())
}

fn add(turns: &mut Vec<Turn>, turn: Turn) {
    match turns.pop() {
        Some(last) if last.role == turn.role => turns.push(last.and(turn)),
        last => {
            turns.extend(last);
            turns.push(turn);
        }
    }
}

impl Turn {
    fn of(message: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Self, ParseError> {
        let role = message.get("role").and_then(as_text);
        let role = role.ok_or_else(|| place.key("role").error("is required"))?;
        let mut extras = Object::new();
        carry(message, &mut extras, MESSAGE, place, losses)?;
        // Clients write each member that a message could have; members that Anthropic does not know it refuses, null or not.
        extras.drop_nulls();
        let (role, content) = match role.as_ref() {
            "tool" => {
                let result = result(message, &extras, place, losses)?;
                extras = Object::new();
                ("user", Content::Blocks(vec![result]))
            }
            "assistant" => (
                "assistant",
                Content::Blocks(blocks::said(message, place, losses)?),
            ),
            "developer" => ("system", content(message, place, losses)?),
            role => (role, content(message, place, losses)?),
        };
        let role = role.to_owned();
        Ok(Self {
            role,
            content,
            extras,
        })
    }

    fn and(mut self, later: Self) -> Self {
        for (key, value) in later.extras.iter() {
            self.extras.set_raw(key, value.to_owned());
        }
        self.content = self.content.and(later.content);
        self
    }

    /// Takes white space off the end of its last text; whether there was any.
    fn trim_end(&mut self) -> bool {
        let Content::Blocks(blocks) = &mut self.content else {
            return false;
        };
        let Some(last) = blocks.last_mut() else {
            return false;
        };
        let text: Option<String> = last.read("text").ok().flatten();
        let Some(text) = text.filter(|text| text.trim_end() != text) else {
            return false;
        };
        last.put("text", text.trim_end());
        true
    }

    fn write(self) -> Result<Object, ParseError> {
        let mut turn = object! { "role": self.role };
        turn.set_raw("content", self.content.into_raw()?);
        for (key, value) in self.extras.iter() {
            turn.set_raw(key, value.to_owned());
        }
        Ok(turn)
    }
}

impl Content {
    /// Whether there is nothing to say, which no turn may.
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Blocks(blocks) if blocks.is_empty())
    }

    fn and(self, later: Self) -> Self {
        let mut blocks = self.into_blocks();
        blocks.extend(later.into_blocks());
        Self::Blocks(blocks)
    }

    fn into_blocks(self) -> Vec<Object> {
        match self {
            Self::Text(text) => vec![object! { "type": "text", "text": text }],
            Self::Blocks(blocks) => blocks,
        }
    }

    fn into_raw(self) -> Result<Box<RawValue>, ParseError> {
        Ok(match self {
            Self::Text(text) => text.into_inner(),
            Self::Blocks(blocks) => Raw::of(&blocks)?.into_inner(),
        })
    }
}

fn content(
    message: &Object,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Content, ParseError> {
    match value(message, "content") {
        Some(text) if as_text(text).is_some_and(|text| !text.trim().is_empty()) => {
            Ok(Content::Text(Raw::from(text.to_owned())))
        }
        _ => blocks::spoken(message, place, losses).map(Content::Blocks),
    }
}

/// What a tool answered, which may be blank.
fn answered(
    message: &Object,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Content, ParseError> {
    match value(message, "content") {
        Some(text) if as_text(text).is_some() => Ok(Content::Text(Raw::from(text.to_owned()))),
        _ => blocks::of(message, place, losses).map(Content::Blocks),
    }
}

/// The result of a tool. The mark of a cache stands on the block here, not on what is in it.
fn result(
    message: &Object,
    extras: &Object,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Object, ParseError> {
    let id = message.get("tool_call_id");
    let id = id.ok_or_else(|| place.key("tool_call_id").error("is required"))?;
    let mut block = object! { "type": "tool_result", "tool_use_id": *id };
    let mut mark = None;
    let content = match answered(message, place, losses)? {
        Content::Blocks(mut blocks) => {
            mark = blocks
                .last_mut()
                .and_then(|last| last.remove("cache_control"));
            Content::Blocks(blocks)
        }
        text => text,
    };
    block.set_raw("content", content.into_raw()?);
    if let Some(mark) = mark.filter(|mark| !is_null(mark)) {
        block.set_raw("cache_control", mark);
    }
    for (key, value) in extras.iter() {
        block.set_raw(key, value.to_owned());
    }
    Ok(block)
}
