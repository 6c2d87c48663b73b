//! Walks the texts and media of a request once, borrowed, and measures them.

use serde::Deserialize;
use tollgate_core::{Capabilities, Failure, TokenBounds};
use tollgate_wire::{ChatRequest, MessageView, RawValue, Role, Text};

use super::classes::Classes;
use super::estimate::{ERROR_PERCENT, PER_MESSAGE, likely_tokens};
use super::invalid;

/// What a chat template adds at most beside the messages themselves.
const TEMPLATE: u64 = 64;
/// What providers add at most to explain to a model how tools are called.
const TOOLS_PREAMBLE: u64 = 530;

/// What a request is made of.
#[derive(Debug, Default)]
pub(crate) struct Content<'a> {
    all: Classes,
    messages: u64,
    media: TokenBounds,
    /// Bytes of JSON that can become text for the model.
    json: u64,
    /// Those of them that cannot: escapes, and payloads counted as media.
    spared: u64,
    pub(crate) images: u64,
    /// Kinds of input beside text.
    pub(crate) inputs: Capabilities,
    pub(crate) tools: &'a str,
    /// The last message of the user, and what it is made of.
    pub(crate) last: &'a str,
    pub(crate) last_classes: Classes,
    /// Whether there are code fences anywhere before the last message.
    pub(crate) has_fence: bool,
}

impl<'a> Content<'a> {
    pub(crate) fn of(request: &'a ChatRequest) -> Result<Self, Failure> {
        let mut content = Self::default();
        for message in &request.messages().map_err(invalid)? {
            content.message(message)?;
        }
        if let Some(messages) = request.object().get("messages") {
            content.json += messages.get().len() as u64;
        }
        if let Some(prompt) = request.prompt() {
            content.json += prompt.get().len() as u64;
            content.text(prompt, IsLast::Yes);
        }
        if let Some(tools) = request.tools() {
            content.tools = tools.get();
            content.json += TOOLS_PREAMBLE;
        }
        for extra in [request.tools(), request.response_format()]
            .into_iter()
            .flatten()
        {
            content.json += extra.get().len() as u64;
            content.text(extra, IsLast::No);
        }
        Ok(content)
    }

    /// Tokens of the prompt. The upper bound is one token for each byte of
    /// text, which no byte-level vocabulary exceeds; the JSON around the texts
    /// stands for what a template puts around messages.
    pub(crate) fn bounds(&self) -> TokenBounds {
        let likely = likely_tokens(&self.all) + self.messages * PER_MESSAGE;
        let low = likely * (100 - ERROR_PERCENT) / 100 + self.media.low;
        let likely = likely + self.media.likely;
        let high = (self.json.saturating_sub(self.spared) + self.media.high + TEMPLATE).max(likely);
        TokenBounds { low, likely, high }
    }

    fn message(&mut self, message: &MessageView<'a>) -> Result<(), Failure> {
        self.messages += 1;
        let is_last = if message.role == Role::User {
            IsLast::Yes
        } else {
            IsLast::No
        };
        if let Some(content) = message.content {
            if content.get().starts_with('[') {
                self.parts(content, is_last)?;
            } else {
                self.text(content, is_last);
            }
        }
        for extra in [message.tool_calls, message.reasoning_details]
            .into_iter()
            .flatten()
        {
            self.text(extra, IsLast::No);
        }
        Ok(())
    }

    fn parts(&mut self, content: &'a RawValue, is_last: IsLast) -> Result<(), Failure> {
        let parts: Vec<Part<'a>> = serde_json::from_str(content.get())
            .map_err(|error| invalid(tollgate_wire::ParseError::from(error)))?;
        for part in parts {
            if let Some(text) = part.text {
                self.text(text, is_last);
                continue;
            }
            let Some(medium) = MEDIA
                .iter()
                .find(|medium| medium.kind == part.kind.as_str())
            else {
                continue;
            };
            let payload = part
                .image_url
                .or(part.input_audio)
                .or(part.video_url)
                .or(part.file);
            self.medium(
                medium,
                payload.map_or(0, |payload| payload.get().len() as u64),
            );
        }
        Ok(())
    }

    fn medium(&mut self, medium: &Medium, payload_bytes: u64) {
        self.inputs |= medium.input;
        self.images += u64::from(medium.input == Capabilities::IMAGE_INPUT);
        self.spared += payload_bytes;
        self.media.low += medium.tokens.low;
        self.media.likely += medium.tokens.likely;
        self.media.high += medium
            .tokens
            .high
            .max(payload_bytes / medium.bytes_per_token);
    }

    fn text(&mut self, raw: &'a RawValue, is_last: IsLast) {
        let json = raw.get();
        let string = json
            .strip_prefix('"')
            .and_then(|json| json.strip_suffix('"'));
        let inner = string.unwrap_or(json);
        let mut classes = Classes::default();
        classes.count(inner);
        // The text inside other values may reach the model with its escapes.
        self.spared += string.map_or(0, |string| string.len() as u64 - classes.bytes);
        self.all.add_all(&classes);
        if is_last == IsLast::Yes {
            self.has_fence |= self.last_classes.backticks >= 3;
            self.last = inner;
            self.last_classes = classes;
        }
    }
}

/// Whether a text may be the last words of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IsLast {
    Yes,
    No,
}

/// A kind of part beside text.
struct Medium {
    kind: &'static str,
    /// What a model must take in.
    input: Capabilities,
    tokens: TokenBounds,
    /// An inline payload raises the upper bound by one token for so many bytes.
    bytes_per_token: u64,
}

/// Large images are scaled down by most providers to about 1,600 tokens. Speech
/// takes at least 1 kB a second and counts at most 32 tokens a second; plain
/// text in a file has about four bytes of base64 a token. The rest is assumed:
/// nobody knows the length of a recording, video or document behind a URL.
const MEDIA: &[Medium] = &[
    Medium {
        kind: "image_url",
        input: Capabilities::IMAGE_INPUT,
        tokens: tokens(85, 800, 1_600),
        bytes_per_token: u64::MAX,
    },
    Medium {
        kind: "input_audio",
        input: Capabilities::AUDIO_INPUT,
        tokens: tokens(100, 2_000, 20_000),
        bytes_per_token: 32,
    },
    Medium {
        kind: "video_url",
        input: Capabilities::VIDEO_INPUT,
        tokens: tokens(100, 2_000, 20_000),
        bytes_per_token: 32,
    },
    Medium {
        kind: "input_video",
        input: Capabilities::VIDEO_INPUT,
        tokens: tokens(100, 2_000, 20_000),
        bytes_per_token: 32,
    },
    Medium {
        kind: "file",
        input: Capabilities::FILE_INPUT,
        tokens: tokens(100, 2_000, 20_000),
        bytes_per_token: 4,
    },
];

const fn tokens(low: u64, likely: u64, high: u64) -> TokenBounds {
    TokenBounds { low, likely, high }
}

/// A part whose text stays JSON text: nothing is copied.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    image_url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_audio: Option<&'a RawValue>,
    #[serde(borrow, default)]
    video_url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    file: Option<&'a RawValue>,
}
