//! Chat requests as requests of other surfaces: the way back of `request`.

pub(super) mod gemini;
mod messages;
mod responses;
mod schemas;
mod thoughts;

use serde_json::value::RawValue;

use crate::document::whole_number;
use crate::json::is_null;
use crate::{ChatRequest, Object, ParseError, Request, Surface};

use super::losses::{Losses, Translated};

pub(super) fn from_chat(
    surface: Surface,
    chat: &ChatRequest,
) -> Result<Translated<Request>, ParseError> {
    let mut losses = Losses::default();
    let object = match surface {
        Surface::Chat => chat.object().clone(),
        Surface::Responses => responses::from_chat(chat, &mut losses)?,
        Surface::Messages => messages::from_chat(chat, &mut losses)?,
        Surface::Completions | Surface::Embeddings => {
            return Err(ParseError::new(format!(
                "a chat cannot be sent as {surface}; send it as a chat, or as responses or messages"
            ))
            .at("messages"));
        }
    };
    Ok(losses.with(Request::from_object(surface, object)?))
}

/// The limit of a chat as it was written, of two the lower one.
fn output_limit(from: &Object) -> Option<&RawValue> {
    let limits = Surface::Chat.output_limits().iter();
    let limits = limits.filter_map(|key| value(from, key));
    limits.min_by_key(|limit| whole_number::<u64>(limit).unwrap_or(u64::MAX))
}

/// A member that is not null.
fn value<'a>(object: &'a Object, key: &str) -> Option<&'a RawValue> {
    object.get(key).filter(|value| !is_null(value))
}

/// The messages, to be read with all their members.
fn messages_of(chat: &ChatRequest) -> Result<Vec<Object>, ParseError> {
    let messages = chat.object().read("messages")?;
    messages.ok_or_else(|| {
        ParseError::new("is required; a prompt without messages has no form here").at("messages")
    })
}
