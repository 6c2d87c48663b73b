//! Which providers there are, and which lane leads to which.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tollgate_catalog::ModelSource;
use tollgate_core::{Clock, Failure, FailureKind, LaneId, LlmProvider};
use tollgate_transport::{
    Lanes, OpenAiCompatibleConfig, OpenAiCompatibleProvider, OpenRouterConfig, OpenRouterProvider,
    RateLimit, RateLimitConfig, TransportError,
};

use crate::builder::openrouter_lane;
use crate::config::{Config, DirectProvider, OPENROUTER_LANE, OpenRouter};

/// The provider behind the lane `openrouter`.
pub(crate) fn openrouter(
    config: &OpenRouter,
    clock: Arc<dyn Clock>,
) -> Result<OpenRouterProvider, Failure> {
    let provider = OpenRouterProvider::new(OpenRouterConfig {
        api_key: config.api_key.clone().filter(|key| !key.is_empty()),
        base_url: config.base_url.clone(),
        mode: config.mode,
        app_url: config.app_url.clone(),
        app_title: config.app_title.clone(),
        app_categories: config.app_categories.clone(),
        timers: config.timers,
        connection: config.connection.clone(),
        ..OpenRouterConfig::default()
    });
    match provider {
        Ok(provider) => Ok(provider.with_clock(clock)),
        Err(error) => Err(unusable(OPENROUTER_LANE, error)),
    }
}

/// All lanes as one provider, which also knows whom to ask for costs.
pub(crate) fn all(openrouter: &OpenRouterProvider, config: &Config) -> Result<Lanes, Failure> {
    let primary = openrouter_lane();
    let limit = config.openrouter.rate_limit;
    let mut lanes = add(Lanes::new(), primary.clone(), openrouter.clone(), limit)
        .with_lookup(primary, openrouter.clone());
    for (name, settings) in &config.providers {
        let lane = LaneId::new(name).map_err(|error| unusable(name, error))?;
        lanes = add(lanes, lane, direct(name, settings)?, settings.rate_limit);
    }
    Ok(lanes)
}

/// Adds a lane, kept below its rate when one is configured.
fn add<P>(lanes: Lanes, lane: LaneId, provider: P, limit: Option<RateLimitConfig>) -> Lanes
where
    P: LlmProvider + fmt::Display + 'static,
{
    match limit {
        Some(limit) => lanes.with(lane, RateLimit::new(provider, limit)),
        None => lanes.with(lane, provider),
    }
}

fn direct(name: &str, config: &DirectProvider) -> Result<OpenAiCompatibleProvider, Failure> {
    let defaults = OpenAiCompatibleConfig::default();
    OpenAiCompatibleProvider::new(OpenAiCompatibleConfig {
        base_url: config.base_url.clone(),
        api_key: config.api_key.clone().filter(|key| !key.is_empty()),
        key_header: config.key_header.clone(),
        output_limit: config.output_limit,
        asks_for_usage: config.asks_for_usage,
        drops: config.drops.clone(),
        headers: config.headers.clone(),
        chat_path: config.chat_path.clone().unwrap_or(defaults.chat_path),
        timers: config.timers.unwrap_or(defaults.timers),
        connection: config.connection.clone(),
    })
    .map_err(|error: TransportError| unusable(name, error))
}

fn unusable(name: &str, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::new(
        FailureKind::Configuration,
        format!("the lane {name} cannot be set up"),
    )
    .with_hint(error.to_string())
    .with_source(error)
}

/// The upstream's list of models, for the catalog.
pub(crate) struct NetworkModels(OpenRouterProvider);

impl NetworkModels {
    /// `None` when the catalog is to stay offline.
    pub(crate) fn of(
        openrouter: &OpenRouterProvider,
        config: &Config,
    ) -> Option<Arc<dyn ModelSource>> {
        (!config.catalog.offline).then(|| Arc::new(Self(openrouter.clone())) as _)
    }
}

#[async_trait]
impl ModelSource for NetworkModels {
    async fn fetch(&self) -> Result<Bytes, Failure> {
        self.0.models_raw().await
    }
}
