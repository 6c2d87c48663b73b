//! Messages that a caller builds.

use crate::chat::request::CacheControl;
use crate::envelope::{envelope, options};
use crate::{Object, ParseError, Raw, Role};

envelope! {
    /// A message to send. Extras that have no method are set with [`Message::with_option`].
    ///
    /// ```
    /// use tollgate_wire::{ContentPart, Message};
    /// let message = Message::user_parts(&[ContentPart::text("What is this?"), ContentPart::image_url("https://example.com/a.png")]);
    /// assert!(message.object().contains("content"));
    /// assert_eq!(Message::user("Hi").to_vec(), br#"{"role":"user","content":"Hi"}"#);
    /// ```
    pub struct Message;

    /// A part of a message's content.
    pub struct ContentPart;
}

impl Message {
    /// Instructions.
    pub fn system(text: &str) -> Self {
        Self::of(&Role::System, text)
    }

    /// Instructions, in the word of newer OpenAI models.
    pub fn developer(text: &str) -> Self {
        Self::of(&Role::Developer, text)
    }

    /// What the user says.
    pub fn user(text: &str) -> Self {
        Self::of(&Role::User, text)
    }

    /// What the user says, in parts.
    pub fn user_parts(parts: &[ContentPart]) -> Self {
        Self::of(&Role::User, parts)
    }

    /// What the model said; at the end of the messages, the beginning of what it will say.
    pub fn assistant(text: &str) -> Self {
        Self::of(&Role::Assistant, text)
    }

    /// What a tool answered to the call with this id.
    pub fn tool(tool_call_id: &str, text: &str) -> Self {
        let mut message = Self::of(&Role::Tool, text);
        message.0.put("tool_call_id", tool_call_id);
        message
    }

    /// Takes an object as a message, such as the message of an answer that goes back with the next turn.
    ///
    /// # Errors
    /// When it has no `role`.
    pub fn from_object(object: Object) -> Result<Self, ParseError> {
        object
            .read::<Role>("role")?
            .ok_or_else(|| ParseError::new("is required").at("role"))?;
        Ok(Self(object))
    }

    options! {
        /// Who among several of the role.
        text with_name = "name";
        /// Calls that the model made, as they came.
        value with_tool_calls: Raw = "tool_calls";
        /// The reasoning of the model as text.
        text with_reasoning = "reasoning";
        /// Why the model would not.
        text with_refusal = "refusal";
        /// The reasoning of the model, the whole array as it came, unknown keys included.
        value with_reasoning_details: Raw = "reasoning_details";
        /// Annotations of the model, as they came: parsed files need not be parsed again.
        value with_annotations: Raw = "annotations";
    }

    fn of<T: serde::Serialize + ?Sized>(role: &Role, content: &T) -> Self {
        let mut object = Object::new();
        object.put("role", role);
        object.put("content", content);
        Self(object)
    }
}

impl ContentPart {
    /// Text.
    pub fn text(text: &str) -> Self {
        Self::of("text", "text", text)
    }

    /// An image at an `https` or `data` URL.
    pub fn image_url(url: &str) -> Self {
        Self::of("image_url", "image_url", &one("url", url))
    }

    /// Audio in base64, with its format, such as `wav`.
    pub fn input_audio(data: &str, format: &str) -> Self {
        let mut audio = one("data", data);
        audio.put("format", format);
        Self::of("input_audio", "input_audio", &audio)
    }

    /// A video at an `https` or `data` URL.
    pub fn video_url(url: &str) -> Self {
        Self::of("video_url", "video_url", &one("url", url))
    }

    /// A file with its name, at an `https` or `data` URL.
    pub fn file(filename: &str, data: &str) -> Self {
        let mut file = one("filename", filename);
        file.put("file_data", data);
        Self::of("file", "file", &file)
    }

    options! {
        /// A cache breakpoint after this part.
        value with_cache_control: CacheControl = "cache_control";
    }

    fn of<T: serde::Serialize + ?Sized>(kind: &str, key: &str, payload: &T) -> Self {
        let mut object = one("type", kind);
        object.put(key, payload);
        Self(object)
    }
}

fn one(key: &str, value: &str) -> Object {
    let mut object = Object::new();
    object.put(key, value);
    object
}
