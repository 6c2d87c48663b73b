//! Which providers there are, and which lane leads to which.

mod current;
mod laid;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tollgate_catalog::{LaneSpec, ModelSource, Served, Serves};
use tollgate_core::{Billing, Clock, Failure, FailureKind, Lane, LaneId, ModelId};
use tollgate_transport::{
    DirectConfig, DirectProvider as DirectLane, HttpSend, OpenRouterConfig, OpenRouterProvider,
    authority,
};

use crate::config::{Config, DirectProvider, OPENROUTER_LANE, OpenRouter};

pub(crate) use self::current::{Begun, Current};
pub(crate) use self::laid::Laid;

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
    let config = openrouter_config(config);
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

fn openrouter_config(config: &OpenRouter) -> OpenRouterConfig {
    OpenRouterConfig {
        api_key: config.api_key.clone().filter(|key| !key.is_empty()),
        base_url: config.base_url.clone(),
        mode: config.mode,
        app_url: config.app_url.clone(),
        app_title: config.app_title.clone(),
        app_categories: config.app_categories.clone(),
        timers: config.timers,
        connection: config.connection.clone(),
        ..OpenRouterConfig::default()
    }
}

fn direct(name: &str, config: DirectConfig, network: &Network) -> Result<DirectLane, Failure> {
    let provider = match &network.http {
        Some(http) => DirectLane::with_http(config, http.clone()),
        None => DirectLane::new(config),
    };
    let provider = provider.map_err(|error| unusable(name, error))?;
    let provider = provider.with_clock(network.clock.clone());
    Ok(match &network.around {
        Some(around) => provider.with_around(|http| around(http)),
        None => provider,
    })
}

fn direct_config(config: &DirectProvider) -> DirectConfig {
    let defaults = DirectConfig::default();
    DirectConfig {
        base_url: config.base_url.clone(),
        api_key: config.api_key.clone().filter(|key| !key.is_empty()),
        key_header: config.key_header.clone(),
        output_limit: config.output_limit,
        asks_for_usage: config.asks_for_usage,
        surfaces: config.surfaces.clone(),
        drops: config.drops.clone(),
        headers: config.headers.clone(),
        chat_path: config.chat_path.clone().unwrap_or(defaults.chat_path),
        timers: config.timers.unwrap_or(defaults.timers),
        connection: config.connection.clone(),
        ..defaults
    }
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
