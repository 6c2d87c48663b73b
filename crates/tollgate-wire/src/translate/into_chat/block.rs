//! The blocks of a message, and what a chat has in their place.

use crate::Object;
use crate::json::is_null;
use crate::raw::as_text;
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;

use super::chunks;

/// A block that has begun.
#[derive(Debug)]
pub(super) enum Block {
    Text {
        start: usize,
        citations: Vec<Object>,
    },
    /// Its detail, without what grows in it.
    Thinking(Object),
    Call {
        index: usize,
        has_arguments: bool,
    },
    /// One that a chat has no place for.
    Lost,
}

/// More of a thought: its text, which stands in the chat twice, its signature, or all of one that only the model reads.
pub(super) fn said(what: &str, text: &str, detail: &Object) -> Option<Object> {
    if text.is_empty() {
        return None;
    }
    let key = match (what, word(detail, "type").as_str()) {
        ("signature", _) => "signature",
        (_, "reasoning.encrypted") => "data",
        (_, "reasoning.summary") => "summary",
        _ => "text",
    };
    let mut piece = detail.clone();
    piece.put(key, text);
    let is_text = matches!(key, "text" | "summary");
    Some(chunks::reasoning(is_text.then_some(text), piece))
}

/// A citation, which points to a source, as one of a place in the text: that of its block.
pub(super) fn annotation(citation: &Object, start: usize, end: usize) -> Object {
    let mut cited = object! { "start_index": start, "end_index": end };
    for (here, there) in [
        ("url", "url"),
        ("title", "title"),
        ("cited_text", "content"),
    ] {
        if let Some(value) = citation.get(here).filter(|value| !is_null(value)) {
            cited.set_raw(there, value.to_owned());
        }
    }
    object! { "type": "url_citation", "url_citation": cited }
}

pub(super) fn lose(index: u64, why: &'static str, losses: &mut Losses) {
    let place = Place::Top.key("content");
    losses.add(
        &place.index(usize::try_from(index).unwrap_or(usize::MAX)),
        why,
    );
}

pub(super) fn is_empty_object(text: &str) -> bool {
    text.strip_prefix('{')
        .is_some_and(|rest| rest.trim_start() == "}")
        || text == "null"
}

/// A member that is a text, empty when it is not there.
pub(super) fn word(object: &Object, key: &str) -> String {
    let word = object.get(key).and_then(as_text);
    word.map_or_else(String::new, |word| word.into_owned())
}
