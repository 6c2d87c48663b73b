//! Whose prices are in the table, and what they are called in the sources.

/// A provider that speaks OpenAI's dialect, or Anthropic's.
#[derive(Debug)]
pub(super) struct Names {
    /// In the table.
    pub(super) provider: &'static str,
    /// `litellm_provider`, and the prefix of its rows.
    pub(super) litellm: &'static [&'static str],
    /// `id` in genai-prices. It lists some sellers together with others of the
    /// same models, in other currencies; those are not taken.
    pub(super) genai: Option<&'static str>,
    /// What its own model names look like. Other rows are classes of models,
    /// regions or short forms, which the provider does not take as a name.
    pub(super) shape: Shape,
}

/// What a provider's own names look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `model`.
    Plain,
    /// `model`, and the list has models of another seller that begin like this.
    Not(&'static str),
    /// `author/model`, as on Hugging Face.
    Hosted,
    /// Both.
    Mixed,
    /// `accounts/fireworks/models/model`.
    Under(&'static str),
}

impl Shape {
    /// Whether the provider takes `name`.
    pub(super) fn fits(self, name: &str) -> bool {
        let own = match self {
            Self::Plain => !name.contains('/'),
            Self::Not(start) => !name.contains('/') && !name.starts_with(start),
            Self::Hosted => name.contains('/'),
            Self::Mixed => true,
            Self::Under(prefix) => name.starts_with(prefix),
        };
        own && !name.contains([':', '@', ' '])
    }
}

const fn seller(
    provider: &'static str,
    litellm: &'static [&'static str],
    genai: Option<&'static str>,
    shape: Shape,
) -> Names {
    Names {
        provider,
        litellm,
        genai,
        shape,
    }
}

#[rustfmt::skip]
pub(super) const SELLERS: &[Names] = &[
    seller("anthropic", &["anthropic"], Some("anthropic"), Shape::Plain),
    seller("cerebras", &["cerebras"], Some("cerebras"), Shape::Plain),
    seller("cohere", &["cohere_chat", "cohere"], Some("cohere"), Shape::Plain),
    seller("deepinfra", &["deepinfra"], None, Shape::Hosted),
    seller("deepseek", &["deepseek"], Some("deepseek"), Shape::Plain),
    seller("fireworks", &["fireworks_ai"], Some("fireworks"), Shape::Under("accounts/fireworks/models/")),
    seller("gemini", &["gemini"], Some("google"), Shape::Not("claude")),
    seller("groq", &["groq"], Some("groq"), Shape::Mixed),
    seller("hyperbolic", &["hyperbolic"], None, Shape::Hosted),
    seller("minimax", &["minimax"], Some("minimax"), Shape::Plain),
    seller("mistral", &["mistral"], Some("mistral"), Shape::Plain),
    seller("moonshot", &["moonshot"], Some("moonshotai"), Shape::Plain),
    seller("nebius", &["nebius"], None, Shape::Hosted),
    seller("novita", &["novita"], Some("novita"), Shape::Hosted),
    seller("openai", &["openai"], Some("openai"), Shape::Plain),
    seller("perplexity", &["perplexity"], Some("perplexity"), Shape::Plain),
    seller("sambanova", &["sambanova"], None, Shape::Plain),
    seller("together", &["together_ai"], Some("together"), Shape::Hosted),
    seller("xai", &["xai"], Some("x-ai"), Shape::Plain),
    seller("zai", &["zai"], None, Shape::Plain),
];
