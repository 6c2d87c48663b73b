//! The parts of a message as Gemini has them.

use serde_json::value::RawValue;

use super::contents::object_of;
use crate::raw::as_text;
use crate::translate::from_chat::value;
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{Object, ParseError, Raw};

/// The formats of sound that chats name, as types.
const SOUNDS: &[(&str, &str)] = &[
    ("wav", "audio/wav"),
    ("mp3", "audio/mp3"),
    ("flac", "audio/flac"),
    ("m4a", "audio/m4a"),
    ("ogg", "audio/ogg"),
    ("aiff", "audio/aiff"),
    ("aac", "audio/aac"),
];

/// What files are by the ends of their names: a URL says nothing else, and Gemini asks.
const TYPES: &[(&str, &str)] = &[
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".webp", "image/webp"),
    (".gif", "image/gif"),
    (".heic", "image/heic"),
    (".pdf", "application/pdf"),
    (".txt", "text/plain"),
    (".mp4", "video/mp4"),
    (".mov", "video/mov"),
    (".webm", "video/webm"),
    (".mp3", "audio/mp3"),
    (".wav", "audio/wav"),
];

/// Where the URL or the data of a part stands.
const SOURCES: &[(&str, &str)] = &[
    ("image_url", "url"),
    ("video_url", "url"),
    ("input_video", "url"),
    ("file", "file_data"),
];

const CACHES: &str = "gemini caches without being asked";

/// The content of a message; none when it is empty.
pub(super) fn of(
    message: &Object,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Vec<Object>, ParseError> {
    let place = place.key("content");
    let Some(content) = value(message, "content") else {
        return Ok(Vec::new());
    };
    if let Some(text) = as_text(content) {
        let is_empty = text.is_empty();
        let text = (!is_empty).then(|| object! { "text": *content });
        return Ok(text.into_iter().collect());
    }
    let parts: Vec<Object> = place.read(content)?;
    let translate = |(index, one)| part(one, &place.index(index), losses);
    parts.iter().enumerate().map(translate).collect()
}

/// The content of instructions, which are text.
pub(super) fn texts(
    message: &Object,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<Vec<Object>, ParseError> {
    let parts = of(message, place, losses)?;
    match parts.iter().position(|part| !part.contains("text")) {
        None => Ok(parts),
        Some(index) => Err(place
            .key("content")
            .index(index)
            .error("must be text: instructions of gemini are nothing else")),
    }
}

/// Images that the model made, to be changed further.
pub(super) fn images(message: &Object, place: &Place<'_>) -> Result<Vec<Object>, ParseError> {
    let place = place.key("images");
    let Some(images) = value(message, "images") else {
        return Ok(Vec::new());
    };
    let images: Vec<Object> = place.read(images)?;
    let translate = |(index, image)| source(image, "image_url", "url", &place.index(index));
    images.iter().enumerate().map(translate).collect()
}

/// The arguments of a call, which are an object there.
pub(super) fn arguments(function: &Object, place: &Place<'_>) -> Result<Raw, ParseError> {
    let arguments = function.get("arguments").and_then(as_text);
    let arguments = arguments.unwrap_or_default();
    let arguments = match arguments.trim() {
        "" => "{}",
        arguments => arguments,
    };
    object_of(arguments).ok_or_else(|| {
        place
            .key("arguments")
            .error("must be a JSON object in a string")
    })
}

/// What a function answered: its text, as the object that it is or in one, and data beside it.
pub(super) fn response(
    message: &Object,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<(Raw, Vec<Object>), ParseError> {
    let (texts, data): (Vec<Object>, Vec<Object>) = of(message, place, losses)?
        .into_iter()
        .partition(|part| part.contains("text"));
    let text = |part: &Object| part.read::<String>("text").ok().flatten();
    let text: String = texts.iter().filter_map(text).collect();
    let response = match object_of(&text) {
        Some(response) => response,
        None => Raw::of(&object! { "result": text })?,
    };
    Ok((response, data))
}

fn part(part: &Object, place: &Place<'_>, losses: &mut Losses) -> Result<Object, ParseError> {
    let kind = part.get("type").and_then(as_text).unwrap_or_default();
    for key in ["cache_control", "prompt_cache_breakpoint"] {
        if part.has_value(key) {
            losses.add(&place.key(key), CACHES);
        }
    }
    if kind == "text" {
        let text = part.get("text");
        let text = text.ok_or_else(|| place.key("text").error("is required"))?;
        return Ok(object! { "text": *text });
    }
    if kind == "input_audio" {
        return sound(part, &place.key("input_audio"));
    }
    let row = SOURCES.iter().find(|(known, _)| *known == kind);
    let Some((kind, key)) = row else {
        return Err(place.key("type").error(format!(
            "gemini has no part `{kind}`; it has text, images, sound, video and files"
        )));
    };
    let payload: Object = part.read(kind)?.unwrap_or_default();
    for option in ["detail", "filename", "processing"] {
        if payload.has_value(option) {
            let place = place.key(kind);
            losses.add(&place.key(option), "data of gemini has a type alone");
        }
    }
    source(part, kind, key, place)
}

fn source(part: &Object, kind: &str, key: &str, place: &Place<'_>) -> Result<Object, ParseError> {
    let place = place.key(kind);
    let payload: Object = match part.get(kind) {
        Some(payload) => place.read(payload)?,
        None => Object::new(),
    };
    let url = payload.get(key).and_then(as_text);
    let url = url.ok_or_else(|| place.key(key).error("is required: an https or a data URL"))?;
    let data = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"));
    if let Some((mime, data)) = data {
        return Ok(inline(mime, data));
    }
    let mut file = object! { "fileUri": *url };
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.to_ascii_lowercase();
    if let Some((_, mime)) = TYPES.iter().find(|(end, _)| path.ends_with(end)) {
        file.put("mimeType", *mime);
    }
    Ok(object! { "fileData": file })
}

fn sound(part: &Object, place: &Place<'_>) -> Result<Object, ParseError> {
    let payload = part
        .get("input_audio")
        .ok_or_else(|| place.error("is required"))?;
    let payload: Object = place.read(payload)?;
    let word = |key: &str| -> Option<std::borrow::Cow<'_, str>> {
        let raw: Option<&RawValue> = payload.get(key);
        raw.and_then(as_text)
    };
    let data = word("data").ok_or_else(|| place.key("data").error("is required"))?;
    let format = word("format").unwrap_or_default();
    let row = SOUNDS.iter().find(|(known, _)| *known == format);
    let (_, mime) = row.ok_or_else(|| {
        let known: Vec<&str> = SOUNDS.iter().map(|(known, _)| *known).collect();
        let known = known.join(", ");
        place.key("format").error(format!("must be one of {known}"))
    })?;
    Ok(inline(mime, &data))
}

fn inline(mime: &str, data: &str) -> Object {
    object! { "inlineData": object! { "mimeType": *mime, "data": *data } }
}
