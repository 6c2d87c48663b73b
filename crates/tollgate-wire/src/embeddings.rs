//! Embeddings: request and answer.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::document::{Field, read_field};
use crate::envelope::{envelope, options};
use crate::json::is_null;
use crate::raw::as_text;
use crate::{Object, ParseError, ProviderPreferences, Usage};

envelope! {
    /// A request for embeddings.
    ///
    /// ```
    /// use tollgate_wire::EmbeddingsRequest;
    /// let request = EmbeddingsRequest::new("a/b", ["one", "two"]).with_dimensions(256);
    /// assert_eq!(request.to_vec(), br#"{"model":"a/b","input":["one","two"],"dimensions":256}"#);
    /// ```
    pub struct EmbeddingsRequest;

    /// An answer with embeddings. The vectors stay text.
    pub struct EmbeddingsResponse;
}

impl EmbeddingsRequest {
    /// A request for the embeddings of texts.
    pub fn new<T: Into<String>>(model: &str, input: impl IntoIterator<Item = T>) -> Self {
        let input: Vec<String> = input.into_iter().map(Into::into).collect();
        let mut object = Object::new();
        object.put("model", model);
        object.put("input", &input);
        Self(object)
    }

    /// Reads a request.
    ///
    /// # Errors
    /// When the text is not a JSON object, has a key twice, or has no input.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let object = Object::parse(bytes)?;
        if let Some(key) = object.duplicate_key() {
            return Err(ParseError::new("is there twice; send it once").at(key));
        }
        if !object.has_value("input") {
            return Err(
                ParseError::new("is required: a string, strings, or token ids").at("input"),
            );
        }
        Ok(Self(object))
    }

    /// The model asked for.
    pub fn model(&self) -> Option<Cow<'_, str>> {
        self.0.get("model").and_then(as_text)
    }

    /// A string, strings, token ids, lists of them, or parts.
    pub fn input(&self) -> Option<&RawValue> {
        self.0.get("input").filter(|raw| !is_null(raw))
    }

    /// How many dimensions are wanted.
    pub fn dimensions(&self) -> Option<u64> {
        read_field(&self.0, "dimensions").ok().flatten()
    }

    options! {
        /// The model to ask.
        text with_model = "model";
        /// `float` or `base64`.
        text with_encoding_format = "encoding_format";
        /// How many dimensions are wanted.
        value with_dimensions: u64 = "dimensions";
        /// What the input is for, such as `query`.
        text with_input_type = "input_type";
        /// Preferences among providers.
        value with_provider: ProviderPreferences = "provider";
        /// The end user, up to 256 characters.
        text with_user = "user";
        /// The session, up to 256 characters.
        text with_session_id = "session_id";
    }
}

impl EmbeddingsResponse {
    /// Reads an answer.
    ///
    /// # Errors
    /// When the text is not a JSON object, or has no `data`; with status 200 that may be an error body.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let object = Object::parse(bytes)?;
        if object.has_value("error") || !object.has_value("data") {
            return Err(ParseError::new(
                "expected embeddings, found none; read the body as an error",
            )
            .at("data"));
        }
        Ok(Self(object))
    }

    /// The model that served.
    pub fn model(&self) -> Option<Cow<'_, str>> {
        self.0.get("model").and_then(as_text)
    }

    /// The generation id.
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.0.get("id").and_then(as_text)
    }

    /// The provider that served, by display name.
    pub fn provider(&self) -> Option<Cow<'_, str>> {
        self.0.get("provider").and_then(as_text)
    }

    /// The embeddings, each with its `index` and its vector as numbers or base64.
    pub fn data(&self) -> Vec<Object> {
        self.0
            .get("data")
            .and_then(|raw| Vec::from_raw(raw).ok())
            .unwrap_or_default()
    }

    /// Tokens and cost; `None` when there is none or it cannot be read.
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
}
