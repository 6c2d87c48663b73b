//! Translations for providers that do not speak what is asked: a request of any surface becomes a chat request, and that one
//! of an upstream's own dialect; the answer becomes a chat's, and that one of the surface, whole or event by event.

mod fields;
mod losses;
mod place;
mod thoughts;
mod upstream;

mod answer;
mod anthropic;
mod from_chat;
mod into_chat;
mod request;

use crate::{ChatRequest, ChatResponse, Object, ParseError, Request, Surface};

pub use answer::StreamTranslator;
pub use into_chat::ChatTranslator;
pub use losses::{Loss, Translated};
pub use upstream::{Thinking, UpstreamDialect};

use losses::Losses;

/// The format of reasoning that Gemini signs, for a chat's `reasoning_details`.
const GEMINI: &str = "google-gemini-v1";

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

/// Makes the body of Gemini's `generateContent` that means what a chat request means. The model and whether the answer is
/// to be a stream stand in the address there.
///
/// Gemini refuses members that it does not know, in requests and in schemas: what has no counterpart is lost, known or not.
/// Signatures of Gemini's own thoughts go back on the parts that they came with.
///
/// ```
/// use tollgate_wire::{ChatRequest, Message, Thinking, gemini_from_chat};
/// let chat = ChatRequest::new([Message::system("Be brief."), Message::user("Hello")])?.with_seed(7).with_user("u");
/// let body = gemini_from_chat(&chat, Thinking::Effort)?;
/// assert_eq!(
///     body.value.to_vec(),
///     br#"{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"Hello"}]}],"generationConfig":{"seed":7}}"#
/// );
/// assert_eq!(body.losses[0].to_string(), "`user`: gemini is not told who asks, or what for");
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
///
/// # Errors
/// When a part that the model is to read or do has no counterpart, such as sound in the answer; the place names the part.
pub fn gemini_from_chat(
    chat: &ChatRequest,
    thinking: Thinking,
) -> Result<Translated<Object>, ParseError> {
    let mut losses = Losses::default();
    let body = from_chat::gemini::from_chat(chat, thinking, &mut losses)?;
    Ok(losses.with(body))
}

/// A request of chats or Responses without the thoughts that providers refuse and OpenRouter takes: `reasoning_details` of
/// messages with the `reasoning` beside them, items of reasoning that another model thought, and `format` in items. `None`
/// when it has nothing of the kind, as requests of other surfaces never have.
///
/// ```
/// use tollgate_wire::{Request, Surface, without_foreign_thoughts};
/// let body = br#"{"messages":[{"role":"assistant","content":"Hi","reasoning_details":[{"type":"reasoning.text","text":"a"}]}]}"#;
/// let request = Request::parse(Surface::Chat, body)?;
/// let narrowed = without_foreign_thoughts(&request)?.ok_or("it has thoughts")?;
/// assert_eq!(narrowed.value.object().to_vec(), br#"{"messages":[{"role":"assistant","content":"Hi"}]}"#);
/// assert_eq!(narrowed.losses[0].place, "messages[0].reasoning_details");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When messages or items cannot be read; the place names the part.
pub fn without_foreign_thoughts(
    request: &Request,
) -> Result<Option<Translated<Request>>, ParseError> {
    let mut losses = Losses::default();
    let narrowed = thoughts::without_foreign(request, &mut losses)?;
    Ok(narrowed.map(|request| losses.with(request)))
}

/// A Messages request without what Anthropic's own servers refuse: thoughts that another model had or nobody has signed,
/// metadata beside `user_id`, tiers of others, members of betas, ids of calls outside its alphabet, budgets of thinking that
/// do not fit below the output limit, and thinking in a turn that goes on after its calls and began without. Whatever needs
/// no change stays the text it was.
///
/// ```
/// use tollgate_wire::{Request, Surface, Thinking, anthropic_from_messages};
/// let body = br#"{"max_tokens":4000,"messages":[{"role":"user","content":"Hello"}],"metadata":{"user_id":"u","team":"t"}}"#;
/// let request = Request::parse(Surface::Messages, body)?;
/// let narrowed = anthropic_from_messages(request, Thinking::Effort)?;
/// assert_eq!(narrowed.losses[0].place, "metadata.team");
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
///
/// # Errors
/// When the request wants a tool that only a router runs or a server of tools that a beta reaches, or a part cannot be read;
/// the place names the part.
pub fn anthropic_from_messages(
    mut request: Request,
    thinking: Thinking,
) -> Result<Translated<Request>, ParseError> {
    let mut losses = Losses::default();
    anthropic::narrow(&mut request, thinking, &mut losses)?;
    Ok(losses.with(request))
}

/// Makes the whole answer of a chat from the upstream's.
///
/// It is the answer that the chunks of [`ChatTranslator`] merge to. `created`, in seconds since 1970, is told by no other
/// dialect, and chats must have it.
///
/// ```
/// use tollgate_wire::{UpstreamDialect, chat_from_answer};
/// let body = br#"{"id":"msg_1","model":"m","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn"}"#;
/// let answer = chat_from_answer(UpstreamDialect::Messages, 1_786_190_400, body)?;
/// assert_eq!(answer.value.text(), "Hi");
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
///
/// # Errors
/// When the answer cannot be read, is an error, or does not say why it ends.
pub fn chat_from_answer(
    dialect: UpstreamDialect,
    created: u64,
    body: &[u8],
) -> Result<Translated<ChatResponse>, ParseError> {
    into_chat::chat_from_answer(dialect, created, body)
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
