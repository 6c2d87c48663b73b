//! Translations for providers that speak chat only: a request of another surface becomes a chat request, the chat's
//! answer becomes an answer of that surface, whole or event by event.

mod fields;
mod losses;
mod place;

mod answer;
mod from_chat;
mod request;

use crate::{ChatRequest, ChatResponse, Object, ParseError, Request, Surface};

pub use answer::StreamTranslator;
pub use losses::{Loss, Translated};

/// Makes the chat request that means what a request of another surface means.
///
/// A member that chats have under the same name, and one that nobody here knows, goes on as it is. The limit keeps the
/// newest name that fits: `max_output_tokens` becomes `max_completion_tokens`. Whoever sends it may have to rename it.
///
/// ```
/// use tollgate_wire::{Request, Surface, to_chat};
/// let body = br#"{"model":"a/b","instructions":"Be brief.","input":"Hello","truncation":"auto"}"#;
/// let chat = to_chat(&Request::parse(Surface::Responses, body)?)?;
/// assert_eq!(chat.value.messages()?.len(), 2);
/// assert_eq!(chat.losses[0].to_string(), "`truncation`: chats are not shortened");
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
///
/// # Errors
/// When no chat means the same, such as one that goes on from an answer that the server keeps, or when a part of the
/// request cannot be read; the place names the part.
pub fn to_chat(request: &Request) -> Result<Translated<ChatRequest>, ParseError> {
    request::to_chat(request)
}

/// Makes the request of Responses or Messages that means what a chat request means: the way back of [`to_chat`], which
/// gives the same chat again up to what was lost.
///
/// ```
/// use tollgate_wire::{ChatRequest, Message, Surface, from_chat};
/// let chat = ChatRequest::new([Message::system("Be brief."), Message::user("Hello")])?.with_max_completion_tokens(9);
/// let message = from_chat(Surface::Messages, &chat)?;
/// assert_eq!(
///     message.value.object().to_vec(),
///     br#"{"system":"Be brief.","messages":[{"role":"user","content":"Hello"}],"max_tokens":9}"#
/// );
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
///
/// # Errors
/// When the surface has no such requests (embeddings, completions), or a part that the model is to read or do has no
/// counterpart; the place names the part.
pub fn from_chat(surface: Surface, chat: &ChatRequest) -> Result<Translated<Request>, ParseError> {
    from_chat::from_chat(surface, chat)
}

/// Makes the whole answer of the request's surface from the chat's.
///
/// It is the answer that [`StreamTranslator`] would have ended with. `created` comes from the chat, ids are made from the
/// chat's. What only frames a chat has no counterpart and is not listed as lost: `object`, `index`, `created`,
/// `native_finish_reason`.
///
/// # Errors
/// When the request has no answers in words (embeddings), or the answer cannot be read, has no `finish_reason`, or has
/// more than 4,096 parts; the place names the part.
pub fn answer_from_chat(
    request: &Request,
    answer: &ChatResponse,
) -> Result<Translated<Object>, ParseError> {
    answer::from_chat(request, answer)
}

/// An object of members in the order given.
macro_rules! object {
    ($($key:literal: $value:expr),* $(,)?) => {{
        let mut object = $crate::Object::new();
        $( object.put($key, &$value); )*
        object
    }};
}
use object;
