//! What sets one upstream apart from another, as data.

use std::time::Duration;

use tollgate_core::{ModelId, Scope};
use tollgate_wire::Surface;

use crate::config::{OpenAiCompatibleConfig, OutputLimitField};

/// How an upstream wants its requests and what its answers promise.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    /// It falls back along `models` by itself.
    pub(crate) takes_model_lists: bool,
    /// It takes price ceilings in `provider.max_price`.
    pub(crate) takes_max_price: bool,
    /// Providers behind it that are asked first (`provider.order`).
    pub(crate) asked_first: Vec<String>,
    /// It charges no tokens for an answer that failed before its first one.
    pub(crate) insures: bool,
    /// Its streams tell their usage only when asked.
    pub(crate) asks_for_usage: bool,
    /// Where it takes an output limit that the caller did not set.
    pub(crate) output_limit: OutputLimitField,
    /// The surfaces that it speaks; others are translated into chats.
    speaks: Vec<Surface>,
    /// Fields that it refuses.
    drops: Vec<String>,
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

/// What OpenRouter takes everywhere, and a surface has of its own.
const OWN: &[(Surface, &str)] = &[
    (Surface::Responses, "reasoning"),
    (Surface::Messages, "cache_control"),
];

impl Dialect {
    pub(crate) fn openrouter() -> Self {
        Self {
            takes_model_lists: true,
            takes_max_price: true,
            asked_first: Vec::new(),
            insures: true,
            // Usage is always sent; the switches for it do nothing.
            asks_for_usage: false,
            output_limit: OutputLimitField::MaxTokens,
            speaks: Surface::ALL.to_vec(),
            drops: Vec::new(),
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

    pub(crate) fn openai_compatible(config: &OpenAiCompatibleConfig) -> Self {
        let mut drops: Vec<String> = ONLY_OPENROUTER
            .iter()
            .map(|field| (*field).to_owned())
            .collect();
        drops.extend(config.drops.iter().cloned());
        Self {
            takes_model_lists: false,
            takes_max_price: false,
            asked_first: Vec::new(),
            insures: false,
            asks_for_usage: config.asks_for_usage,
            output_limit: config.output_limit,
            speaks: config.surfaces.clone(),
            drops,
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
