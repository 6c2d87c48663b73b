use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_core::{CallerId, Criticality, Usd};
use tollgate_ledger::{BudgetConfig, Per, Period};

use crate::expiry::Expiry;
use crate::hash::{KeyDigest, KeyHash};
use crate::pattern::ModelPattern;
use crate::secret::Prefix;

/// One `[keys.NAME]` table: how a caller shows that it is `NAME`, what it may
/// do, and how fast.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeyConfig {
    /// Hash of the key, as `tollgate keys create` makes it.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<KeyHash>,
    /// The key itself, in place of its hash, as a reference to a variable of the
    /// environment: `"${MY_KEY}"`. Nothing but a digest is kept of it.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing)]
    pub key: Option<KeyDigest>,
    /// From when on the key is not good any more: a date, which is its beginning
    /// in UTC, or a moment such as `2027-01-01T08:30:00Z`. Never unless said.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry>,
    /// Models that calls may name: ids, `author/*`, or `tollgate/*` for the
    /// virtual ones. All when empty.
    #[schemars(with = "Vec<String>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelPattern>,
    /// Policies that calls may choose. All when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// What may be spent with the key: `{ limit = 10, per = "month" }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<KeyBudget>,
    /// Most requests in any 60 seconds; as many as come unless said, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Most tokens, of prompts and answers, in any 60 seconds; as many as come
    /// unless said, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Most requests at the same time; as many as come unless said, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
    /// What becomes of its calls when there is too much to do: `critical` calls
    /// are turned away last, `sheddable` ones first; `default` unless said.
    #[schemars(with = "String", extend("enum" = ["sheddable", "default", "critical"]))]
    #[serde(skip_serializing_if = "is_default")]
    pub criticality: Criticality,
    /// The team that the key belongs to; lands in the ledger as the tag `team`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Tags of every call, for the ledger.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Whether its calls may bring keys of their own for providers
    /// (`x-tollgate-key-PROVIDER`). They cost the gateway nothing, and no budget
    /// counts them; limits of requests and tokens do.
    #[serde(skip_serializing_if = "is_default")]
    pub byok: bool,
    /// Whether it may do what operators do.
    #[serde(skip_serializing_if = "is_default")]
    pub admin: bool,
    /// Whether it is turned off for now.
    #[serde(skip_serializing_if = "is_default")]
    pub disabled: bool,
}

impl KeyConfig {
    /// The part of the key that is no secret; `None` without `hash` and `key`.
    pub fn prefix(&self) -> Option<Prefix> {
        let hashed = self.hash.as_ref().map(KeyHash::prefix);
        hashed.or_else(|| self.key.as_ref().map(|key| key.prefix))
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What may be spent with a key in a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBudget {
    /// Most that may be spent in one window, in US dollars.
    #[schemars(with = "f64")]
    pub limit: Usd,
    /// How long a window is: `hour`, `day`, `week`, `month` or `lifetime`;
    /// `month` unless said. Windows begin in UTC.
    #[serde(default)]
    pub per: Period,
}

/// A text that is no budget of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no budget; write an amount in US dollars and a while, such as 10/month or 0.50/day"
)]
pub struct InvalidBudget(String);

impl KeyBudget {
    /// The same for the ledger: it counts the calls of that caller alone.
    pub(crate) fn for_ledger(self, caller: &CallerId) -> BudgetConfig {
        BudgetConfig {
            window: self.per,
            per: Per::Caller,
            only: vec![caller.as_str().to_owned()],
            ..BudgetConfig::new(self.limit)
        }
    }
}

/// `10/month`; a month when nothing is said.
impl FromStr for KeyBudget {
    type Err = InvalidBudget;

    fn from_str(text: &str) -> Result<Self, InvalidBudget> {
        let wrong = || InvalidBudget(text.chars().take(40).collect());
        let (limit, per) = text.split_once('/').unwrap_or((text, "month"));
        let periods = [
            Period::Hour,
            Period::Day,
            Period::Week,
            Period::Month,
            Period::Lifetime,
        ];
        Ok(Self {
            limit: limit.trim().parse().map_err(|_| wrong())?,
            per: periods
                .into_iter()
                .find(|period| period.as_str() == per.trim())
                .ok_or_else(wrong)?,
        })
    }
}

impl fmt::Display for KeyBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.limit, self.per.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_an_amount_and_a_while() {
        for (text, expected) in [
            ("10/month", "10/month"),
            ("0.50/day", "0.5/day"),
            ("3", "3/month"),
            ("100/lifetime", "100/lifetime"),
        ] {
            assert_eq!(text.parse::<KeyBudget>().unwrap().to_string(), expected);
        }
        for text in ["", "month", "10/year", "ten/day", "10/"] {
            let message = text.parse::<KeyBudget>().unwrap_err().to_string();
            assert!(message.contains("10/month"), "{message}");
        }
    }

    #[test]
    fn a_budget_of_a_key_counts_its_caller_alone() {
        let budget: KeyBudget = "10/week".parse().unwrap();
        let ledgers = budget.for_ledger(&CallerId::new("ci").unwrap());
        let written: BudgetConfig =
            toml::from_str("limit = 10\nwindow = \"week\"\nper = \"key\"\nonly = [\"ci\"]")
                .unwrap();
        assert_eq!(ledgers, written);
    }
}
