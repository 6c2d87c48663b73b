//! Which providers there are, and which lane leads to which.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tollgate_catalog::ModelSource;
use tollgate_core::{Failure, FailureKind, LaneId, LlmProvider};
use tollgate_transport::{
    Lanes, OpenAiCompatibleConfig, OpenAiCompatibleProvider, OpenRouterConfig, OpenRouterProvider,
    TransportError,
};

use crate::builder::openrouter_lane;
use crate::config::{Config, DirectProvider, OpenRouter};

/// The provider behind the lane `openrouter`.
pub(crate) fn openrouter(config: &OpenRouter) -> Result<OpenRouterProvider, Failure> {
    OpenRouterProvider::new(OpenRouterConfig {
        api_key: config.api_key.clone().filter(|key| !key.is_empty()),
        base_url: config.base_url.clone(),
        mode: config.mode,
        app_url: config.app_url.clone(),
        app_title: config.app_title.clone(),
        app_categories: config.app_categories.clone(),
        timers: config.timers,
        ..OpenRouterConfig::default()
    })
    .map_err(|error| unusable("openrouter", error))
}

/// All lanes as one provider.
pub(crate) fn provider(
    openrouter: &OpenRouterProvider,
    config: &Config,
) -> Result<Arc<dyn LlmProvider>, Failure> {
    let mut lanes = Lanes::new().with(openrouter_lane(), openrouter.clone());
    for (name, provider) in &config.providers {
        let lane = LaneId::new(name).map_err(|error| unusable(name, error))?;
        lanes = lanes.with(lane, direct(name, provider)?);
    }
    Ok(Arc::new(lanes))
}

fn direct(name: &str, config: &DirectProvider) -> Result<OpenAiCompatibleProvider, Failure> {
    OpenAiCompatibleProvider::new(OpenAiCompatibleConfig {
        base_url: config.base_url.clone(),
        api_key: config.api_key.clone().filter(|key| !key.is_empty()),
        key_header: config.key_header.clone(),
        output_limit: config.output_limit,
        asks_for_usage: config.asks_for_usage,
        drops: config.drops.clone(),
        timers: config.timers,
        ..OpenAiCompatibleConfig::default()
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
