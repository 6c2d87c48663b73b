//! The messages of a chat as the contents of Gemini: instructions apart, then turns of the user and the model.

use super::parts;
use crate::raw::as_text;
use crate::translate::answer::ids;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::from_chat::{messages_of, thoughts, value};
use crate::translate::losses::Losses;
use crate::translate::place::Place;
use crate::translate::{GEMINI, object};
use crate::{ChatRequest, Object, ParseError, Raw};

const MESSAGE: Rules = &[
    ("role", Rule::Apart),
    ("content", Rule::Apart),
    ("reasoning", Rule::Apart),
    ("reasoning_content", Rule::Apart),
    ("reasoning_details", Rule::Apart),
    ("tool_calls", Rule::Apart),
    ("tool_call_id", Rule::Apart),
    ("images", Rule::Apart),
    ("name", Rule::Lost(&[], "gemini does not know who speaks")),
    ("refusal", Rule::Lost(&[], "gemini holds no refusals")),
    (
        "annotations",
        Rule::Lost(&["[]"], "gemini takes no citations back"),
    ),
    ("audio", Rule::Lost(&[], "gemini takes no sound back")),
];

const LATE: &str = "instructions stand before all else; they are told there";
const FOREIGN: &str = "no thought of gemini's own";

/// The signature that Google documents for calls that Gemini did not make, or whose signature a client has not sent back.
/// Newer models refuse a step whose first call has none.
const UNSIGNED: &str = "skip_thought_signature_validator";

/// Turns, of which those of one side that follow each other are one.
#[derive(Default)]
struct Turns {
    system: Vec<Object>,
    contents: Vec<(&'static str, Vec<Object>)>,
    /// The names of functions by the ids of their calls; results have only the id.
    names: Vec<(String, String)>,
}

/// The beginning of a request: `systemInstruction` and `contents`.
pub(super) fn of(chat: &ChatRequest, losses: &mut Losses) -> Result<Object, ParseError> {
    let top = Place::Top.key("messages");
    let mut turns = Turns::default();
    for (index, message) in messages_of(chat)?.iter().enumerate() {
        turns.push(message, &top.index(index), losses)?;
    }
    if turns.contents.is_empty() {
        return Err(top.error("must have one that is no instruction: gemini answers to somebody"));
    }
    let mut request = Object::new();
    if !turns.system.is_empty() {
        request.put("systemInstruction", &object! { "parts": turns.system });
    }
    let contents = turns.contents.iter();
    let contents: Vec<Object> = contents
        .map(|(role, parts)| object! { "role": **role, "parts": *parts })
        .collect();
    request.put("contents", &contents);
    Ok(request)
}

impl Turns {
    fn push(
        &mut self,
        message: &Object,
        place: &Place<'_>,
        losses: &mut Losses,
    ) -> Result<(), ParseError> {
        let role = message.get("role").and_then(as_text);
        let role = role.ok_or_else(|| place.key("role").error("is required"))?;
        let mut unknown = Object::new();
        carry(message, &mut unknown, MESSAGE, place, losses)?;
        unknown.drop_nulls();
        for (key, _) in unknown.iter() {
            losses.add(&place.key(key), super::UNKNOWN);
        }
        match role.as_ref() {
            "system" | "developer" => {
                if !self.contents.is_empty() {
                    losses.add(&place.key("role"), LATE);
                }
                self.system.extend(parts::texts(message, place, losses)?);
            }
            "assistant" => {
                let said = self.said(message, place, losses)?;
                self.add("model", said);
            }
            "tool" => {
                let result = self.result(message, place, losses)?;
                self.add("user", vec![result]);
            }
            _ => self.add("user", parts::of(message, place, losses)?),
        }
        Ok(())
    }

    fn add(&mut self, role: &'static str, mut parts: Vec<Object>) {
        match self.contents.last_mut() {
            // A turn without parts is refused.
            _ if parts.is_empty() => {}
            Some((last, said)) if *last == role => said.append(&mut parts),
            _ => self.contents.push((role, parts)),
        }
    }

    /// What the model thought, said and called, with its signatures on the parts that they came with.
    fn said(
        &mut self,
        message: &Object,
        place: &Place<'_>,
        losses: &mut Losses,
    ) -> Result<Vec<Object>, ParseError> {
        let Thoughts {
            mut said,
            of_text,
            of_parts,
        } = Thoughts::of(message, place, losses)?;
        let first_text = said.len();
        said.extend(parts::of(message, place, losses)?);
        let mut unplaced = of_text.into_iter();
        if said.len() > first_text
            && let (Some(last), Some(signature)) = (said.last_mut(), unplaced.next())
        {
            last.put("thoughtSignature", &signature);
        }
        said.extend(
            unplaced.map(|signature| object! { "text": "", "thoughtSignature": signature }),
        );
        let signature_of = |id: &str| {
            let found = of_parts.iter().find(|(of, _)| of == id);
            found.map(|(_, signature)| signature)
        };
        for (position, mut image) in parts::images(message, place)?.into_iter().enumerate() {
            if let Some(signature) = signature_of(&ids::image(position)) {
                image.put("thoughtSignature", signature);
            }
            said.push(image);
        }
        let place = place.key("tool_calls");
        let calls: Vec<Object> = match value(message, "tool_calls") {
            Some(calls) => place.read(calls)?,
            None => Vec::new(),
        };
        let first_call = said.len();
        let mut is_signed = false;
        for (index, call) in calls.iter().enumerate() {
            let (id, call) = self.call(call, &place.index(index))?;
            let mut part = object! { "functionCall": call };
            if let Some(signature) = signature_of(&id) {
                part.put("thoughtSignature", signature);
                is_signed = true;
            }
            said.push(part);
        }
        if let Some(call) = said.get_mut(first_call).filter(|_| !is_signed) {
            call.put("thoughtSignature", UNSIGNED);
        }
        Ok(said)
    }

    fn call(&mut self, call: &Object, place: &Place<'_>) -> Result<(String, Object), ParseError> {
        let word = |object: &Object, key: &str, place: &Place<'_>| {
            let word = object.get(key).and_then(as_text);
            let word = word.map(|word| word.into_owned());
            word.ok_or_else(|| place.key(key).error("is required"))
        };
        let id = word(call, "id", place)?;
        let place = place.key("function");
        let function = call
            .get("function")
            .ok_or_else(|| place.error("is required"))?;
        let function: Object = place.read(function)?;
        let name = word(&function, "name", &place)?;
        let args = parts::arguments(&function, &place)?;
        self.names.push((id.clone(), name.clone()));
        let call = object! { "id": id, "name": name, "args": args };
        Ok((id, call))
    }

    fn result(
        &self,
        message: &Object,
        place: &Place<'_>,
        losses: &mut Losses,
    ) -> Result<Object, ParseError> {
        let place_of_id = place.key("tool_call_id");
        let id = message.get("tool_call_id").and_then(as_text);
        let id = id.ok_or_else(|| place_of_id.error("is required"))?;
        let known = self.names.iter().rev().find(|(of, _)| *of == id);
        let name = known.map(|(_, name)| name.as_str()).ok_or_else(|| {
            place_of_id.error("is that of no call before it, and gemini wants the function's name")
        })?;
        let (response, data) = parts::response(message, place, losses)?;
        let mut result = object! { "id": *id, "name": *name, "response": response };
        if !data.is_empty() {
            result.put("parts", &data);
        }
        Ok(object! { "functionResponse": result })
    }
}

/// What a model thought: parts of their own, and signatures of other parts.
#[derive(Default)]
struct Thoughts {
    said: Vec<Object>,
    of_text: Vec<String>,
    /// By the id of the call, or that of the image.
    of_parts: Vec<(String, String)>,
}

impl Thoughts {
    fn of(message: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Self, ParseError> {
        let found = thoughts::of(message, place, |place| losses.add(place, FOREIGN))?;
        let mut thoughts = Self::default();
        let details = place.key("reasoning_details");
        for thought in found {
            let word = |key: &str| thought.members.get(key).and_then(as_text);
            let is_own = word("format").as_deref() == Some(GEMINI);
            match (thought.kind, is_own) {
                ("reasoning.text", true) => {
                    let mut part = object! { "text": thought.said, "thought": true };
                    if let Some(signature) = word("signature") {
                        part.put("thoughtSignature", &*signature);
                    }
                    thoughts.said.push(part);
                }
                ("reasoning.encrypted", true) => match word("id") {
                    Some(id) => thoughts.of_parts.push((id.into_owned(), thought.said)),
                    None => thoughts.of_text.push(thought.said),
                },
                // Reasoning that stands in the message as text alone.
                ("", _) => losses.add(&place.key("reasoning"), FOREIGN),
                _ => losses.add(&details.index(thought.index), FOREIGN),
            }
        }
        Ok(thoughts)
    }
}

/// Whether JSON text is that of an object.
pub(super) fn object_of(text: &str) -> Option<Raw> {
    let value = Raw::parse(text).ok();
    value.filter(|value| value.get().starts_with('{'))
}
