//! What lanes have in common that lead to one host.

use std::collections::BTreeMap;

use tollgate_transport::{RateLimitConfig, authority};

use super::{Config, OPENROUTER_LANE};

/// Two tables that limit one host in different ways.
pub(super) struct Clash {
    /// The table that comes later.
    pub(super) key: String,
    /// The table that was there before.
    pub(super) other: String,
}

struct HostLimit {
    key: String,
    host: String,
    limit: RateLimitConfig,
}

/// The limit of each host that has one, by authority.
pub(crate) fn host_limits(config: &Config) -> BTreeMap<String, RateLimitConfig> {
    let limits = all(config).map(|limit| (limit.host, limit.limit));
    limits.collect()
}

pub(super) fn clashes(config: &Config) -> Vec<Clash> {
    let mut known: BTreeMap<String, HostLimit> = BTreeMap::new();
    let mut clashes = Vec::new();
    for limit in all(config) {
        match known.get(&limit.host) {
            Some(other) if other.limit != limit.limit => clashes.push(Clash {
                key: limit.key,
                other: other.key.clone(),
            }),
            Some(_) => {}
            None => drop(known.insert(limit.host.clone(), limit)),
        }
    }
    clashes
}

/// All limits that are set. An address that is none is somebody else's to refuse.
fn all(config: &Config) -> impl Iterator<Item = HostLimit> {
    let openrouter = &config.openrouter;
    let primary = (
        OPENROUTER_LANE.to_owned(),
        &openrouter.base_url,
        openrouter.host_rate_limit,
    );
    let direct = config.providers.iter().map(|(name, provider)| {
        let key = format!("providers.{name}");
        (key, &provider.base_url, provider.host_rate_limit)
    });
    std::iter::once(primary)
        .chain(direct)
        .filter_map(|(key, base_url, limit)| {
            Some(HostLimit {
                key,
                host: authority(base_url)?,
                limit: limit?,
            })
        })
}
