//! Answers in the shape of Google's Gemini: whole, and event by event. Both have the same shape.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::document::document;
use crate::json::{is_null, null_is_empty, utf8};
use crate::{ErrorBody, ErrorType, FinishReason, Object, ParseError, Text};

/// A piece of an answer, or all of it: a borrowed view.
///
/// ```
/// use tollgate_wire::{FinishReason, GeminiReply};
/// let data = br#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],"responseId":"r1"}"#;
/// let Ok(reply) = GeminiReply::parse(data)? else { panic!("an answer") };
/// let finish = reply.candidates()[0].finish_reason();
/// assert_eq!((reply.text_bytes(), finish), (2, Some(FinishReason::Stop)));
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GeminiReply<'a> {
    /// The id, the same in all events.
    #[serde(borrow, default)]
    pub response_id: Option<Text<'a>>,
    /// The model that serves, with its version.
    #[serde(borrow, default)]
    pub model_version: Option<Text<'a>>,
    /// The answers; one in practice.
    #[serde(borrow, default)]
    pub candidates: Option<Vec<GeminiCandidate<'a>>>,
    /// The usage as text; see [`GeminiReply::read_usage`].
    #[serde(borrow, default, rename = "usageMetadata")]
    pub usage_raw: Option<&'a RawValue>,
    #[serde(borrow, default)]
    prompt_feedback: Option<PromptFeedback<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// One answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GeminiCandidate<'a> {
    /// Position; the first when it is null or missing.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub index: u64,
    /// What is new of it.
    #[serde(borrow, default)]
    pub content: Option<GeminiContent<'a>>,
    /// Why it ended, in Gemini's word.
    #[serde(borrow, default)]
    pub finish_reason: Option<Text<'a>>,
    /// Members that chats have no place for.
    #[serde(borrow, default)]
    pub grounding_metadata: Option<&'a RawValue>,
    /// Sources that the answer repeats.
    #[serde(borrow, default)]
    pub citation_metadata: Option<&'a RawValue>,
}

/// What a model said.
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct GeminiContent<'a> {
    /// Its parts.
    #[serde(borrow, default)]
    pub parts: Option<Vec<GeminiPart<'a>>>,
}

/// One part: a text, a thought, a call or data.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GeminiPart<'a> {
    /// Text.
    #[serde(borrow, default)]
    pub text: Option<Text<'a>>,
    /// Whether the text is a thought.
    #[serde(default)]
    pub thought: Option<bool>,
    /// What only the model can read, to be sent back on the same part.
    #[serde(borrow, default)]
    pub thought_signature: Option<Text<'a>>,
    /// A call.
    #[serde(borrow, default)]
    pub function_call: Option<GeminiCall<'a>>,
    /// Data, such as an image.
    #[serde(borrow, default)]
    pub inline_data: Option<GeminiData<'a>>,
}

/// A call of a function.
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct GeminiCall<'a> {
    /// Id, which not every model gives.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    /// What to call.
    #[serde(borrow, default)]
    pub name: Option<Text<'a>>,
    /// An object.
    #[serde(borrow, default)]
    pub args: Option<&'a RawValue>,
}

/// Data within a part.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GeminiData<'a> {
    /// What it is: `image/png`.
    #[serde(borrow)]
    pub mime_type: Text<'a>,
    /// In base64.
    #[serde(borrow)]
    pub data: Text<'a>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback<'a> {
    #[serde(borrow, default)]
    block_reason: Option<Text<'a>>,
}

impl<'a> GeminiReply<'a> {
    /// Reads a body, or the data of an event. A prompt that was blocked is an error, with what it used in `usage` as chats
    /// have it.
    ///
    /// # Errors
    /// When the text is neither an answer nor an error.
    pub fn parse(data: &'a [u8]) -> Result<Result<Self, ErrorBody>, ParseError> {
        let text = utf8(data)?;
        if text.trim_start().starts_with('[') {
            return ErrorBody::parse(data).map(Err);
        }
        let reply: Self = serde_json::from_str(text)?;
        if reply.error.is_some_and(|error| !is_null(error)) {
            return ErrorBody::parse(data).map(Err);
        }
        if let Some(reason) = reply.block_reason() {
            return Ok(Err(reply.blocked(reason)));
        }
        let is_answer = reply.candidates.is_some()
            || reply.usage_raw.is_some()
            || reply.response_id.is_some()
            || reply.prompt_feedback.is_some();
        match is_answer {
            true => Ok(Ok(reply)),
            false => Err(ParseError::new(
                "expected an answer or an error, found neither `candidates` nor `error`",
            )),
        }
    }

    /// The answers in it.
    pub fn candidates(&self) -> &[GeminiCandidate<'a>] {
        self.candidates.as_deref().unwrap_or_default()
    }

    /// Tokens, with the reason when they cannot be read.
    ///
    /// # Errors
    /// When a count has a value of another kind.
    pub fn read_usage(&self) -> Result<Option<GeminiUsage>, ParseError> {
        let usage = self.usage_raw.filter(|usage| !is_null(usage));
        let usage = usage.map(|usage| GeminiUsage::parse(usage.get().as_bytes()));
        usage.transpose().map_err(|error| error.at("usageMetadata"))
    }

    /// Whether it carries anything of an answer: text, a thought, a call or data.
    pub fn is_semantic(&self) -> bool {
        self.parts().any(|part| {
            part.text.as_ref().is_some_and(|text| !text.is_empty())
                || part.function_call.is_some()
                || part.inline_data.is_some()
        })
    }

    /// Bytes of text, thoughts and arguments in it.
    pub fn text_bytes(&self) -> usize {
        let bytes = |part: &GeminiPart<'a>| {
            let args = part.function_call.as_ref().and_then(|call| call.args);
            part.text.as_ref().map_or(0, |text| text.len())
                + args.map_or(0, |args| args.get().len())
        };
        self.parts().map(bytes).sum()
    }

    fn parts(&self) -> impl Iterator<Item = &GeminiPart<'a>> {
        self.candidates().iter().flat_map(GeminiCandidate::parts)
    }

    fn block_reason(&self) -> Option<&str> {
        let feedback = self.prompt_feedback.as_ref()?;
        feedback
            .block_reason
            .as_deref()
            .filter(|_| self.candidates().is_empty())
    }

    fn blocked(&self, reason: &str) -> ErrorBody {
        let mut metadata = Object::new();
        metadata.put("error_type", &ErrorType::ContentPolicyViolation);
        metadata.put("reasons", &[reason]);
        let mut error = Object::new();
        error.put("code", &403);
        error.put("message", &format!("the prompt was blocked: {reason}"));
        error.put("metadata", &metadata);
        let mut body = Object::new();
        if let Some(id) = &self.response_id {
            body.put("id", id.as_str());
        }
        body.put("error", &error);
        if let Ok(Some(usage)) = self.read_usage() {
            body.put("usage", &usage.as_chat());
        }
        ErrorBody::of_failed(body, "the prompt was blocked")
    }
}

/// Gemini's words for what chats say in others. Every other one ends an answer that is not whole: a call that cannot be
/// read, an image that was not made, a reason that nobody tells.
const FINISHES: &[(&str, FinishReason)] = &[
    ("STOP", FinishReason::Stop),
    ("MAX_TOKENS", FinishReason::Length),
    ("SAFETY", FinishReason::ContentFilter),
    ("RECITATION", FinishReason::ContentFilter),
    ("LANGUAGE", FinishReason::ContentFilter),
    ("BLOCKLIST", FinishReason::ContentFilter),
    ("PROHIBITED_CONTENT", FinishReason::ContentFilter),
    ("SPII", FinishReason::ContentFilter),
    ("MODEL_ARMOR", FinishReason::ContentFilter),
    ("IMAGE_SAFETY", FinishReason::ContentFilter),
    ("IMAGE_PROHIBITED_CONTENT", FinishReason::ContentFilter),
    ("IMAGE_RECITATION", FinishReason::ContentFilter),
];

impl<'a> GeminiCandidate<'a> {
    /// What is new of it.
    pub fn parts(&self) -> &[GeminiPart<'a>] {
        let content = self.content.as_ref();
        content
            .and_then(|content| content.parts.as_deref())
            .unwrap_or_default()
    }

    /// Why it ended, in the words of chats: [`FinishReason::Error`] when it is not whole. An empty word is none.
    pub fn finish_reason(&self) -> Option<FinishReason> {
        let word = self.finish_reason.as_deref();
        let word = word.filter(|word| !word.is_empty())?;
        let row = FINISHES.iter().find(|(known, _)| *known == word);
        let finish = row.map_or(FinishReason::Error, |(_, finish)| finish.clone());
        let calls = self.parts().iter().any(|part| part.function_call.is_some());
        Some(match finish {
            FinishReason::Stop if calls => FinishReason::ToolCalls,
            finish => finish,
        })
    }
}

impl GeminiCall<'_> {
    /// The arguments as JSON text; `{}` when there are none.
    pub fn arguments(&self) -> &str {
        let args = self.args.filter(|args| !is_null(args));
        args.map_or("{}", RawValue::get)
    }
}

impl GeminiData<'_> {
    /// The data as a URL that holds it.
    pub fn url(&self) -> String {
        format!("data:{};base64,{}", &*self.mime_type, &*self.data)
    }
}

document! {
    /// Tokens by Gemini's count: cached tokens are part of the prompt, thoughts stand beside the answer.
    pub struct GeminiUsage {
        /// Tokens in, cached ones included.
        prompt_token_count: u64 = "promptTokenCount",
        /// Tokens in that were read from the cache.
        cached_content_token_count: u64 = "cachedContentTokenCount",
        /// Tokens in that tools of Google's added, beside the prompt.
        tool_use_prompt_token_count: u64 = "toolUsePromptTokenCount",
        /// Tokens out, thoughts not included.
        candidates_token_count: u64 = "candidatesTokenCount",
        /// Tokens of thoughts.
        thoughts_token_count: u64 = "thoughtsTokenCount",
        /// All of them.
        total_token_count: u64 = "totalTokenCount",
        /// The prompt by what it consists of.
        prompt_tokens_details: Vec<ModalityCount> = "promptTokensDetails",
        /// What was read from the cache by what it consists of.
        cache_tokens_details: Vec<ModalityCount> = "cacheTokensDetails",
        /// The answer by what it consists of.
        candidates_tokens_details: Vec<ModalityCount> = "candidatesTokensDetails",
    }

    /// Tokens of one kind.
    pub struct ModalityCount {
        /// `TEXT`, `IMAGE`, `AUDIO`, `VIDEO`, `DOCUMENT`.
        modality: Option<String> = "modality",
        /// How many.
        token_count: u64 = "tokenCount",
    }
}

impl GeminiUsage {
    /// All tokens in.
    pub fn prompt(&self) -> u64 {
        self.prompt_token_count
            .saturating_add(self.tool_use_prompt_token_count)
    }

    /// All tokens out.
    pub fn completion(&self) -> u64 {
        self.candidates_token_count
            .saturating_add(self.thoughts_token_count)
    }

    /// The same as chats have it.
    pub fn as_chat(&self) -> Object {
        let completion = self.completion();
        let mut usage = Object::new();
        usage.put("prompt_tokens", &self.prompt());
        usage.put("completion_tokens", &completion);
        usage.put("total_tokens", &self.prompt().saturating_add(completion));
        let mut details = Object::new();
        details.put("cached_tokens", &self.cached_content_token_count);
        details.put("audio_tokens", &audio(&self.prompt_tokens_details));
        usage.put("prompt_tokens_details", &details);
        let mut details = Object::new();
        details.put("reasoning_tokens", &self.thoughts_token_count);
        details.put("audio_tokens", &audio(&self.candidates_tokens_details));
        details.put(
            "image_tokens",
            &of(&self.candidates_tokens_details, "IMAGE"),
        );
        usage.put("completion_tokens_details", &details);
        usage
    }

    /// Tokens of sound in the prompt that were not read from the cache.
    pub fn audio_input(&self) -> u64 {
        audio(&self.prompt_tokens_details).saturating_sub(audio(&self.cache_tokens_details))
    }

    /// Tokens of sound in the answer.
    pub fn audio_output(&self) -> u64 {
        audio(&self.candidates_tokens_details)
    }

    /// Tokens of images in the answer.
    pub fn image_output(&self) -> u64 {
        of(&self.candidates_tokens_details, "IMAGE")
    }
}

fn audio(details: &[ModalityCount]) -> u64 {
    of(details, "AUDIO")
}

fn of(details: &[ModalityCount], modality: &str) -> u64 {
    let counts = details
        .iter()
        .filter(|count| count.modality.as_deref() == Some(modality));
    counts.fold(0, |sum, count| sum.saturating_add(count.token_count))
}

impl GeminiPart<'_> {
    /// Whether the part is none of the kinds that are read here, such as code that Google's tools ran.
    pub fn is_other(&self) -> bool {
        self.text.is_none()
            && self.thought_signature.is_none()
            && self.function_call.is_none()
            && self.inline_data.is_none()
    }

    /// The text, empty when there is none.
    pub fn said(&self) -> &str {
        self.text.as_ref().map_or("", Text::as_str)
    }
}
