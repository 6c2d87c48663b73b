//! Dialects that are spoken upstream only: nobody asks a gateway in them, or not all of it.

/// What an upstream speaks that does not speak chat.
///
/// ```
/// use tollgate_wire::UpstreamDialect;
/// assert_eq!(UpstreamDialect::Gemini.as_str(), "gemini");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamDialect {
    /// Anthropic's Messages.
    Messages,
    /// Google's Gemini: `generateContent`.
    Gemini,
}

impl UpstreamDialect {
    /// The name used in configuration and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Gemini => "gemini",
        }
    }
}

/// How a model takes an effort of reasoning that was asked for. Newer models take the word and refuse a budget, older ones
/// take a budget and refuse the word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Thinking {
    /// By its word: adaptive thinking of Messages, `thinkingLevel` of Gemini.
    #[default]
    Effort,
    /// As a budget of tokens: a share of the output limit, or a number for each word.
    Budget,
}
