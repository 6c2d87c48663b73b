//! Walks the texts and media of a request once, borrowed, and measures them.

use serde::Deserialize;
use tollgate_core::{Capabilities, Failure, TokenBounds};
use tollgate_wire::{ParseError, RawValue, Request, Role, Text, Turn};

use super::classes::Classes;
use super::estimate::{ERROR_PERCENT, PER_MESSAGE, likely_tokens};
use super::invalid;
use super::told::Told;

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
    /// The texts that a learned router reads.
    pub(crate) told: Told<'a>,
    /// Whether there are code fences anywhere before the last message.
    pub(crate) has_fence: bool,
}

impl<'a> Content<'a> {
    pub(crate) fn of(request: &'a Request) -> Result<Self, Failure> {
        let mut content = Self {
            json: request.prompt_bytes() as u64,
            ..Self::default()
        };
        for turn in &request.turns().map_err(invalid)? {
            content.turn(turn)?;
        }
        if let Some(tools) = request.tools() {
            content.tools = tools.get();
            content.json += TOOLS_PREAMBLE;
        }
        if let Some(tools) = request.tools() {
            content.json += tools.get().len() as u64;
            content.text(tools, Speaker::Other);
        }
        // What tools were called once.
        if let Some(functions) = request.object().get("functions") {
            content.json += TOOLS_PREAMBLE + functions.get().len() as u64;
            content.text(functions, Speaker::Other);
        }
        if let Some(format) = request.answer_format() {
            content.json += format.get().len() as u64;
            content.measure(&format);
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

    fn turn(&mut self, turn: &Turn<'a>) -> Result<(), Failure> {
        self.messages += 1;
        let speaker = match turn.role {
            Role::User => Speaker::User,
            Role::System | Role::Developer => Speaker::System,
            _ => Speaker::Other,
        };
        if let Some(content) = turn.content {
            self.said(content, speaker)?;
        }
        for extra in turn.extras.into_iter().flatten() {
            self.text(extra, Speaker::Other);
        }
        Ok(())
    }

    /// What a message or a tool says: a text, parts, or one part.
    fn said(&mut self, content: &'a RawValue, speaker: Speaker) -> Result<(), Failure> {
        if is_parts(content) {
            let parts: Vec<Part<'a>> = read(content)?;
            return parts
                .into_iter()
                .try_for_each(|part| self.part(part, speaker));
        }
        match content.get().starts_with('{').then(|| read(content)) {
            Some(Ok(part)) => self.part(part, speaker)?,
            // Any other value may reach the model as its text.
            Some(Err(_)) | None => self.text(content, speaker),
        }
        Ok(())
    }

    fn part(&mut self, part: Part<'a>, speaker: Speaker) -> Result<(), Failure> {
        if let Some(text) = part.text {
            self.text(text, speaker);
            return Ok(());
        }
        if let Some(written) = part.source.and_then(Written::of) {
            return self.said(written.0, Speaker::Other);
        }
        let medium = MEDIA
            .iter()
            .find(|medium| medium.kinds.contains(&part.kind.as_str()));
        if let Some(medium) = medium {
            let payload = part.payload().map_or(0, |payload| payload.get().len());
            self.medium(medium, payload as u64);
            return Ok(());
        }
        if let Some(content) = part.content {
            self.said(content, Speaker::Other)?;
        }
        for said in [part.input, part.thinking, part.refusal]
            .into_iter()
            .flatten()
        {
            self.text(said, Speaker::Other);
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

    fn text(&mut self, raw: &'a RawValue, speaker: Speaker) {
        let classes = self.measure(raw);
        match speaker {
            Speaker::User => {
                self.has_fence |= self.last_classes.backticks >= 3;
                self.last = inner(raw);
                self.last_classes = classes;
                self.told.add_asked(self.messages, self.last, classes.bytes);
            }
            Speaker::System => self.told.add_system(inner(raw), classes.bytes),
            Speaker::Other => {}
        }
    }

    fn measure(&mut self, raw: &RawValue) -> Classes {
        let inner = inner(raw);
        let mut classes = Classes::default();
        classes.count(inner);
        // The text inside other values may reach the model with its escapes.
        if inner.len() < raw.get().len() {
            self.spared += raw.get().len() as u64 - 2 - classes.bytes;
        }
        self.all.add_all(&classes);
        classes
    }
}

/// A string without its quotes; any other value as it is.
fn inner(raw: &RawValue) -> &str {
    let json = raw.get();
    let string = json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'));
    string.unwrap_or(json)
}

/// Whether a content is an array of parts, and not one of token ids.
fn is_parts(content: &RawValue) -> bool {
    let elements = content.get().strip_prefix('[').map(str::trim_start);
    elements
        .is_some_and(|text| !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()))
}

/// Whose words a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    User,
    System,
    /// A model, a tool, or what a message only carries.
    Other,
}

/// A kind of part beside text.
struct Medium {
    kinds: &'static [&'static str],
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
        kinds: &["image_url", "input_image", "image", "computer_screenshot"],
        input: Capabilities::IMAGE_INPUT,
        tokens: tokens(85, 800, 1_600),
        bytes_per_token: u64::MAX,
    },
    Medium {
        kinds: &["input_audio"],
        input: Capabilities::AUDIO_INPUT,
        tokens: tokens(100, 2_000, 20_000),
        bytes_per_token: 32,
    },
    Medium {
        kinds: &["video_url", "input_video"],
        input: Capabilities::VIDEO_INPUT,
        tokens: tokens(100, 2_000, 20_000),
        bytes_per_token: 32,
    },
    Medium {
        kinds: &["file", "input_file", "document"],
        input: Capabilities::FILE_INPUT,
        tokens: tokens(100, 2_000, 20_000),
        bytes_per_token: 4,
    },
];

const fn tokens(low: u64, likely: u64, high: u64) -> TokenBounds {
    TokenBounds { low, likely, high }
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Failure> {
    serde_json::from_str(raw.get()).map_err(|error| invalid(ParseError::from(error)))
}

/// What a source of a document holds in writing, where it does.
struct Written<'a>(&'a RawValue);

impl<'a> Written<'a> {
    fn of(source: &'a RawValue) -> Option<Self> {
        #[derive(Deserialize)]
        struct Source<'a> {
            #[serde(borrow, rename = "type")]
            kind: Text<'a>,
            #[serde(borrow, default)]
            data: Option<&'a RawValue>,
            #[serde(borrow, default)]
            content: Option<&'a RawValue>,
        }
        let source: Source<'a> = serde_json::from_str(source.get()).ok()?;
        match source.kind.as_str() {
            "text" => source.data.map(Self),
            "content" => source.content.map(Self),
            _ => None,
        }
    }
}

/// A part of any surface, whose texts stay JSON text: nothing is copied.
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
    #[serde(borrow, default)]
    file_data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    source: Option<&'a RawValue>,
    /// What a tool answered.
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    /// What a tool was called with.
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
}

impl<'a> Part<'a> {
    fn payload(&self) -> Option<&'a RawValue> {
        self.image_url
            .or(self.input_audio)
            .or(self.video_url)
            .or(self.file)
            .or(self.file_data)
            .or(self.source)
    }
}
