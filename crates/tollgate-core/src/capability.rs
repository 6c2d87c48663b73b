use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of things that a model can do, or that a call needs.
///
/// ```
/// use tollgate_core::Capabilities;
/// let model = Capabilities::TOOLS | Capabilities::IMAGE_INPUT;
/// let needs = Capabilities::TOOLS | Capabilities::REASONING;
/// assert_eq!(needs.missing_from(model), Capabilities::REASONING);
/// assert_eq!(needs.to_string(), "tools, reasoning");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Capabilities(u32);

macro_rules! capabilities {
    ($($(#[$meta:meta])* $name:ident = $bit:literal, $word:literal;)*) => {
        impl Capabilities {
            $($(#[$meta])* pub const $name: Self = Self(1 << $bit);)*
            /// Every capability with the word it is shown and searched by.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $word)),*];
        }
    };
}

capabilities! {
    /// Function calling.
    TOOLS = 0, "tools";
    /// Choosing which tool is called.
    TOOL_CHOICE = 1, "tool_choice";
    /// Output that follows a JSON Schema.
    STRUCTURED_OUTPUT = 2, "structured_output";
    /// Output in a given format, such as any JSON object.
    RESPONSE_FORMAT = 3, "response_format";
    /// Thinking before the answer.
    REASONING = 4, "reasoning";
    /// Images in the prompt.
    IMAGE_INPUT = 5, "image_input";
    /// Audio in the prompt.
    AUDIO_INPUT = 6, "audio_input";
    /// Video in the prompt.
    VIDEO_INPUT = 7, "video_input";
    /// Files in the prompt.
    FILE_INPUT = 8, "file_input";
    /// Text in the answer.
    TEXT_OUTPUT = 9, "text_output";
    /// Images in the answer.
    IMAGE_OUTPUT = 10, "image_output";
    /// Audio in the answer.
    AUDIO_OUTPUT = 11, "audio_output";
    /// Log probabilities of tokens.
    LOGPROBS = 12, "logprobs";
    /// A seed for repeatable sampling.
    SEED = 13, "seed";
    /// Stop sequences.
    STOP = 14, "stop";
    /// Cached prompts at their own price.
    PROMPT_CACHE = 15, "prompt_cache";
    /// Vectors instead of text.
    EMBEDDINGS_OUTPUT = 16, "embeddings_output";
}

impl Capabilities {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Whether all of `needed` is in this set.
    pub const fn contains(self, needed: Self) -> bool {
        needed.0 & !self.0 == 0
    }

    /// What of this set is not in `offered`.
    pub const fn missing_from(self, offered: Self) -> Self {
        Self(self.0 & !offered.0)
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both sets together.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The words of the set, in a fixed order.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::ALL
            .iter()
            .filter(move |(one, _)| self.contains(*one))
            .map(|(_, word)| *word)
    }

    /// The capability of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, w)| *w == word)
            .map(|(one, _)| *one)
    }
}

impl BitOr for Capabilities {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl BitOrAssign for Capabilities {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capabilities({self})")
    }
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.words())
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        words.iter().try_fold(Self::NONE, |set, word| {
            let one = Self::from_word(word);
            one.map(|one| set | one)
                .ok_or_else(|| serde::de::Error::custom(format!("there is no capability {word:?}")))
        })
    }
}
