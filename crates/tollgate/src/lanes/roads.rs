//! The keys of a provider: each is a lane of its own, so that health, limits
//! and failover are the same for keys as for providers.

use std::num::NonZeroU16;

use tollgate_core::{ApiKey, Billing, InvalidId, LaneId};

use crate::config::{Config, DirectProvider, OPENROUTER_LANE, OpenRouter, PoolKey};

/// One way to a provider: a key, or none where none is needed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Road<'a> {
    /// Name of the provider in the configuration.
    pub(crate) provider: &'a str,
    /// Its place among the provider's keys, from 1.
    number: usize,
    more: Option<&'a PoolKey>,
    pub(crate) key: Option<&'a ApiKey>,
    account: Option<&'a str>,
    pub(crate) billing: Billing,
}

impl<'a> Road<'a> {
    /// Name of the lane: the provider's for its first key.
    pub(crate) fn lane(&self) -> Result<LaneId, InvalidId> {
        let own_name = self.more.and_then(|more| more.name.as_deref());
        match (own_name, self.number) {
            (_, 1) => LaneId::new(self.provider),
            (Some(name), _) => LaneId::new(format!("{}-{name}", self.provider)),
            (None, number) => LaneId::new(format!("{}-{number}", self.provider)),
        }
    }

    /// Who pays: keys are an account's, unless they say otherwise.
    pub(crate) fn account(&self) -> &'a str {
        let own = self.more.and_then(|more| more.account.as_deref());
        own.or(self.account).unwrap_or(self.provider)
    }

    pub(crate) fn weight(&self) -> NonZeroU16 {
        self.more.map_or(NonZeroU16::MIN, |more| more.weight)
    }
}

/// All ways that are configured. With `byok` the own keys go before credits;
/// else OpenRouter's before direct ones.
pub(crate) fn all(config: &Config) -> Vec<Road<'_>> {
    let openrouter = openrouter(&config.openrouter);
    let direct = config.providers.iter();
    let direct = direct.flat_map(|(name, provider)| self::direct(name, provider));
    let mut roads: Vec<_> = openrouter.into_iter().chain(direct).collect();
    if Billing::from(config.openrouter.mode) == Billing::Byok {
        let order = [Billing::Byok, Billing::Direct, Billing::Credits];
        roads.sort_by_key(|road| order.iter().position(|billing| *billing == road.billing));
    }
    roads
}

/// Those to OpenRouter. There is always one, with a key or without.
pub(crate) fn openrouter(config: &OpenRouter) -> Vec<Road<'_>> {
    let first = (config.api_key.as_ref(), config.account.as_deref());
    let mut roads = of(OPENROUTER_LANE, first, &config.api_keys);
    for road in &mut roads {
        let own = road.more.and_then(|more| more.mode);
        road.billing = own.unwrap_or(config.mode).into();
    }
    roads
}

/// The one that is also asked for models and costs.
pub(crate) fn first(config: &OpenRouter) -> Road<'_> {
    openrouter(config)[0]
}

/// Those to a provider without OpenRouter.
pub(crate) fn direct<'a>(name: &'a str, config: &'a DirectProvider) -> Vec<Road<'a>> {
    let first = (config.api_key.as_ref(), config.account.as_deref());
    of(name, first, &config.api_keys)
}

fn of<'a>(
    provider: &'a str,
    (first, account): (Option<&'a ApiKey>, Option<&'a str>),
    more: &'a [PoolKey],
) -> Vec<Road<'a>> {
    let there = |key: &&ApiKey| !key.is_empty();
    let first = first.filter(there).map(|key| (Some(key), None));
    let more = more.iter().filter(|more| !more.key.is_empty());
    let more = more.map(|more| (Some(&more.key), Some(more)));
    let mut keys: Vec<_> = first.into_iter().chain(more).collect();
    if keys.is_empty() {
        keys.push((None, None));
    }
    let road = |(number, (key, more))| Road {
        provider,
        number,
        more,
        key,
        account,
        billing: Billing::Direct,
    };
    (1..).zip(keys).map(road).collect()
}
