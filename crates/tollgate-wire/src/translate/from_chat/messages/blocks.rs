//! What a message of a chat consists of, as blocks.

use serde_json::value::RawValue;

use crate::raw::as_text;
use crate::translate::from_chat::{thoughts, value};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::translate::request::FORMAT;
use crate::{Object, ParseError, Raw};

const BLANK: &str = "a text of white space is refused";
const MARK: &str = "it marks a text of white space, with nothing before it";

/// The content as blocks, without the texts of white space that are refused outside the results of tools. What marks one
/// of them for the cache marks the block before it.
pub(super) fn spoken(
    message: &Object,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Vec<Object>, ParseError> {
    let blocks = of(message, place, losses)?;
    let is_string = value(message, "content").is_some_and(|content| as_text(content).is_some());
    let place = place.key("content");
    let mut kept: Vec<Object> = Vec::with_capacity(blocks.len());
    for (index, mut block) in blocks.into_iter().enumerate() {
        let Some(blank) = blank_of(&block) else {
            kept.push(block);
            continue;
        };
        let place = match is_string {
            true => place,
            false => place.index(index),
        };
        if !blank.is_empty() {
            losses.add(&place, BLANK);
        }
        let Some(mark) = block.remove("cache_control") else {
            continue;
        };
        match kept.last_mut() {
            Some(last) if last.has_value("cache_control") => {}
            Some(last) => last.set_raw("cache_control", mark),
            None => losses.add(&place.key("cache_control"), MARK),
        }
    }
    Ok(kept)
}

/// The text of a block that has nothing but white space.
fn blank_of(block: &Object) -> Option<String> {
    let is_text = block.get("type").and_then(as_text).as_deref() == Some("text");
    let text: Option<String> = block.read("text").ok().flatten();
    text.filter(|text| is_text && text.trim().is_empty())
}

/// The content as blocks; none when there is none.
pub(super) fn of(
    message: &Object,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Vec<Object>, ParseError> {
    let place = place.key("content");
    match value(message, "content") {
        None => Ok(Vec::new()),
        Some(text) if text.get() == "\"\"" => Ok(Vec::new()),
        Some(text) if as_text(text).is_some() => {
            Ok(vec![object! { "type": "text", "text": *text }])
        }
        Some(parts) => {
            let parts: Vec<Object> = place.read(parts)?;
            let translate = |(index, part)| block(part, &place.index(index), losses);
            parts.iter().enumerate().map(translate).collect()
        }
    }
}

fn block(part: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Object, ParseError> {
    let kind = part.get("type").and_then(as_text).unwrap_or_default();
    let payload = || {
        let payload = part
            .get(&kind)
            .ok_or_else(|| place.key(&kind).error("is required"))?;
        place.key(&kind).read::<Object>(payload)
    };
    let mut block = match kind.as_ref() {
        "text" => return Ok(marked(part.clone(), place, losses)),
        "image_url" => {
            let image = payload()?;
            if image.has_value("detail") {
                losses.add(
                    &place.key("image_url").key("detail"),
                    "images of messages have no detail",
                );
            }
            object! { "type": "image", "source": source(image.get("url"), &place.key("image_url").key("url"))? }
        }
        "file" => {
            let file = payload()?;
            let source = source(file.get("file_data"), &place.key("file").key("file_data"))?;
            let mut block = object! { "type": "document", "source": source };
            if let Some(name) = value(&file, "filename") {
                block.set_raw("title", name.to_owned());
            }
            block
        }
        kind => {
            return Err(place.key("type").error(format!(
                "messages have no part `{kind}`; they have text, images and files"
            )));
        }
    };
    for (key, value) in part
        .iter()
        .filter(|(key, _)| *key != "type" && *key != kind)
    {
        block.set_raw(key, value.to_owned());
    }
    Ok(marked(block, place, losses))
}

/// A block whose mark of a cache has the name that it has here. What is marked is kept for as long as the lane says.
fn marked(mut block: Object, place: &Place<'_>, losses: &mut Losses) -> Object {
    block.drop_nulls();
    let Some(mark) = block.remove("prompt_cache_breakpoint") else {
        return block;
    };
    let mark = Object::parse(mark.get().as_bytes()).unwrap_or_default();
    if mark.has_value("ttl") {
        losses.add(
            &place.key("prompt_cache_breakpoint").key("ttl"),
            "marks of messages are kept for 5 minutes or an hour",
        );
    }
    if !block.has_value("cache_control") {
        block.put("cache_control", &object! { "type": "ephemeral" });
    }
    block
}

fn source(url: Option<&RawValue>, place: &Place<'_>) -> Result<Object, ParseError> {
    let url = url.and_then(as_text);
    let url = url.ok_or_else(|| place.error("is required: an https or a data URL"))?;
    let data = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"));
    Ok(match data {
        Some((media, data)) => object! { "type": "base64", "media_type": *media, "data": *data },
        None => object! { "type": "url", "url": url },
    })
}

pub(super) fn said(
    message: &Object,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Vec<Object>, ParseError> {
    let thoughts = thoughts::of(message, place, |place| {
        losses.add(place, "messages have no reasoning of this kind");
    })?;
    let mut said: Vec<Object> = thoughts.into_iter().map(thought).collect();
    said.extend(spoken(message, place, losses)?);
    let place = place.key("tool_calls");
    let calls: Vec<Object> = match value(message, "tool_calls") {
        Some(calls) => place.read(calls)?,
        None => Vec::new(),
    };
    for (index, call) in calls.iter().enumerate() {
        said.push(tool_use(call, &place.index(index))?);
    }
    Ok(said)
}

/// A block of thinking, as answers have it: what it has no place for is in `detail`.
fn thought(thought: thoughts::Thought) -> Object {
    let mut members = thought.members;
    let signature = members.remove("signature");
    let is_own =
        members.len() == 1 && members.get("format").and_then(as_text).as_deref() == Some(FORMAT);
    let mut block = match thought.kind {
        "reasoning.encrypted" => object! { "type": "redacted_thinking", "data": thought.said },
        _ => object! { "type": "thinking", "thinking": thought.said, "signature": "" },
    };
    let is_signed = signature.is_some();
    if let Some(signature) = signature {
        block.set_raw("signature", signature);
    }
    let is_plain = match thought.kind {
        "" => true,
        "reasoning.text" => is_own && is_signed,
        "reasoning.encrypted" => is_own,
        _ => false,
    };
    if !is_plain {
        members.put("type", thought.kind);
        block.put("detail", &members);
    }
    block
}

fn tool_use(call: &Object, place: &Place<'_>) -> Result<Object, ParseError> {
    let id = call
        .get("id")
        .ok_or_else(|| place.key("id").error("is required"))?;
    let place = place.key("function");
    let function = call
        .get("function")
        .ok_or_else(|| place.error("is required"))?;
    let function: Object = place.read(function)?;
    let name = function
        .get("name")
        .ok_or_else(|| place.key("name").error("is required"))?;
    let arguments = function
        .get("arguments")
        .and_then(as_text)
        .unwrap_or_default();
    let arguments = if arguments.trim().is_empty() {
        "{}"
    } else {
        &*arguments
    };
    let input = Raw::parse(arguments)
        .ok()
        .filter(|input| input.get().starts_with('{'));
    let input = input.ok_or_else(|| {
        place
            .key("arguments")
            .error("must be a JSON object in a string")
    })?;
    Ok(object! { "type": "tool_use", "id": *id, "name": *name, "input": input })
}
