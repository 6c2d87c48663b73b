//! Which providers there are, and which lane leads to which.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use tollgate_catalog::{LaneSpec, ModelSource, Served, Serves};
use tollgate_core::{
    Billing, Clock, CostLookup, Failure, FailureKind, GenerationId, Lane, LaneCheck, LaneId,
    LlmProvider, ModelId, Reconciled, Standing,
};
use tollgate_transport::{
    HostRate, HostRateLimit, HttpSend, Lanes, OpenAiCompatibleConfig, OpenAiCompatibleProvider,
    OpenRouterConfig, OpenRouterProvider, RateLimit, RateLimitConfig, authority,
};

use crate::config::{Config, DirectProvider, OPENROUTER_LANE, OpenRouter, host_limits};

/// What all lanes share.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) clock: Arc<dyn Clock>,
    /// Who carries requests; without it, each lane has connections of its own.
    pub(crate) http: Option<Arc<dyn HttpSend>>,
    /// What is put around whoever carries them.
    pub(crate) around: Option<Around>,
}

/// Puts something around what carries requests.
pub(crate) type Around = Arc<dyn Fn(Arc<dyn HttpSend>) -> Arc<dyn HttpSend> + Send + Sync>;

/// The provider behind the lane `openrouter`.
pub(crate) fn openrouter(
    config: &OpenRouter,
    network: &Network,
) -> Result<OpenRouterProvider, Failure> {
    let config = OpenRouterConfig {
        api_key: config.api_key.clone().filter(|key| !key.is_empty()),
        base_url: config.base_url.clone(),
        mode: config.mode,
        app_url: config.app_url.clone(),
        app_title: config.app_title.clone(),
        app_categories: config.app_categories.clone(),
        timers: config.timers,
        connection: config.connection.clone(),
        ..OpenRouterConfig::default()
    };
    let provider = match &network.http {
        Some(http) => OpenRouterProvider::with_http(config, http.clone()),
        None => OpenRouterProvider::new(config),
    };
    let provider = provider.map_err(|error| unusable(OPENROUTER_LANE, error))?;
    let provider = provider.with_clock(network.clock.clone());
    Ok(match &network.around {
        Some(around) => provider.with_around(|http| around(http)),
        None => provider,
    })
}

/// All lanes as one provider, which also knows whom to ask for costs, and whether a lane works.
pub(crate) fn all(
    openrouter: &OpenRouterProvider,
    config: &Config,
    network: &Network,
) -> Result<Lanes, Failure> {
    let limits = Limits::of(config);
    let primary = openrouter_lane();
    let limit = limits.of_lane(&config.openrouter.base_url, config.openrouter.rate_limit);
    let mut lanes = add(Lanes::new(), primary.clone(), openrouter.clone(), limit)
        .with_lookup(primary.clone(), openrouter.clone())
        .with_check(primary, openrouter.clone());
    for (name, settings) in &config.providers {
        let lane = LaneId::new(name).map_err(|error| unusable(name, error))?;
        let provider = direct(name, settings, network)?;
        let limit = limits.of_lane(&settings.base_url, settings.rate_limit);
        lanes = add(lanes, lane.clone(), provider.clone(), limit).with_check(lane, provider);
    }
    Ok(lanes)
}

/// The lanes as they are configured now, for whoever outlives a configuration.
pub(crate) struct Current(ArcSwap<Lanes>);

impl Current {
    pub(crate) fn new(lanes: Lanes) -> Self {
        Self(ArcSwap::from_pointee(lanes))
    }

    pub(crate) fn set(&self, lanes: Lanes) {
        self.0.store(Arc::new(lanes));
    }
}

#[async_trait]
impl CostLookup for Current {
    async fn look_up(
        &self,
        lane: &LaneId,
        generation: &GenerationId,
    ) -> Result<Option<Reconciled>, Failure> {
        self.0.load_full().look_up(lane, generation).await
    }
}

#[async_trait]
impl LaneCheck for Current {
    async fn check(&self, lane: &LaneId) -> Result<Standing, Failure> {
        self.0.load_full().check(lane).await
    }
}

/// The rates of hosts, each shared by the lanes that lead there.
struct Limits(BTreeMap<String, HostRate>);

/// The rates below which one lane is kept.
struct LaneLimits {
    model: Option<RateLimitConfig>,
    host: Option<HostRate>,
}

impl Limits {
    fn of(config: &Config) -> Self {
        let limits = host_limits(config).into_iter();
        Self(
            limits
                .map(|(host, limit)| (host, HostRate::new(limit)))
                .collect(),
        )
    }

    fn of_lane(&self, base_url: &str, model: Option<RateLimitConfig>) -> LaneLimits {
        let host = authority(base_url).and_then(|host| self.0.get(&host));
        LaneLimits {
            model,
            host: host.cloned(),
        }
    }
}

/// Adds a lane, kept below the rates that are configured. That of the model goes first, so that a
/// model that is asked for too often takes no turns of the others.
fn add<P>(lanes: Lanes, lane: LaneId, provider: P, limits: LaneLimits) -> Lanes
where
    P: LlmProvider + fmt::Display + 'static,
{
    match limits.host {
        Some(rate) => add_by_model(
            lanes,
            lane,
            HostRateLimit::new(provider, rate),
            limits.model,
        ),
        None => add_by_model(lanes, lane, provider, limits.model),
    }
}

fn add_by_model<P>(lanes: Lanes, lane: LaneId, provider: P, limit: Option<RateLimitConfig>) -> Lanes
where
    P: LlmProvider + fmt::Display + 'static,
{
    match limit {
        Some(limit) => lanes.with(lane, RateLimit::new(provider, limit)),
        None => lanes.with(lane, provider),
    }
}

fn direct(
    name: &str,
    config: &DirectProvider,
    network: &Network,
) -> Result<OpenAiCompatibleProvider, Failure> {
    let defaults = OpenAiCompatibleConfig::default();
    let config = OpenAiCompatibleConfig {
        base_url: config.base_url.clone(),
        api_key: config.api_key.clone().filter(|key| !key.is_empty()),
        key_header: config.key_header.clone(),
        output_limit: config.output_limit,
        asks_for_usage: config.asks_for_usage,
        surfaces: config.surfaces.clone().unwrap_or(defaults.surfaces),
        drops: config.drops.clone(),
        headers: config.headers.clone(),
        chat_path: config.chat_path.clone().unwrap_or(defaults.chat_path),
        timers: config.timers.unwrap_or(defaults.timers),
        connection: config.connection.clone(),
    };
    let provider = match &network.http {
        Some(http) => OpenAiCompatibleProvider::with_http(config, http.clone()),
        None => OpenAiCompatibleProvider::new(config),
    };
    let provider = provider.map_err(|error| unusable(name, error))?;
    let provider = provider.with_clock(network.clock.clone());
    Ok(match &network.around {
        Some(around) => provider.with_around(|http| around(http)),
        None => provider,
    })
}

fn unusable(name: &str, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::new(
        FailureKind::Configuration,
        format!("the lane {name} cannot be set up"),
    )
    .with_hint(error.to_string())
    .with_source(error)
}

/// What the catalog has to know of each lane.
pub(crate) fn specs(config: &Config) -> Vec<LaneSpec> {
    let direct = config
        .providers
        .iter()
        .filter_map(|(name, provider)| Some(direct_spec(LaneId::new(name).ok()?, provider)));
    // Without a key OpenRouter serves nobody; when it is the only lane it stays,
    // so that plans can be made and its refusal says what is missing.
    let openrouter = &config.openrouter;
    let has_key = openrouter
        .api_key
        .as_ref()
        .is_some_and(|key| !key.is_empty());
    let is_used = has_key || config.providers.is_empty();
    let primary = is_used.then(|| openrouter_spec(openrouter));
    primary.into_iter().chain(direct).collect()
}

fn openrouter_spec(config: &OpenRouter) -> LaneSpec {
    let lane = Lane {
        takes_model_lists: true,
        stops_billing: config.stops_billing,
        continues: config.continues,
        ..Lane::new(openrouter_lane(), Billing::from(config.mode))
    };
    LaneSpec {
        lane: behind(lane, &config.base_url, config.account.as_deref()),
        serves: Serves::All,
    }
}

fn direct_spec(id: LaneId, config: &DirectProvider) -> LaneSpec {
    let lane = Lane {
        stops_billing: config.stops_billing,
        continues: config.continues,
        ..Lane::new(id, Billing::Direct)
    };
    let models = config.models.iter();
    LaneSpec {
        lane: behind(lane, &config.base_url, config.account.as_deref()),
        serves: Serves::Map(models.map(|(id, name)| served(config, id, name)).collect()),
    }
}

/// Names what the lane shares with others: its host and its account.
fn behind(lane: Lane, base_url: &str, account: Option<&str>) -> Lane {
    Lane {
        authority: authority(base_url).map_or(lane.authority, Arc::from),
        account: account.map_or(lane.account, Arc::from),
        ..lane
    }
}

fn served(provider: &DirectProvider, id: &ModelId, name: &ModelId) -> (ModelId, Served) {
    let price = provider.prices.get(id).cloned();
    (
        id.clone(),
        Served {
            price,
            ..Served::new(name.clone())
        },
    )
}

pub(crate) fn openrouter_lane() -> LaneId {
    LaneId::new(OPENROUTER_LANE).expect("the name has neither white space nor control characters")
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

#[cfg(test)]
mod tests;
