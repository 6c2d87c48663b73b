//! The request's `provider` preferences, and the order of endpoints they give.

use serde::Deserialize;
use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::money::parse_atto;

/// The preferences that the simulator honours; the others are accepted and ignored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Preferences {
    order: Vec<String>,
    only: Option<Vec<String>>,
    ignore: Vec<String>,
    pub(crate) allow_fallbacks: bool,
    pub(crate) require_parameters: bool,
    sort: Option<String>,
    /// Attos per token.
    max_prompt: Option<i128>,
    max_completion: Option<i128>,
}

/// The object as it is sent; nulls mean absent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Sent {
    order: Option<Vec<String>>,
    only: Option<Vec<String>>,
    ignore: Option<Vec<String>>,
    allow_fallbacks: Option<bool>,
    require_parameters: Option<bool>,
    sort: Option<Value>,
    max_price: Option<Value>,
}

impl Preferences {
    /// Reads the `provider` object.
    ///
    /// # Errors
    /// The message for a 400.
    pub(crate) fn of(provider: Option<&Value>) -> Result<Self, String> {
        let sent = match provider {
            None | Some(Value::Null) => Sent::default(),
            Some(provider) => Sent::deserialize(provider)
                .map_err(|error| format!("Invalid request: provider: {error}"))?,
        };
        let ceiling = |key: &str| {
            sent.max_price
                .as_ref()
                .and_then(|prices| prices.get(key))
                .map(per_token)
                .transpose()
        };
        Ok(Self {
            max_prompt: ceiling("prompt")?,
            max_completion: ceiling("completion")?,
            sort: sent
                .sort
                .as_ref()
                .and_then(|sort| sort.as_str().or_else(|| sort.get("by")?.as_str()))
                .map(str::to_owned),
            order: sent.order.unwrap_or_default(),
            only: sent.only,
            ignore: sent.ignore.unwrap_or_default(),
            allow_fallbacks: sent.allow_fallbacks.unwrap_or(true),
            require_parameters: sent.require_parameters.unwrap_or(false),
        })
    }

    /// The endpoints that may serve, best first.
    pub(crate) fn choose(&self, mut endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
        endpoints.retain(|endpoint| self.admits(endpoint));
        match self.sort.as_deref() {
            Some("price") => endpoints.sort_by_key(|endpoint| {
                endpoint.pricing.base("prompt") + endpoint.pricing.base("completion")
            }),
            Some("latency") => endpoints.sort_by_key(|endpoint| endpoint.latency_ms),
            Some("throughput") => {
                endpoints.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.tokens_per_second))
            }
            _ => {}
        }
        let rank = |endpoint: &Endpoint| {
            self.order
                .iter()
                .position(|name| endpoint.is_named(name))
                .unwrap_or(usize::MAX)
        };
        endpoints.sort_by_key(rank);
        if !self.allow_fallbacks {
            endpoints.truncate(1);
        }
        endpoints
    }

    fn admits(&self, endpoint: &Endpoint) -> bool {
        let named = |names: &[String]| names.iter().any(|name| endpoint.is_named(name));
        let within = |ceiling: Option<i128>, key| {
            ceiling.is_none_or(|ceiling| endpoint.pricing.base(key) <= ceiling)
        };
        // Without fallbacks an order is also a list of the only ones.
        let ordered = self.allow_fallbacks || self.order.is_empty() || named(&self.order);
        ordered
            && self.only.as_deref().is_none_or(named)
            && !named(&self.ignore)
            && within(self.max_prompt, "prompt")
            && within(self.max_completion, "completion")
    }
}

/// A price per million tokens, as number or string, in attos per token.
fn per_token(price: &Value) -> Result<i128, String> {
    let text = price
        .as_str()
        .map_or_else(|| price.to_string(), str::to_owned);
    parse_atto(&text)
        .map(|atto| atto / 1_000_000)
        .ok_or_else(|| format!("Invalid request: max_price {text} is not a price"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Preferences;
    use crate::catalog::Catalog;
    use crate::endpoint::{Endpoint, endpoints};

    /// A model with four endpoints, each dearer than the one before.
    fn four() -> Vec<Endpoint> {
        Catalog::embedded()
            .models()
            .iter()
            .filter(|model| model.pricing.base("prompt") > 0)
            .map(|model| endpoints(model, 7, 10))
            .find(|list| list.len() == 4)
            .unwrap()
    }

    fn chosen(provider: serde_json::Value) -> Vec<usize> {
        let all = four();
        let index = |endpoint: &Endpoint| {
            all.iter()
                .position(|other| other.provider == endpoint.provider)
                .unwrap()
        };
        Preferences::of(Some(&provider))
            .unwrap()
            .choose(four())
            .iter()
            .map(index)
            .collect()
    }

    #[test]
    fn lists_filter_and_order() {
        let slugs: Vec<&str> = four()
            .iter()
            .map(|endpoint| endpoint.provider.slug)
            .collect();
        let name = four()[1].provider.name;
        assert_eq!(chosen(json!({})), [0, 1, 2, 3]);
        assert_eq!(chosen(json!({"order": [slugs[2], slugs[1]]})), [2, 1, 0, 3]);
        assert_eq!(
            chosen(json!({"order": [slugs[2]], "allow_fallbacks": false})),
            [2]
        );
        assert_eq!(
            chosen(json!({"only": [name, slugs[3]], "ignore": null})),
            [1, 3]
        );
        assert_eq!(chosen(json!({"ignore": [slugs[0]]})), [1, 2, 3]);
        assert_eq!(chosen(json!({"only": ["nobody"]})), [0_usize; 0]);
    }

    #[test]
    fn a_ceiling_is_per_million_and_may_be_string_or_number() {
        let second = four()[1].pricing.base("prompt") * 1_000_000;
        let ceiling = crate::money::atto_text(second);
        assert_eq!(chosen(json!({"max_price": {"prompt": ceiling}})), [0, 1]);
        assert_eq!(chosen(json!({"max_price": {"prompt": 0}})), [0_usize; 0]);
        assert!(Preferences::of(Some(&json!({"max_price": {"prompt": "cheap"}}))).is_err());
    }
}
