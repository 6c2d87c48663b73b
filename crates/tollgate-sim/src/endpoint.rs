//! The provider endpoints of a model: invented, deterministic, with figures.

use serde::Serialize;

use crate::catalog::Model;
use crate::draw::Draw;
use crate::json::{Object, object};
use crate::pricing::PriceSheet;

/// A provider: an invented one of OpenRouter's, or a direct host.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    pub(crate) name: &'static str,
    pub(crate) slug: &'static str,
    country: &'static str,
}

/// The providers behind OpenRouter. None of these companies exists.
pub(crate) const PROVIDERS: [Provider; 8] = [
    Provider::new("Alpha Cloud", "alpha-cloud", "US"),
    Provider::new("Birch Compute", "birch-compute", "FI"),
    Provider::new("Cobalt AI", "cobalt-ai", "DE"),
    Provider::new("Delta Forge", "delta-forge", "NL"),
    Provider::new("Ember Works", "ember-works", "US"),
    Provider::new("Fjord Systems", "fjord-systems", "NO"),
    Provider::new("Granite Inference", "granite-inference", "CA"),
    Provider::new("Harbor Models", "harbor-models", "SG"),
];

/// One provider serving one model.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) provider: &'static Provider,
    pub(crate) pricing: PriceSheet,
    /// Median time to the first token, in milliseconds.
    pub(crate) latency_ms: u64,
    /// Median speed, in tokens per second.
    pub(crate) tokens_per_second: u64,
}

/// The one to four endpoints of a model, in the order in which they are tried.
///
/// Every endpoint has the catalog's price, except that with a spread each
/// further one is dearer by that many percent of it.
pub(crate) fn endpoints(model: &Model, seed: u64, spread_percent: u32) -> Vec<Endpoint> {
    let mut draw = Draw::new(seed, &[b"endpoints", model.id.as_bytes()]);
    let count = draw.between(1, 4);
    let first = draw.below(PROVIDERS.len() as u64);
    (0..count)
        .map(|rank| {
            let index = usize::try_from((first + rank * 3) % PROVIDERS.len() as u64).unwrap_or(0);
            let percent = spread_percent.saturating_mul(u32::try_from(rank).unwrap_or(0));
            Endpoint {
                provider: &PROVIDERS[index],
                pricing: model.pricing.dearer(percent),
                latency_ms: draw.between(180, 900) + slowness(model),
                tokens_per_second: draw.between(30, 160),
            }
        })
        .collect()
}

/// The endpoint of a provider that is asked directly.
pub(crate) fn endpoint_of(provider: &'static Provider, model: &Model, seed: u64) -> Endpoint {
    let mut draw = Draw::new(
        seed,
        &[b"endpoint", provider.slug.as_bytes(), model.id.as_bytes()],
    );
    Endpoint {
        provider,
        pricing: model.pricing.clone(),
        latency_ms: draw.between(180, 900) + slowness(model),
        tokens_per_second: draw.between(30, 160),
    }
}

/// Dearer models are bigger, and bigger ones take longer to begin: one
/// millisecond for each cent of a million output tokens, at most 1.5 s.
fn slowness(model: &Model) -> u64 {
    let cents_per_million = model.pricing.base("completion").max(0) / 10_000_000_000;
    u64::try_from(cents_per_million)
        .unwrap_or(u64::MAX)
        .min(1_500)
}

impl Endpoint {
    /// True when a name in `provider.order`, `only` or `ignore` means this endpoint.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.provider.slug)
            || name.eq_ignore_ascii_case(self.provider.name)
    }

    /// A row of `GET /models/{author}/{slug}/endpoints`.
    pub(crate) fn to_json(&self, model: &Model) -> Object {
        let tool_choice = model.supports("tool_choice");
        object! {
            "name": format!("{} | {}", self.provider.name, model.canonical_slug),
            "model_id": model.id,
            "model_name": model.name,
            "context_length": model.context_length.unwrap_or(0),
            "pricing": self.pricing.to_json(),
            "provider_name": self.provider.name,
            "tag": self.provider.slug,
            "quantization": "unknown",
            "max_completion_tokens": model.top_provider.max_completion_tokens,
            "max_prompt_tokens": None::<u64>,
            "supported_parameters": model.supported_parameters,
            "supports_tool_choice": object! {
                "auto": tool_choice, "none": tool_choice, "required": tool_choice, "function": tool_choice,
            },
            "supports_implicit_caching": self.pricing.has("input_cache_read"),
            "service_tier": None::<&str>,
            "native_tools": object! {},
            "status": 0,
            "uptime_last_5m": 100,
            "uptime_last_30m": 100,
            "uptime_last_1d": 99.9,
            "latency_last_30m": percentiles(self.latency_ms, [100, 140, 200, 350]),
            "throughput_last_30m": percentiles(self.tokens_per_second, [100, 80, 60, 40]),
        }
    }
}

impl Provider {
    pub(crate) const fn new(name: &'static str, slug: &'static str, country: &'static str) -> Self {
        Self {
            name,
            slug,
            country,
        }
    }

    /// A row of `GET /providers`.
    pub(crate) fn to_json(&self) -> Object {
        object! {
            "name": self.name,
            "slug": self.slug,
            "privacy_policy_url": None::<&str>,
            "terms_of_service_url": None::<&str>,
            "status_page_url": None::<&str>,
            "headquarters": self.country,
            "datacenters": [self.country],
        }
    }
}

#[derive(Serialize)]
struct Percentiles {
    p50: u64,
    p75: u64,
    p90: u64,
    p99: u64,
}

fn percentiles(median: u64, percents: [u64; 4]) -> Percentiles {
    let [p50, p75, p90, p99] = percents.map(|percent| median * percent / 100);
    Percentiles { p50, p75, p90, p99 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::endpoints;
    use crate::catalog::Catalog;

    #[test]
    fn every_model_has_one_to_four_different_providers_for_a_seed() {
        let mut counts = HashSet::new();
        for model in Catalog::embedded().models() {
            let list = endpoints(model, 7, 0);
            let names: HashSet<&str> = list.iter().map(|endpoint| endpoint.provider.slug).collect();
            assert_eq!(names.len(), list.len(), "{}", model.id);
            assert!(
                list.iter()
                    .all(|endpoint| endpoint.pricing == model.pricing)
            );
            let again: Vec<&str> = endpoints(model, 7, 0)
                .iter()
                .map(|endpoint| endpoint.provider.slug)
                .collect();
            assert!(list.iter().map(|endpoint| endpoint.provider.slug).eq(again));
            counts.insert(list.len());
        }
        assert_eq!(counts, HashSet::from([1, 2, 3, 4]));
    }
}
