//! The shapes in which a gateway is asked: which paths there are, and where each keeps what all of them have.

use std::fmt;

/// A shape of request and answer, with a path of its own.
///
/// ```
/// use tollgate_wire::Surface;
/// assert_eq!(Surface::Messages.path(), "messages");
/// assert_eq!(Surface::ALL.len(), Surface::COUNT);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Surface {
    /// OpenAI's chat completions, which OpenRouter has as its own.
    #[default]
    Chat,
    /// OpenAI's Responses.
    Responses,
    /// Anthropic's Messages.
    Messages,
    /// Vectors for texts.
    Embeddings,
    /// OpenAI's completions of a prompt, the oldest.
    Completions,
}

/// What sets a surface apart, as data.
#[derive(Debug)]
pub(crate) struct Fields {
    name: &'static str,
    path: &'static str,
    /// What the model reads, in the order it reads it; the last is required.
    pub(crate) prompt: &'static [&'static str],
    /// What the required one is, for the error when it is missing.
    pub(crate) expected: &'static str,
    /// What limits the output, the newest name first.
    pub(crate) limits: &'static [&'static str],
    /// The way to the form of the answer.
    pub(crate) format: &'static [&'static str],
    /// The ways to who the end user is, the most telling first.
    pub(crate) user: &'static [&'static [&'static str]],
    streams: bool,
}

const USER: &[&str] = &["user"];

const FIELDS: [Fields; Surface::COUNT] = [
    Fields {
        name: "chat",
        path: "chat/completions",
        prompt: &["prompt", "messages"],
        expected: "an array of at least one message",
        limits: &["max_completion_tokens", "max_tokens"],
        format: &["response_format"],
        user: &[USER],
        streams: true,
    },
    Fields {
        name: "responses",
        path: "responses",
        prompt: &["instructions", "input"],
        expected: "a text or an array of items",
        limits: &["max_output_tokens"],
        format: &["text", "format"],
        user: &[USER, &["safety_identifier"]],
        streams: true,
    },
    Fields {
        name: "messages",
        path: "messages",
        prompt: &["system", "messages"],
        expected: "an array of at least one message",
        limits: &["max_tokens"],
        format: &["output_config", "format"],
        user: &[USER, &["metadata", "user_id"]],
        streams: true,
    },
    Fields {
        name: "embeddings",
        path: "embeddings",
        prompt: &["input"],
        expected: "a text, texts, or token ids",
        limits: &[],
        format: &[],
        user: &[USER],
        streams: false,
    },
    Fields {
        name: "completions",
        path: "completions",
        prompt: &["suffix", "prompt"],
        expected: "a text or texts",
        limits: &["max_tokens"],
        format: &["response_format"],
        user: &[USER],
        streams: true,
    },
];

impl Surface {
    /// How many surfaces there are; they index arrays of this length.
    pub const COUNT: usize = 5;
    /// All surfaces, in index order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Chat,
        Self::Responses,
        Self::Messages,
        Self::Embeddings,
        Self::Completions,
    ];

    /// The surface's place in arrays.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name used in configuration, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        self.fields().name
    }

    /// The path below an API's base, without a slash in front.
    pub const fn path(self) -> &'static str {
        self.fields().path
    }

    /// The members that limit the output, the newest name first; none where nothing is limited.
    pub const fn output_limits(self) -> &'static [&'static str] {
        self.fields().limits
    }

    /// Whether answers can be streams.
    pub const fn streams(self) -> bool {
        self.fields().streams
    }

    pub(crate) const fn fields(self) -> &'static Fields {
        &FIELDS[self as usize]
    }
}

impl serde::Serialize for Surface {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Surface {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const NAMES: &[&str] = &["chat", "responses", "messages", "embeddings", "completions"];
        let name = crate::Text::deserialize(deserializer)?;
        let found = Self::ALL
            .into_iter()
            .find(|one| one.as_str() == name.as_str());
        found.ok_or_else(|| serde::de::Error::unknown_variant(&name, NAMES))
    }
}

impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
