//! The lanes of one configuration, and what the next one keeps of them.

use std::collections::BTreeMap;
use std::fmt;

use tollgate_core::{Failure, LaneId, LlmProvider};
use tollgate_transport::{
    DirectConfig, HostRate, HostRateLimit, Lanes, OpenRouterConfig, OpenRouterProvider, RateLimit,
    RateLimitConfig, authority,
};

use super::roads::{self, Road};
use super::{Network, direct, direct_config, openrouter_config, to_openrouter, unusable};
use crate::config::{Config, DirectProvider, OPENROUTER_LANE, host_limits};

/// The lanes of one configuration, with what each was made of.
///
/// Another configuration keeps the lanes that it says the same of: their
/// connections, and what was used of their limits.
pub(crate) struct Laid {
    pub(crate) openrouter: OpenRouterProvider,
    pub(crate) lanes: Lanes,
    openrouter_config: OpenRouterConfig,
    made_of: BTreeMap<LaneId, MadeOf>,
    host_rates: HostRates,
}

/// What a lane is made of. Equal ones make lanes that do not differ.
#[derive(PartialEq)]
struct MadeOf {
    provider: ProviderConfig,
    model_limit: Option<RateLimitConfig>,
    host_limit: Option<RateLimitConfig>,
}

#[derive(PartialEq)]
enum ProviderConfig {
    OpenRouter(OpenRouterConfig),
    Direct(DirectConfig),
}

/// The rates of hosts by authority, each shared by the lanes that lead there.
type HostRates = BTreeMap<String, (RateLimitConfig, HostRate)>;

impl Laid {
    /// Lays the lanes of a configuration; keeps those of an earlier one that are
    /// the same in both.
    pub(crate) fn new(
        config: &Config,
        network: &Network,
        earlier: Option<&Self>,
    ) -> Result<Self, Failure> {
        let first = roads::first(&config.openrouter);
        let openrouter_config = openrouter_config(&config.openrouter, &first);
        let openrouter = match earlier {
            Some(earlier) if earlier.openrouter_config == openrouter_config => {
                earlier.openrouter.clone()
            }
            _ => to_openrouter(OPENROUTER_LANE, openrouter_config.clone(), network)?,
        };
        let mut laid = Self {
            openrouter: openrouter.clone(),
            lanes: Lanes::new(),
            made_of: BTreeMap::new(),
            host_rates: host_rates(config, earlier),
            openrouter_config: openrouter_config.clone(),
        };
        laid.add_openrouter(config, &first, earlier, network, |_| Ok(openrouter))?;
        for road in roads::openrouter(&config.openrouter).iter().skip(1) {
            laid.add_openrouter(config, road, earlier, network, |settings| {
                to_openrouter(road.provider, settings, network)
            })?;
        }
        for (name, settings) in &config.providers {
            for road in roads::direct(name, settings) {
                laid.add_direct(settings, &road, earlier, network)?;
            }
        }
        network.own.check(laid.made_of.keys())?;
        Ok(laid)
    }

    /// Whether attempts for that lane are sent.
    pub(super) fn has(&self, lane: &LaneId) -> bool {
        self.made_of.contains_key(lane)
    }

    /// Whether the other one asks OpenRouter by the same provider.
    pub(crate) fn shares_openrouter_with(&self, other: &Self) -> bool {
        self.openrouter_config == other.openrouter_config
    }

    fn add_openrouter(
        &mut self,
        config: &Config,
        road: &Road<'_>,
        earlier: Option<&Self>,
        network: &Network,
        provider: impl FnOnce(OpenRouterConfig) -> Result<OpenRouterProvider, Failure>,
    ) -> Result<(), Failure> {
        let lane = lane(road)?;
        let settings = openrouter_config(&config.openrouter, road);
        let made_of = MadeOf {
            provider: ProviderConfig::OpenRouter(settings.clone()),
            model_limit: config.openrouter.rate_limit,
            host_limit: self.host_limit(&config.openrouter.base_url),
        };
        self.add(lane.clone(), made_of, earlier, network, |lanes, limits| {
            let provider = provider(settings)?;
            let lanes = add(lanes, lane.clone(), provider.clone(), limits);
            Ok(lanes
                .with_lookup(lane.clone(), provider.clone())
                .with_check(lane, provider))
        })
    }

    fn add_direct(
        &mut self,
        config: &DirectProvider,
        road: &Road<'_>,
        earlier: Option<&Self>,
        network: &Network,
    ) -> Result<(), Failure> {
        let lane = lane(road)?;
        let settings = direct_config(config, road);
        let made_of = MadeOf {
            provider: ProviderConfig::Direct(settings.clone()),
            model_limit: config.rate_limit,
            host_limit: self.host_limit(&config.base_url),
        };
        self.add(lane.clone(), made_of, earlier, network, |lanes, limits| {
            let provider = direct(lane.as_str(), settings, network)?;
            let lanes = add(lanes, lane.clone(), provider.clone(), limits);
            Ok(lanes.with_check(lane, provider))
        })
    }

    /// Adds a lane: that of an earlier configuration when it is made of the
    /// same, else a new one. Where the program sends for it, nobody can be asked
    /// about it.
    fn add(
        &mut self,
        lane: LaneId,
        made_of: MadeOf,
        earlier: Option<&Self>,
        network: &Network,
        make: impl FnOnce(Lanes, LaneLimits) -> Result<Lanes, Failure>,
    ) -> Result<(), Failure> {
        let lanes = std::mem::take(&mut self.lanes);
        let same = earlier.filter(|earlier| earlier.made_of.get(&lane) == Some(&made_of));
        self.lanes = match (same, network.own.get(&lane)) {
            (Some(earlier), _) => lanes.with_lane_of(&earlier.lanes, &lane),
            (None, Some(own)) => add(lanes, lane.clone(), own, self.limits(&made_of)),
            (None, None) => make(lanes, self.limits(&made_of))?,
        };
        self.made_of.insert(lane, made_of);
        Ok(())
    }

    fn host_limit(&self, base_url: &str) -> Option<RateLimitConfig> {
        let rate = self.host_rates.get(&authority(base_url)?);
        rate.map(|(limit, _)| *limit)
    }

    fn limits(&self, made_of: &MadeOf) -> LaneLimits {
        let base_url = match &made_of.provider {
            ProviderConfig::OpenRouter(config) => &config.base_url,
            ProviderConfig::Direct(config) => &config.base_url,
        };
        let rate = authority(base_url).and_then(|host| self.host_rates.get(&host));
        LaneLimits {
            model: made_of.model_limit,
            host: rate.map(|(_, rate)| rate.clone()),
        }
    }
}

fn lane(road: &Road<'_>) -> Result<LaneId, Failure> {
    road.lane().map_err(|error| unusable(road.provider, error))
}

fn host_rates(config: &Config, earlier: Option<&Laid>) -> HostRates {
    let limits = host_limits(config).into_iter();
    let kept = |host: &str, limit| {
        let (earlier, rate) = earlier?.host_rates.get(host)?;
        (*earlier == limit).then(|| rate.clone())
    };
    let rates = limits.map(|(host, limit)| {
        let rate = kept(&host, limit).unwrap_or_else(|| HostRate::new(limit));
        (host, (limit, rate))
    });
    rates.collect()
}

/// The rates below which one lane is kept.
struct LaneLimits {
    model: Option<RateLimitConfig>,
    host: Option<HostRate>,
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
