//! The answer that comes whole, and the error that may come in its place.

use std::borrow::Cow;

use super::content;
use crate::document::{Field, Rows, document, read_field};
use crate::envelope::envelope;
use crate::error::choice_has_error;
use crate::json::is_null;
use crate::raw::as_text;
use crate::{
    ErrorBody, FinishReason, Object, ParseError, Raw, Role, RouterMetadata, ServiceTier,
    TextLength, Usage,
};

/// What a body with status 200 holds. An error there is a variant of its own, so that nobody takes it for an answer.
///
/// ```
/// use tollgate_wire::ChatReply;
/// let reply = ChatReply::parse(br#"{"id":"gen-1","error":{"code":502,"message":"Provider returned error"}}"#)?;
/// assert!(matches!(reply, ChatReply::Error(error) if error.code == Some(502)));
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "short-lived, one per answer")]
pub enum ChatReply {
    /// An answer; it may still be empty, see [`ChatResponse::is_empty_answer`].
    Answer(ChatResponse),
    /// An error at the top or in a choice, with the partial answer in its fields.
    Error(ErrorBody),
}

impl ChatReply {
    /// Reads a body.
    ///
    /// # Errors
    /// When the text is not a JSON object, or has neither `choices` nor an error.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::from_object(Object::parse(bytes)?)
    }

    /// Takes an object as a body.
    ///
    /// # Errors
    /// When it has neither `choices` nor an error.
    pub fn from_object(object: Object) -> Result<Self, ParseError> {
        let failed =
            object.has_value("error") || object.get("choices").is_some_and(choice_has_error);
        if !failed && object.contains("choices") {
            return Ok(Self::Answer(ChatResponse(object)));
        }
        ErrorBody::from_object(object)
            .map(Self::Error)
            .map_err(|_| {
                ParseError::new(
                    "expected an answer or an error, found neither `choices` nor `error`",
                )
            })
    }
}

envelope! {
    /// An answer that came whole, or was merged from chunks.
    pub struct ChatResponse;
}

impl ChatResponse {
    /// Takes an object as an answer without looking for errors; [`ChatReply::from_object`] looks.
    pub fn from_object(object: Object) -> Self {
        Self(object)
    }

    /// The generation id.
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.0.get("id").and_then(as_text)
    }

    /// The model that served, often by its dated slug.
    pub fn model(&self) -> Option<Cow<'_, str>> {
        self.0.get("model").and_then(as_text)
    }

    /// The provider that served, by display name.
    pub fn provider(&self) -> Option<Cow<'_, str>> {
        self.0.get("provider").and_then(as_text)
    }

    /// When, in seconds since 1970.
    pub fn created(&self) -> Option<u64> {
        self.field("created")
    }

    /// The service tier that was really used.
    pub fn service_tier(&self) -> Option<ServiceTier> {
        self.field("service_tier")
    }

    /// The choices that can be read; one in practice, none when null or missing.
    pub fn choices(&self) -> Vec<Choice> {
        self.field::<Rows<Choice>>("choices")
            .unwrap_or_default()
            .rows
    }

    /// Tokens and cost; `None` when there is none or it cannot be read, see [`ChatResponse::read_usage`].
    pub fn usage(&self) -> Option<Usage> {
        self.read_usage().ok().flatten()
    }

    /// Tokens and cost, with the reason when they cannot be read.
    ///
    /// # Errors
    /// When a count or a cost has a value of another kind.
    pub fn read_usage(&self) -> Result<Option<Usage>, ParseError> {
        read_field(&self.0, "usage")
    }

    /// The router's account, when asked for.
    pub fn metadata(&self) -> Option<RouterMetadata> {
        self.field("openrouter_metadata")
    }

    /// The text of the first choice, empty when there is none.
    pub fn text(&self) -> String {
        self.choices().first().map(Choice::text).unwrap_or_default()
    }

    /// Why the first choice ended.
    pub fn finish_reason(&self) -> Option<FinishReason> {
        self.choices().into_iter().next()?.finish_reason
    }

    /// Whether nothing came: no text, reasoning, call, image or sound in any choice, and no finish reason. So answers a
    /// model that is not warm yet; nothing is charged, and the same request may be sent again.
    pub fn is_empty_answer(&self) -> bool {
        self.choices().iter().all(Choice::is_empty)
    }

    fn field<T: Field>(&self, key: &str) -> Option<T> {
        self.0
            .get(key)
            .filter(|raw| !is_null(raw))
            .and_then(|raw| T::from_raw(raw).ok())
    }
}

document! {
    /// One choice of an answer.
    pub struct Choice {
        /// Position.
        index: u64 = "index",
        /// What the model said.
        message: AssistantMessage = "message",
        /// The text of a legacy completion.
        completion_text: Option<String> = "text",
        /// Why it ended; null while nothing came.
        finish_reason: Option<FinishReason> = "finish_reason",
        /// The same in the provider's own word.
        native_finish_reason: Option<String> = "native_finish_reason",
        /// Log probabilities.
        logprobs: Option<Raw> = "logprobs",
        /// An error of this choice.
        error: Option<Raw> = "error",
    }

    /// What the model said.
    pub struct AssistantMessage {
        /// `assistant`.
        role: Option<Role> = "role",
        /// A string, parts, or null.
        content: Option<Raw> = "content",
        /// Why the model would not.
        refusal: Option<String> = "refusal",
        /// The reasoning as text.
        reasoning: Option<String> = "reasoning",
        /// The same under the name that other servers use.
        reasoning_content: Option<String> = "reasoning_content",
        /// The reasoning in items, to be sent back unchanged with the next turn.
        reasoning_details: Option<Raw> = "reasoning_details",
        /// Calls of tools.
        tool_calls: Vec<ToolCall> = "tool_calls",
        /// Images.
        images: Vec<Raw> = "images",
        /// Sound.
        audio: Option<Raw> = "audio",
        /// Citations and parsed files.
        annotations: Vec<Raw> = "annotations",
    }

    /// A call of a tool. Echo its id unchanged.
    pub struct ToolCall {
        /// Id, in a form that differs by provider.
        id: Option<String> = "id",
        /// Position among parallel calls.
        index: Option<u64> = "index",
        /// `function`, which is also meant when absent.
        kind: Option<String> = "type",
        /// What to call.
        function: FunctionCall = "function",
    }

    /// What to call, with which arguments.
    pub struct FunctionCall {
        /// Name.
        name: Option<String> = "name",
        /// JSON text in a string, which may be empty or invalid; some servers send the object itself.
        arguments: Option<Raw> = "arguments",
    }
}

impl Choice {
    /// The text, from a string or from text parts; empty when there is none.
    pub fn text(&self) -> String {
        match &self.message.content {
            Some(content) => content::text(content).unwrap_or_default().into_owned(),
            None => self.completion_text.clone().unwrap_or_default(),
        }
    }

    /// Bytes of text and of reasoning in it, thinking among the parts included.
    pub fn text_length(&self) -> TextLength {
        let message = &self.message;
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let mut total = match &message.content {
            Some(content) => content::length(content),
            None => TextLength {
                content: length(&self.completion_text),
                reasoning: 0,
            },
        };
        total.reasoning += match &message.reasoning {
            Some(reasoning) => reasoning.len(),
            None => length(&message.reasoning_content),
        };
        total
    }

    /// Whether nothing came with it; see [`ChatResponse::is_empty_answer`].
    pub fn is_empty(&self) -> bool {
        let message = &self.message;
        let blank = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
        self.finish_reason.is_none()
            && self.text_length() == TextLength::default()
            && blank(&message.reasoning_content)
            && blank(&message.refusal)
            && message
                .reasoning_details
                .as_deref()
                .is_none_or(|details| details.get() == "[]")
            && message.tool_calls.is_empty()
            && message.images.is_empty()
            && message.audio.is_none()
    }
}

impl FunctionCall {
    /// The arguments as JSON text; `{}` when there are none.
    pub fn arguments_text(&self) -> Cow<'_, str> {
        let text = self
            .arguments
            .as_deref()
            .map(|raw| as_text(raw).unwrap_or(Cow::Borrowed(raw.get())));
        text.filter(|text| !text.trim().is_empty())
            .unwrap_or(Cow::Borrowed("{}"))
    }
}
