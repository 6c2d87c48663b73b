//! The parts of a message of Responses as parts of a message of a chat.

use serde_json::value::RawValue;

use super::turn::{self, AssistantTurn};
use crate::raw::as_text;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{Object, ParseError};

/// How a part looks in a chat.
struct Part {
    /// Its types here.
    kinds: &'static [&'static str],
    /// Its type there.
    kind: &'static str,
    /// The member that there holds the payload; none when the payload stands flat.
    payload: Option<&'static str>,
    /// Members of the payload: here, there.
    inner: &'static [(&'static str, &'static str)],
    /// What becomes of the others.
    outer: Rules,
}

const PARTS: &[Part] = &[
    Part {
        kinds: &["input_text", "output_text", "text"],
        kind: "text",
        payload: None,
        inner: &[("text", "text")],
        outer: &[
            ("type", Rule::Apart),
            ("text", Rule::Apart),
            ("annotations", Rule::Apart),
            (
                "logprobs",
                Rule::Lost(&["[]"], "messages of a request have no log probabilities"),
            ),
        ],
    },
    Part {
        kinds: &["input_image"],
        kind: "image_url",
        payload: Some("image_url"),
        inner: &[("image_url", "url"), ("detail", "detail")],
        outer: &[
            ("type", Rule::Apart),
            ("image_url", Rule::Apart),
            ("detail", Rule::Apart),
            (
                "file_id",
                Rule::Refused(
                    &[],
                    "a chat has no stored images; send `image_url`, an https or a data URL",
                ),
            ),
        ],
    },
    Part {
        kinds: &["input_file"],
        kind: "file",
        payload: Some("file"),
        inner: &[
            ("filename", "filename"),
            ("file_url", "file_data"),
            ("file_data", "file_data"),
            ("file_id", "file_id"),
        ],
        outer: &[
            ("type", Rule::Apart),
            ("filename", Rule::Apart),
            ("file_url", Rule::Apart),
            ("file_data", Rule::Apart),
            ("file_id", Rule::Apart),
            ("detail", Rule::Lost(&[], "files of chats have no detail")),
        ],
    },
    Part {
        kinds: &["input_video"],
        kind: "video_url",
        payload: Some("video_url"),
        inner: &[("video_url", "url"), ("processing", "processing")],
        outer: &[
            ("type", Rule::Apart),
            ("video_url", Rule::Apart),
            ("processing", Rule::Apart),
        ],
    },
    // The same in both.
    Part {
        kinds: &["input_audio"],
        kind: "input_audio",
        payload: None,
        inner: &[("input_audio", "input_audio")],
        outer: &[("type", Rule::Apart), ("input_audio", Rule::Apart)],
    },
];

/// The content of a message or the output of a tool.
pub(super) fn content(
    raw: &RawValue,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Box<RawValue>, ParseError> {
    if as_text(raw).is_some() {
        return Ok(raw.to_owned());
    }
    let parts: Vec<Object> = place.read(raw)?;
    let translate = |(index, part)| translate(part, &place.index(index), losses);
    let parts: Vec<Object> = parts
        .iter()
        .enumerate()
        .map(translate)
        .collect::<Result<_, _>>()?;
    Ok(turn::content(&parts))
}

/// What an assistant said: refusals and annotations stand beside its text in a chat.
pub(super) fn said(
    raw: &RawValue,
    turn: &mut AssistantTurn,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    if as_text(raw).is_some() {
        turn.parts.push(object! { "type": "text", "text": *raw });
        return Ok(());
    }
    let parts: Vec<Object> = place.read(raw)?;
    for (index, part) in parts.iter().enumerate() {
        let place = place.index(index);
        if let Some(refusal) = part.get("refusal").and_then(as_text) {
            turn.refusal.push_str(&refusal);
            continue;
        }
        turn.parts.push(translate(part, &place, losses)?);
        if let Some(annotations) = part.read::<Vec<Object>>("annotations")? {
            annotate(&annotations, turn, &place, losses);
        }
    }
    Ok(())
}

/// A part of a message of a chat as Responses has it: the table read backwards. An assistant's text is output.
pub(in crate::translate) fn back(
    part: &Object,
    is_output: bool,
    place: &Place<'_>,
) -> Result<Object, ParseError> {
    let kind = part.get("type").and_then(as_text).unwrap_or_default();
    let Some(row) = PARTS.iter().find(|row| row.kind == kind) else {
        return Err(place.key("type").error(format!(
            "responses have no part `{kind}`; they have text, image, file, audio and video"
        )));
    };
    let mut payload: Object = match row.payload {
        Some(key) => place.key(key).read(
            part.get(key)
                .ok_or_else(|| place.key(key).error("is required"))?,
        )?,
        None => part.clone(),
    };
    let mut translated = object! { "type": row.kinds[usize::from(is_output && kind == "text")] };
    for (here, there) in row.inner {
        if let Some(value) = payload.remove(there) {
            translated.set_raw(here, value);
        }
    }
    // The URL of a file has a member of its own here; only its text tells it from data.
    let is_url = |data: &RawValue| as_text(data).is_some_and(|data| data.starts_with("http"));
    if let Some(data) = translated.remove("file_url") {
        let key = if is_url(&data) {
            "file_url"
        } else {
            "file_data"
        };
        translated.set_raw(key, data);
    }
    let rest = part
        .iter()
        .filter(|(key, _)| *key != "type" && Some(*key) != row.payload);
    for (key, value) in rest.filter(|(key, _)| row.inner.iter().all(|(_, there)| there != key)) {
        translated.set_raw(key, value.to_owned());
    }
    Ok(translated)
}

fn annotate(
    annotations: &[Object],
    turn: &mut AssistantTurn,
    place: &Place<'_>,
    losses: &mut Losses,
) {
    let place = place.key("annotations");
    for (index, annotation) in annotations.iter().enumerate() {
        if annotation.get("type").and_then(as_text).as_deref() != Some("url_citation") {
            losses.add(
                &place.index(index),
                "chats have no annotations of this kind",
            );
            continue;
        }
        let mut citation = annotation.clone();
        citation.remove("type");
        turn.annotations
            .push(object! { "type": "url_citation", "url_citation": citation });
    }
}

fn translate(part: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Object, ParseError> {
    let kind = part.get("type").and_then(as_text).unwrap_or_default();
    let Some(row) = PARTS.iter().find(|row| row.kinds.contains(&kind.as_ref())) else {
        return Err(place.key("type").error(format!(
            "a chat has no part `{kind}`; it has text, image, file, audio and video"
        )));
    };
    let mut payload = Object::new();
    for (here, there) in row.inner {
        if let Some(value) = part.get(here).filter(|_| part.has_value(here)) {
            payload.set_raw(there, value.to_owned());
        }
    }
    if payload.is_empty() {
        let (needed, _) = row.inner[0];
        // What stands in its place may have a reason of its own to be refused.
        carry(part, &mut payload, row.outer, place, losses)?;
        return Err(place.key(needed).error("is required"));
    }
    let mut translated = object! { "type": row.kind };
    match row.payload {
        Some(key) => translated.put(key, &payload),
        None => payload
            .iter()
            .for_each(|(key, value)| translated.set_raw(key, value.to_owned())),
    }
    carry(part, &mut translated, row.outer, place, losses)?;
    Ok(translated)
}
