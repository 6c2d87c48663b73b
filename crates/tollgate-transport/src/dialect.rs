//! What sets one upstream apart from another, as data.

use std::time::Duration;

use tollgate_core::{ModelId, Scope};
use tollgate_wire::{Surface, UpstreamDialect};

use crate::config::{DirectConfig, OutputLimitField, Speech, Thinking};

/// How an upstream wants its requests and what its answers promise.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    /// It falls back along `models` by itself.
    pub(crate) takes_model_lists: bool,
    /// It takes preferences among the providers behind it, and price ceilings (`provider`).
    pub(crate) takes_preferences: bool,
    /// Providers behind it that are asked first (`provider.order`).
    pub(crate) asked_first: Vec<String>,
    /// It takes back what any model thought, and knows whose thoughts they are.
    pub(crate) takes_all_thoughts: bool,
    /// Its list prices are all that is known of what it costs.
    pub(crate) by_list: bool,
    /// It charges no tokens for an answer that failed before its first one.
    pub(crate) insures: bool,
    /// Its streams tell their usage only when asked.
    pub(crate) asks_for_usage: bool,
    /// Where it takes an output limit that the caller did not set.
    pub(crate) output_limit: OutputLimitField,
    /// The output limit where nobody has set one, if it insists on one.
    pub(crate) unlimited_output: Option<u64>,
    /// How its models take an effort of reasoning.
    pub(crate) thinking: Thinking,
    /// What requests of other surfaces are translated into.
    pub(crate) speech: Speech,
    /// The surfaces that it speaks.
    speaks: Vec<Surface>,
    /// Fields that it refuses.
    drops: Vec<String>,
    /// Those of them that the user has named.
    named: Vec<String>,
    /// Whose rate limit an answer tells of when it names no unit.
    limit: Scope,
    /// The end of ids whose models have limits of their own.
    limited_apart: Option<&'static str>,
    /// How long its streams may send nothing, keep-alive comments included, unless configured.
    pub(crate) idle: Duration,
}

/// Comments come every few seconds.
const IDLE_WITH_COMMENTS: Duration = Duration::from_secs(60);

/// Nothing comes while a model thinks. Longer than the walk's own patience with reasoning models
/// (180 s), which then decides; it knows the call.
const IDLE_WITHOUT: Duration = Duration::from_secs(200);

/// Fields of a chat request that only OpenRouter knows; others answer 400 to some of them.
const ONLY_OPENROUTER: &[&str] = &[
    "cache_control",
    "debug",
    "deferred_tools",
    "image_config",
    "include_reasoning",
    "models",
    "plugins",
    "preset",
    "prompt_cache_options",
    "provider",
    "reasoning",
    "route",
    "session_id",
    "stop_server_tools_when",
    "structured_outputs",
    "top_a",
    "trace",
    "transforms",
    "usage",
];

/// Fields of Messages that only OpenRouter knows.
const ONLY_OPENROUTER_MESSAGES: &[&str] = &["safeguards", "user"];

/// What OpenRouter takes everywhere, and a surface has of its own.
const OWN: &[(Surface, &str)] = &[
    (Surface::Responses, "reasoning"),
    (Surface::Messages, "cache_control"),
];

/// What sets the providers of one dialect apart from those of another.
struct Manner {
    /// What a provider is called in the wiring.
    name: &'static str,
    /// The header that carries the key bare; `None` is `Authorization: Bearer`.
    key_header: Option<&'static str>,
    /// Headers that each request must have.
    headers: &'static [(&'static str, &'static str)],
    /// The surfaces that need no translation.
    surfaces: &'static [Surface],
    /// The dialect in which chats go, when it is not that of chats.
    upstream: Option<UpstreamDialect>,
    /// Fields that only OpenRouter knows, beside those of chats.
    drops: &'static [&'static str],
}

const CHAT: Manner = Manner {
    name: "OpenAiCompatible",
    key_header: None,
    headers: &[],
    surfaces: &[Surface::Chat, Surface::Embeddings],
    upstream: None,
    drops: &[],
};

const MESSAGES: Manner = Manner {
    name: "Messages",
    key_header: Some("x-api-key"),
    headers: &[("anthropic-version", "2023-06-01")],
    surfaces: &[Surface::Messages],
    upstream: Some(UpstreamDialect::Messages),
    drops: ONLY_OPENROUTER_MESSAGES,
};

const GEMINI: Manner = Manner {
    name: "Gemini",
    key_header: Some("x-goog-api-key"),
    headers: &[],
    surfaces: &[],
    upstream: Some(UpstreamDialect::Gemini),
    drops: &[],
};

impl Speech {
    const fn manner(self) -> &'static Manner {
        match self {
            Self::Chat => &CHAT,
            Self::Messages => &MESSAGES,
            Self::Gemini => &GEMINI,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        self.manner().name
    }

    pub(crate) const fn key_header(self) -> Option<&'static str> {
        self.manner().key_header
    }

    pub(crate) const fn headers(self) -> &'static [(&'static str, &'static str)] {
        self.manner().headers
    }

    /// The dialect in which chats go, when it is not that of chats.
    pub(crate) const fn upstream(self) -> Option<UpstreamDialect> {
        self.manner().upstream
    }
}

impl Dialect {
    pub(crate) fn openrouter() -> Self {
        Self {
            takes_model_lists: true,
            takes_preferences: true,
            asked_first: Vec::new(),
            takes_all_thoughts: true,
            by_list: false,
            insures: true,
            // Usage is always sent; the switches for it do nothing.
            asks_for_usage: false,
            output_limit: OutputLimitField::MaxTokens,
            unlimited_output: None,
            thinking: Thinking::Effort,
            speech: Speech::Chat,
            speaks: Surface::ALL.to_vec(),
            drops: Vec::new(),
            named: Vec::new(),
            limit: Scope::Key,
            // Caps on free models are an account's, and leave its paid ones alone.
            limited_apart: Some(":free"),
            idle: IDLE_WITH_COMMENTS,
        }
    }

    pub(crate) fn asking_first(self, asked_first: Vec<String>) -> Self {
        Self {
            asked_first,
            ..self
        }
    }

    pub(crate) fn direct(config: &DirectConfig) -> Self {
        let manner = config.dialect.manner();
        let known = ONLY_OPENROUTER.iter().chain(manner.drops);
        let mut drops: Vec<String> = known.map(|field| (*field).to_owned()).collect();
        drops.extend(config.drops.iter().cloned());
        let usual = || manner.surfaces.to_vec();
        Self {
            takes_model_lists: false,
            takes_preferences: false,
            asked_first: Vec::new(),
            takes_all_thoughts: false,
            by_list: true,
            insures: false,
            asks_for_usage: config.asks_for_usage,
            output_limit: config.output_limit,
            unlimited_output: Some(config.unlimited_output)
                .filter(|_| config.dialect == Speech::Messages),
            thinking: config.thinking,
            speech: config.dialect,
            speaks: config.surfaces.clone().unwrap_or_else(usual),
            drops,
            named: config.drops.clone(),
            // It may count anything: the narrowest guess does least harm.
            limit: Scope::KeyModel,
            limited_apart: None,
            idle: IDLE_WITHOUT,
        }
    }

    /// Whether requests of the surface need no translation.
    pub(crate) fn speaks(&self, surface: Surface) -> bool {
        self.speaks.contains(&surface)
    }

    /// Fields of a surface's requests that the upstream does not get.
    pub(crate) fn drops(&self, surface: Surface) -> impl Iterator<Item = &str> {
        let own = OWN
            .iter()
            .filter(move |(of, _)| *of == surface)
            .map(|(_, field)| *field);
        let drops = self.drops.iter().map(String::as_str);
        drops.filter(move |field| !own.clone().any(|own| own == *field))
    }

    /// Fields that the user has said it refuses.
    pub(crate) fn named_drops(&self) -> &[String] {
        &self.named
    }

    /// Whose rate limit an answer about these models tells of when it names no unit.
    pub(crate) fn plain_limit(&self, models: &[ModelId]) -> Scope {
        let apart = |model: &ModelId| {
            let end = self.limited_apart;
            end.is_some_and(|end| model.as_str().ends_with(end))
        };
        if models.iter().any(apart) {
            Scope::KeyModel
        } else {
            self.limit
        }
    }
}
