//! What of chats and Responses only OpenRouter takes back: thoughts of other models, and the word whose they are.

use serde_json::value::RawValue;

use super::answer::ids;
use super::losses::Losses;
use super::place::Place;
use crate::raw::as_text;
use crate::{Object, ParseError, Request, Surface};

const UNKNOWN: &str =
    "providers know no thoughts of chats; where one tells its own, it has another name for them";
const FOREIGN: &str = "another model thought it";

/// The request without the thoughts that providers refuse; `None` when it has none.
pub(super) fn without_foreign(
    request: &Request,
    losses: &mut Losses,
) -> Result<Option<Request>, ParseError> {
    let (key, left) = match request.surface() {
        Surface::Chat => ("messages", of_chat(request.object(), losses)?),
        Surface::Responses => ("input", of_responses(request.object(), losses)?),
        Surface::Messages | Surface::Embeddings | Surface::Completions => return Ok(None),
    };
    Ok(left.map(|left| {
        let mut request = request.clone();
        request.object_mut().put(key, &left);
        request
    }))
}

/// Objects of a list that mentions a word; anything else is somebody else's to read.
fn mentioning(request: &Object, key: &str, word: &str) -> Result<Option<Vec<Object>>, ParseError> {
    let is_it = |list: &&RawValue| list.get().starts_with('[') && list.get().contains(word);
    match request.get(key).filter(is_it) {
        Some(list) => Place::Top.key(key).read(list).map(Some),
        None => Ok(None),
    }
}

fn of_chat(request: &Object, losses: &mut Losses) -> Result<Option<Vec<Object>>, ParseError> {
    const DETAILS: &str = "reasoning_details";
    let Some(mut messages) = mentioning(request, "messages", DETAILS)? else {
        return Ok(None);
    };
    let top = Place::Top.key("messages");
    let mut has_changed = false;
    for (index, message) in messages.iter_mut().enumerate() {
        let had_any = message.has_value(DETAILS);
        if message.remove(DETAILS).is_none() {
            continue;
        }
        has_changed = true;
        // The same thoughts as text alone.
        message.remove("reasoning");
        if had_any {
            losses.add(&top.index(index).key(DETAILS), UNKNOWN);
        }
    }
    Ok(has_changed.then_some(messages))
}

fn of_responses(request: &Object, losses: &mut Losses) -> Result<Option<Vec<Object>>, ParseError> {
    let Some(items) = mentioning(request, "input", "\"reasoning\"")? else {
        return Ok(None);
    };
    let top = Place::Top.key("input");
    let mut has_changed = false;
    let mut left = Vec::with_capacity(items.len());
    for (index, mut item) in items.into_iter().enumerate() {
        let is_thought = item.get("type").and_then(as_text).as_deref() == Some("reasoning");
        if is_thought && is_foreign(&item) {
            losses.add(&top.index(index), FOREIGN);
            has_changed = true;
            continue;
        }
        has_changed |= is_thought && item.remove("format").is_some();
        left.push(item);
    }
    Ok(has_changed.then_some(left))
}

/// Whether an item is no provider's of Responses: its format is another's, it is signed as they sign nothing, or its id was
/// made where its chat was translated and it holds nothing that can be read without it.
fn is_foreign(item: &Object) -> bool {
    let word = |key: &str| item.get(key).and_then(as_text).unwrap_or_default();
    let format = word("format");
    let is_made = item.get("id").is_some_and(ids::is_made) && !item.has_value("encrypted_content");
    let is_others = !format.is_empty() && !format.contains("-responses-");
    is_others || is_made || !word("signature").is_empty()
}
