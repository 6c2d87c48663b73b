use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest name accepted for any id, in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// Why a text is not a valid id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// The text was empty.
    #[error("an id cannot be empty")]
    Empty,
    /// The text was longer than [`MAX_ID_BYTES`].
    #[error("an id has at most {MAX_ID_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// The text holds white space or a control character.
    #[error("an id cannot hold white space or control characters: {0:?}")]
    BadCharacter(String),
}

/// Whether an id may hold blanks between its words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blanks {
    Refused,
    Allowed,
}

fn check(text: &str, blanks: Blanks) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(InvalidId::TooLong(text.len()));
    }
    let fits = |c: char| match c {
        ' ' => blanks == Blanks::Allowed,
        c => !c.is_whitespace() && !c.is_control(),
    };
    if text.trim() != text || !text.chars().all(fits) {
        return Err(InvalidId::BadCharacter(text.chars().take(40).collect()));
    }
    Ok(())
}

macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident, $blanks:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and takes it as an id.
            ///
            /// # Errors
            /// [`InvalidId`] when it is empty, longer than 256 bytes, or holds
            /// white space or control characters.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidId> {
                let text = text.as_ref();
                check(text, Blanks::$blanks)?;
                Ok(Self(text.into()))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// A model as callers name it: `author/slug`, with or without `:variant`.
    ///
    /// ```
    /// use tollgate_core::ModelId;
    /// let model = ModelId::new("author/slug:free")?;
    /// assert_eq!(model.author(), Some("author"));
    /// assert_eq!(model.variant(), Some("free"));
    /// assert_eq!(model.without_variant(), "author/slug");
    /// # Ok::<(), tollgate_core::InvalidId>(())
    /// ```
    ///
    /// Ids of different kinds do not mix:
    ///
    /// ```compile_fail
    /// use tollgate_core::{ModelId, ProviderId};
    /// let model: ModelId = ProviderId::new("openrouter").unwrap();
    /// ```
    ModelId, Refused
}

text_id! {
    /// The company or host that served an answer, by its display name, which
    /// may hold blanks.
    ProviderId, Allowed
}

text_id! {
    /// One road to a model: an authority, an account and how it is paid.
    ///
    /// A lane is named after its configuration table (`openrouter`, or the
    /// `NAME` of `[providers.NAME]`).
    LaneId, Refused
}

text_id! {
    /// Who makes a call: a key's name, or `local` for a program that uses the library.
    CallerId, Refused
}

text_id! {
    /// The upstream's own id of one generation, the handle for asking what it cost.
    GenerationId, Refused
}

impl ModelId {
    /// The part before the first slash.
    pub fn author(&self) -> Option<&str> {
        self.0
            .split_once('/')
            .map(|(author, _)| author.trim_start_matches('~'))
    }

    /// The last `:suffix`, if there is one.
    pub fn variant(&self) -> Option<&str> {
        // Byte by byte: an id is short, and plans look at several.
        let is_end = |byte: &u8| matches!(byte, b':' | b'/');
        let at = self.0.bytes().rposition(|byte| is_end(&byte))?;
        (self.0.as_bytes()[at] == b':').then(|| &self.0[at + 1..])
    }

    /// The id without any `:suffix`.
    pub fn without_variant(&self) -> &str {
        Self::plain(&self.0)
    }

    /// The same of an id that is text still.
    pub fn plain(id: &str) -> &str {
        let slug_at = id.rfind('/').map_or(0, |at| at + 1);
        match id[slug_at..].find(':') {
            Some(colon) => &id[..slug_at + colon],
            None => id,
        }
    }
}

impl CallerId {
    /// The caller of a program that uses the library without keys.
    pub fn local() -> Self {
        Self("local".into())
    }
}

/// One call, unique over all nodes: 48 bits of milliseconds and 80 random bits,
/// so that ids sort by time.
///
/// ```
/// use tollgate_core::{CallId, Timestamp};
/// let id = CallId::from_parts(Timestamp::from_millis(1_786_000_000_000), 42);
/// assert_eq!(id.to_string().parse::<CallId>()?, id);
/// # Ok::<(), tollgate_core::InvalidId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallId(u128);

impl CallId {
    /// Builds an id from the time of admission and 80 bits of randomness
    /// (higher bits of `random` are ignored).
    pub fn from_parts(at: crate::Timestamp, random: u128) -> Self {
        let millis = at.millis().max(0).unsigned_abs() as u128;
        Self((millis << 80) | (random & ((1 << 80) - 1)))
    }

    /// The id as a number, for stores that keep 16 bytes.
    pub fn as_u128(self) -> u128 {
        self.0
    }

    /// The id of that number.
    pub fn from_u128(number: u128) -> Self {
        Self(number)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call-{:032x}", self.0)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CallId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let bad = || InvalidId::BadCharacter(text.chars().take(40).collect());
        let digits = text.strip_prefix("call-").ok_or_else(bad)?;
        if digits.len() != 32 {
            return Err(bad());
        }
        u128::from_str_radix(digits, 16)
            .map(Self)
            .map_err(|_| bad())
    }
}

impl TryFrom<String> for CallId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<CallId> for String {
    fn from(id: CallId) -> Self {
        id.to_string()
    }
}
