//! Which providers there are, and which lane leads to which.

mod current;
mod laid;
mod own;
pub(crate) mod roads;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tollgate_catalog::{EndpointSource, LaneSpec, ModelSource, ProviderModels, Served, Serves};
use tollgate_core::{Billing, Clock, Failure, FailureKind, Lane, LaneId, ModelId, Price};
use tollgate_transport::{
    DirectConfig, DirectProvider as DirectLane, HttpSend, Mode, OpenRouterConfig,
    OpenRouterProvider, authority,
};

use crate::config::{Config, DirectProvider, OPENROUTER_LANE, OpenRouter};

pub(crate) use self::current::{Begun, Current};
pub(crate) use self::laid::Laid;
pub(crate) use self::own::OwnLanes;
use self::roads::Road;
use crate::byok::ByokFee;

/// What lanes are made with beside the configuration.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) clock: Arc<dyn Clock>,
    /// Who carries requests; without it, each lane has connections of its own.
    pub(crate) http: Option<Arc<dyn HttpSend>>,
    /// What is put around whoever carries them.
    pub(crate) around: Option<Around>,
    /// Lanes that the program sends for.
    pub(crate) own: OwnLanes,
}

/// Puts something around what carries requests.
pub(crate) type Around = Arc<dyn Fn(Arc<dyn HttpSend>) -> Arc<dyn HttpSend> + Send + Sync>;

/// OpenRouter with the first key of the configuration.
pub(crate) fn openrouter(
    config: &OpenRouter,
    network: &Network,
) -> Result<OpenRouterProvider, Failure> {
    let road = roads::first(config);
    to_openrouter(OPENROUTER_LANE, openrouter_config(config, &road), network)
}

/// The provider behind a lane to OpenRouter.
fn to_openrouter(
    name: &str,
    config: OpenRouterConfig,
    network: &Network,
) -> Result<OpenRouterProvider, Failure> {
    let provider = match &network.http {
        Some(http) => OpenRouterProvider::with_http(config, http.clone()),
        None => OpenRouterProvider::new(config),
    };
    let provider = provider.map_err(|error| unusable(name, error))?;
    let provider = provider.with_clock(network.clock.clone());
    Ok(match &network.around {
        Some(around) => provider.with_around(|http| around(http)),
        None => provider,
    })
}

fn openrouter_config(config: &OpenRouter, road: &Road<'_>) -> OpenRouterConfig {
    let (mode, asked_first) = match road.billing {
        Billing::Byok => (Mode::Byok, config.byok_providers.clone()),
        _ => (Mode::Credits, Vec::new()),
    };
    OpenRouterConfig {
        api_key: road.key.cloned(),
        base_url: config.base_url.clone(),
        mode,
        asked_first,
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

fn direct_config(config: &DirectProvider, road: &Road<'_>) -> DirectConfig {
    let defaults = DirectConfig::default();
    DirectConfig {
        base_url: config.base_url.clone(),
        dialect: config.dialect,
        unlimited_output: config.unlimited_output.unwrap_or(defaults.unlimited_output),
        thinking: config.thinking,
        api_key: road.key.cloned(),
        key_header: config.key_header.clone(),
        output_limit: config.output_limit,
        asks_for_usage: config.asks_for_usage,
        surfaces: config.surfaces.clone(),
        drops: config.drops.clone(),
        headers: config.headers.clone(),
        chat_path: config.chat_path.clone().unwrap_or(defaults.chat_path),
        timers: config.timers.unwrap_or(defaults.timers),
        connection: config.connection.clone(),
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
pub(crate) fn specs(config: &Config, fee: ByokFee) -> Vec<LaneSpec> {
    let roads = roads::all(config);
    // Without a key OpenRouter serves nobody; when it is the only lane it stays,
    // so that plans can be made and its refusal says what is missing.
    let is_used =
        |road: &Road<'_>| road.key.is_some() || road.billing == Billing::Direct || roads.len() == 1;
    let spec = |road: &Road<'_>| {
        let id = road.lane().ok()?;
        Some(match config.providers.get(road.provider) {
            Some(provider) => direct_spec(id, provider, road),
            None => openrouter_spec(id, &config.openrouter, road, fee),
        })
    };
    roads
        .iter()
        .filter(|road| is_used(road))
        .filter_map(spec)
        .collect()
}

fn openrouter_spec(id: LaneId, config: &OpenRouter, road: &Road<'_>, fee: ByokFee) -> LaneSpec {
    let lane = Lane {
        takes_model_lists: true,
        fee_basis_points: match (road.billing, fee) {
            (Billing::Byok, ByokFee::Due) => config.byok_fee_basis_points,
            _ => 0,
        },
        stops_billing: config.stops_billing,
        continues: config.continues,
        ..Lane::new(id, road.billing)
    };
    LaneSpec {
        lane: behind(lane, &config.base_url, road),
        serves: Serves::All,
    }
}

fn direct_spec(id: LaneId, config: &DirectProvider, road: &Road<'_>) -> LaneSpec {
    let lane = Lane {
        stops_billing: config.stops_billing,
        continues: config.continues,
        ..Lane::new(id, road.billing)
    };
    LaneSpec {
        lane: behind(lane, &config.base_url, road),
        serves: match config.price_table {
            true => Serves::Provider(by_table(config, road.provider)),
            false => Serves::Map(own_names(config).map(|own| served(config, own)).collect()),
        },
    }
}

/// What the user says that models are called.
fn own_names(config: &DirectProvider) -> impl Iterator<Item = (&ModelId, &ModelId)> {
    config.models.iter().flatten().chain(&config.names)
}

fn by_table(config: &DirectProvider, name: &str) -> ProviderModels {
    let own = || own_names(config).map(|(id, name)| (id.clone(), name.clone()));
    let free = own_names(config).filter(|_| config.free);
    let mut prices: BTreeMap<_, _> = free.map(|(id, _)| (id.clone(), Price::default())).collect();
    prices.extend(config.prices.clone());
    ProviderModels {
        only: config
            .models
            .as_ref()
            .map(|_| own().map(|(id, _)| id).collect()),
        models: own().collect(),
        prices,
        ..ProviderModels::of(config.provider.as_deref().unwrap_or(name))
    }
}

/// Names what the lane shares with others: its host, its account, its traffic.
fn behind(lane: Lane, base_url: &str, road: &Road<'_>) -> Lane {
    Lane {
        authority: authority(base_url).map_or(lane.authority, Arc::from),
        account: road.account().into(),
        weight: road.weight(),
        ..lane
    }
}

fn served(provider: &DirectProvider, (id, name): (&ModelId, &ModelId)) -> (ModelId, Served) {
    let own = provider.prices.get(id).cloned();
    let price = own.or_else(|| provider.free.then(Price::default));
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

/// The upstream's list of models, and of who serves each, for the catalog: asked
/// with the key of the configuration that is in use at the moment.
pub(crate) struct NetworkModels {
    current: Arc<Current>,
    /// Only a start takes over another address.
    upstream: Option<String>,
}

impl NetworkModels {
    pub(crate) fn of(current: &Arc<Current>, config: &Config) -> Arc<dyn ModelSource> {
        Arc::new(Self {
            current: current.clone(),
            upstream: upstream(&config.openrouter.base_url),
        })
    }

    /// Who serves a model. With a key the upstream also tells how fast.
    pub(crate) fn endpoints_of(current: &Arc<Current>) -> Arc<dyn EndpointSource> {
        Arc::new(Self {
            current: current.clone(),
            upstream: None,
        })
    }
}

/// Whose models an address leads to; `None` for OpenRouter's own. A name in the
/// address stays out of it, as it ends in a file.
fn upstream(base_url: &str) -> Option<String> {
    let named = |url: &str| {
        let path = url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'));
        let path = path.map_or("", |(_, path)| path.trim().trim_end_matches('/'));
        Some(format!("{}/{path}", authority(url)?))
    };
    let own = named(&OpenRouter::default().base_url);
    named(base_url).filter(|_| own != named(base_url))
}

#[async_trait]
impl ModelSource for NetworkModels {
    async fn fetch(&self) -> Result<Bytes, Failure> {
        self.current.get().openrouter.models_raw().await
    }

    fn upstream(&self) -> Option<&str> {
        self.upstream.as_deref()
    }
}

#[async_trait]
impl EndpointSource for NetworkModels {
    async fn fetch_endpoints(&self, model: &ModelId) -> Result<Bytes, Failure> {
        self.current.get().openrouter.endpoints_raw(model).await
    }
}

#[cfg(test)]
mod tests;
