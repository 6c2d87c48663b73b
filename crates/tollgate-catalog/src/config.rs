use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::CatalogError;

/// The table `[catalog]`.
///
/// ```
/// use tollgate_catalog::CatalogConfig;
/// let config = CatalogConfig { refresh_minutes: 5, ..CatalogConfig::default() };
/// assert_eq!(config.max_shrink, 0.5);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogConfig {
    /// Minutes between two refreshes, 1 to 1440; each wait varies by ±10 %. Default 15.
    pub refresh_minutes: u32,
    /// Where the last good list is kept on disk. Default: nowhere.
    pub cache_path: Option<PathBuf>,
    /// Quality scores of your own, TOML or (by its ending) JSON. Default: none.
    pub scores_path: Option<PathBuf>,
    /// A price table of your own for direct providers, in the form that docs/prices.md shows.
    /// Default: the newer of the one inside the program and the one that `tollgate prices refresh`
    /// has put beside the cache.
    pub prices_path: Option<PathBuf>,
    /// Of how many models the endpoints are looked at every five minutes, 0 to 200: those that
    /// calls have used last, within an hour. Default 32; 0 looks at none.
    pub endpoint_models: u32,
    /// Never fetch; use the cache or the embedded snapshot. Default `false`.
    pub offline: bool,
    /// Largest share of models that may vanish in one refresh, 0 to 1. Default 0.5.
    pub max_shrink: f64,
    /// Largest share of prices that may jump in one refresh, 0 to 1. Default 0.2.
    pub max_jumps: f64,
    /// From which factor, up or down, a price change counts as a jump, at least 2. Default 10.
    pub jump_factor: u32,
    /// How many refreshes in a row must show a jumped price before it is believed, at least 1. Default 3.
    pub confirmations: u32,
}

impl Default for CatalogConfig {
    fn default() -> Self {
        Self {
            refresh_minutes: 15,
            cache_path: None,
            scores_path: None,
            prices_path: None,
            endpoint_models: 32,
            offline: false,
            max_shrink: 0.5,
            max_jumps: 0.2,
            jump_factor: 10,
            confirmations: 3,
        }
    }
}

/// The checked limits of what a refresh may change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    pub(crate) max_shrink: f64,
    pub(crate) max_jumps: f64,
    pub(crate) jump_factor: u32,
    pub(crate) confirmations: u32,
}

impl Limits {
    /// None at all: there is nothing to measure the list by.
    pub(crate) const NONE: Self = Self {
        max_shrink: 1.0,
        max_jumps: 1.0,
        jump_factor: u32::MAX,
        confirmations: 1,
    };
}

impl CatalogConfig {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`CatalogError::OutOfRange`] with the key, the value and the range.
    pub fn validate(&self) -> Result<(), CatalogError> {
        let check = |fits: bool, key, value: &dyn ToString, range| {
            let value = value.to_string();
            let out_of_range = CatalogError::OutOfRange { key, value, range };
            if fits { Ok(()) } else { Err(out_of_range) }
        };
        let share = 0.0..=1.0;
        let minutes = self.refresh_minutes;
        check(
            (1..=1440).contains(&minutes),
            "refresh_minutes",
            &minutes,
            "1 to 1440 minutes",
        )?;
        check(
            self.endpoint_models <= 200,
            "endpoint_models",
            &self.endpoint_models,
            "0 to 200 models",
        )?;
        check(
            share.contains(&self.max_shrink),
            "max_shrink",
            &self.max_shrink,
            "a share from 0 to 1",
        )?;
        check(
            share.contains(&self.max_jumps),
            "max_jumps",
            &self.max_jumps,
            "a share from 0 to 1",
        )?;
        check(
            self.jump_factor >= 2,
            "jump_factor",
            &self.jump_factor,
            "2 or more",
        )?;
        check(
            self.confirmations >= 1,
            "confirmations",
            &self.confirmations,
            "1 or more",
        )
    }

    /// Where a fetched price table is kept: beside the cache of models, or nowhere.
    pub fn fetched_prices(&self) -> Option<PathBuf> {
        let cache = self.cache_path.as_ref()?;
        Some(cache.with_file_name("prices.json"))
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_shrink: self.max_shrink,
            max_jumps: self.max_jumps,
            jump_factor: self.jump_factor,
            confirmations: self.confirmations,
        }
    }

    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.refresh_minutes) * 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_value_is_named_with_its_range() {
        let config = CatalogConfig {
            max_shrink: f64::NAN,
            ..Default::default()
        };
        let error = config.validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "catalog.max_shrink = NaN is out of range"
        );
        assert_eq!(
            error.hint(),
            "set catalog.max_shrink to a share from 0 to 1"
        );
        assert!(CatalogConfig::default().validate().is_ok());
    }

    #[test]
    fn unknown_keys_are_errors() {
        assert!(toml::from_str::<CatalogConfig>("refresh_minute = 5").is_err());
        assert_eq!(
            toml::from_str::<CatalogConfig>("").unwrap(),
            CatalogConfig::default()
        );
    }
}
