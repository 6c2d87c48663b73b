//! Several keys of one provider.

use std::fmt;
use std::num::NonZeroU16;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tollgate_core::ApiKey;
use tollgate_transport::Mode;

/// One more key of a provider: the key alone, or a table. Each key is a lane of
/// its own, with its own health and its own rate limits.
///
/// ```
/// let config = tollgate::Loader::new()
///     .with_text("my.toml", r#"
///         [openrouter]
///         api_key = "sk-or-1"
///         api_keys = ["sk-or-2", { key = "sk-or-3", name = "own", mode = "byok" }]
///     "#)
///     .load()?;
/// assert_eq!(config.openrouter.api_keys[1].mode, Some(tollgate::Mode::Byok));
/// # Ok::<(), tollgate::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PoolKey {
    /// The key.
    #[schemars(with = "String")]
    pub key: ApiKey,
    /// What the lane is called after the provider's name: `openai-NAME`. Its
    /// number in the pool when absent: `openai-2`. The lane of a provider's
    /// first key has the provider's name alone.
    pub name: Option<String>,
    /// Its part of the traffic beside keys that are as good: 2 gets twice as
    /// much as 1. Default 1.
    #[schemars(with = "Option<u16>")]
    pub weight: NonZeroU16,
    /// Name of the account that pays; the provider's when absent. Keys of
    /// several accounts do not run out of money together.
    pub account: Option<String>,
    /// Of OpenRouter's keys alone: how answers are paid; `openrouter.mode` when
    /// absent.
    pub mode: Option<Mode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    key: ApiKey,
    #[serde(default)]
    name: Option<String>,
    #[serde(default = "one")]
    weight: NonZeroU16,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    mode: Option<Mode>,
}

const fn one() -> NonZeroU16 {
    NonZeroU16::MIN
}

impl From<ApiKey> for PoolKey {
    fn from(key: ApiKey) -> Self {
        Self {
            key,
            name: None,
            weight: one(),
            account: None,
            mode: None,
        }
    }
}

impl From<Table> for PoolKey {
    fn from(table: Table) -> Self {
        Self {
            key: table.key,
            name: table.name,
            weight: table.weight,
            account: table.account,
            mode: table.mode,
        }
    }
}

impl<'de> Deserialize<'de> for PoolKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyOrTable;
        impl<'de> Visitor<'de> for KeyOrTable {
            type Value = PoolKey;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key as text, or a table with `key`")
            }

            fn visit_str<E>(self, text: &str) -> Result<PoolKey, E> {
                Ok(ApiKey::new(text).into())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PoolKey, A::Error> {
                Table::deserialize(MapAccessDeserializer::new(map)).map(PoolKey::from)
            }
        }
        deserializer.deserialize_any(KeyOrTable)
    }
}
