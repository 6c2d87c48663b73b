//! Error bodies: every shape that a gateway, a provider or an edge in between answers with, read into one.

use serde::Deserialize;
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::document::{read_field, whole_number};
use crate::json::is_null;
use crate::raw::as_text;
use crate::{ErrorType, LimitSource, Object, ParseError, Usage};

/// Characters of a body that is not JSON which are kept as its message.
const TEXT_LIMIT: usize = 2048;

/// An error in the body of an answer, whatever its shape.
///
/// Read are OpenRouter's envelope (with its router metadata beside it), the validation envelope, `{"error": "text"}`,
/// OpenAI's and Anthropic's forms, `{"message": …}` and `{"detail": …}`, an error inside a choice, and lists with one of
/// them. Written is the body as it came; when it was built or changed, OpenRouter's envelope.
///
/// ```
/// use tollgate_wire::ErrorBody;
/// let error = ErrorBody::parse(br#"{"error":{"code":429,"message":"slow down","metadata":{"headers":{"Retry-After":"17"}}}}"#)?;
/// assert_eq!((error.code, error.retry_after_seconds()), (Some(429), Some(17)));
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ErrorBody {
    /// The code as a number, from a number or a string with one. Usually an HTTP status.
    pub code: Option<i64>,
    /// The code when it is a word, such as `server_error`.
    pub code_text: Option<String>,
    /// What went wrong, for people; never for decisions.
    pub message: String,
    /// OpenAI's and Anthropic's kind, such as `overloaded_error`.
    pub kind: Option<String>,
    /// Everything else that is known, open.
    pub metadata: Option<Object>,
    /// The account that asked.
    pub user_id: Option<String>,
    /// The router's trail, when asked for by header.
    pub openrouter_metadata: Option<Object>,
    /// The generation, when one had begun.
    pub id: Option<String>,
    /// The model that was serving.
    pub model: Option<String>,
    /// The provider that was serving, by display name.
    pub provider: Option<String>,
    /// Text of the answer that came with the error.
    pub partial_content: Option<String>,
    body: Option<Object>,
}

impl ErrorBody {
    /// An error of ours: a code (an HTTP status) and what went wrong.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            message: message.into(),
            ..Self::default()
        }
    }

    /// Adds an entry to the metadata.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn with_metadata<T: Serialize + ?Sized>(
        mut self,
        key: &str,
        value: &T,
    ) -> Result<Self, ParseError> {
        self.metadata.get_or_insert_default().set(key, value)?;
        Ok(self)
    }

    /// Sets `metadata.error_type`.
    #[must_use]
    pub fn with_error_type(mut self, error_type: &ErrorType) -> Self {
        self.metadata
            .get_or_insert_default()
            .put("error_type", error_type);
        self
    }

    /// Reads an error body of any known shape.
    ///
    /// # Errors
    /// When the text is not JSON, or holds no error; [`ErrorBody::lossy`] takes that too.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.trim_ascii_start().starts_with(b"[") {
            let mut list: Vec<Object> = serde_json::from_slice(bytes)?;
            if list.is_empty() {
                return Err(ParseError::new("expected an error, found an empty list"));
            }
            return Self::from_object(list.swap_remove(0));
        }
        Self::from_object(Object::parse(bytes)?)
    }

    /// Reads whatever came with a failed status: what is not an error body becomes the message, cut to 2 KiB.
    pub fn lossy(bytes: &[u8]) -> Self {
        Self::parse(bytes).unwrap_or_else(|_| {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT_LIMIT)]);
            Self {
                message: text.trim().to_owned(),
                ..Self::default()
            }
        })
    }

    /// Reads an error from the object that a body is.
    ///
    /// # Errors
    /// When the object holds no error.
    pub fn from_object(body: Object) -> Result<Self, ParseError> {
        let mut error = Self::default();
        if let Some(inner) = body.get("error").filter(|raw| !is_null(raw)) {
            error.read_error(inner);
        } else if let Some(inner) = choice_error(&body) {
            error.read_error(inner);
        } else if ["message", "detail"].iter().any(|key| body.has_value(key))
            && !body.has_value("choices")
        {
            error.read_members(&body);
        } else if body.get("choices").is_some_and(choice_has_error) {
            error.message = "the provider ended the answer with an error".to_owned();
        } else {
            return Err(ParseError::new(
                "expected an error body, found an object without `error` or `message`",
            ));
        }
        error.read_envelope(&body);
        error.body = Some(body);
        Ok(error)
    }

    /// Reads the error in a body that is known to have failed, with these words where it has none.
    pub(crate) fn of_failed(body: Object, silent: &str) -> Self {
        Self::from_object(body.clone()).unwrap_or_else(|_| {
            let mut error = Self {
                message: silent.to_owned(),
                ..Self::default()
            };
            error.read_envelope(&body);
            error.body = Some(body);
            error
        })
    }

    /// The whole body as an object.
    pub fn to_object(&self) -> Object {
        let unchanged =
            |body: &&Object| Self::from_object((*body).clone()).is_ok_and(|kept| kept == *self);
        match self.body.as_ref().filter(unchanged) {
            Some(body) => body.clone(),
            None => self.envelope(),
        }
    }

    /// Writes the body as JSON text.
    pub fn to_vec(&self) -> Vec<u8> {
        self.to_object().to_vec()
    }

    /// The body that the error was read from, if it was.
    pub fn body(&self) -> Option<&Object> {
        self.body.as_ref()
    }

    /// Tokens and cost of what came before the error, when the body tells.
    pub fn usage(&self) -> Option<Usage> {
        read_field(self.body.as_ref()?, "usage").ok().flatten()
    }

    /// The kind in OpenRouter's words, wherever it stands.
    pub fn error_type(&self) -> Option<ErrorType> {
        self.text("error_type").as_deref().map(ErrorType::from)
    }

    /// Which limit refused the request.
    pub fn limit_source(&self) -> Option<LimitSource> {
        self.text("limit_source").as_deref().map(LimitSource::from)
    }

    /// The provider that failed.
    pub fn provider_name(&self) -> Option<String> {
        self.text("provider_name").or_else(|| self.provider.clone())
    }

    /// What the provider itself said, often JSON text.
    pub fn raw(&self) -> Option<String> {
        let raw = self
            .metadata
            .as_ref()?
            .get("raw")
            .filter(|raw| !is_null(raw))?;
        Some(as_text(raw).map_or_else(|| raw.get().to_owned(), |text| text.into_owned()))
    }

    /// Seconds to wait, rounded up, from the body: `retry_after_seconds`, else the `Retry-After` it repeats.
    /// A header of the response itself goes before this.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let metadata = self.metadata.as_ref()?;
        let stated = [
            "retry_after_seconds",
            "retry_after_seconds_raw",
            "retry_after",
        ]
        .iter()
        .find_map(|key| read_field::<Option<f64>>(metadata, key).ok().flatten());
        stated
            .or_else(|| self.metadata_header("Retry-After")?.trim().parse().ok())
            .and_then(whole_seconds)
    }

    /// When the limit resets, in milliseconds since 1970, from the `X-RateLimit-Reset` that the body repeats.
    pub fn rate_limit_reset_ms(&self) -> Option<u64> {
        self.metadata_header("X-RateLimit-Reset")?
            .trim()
            .parse()
            .ok()
    }

    /// A response header that the body repeats in `metadata.headers`; the case of the name does not matter.
    pub fn metadata_header(&self, name: &str) -> Option<String> {
        let headers: Object = self.metadata.as_ref()?.read("headers").ok()??;
        let (_, value) = headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(as_text(value).map_or_else(|| value.get().to_owned(), |text| text.into_owned()))
    }

    /// A word that may stand in the metadata, in the error or beside it.
    fn text(&self, key: &str) -> Option<String> {
        let inner = || self.body.as_ref()?.read::<Object>("error").ok()?;
        let read = |object: &Object| {
            object
                .get(key)
                .and_then(as_text)
                .map(|text| text.into_owned())
        };
        self.metadata
            .as_ref()
            .and_then(read)
            .or_else(|| read(&inner()?))
            .or_else(|| self.body.as_ref().and_then(read))
    }

    fn read_error(&mut self, error: &RawValue) {
        if let Ok(object) = Object::parse(error.get().as_bytes()) {
            self.read_members(&object);
        } else {
            self.message =
                as_text(error).map_or_else(|| error.get().to_owned(), |text| text.into_owned());
        }
    }

    fn read_members(&mut self, error: &Object) {
        if let Some(code) = error.get("code").filter(|raw| !is_null(raw)) {
            match whole_number(code) {
                Ok(number) => self.code = Some(number),
                Err(_) => self.code_text = as_text(code).map(|text| text.into_owned()),
            }
        }
        let message = ["message", "detail", "name"]
            .iter()
            .find_map(|key| error.get(key).filter(|raw| !is_null(raw)));
        if let Some(message) = message {
            self.message =
                as_text(message).map_or_else(|| message.get().to_owned(), |text| text.into_owned());
        }
        self.kind = ["type", "name"].iter().find_map(|key| string(error, key));
        self.metadata = error.read("metadata").ok().flatten();
    }

    fn read_envelope(&mut self, body: &Object) {
        self.user_id = string(body, "user_id");
        self.id = string(body, "id");
        self.model = string(body, "model");
        self.provider = string(body, "provider");
        self.openrouter_metadata = body.read("openrouter_metadata").ok().flatten();
        self.partial_content = partial_content(body);
        if self.metadata.is_none() {
            self.metadata = body.read("metadata").ok().flatten();
        }
    }

    /// OpenRouter's envelope from the fields. Clients need a code: without one it is 500, the error nobody explained.
    fn envelope(&self) -> Object {
        let mut error = Object::new();
        match (&self.code, &self.code_text) {
            (None, Some(word)) => error.put("code", word),
            (code, _) => error.put("code", &code.unwrap_or(500)),
        }
        error.put("message", &self.message);
        put_some(&mut error, "type", self.kind.as_ref());
        put_some(&mut error, "metadata", self.metadata.as_ref());
        let mut envelope = Object::new();
        put_some(&mut envelope, "id", self.id.as_ref());
        put_some(&mut envelope, "model", self.model.as_ref());
        put_some(&mut envelope, "provider", self.provider.as_ref());
        envelope.put("error", &error);
        put_some(&mut envelope, "user_id", self.user_id.as_ref());
        put_some(
            &mut envelope,
            "openrouter_metadata",
            self.openrouter_metadata.as_ref(),
        );
        envelope
    }
}

impl Serialize for ErrorBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_object().serialize(serializer)
    }
}

fn put_some<T: Serialize>(object: &mut Object, key: &str, value: Option<&T>) {
    if let Some(value) = value {
        object.put(key, value);
    }
}

fn string(object: &Object, key: &str) -> Option<String> {
    object
        .get(key)
        .and_then(as_text)
        .map(|text| text.into_owned())
}

/// The parts of a choice that matter here, borrowed: an answer may be megabytes.
#[derive(Deserialize)]
struct ChoicePeek<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

/// Whether one of the choices is an error, or ended with one that nobody describes.
pub(crate) fn choice_has_error(choices: &RawValue) -> bool {
    let ended = |choice: &ChoicePeek<'_>| {
        choice
            .finish_reason
            .is_some_and(|reason| reason.get() == "\"error\"")
    };
    peek(choices)
        .iter()
        .any(|choice| choice.error.is_some() || ended(choice))
}

/// The choices that are objects; anything else holds no error.
fn peek(choices: &RawValue) -> Vec<ChoicePeek<'_>> {
    let choices: Vec<&RawValue> = serde_json::from_str(choices.get()).unwrap_or_default();
    choices
        .iter()
        .filter_map(|choice| serde_json::from_str(choice.get()).ok())
        .collect()
}

fn choice_error(body: &Object) -> Option<&RawValue> {
    peek(body.get("choices")?)
        .into_iter()
        .find_map(|choice| choice.error)
}

fn partial_content(body: &Object) -> Option<String> {
    let choice = peek(body.get("choices")?).into_iter().next()?;
    let message = Object::parse(choice.message.or(choice.delta)?.get().as_bytes()).ok()?;
    string(&message, "content").filter(|text| !text.is_empty())
}

/// Rounds up, so that nobody comes back too early; what is not a time is none.
fn whole_seconds(seconds: f64) -> Option<u64> {
    (seconds.is_finite() && seconds >= 0.0).then(|| seconds.ceil() as u64)
}
