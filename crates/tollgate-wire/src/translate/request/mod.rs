//! Requests of other surfaces as chat requests.

mod blocks;
mod completions;
mod items;
mod messages;
pub(super) mod parts;
mod responses;
mod tools;
mod turn;

use crate::{ChatRequest, ParseError, Request, Surface};

use super::losses::{Losses, Translated};

pub(super) use blocks::FORMAT;

pub(super) fn to_chat(request: &Request) -> Result<Translated<ChatRequest>, ParseError> {
    let mut losses = Losses::default();
    let chat = match request.surface() {
        Surface::Chat => request.object().clone(),
        Surface::Responses => responses::to_chat(request.object(), &mut losses)?,
        Surface::Messages => messages::to_chat(request, &mut losses)?,
        Surface::Completions => completions::to_chat(request.object(), &mut losses)?,
        Surface::Embeddings => {
            return Err(ParseError::new(
                "asks for vectors, and a chat answers in words; use a provider of embeddings",
            )
            .at("input"));
        }
    };
    Ok(losses.with(ChatRequest::from_object(chat)?))
}
