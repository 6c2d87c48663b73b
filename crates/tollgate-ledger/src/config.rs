use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_core::{ApiKey, Usd};

use crate::budget::{BudgetConfig, Rule};

/// What `memory_rows` is unless said otherwise: below a hundred megabytes, and
/// a day of a call per second.
pub(crate) const MEMORY_ROWS: usize = 100_000;

/// The `[ledger]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LedgerConfig {
    /// Where events are kept; `memory` unless said otherwise.
    pub store: StoreKind,
    /// The file of the `sqlite` store; `tollgate.db` in the working directory
    /// unless said otherwise.
    pub path: PathBuf,
    /// The address of the `postgres` store, such as
    /// `postgres://user:password@host:5432/database?sslmode=verify-full`. It may
    /// hold a password and is never shown.
    #[schemars(with = "Option<String>")]
    pub url: Option<ApiKey>,
    /// The schema that the `postgres` store keeps its tables in; `tollgate`
    /// unless said otherwise.
    pub schema: String,
    /// This node's name in the `postgres` store; `main` unless said otherwise.
    /// Each of several nodes needs its own.
    pub node: String,
    /// What has to be safe before an attempt is sent.
    pub durability: Durability,
    /// Most events that wait for the store before new calls are refused;
    /// 8,192 unless said otherwise, at least 1.
    pub queue: usize,
    /// Most events that one transaction takes; 512 unless said otherwise, at
    /// least 1.
    pub max_batch: usize,
    /// Most attempts that the `memory` store keeps each by itself, at somewhat
    /// less than a kilobyte; older ones are kept as sums. 100,000 unless said
    /// otherwise, at least 1.
    pub memory_rows: usize,
    /// Budgets by name. Not a key of `[ledger]`: they are tables of their own,
    /// `[budgets.NAME]`.
    #[serde(skip)]
    pub budgets: BTreeMap<String, BudgetConfig>,
    /// Most that one call may hold, in dollars. Not a key of `[ledger]`: it is
    /// taken over from `max_cost_per_request`, which the router has applied
    /// already, so a hold above it is a defect that is stopped here.
    #[serde(skip)]
    pub max_cost_per_request: Option<Usd>,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            store: StoreKind::Memory,
            path: "tollgate.db".into(),
            url: None,
            schema: "tollgate".into(),
            node: "main".into(),
            durability: Durability::Default,
            queue: 8_192,
            max_batch: 512,
            memory_rows: MEMORY_ROWS,
            budgets: BTreeMap::new(),
            max_cost_per_request: None,
        }
    }
}

/// Where events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// In this process, until it ends.
    #[default]
    Memory,
    /// In a file, for one node.
    Sqlite,
    /// In a database that several nodes share.
    Postgres,
}

/// What has to be safe before an attempt is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Nothing: the attempt is sent while its record is on its way. A crash of
    /// the process loses what was not written yet, a power cut the last second.
    Relaxed,
    /// The record is committed and survives a crash of the process; a power
    /// cut can lose the last 50 milliseconds of a SQLite file.
    #[default]
    Default,
    /// The record is on the disk and survives a power cut.
    Strict,
}

/// A `[ledger]` table that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConfig {
    /// A size that must not be zero is zero.
    #[error("ledger.{0} is 0; it must be at least 1")]
    Zero(&'static str),
    /// The `postgres` store has no address.
    #[error(
        "ledger.store is \"postgres\" without ledger.url; set it, for example to \
         \"postgres://user@host:5432/database\""
    )]
    NoUrl,
    /// A budget cannot work.
    #[error("budgets.{name}.{key}: {message}")]
    Budget {
        /// The budget.
        name: String,
        /// The key of its table.
        key: &'static str,
        /// What is wrong, and what it has to be.
        message: String,
    },
}

impl LedgerConfig {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`InvalidConfig`] with the key and what it has to be.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let sizes = [
            ("queue", self.queue),
            ("max_batch", self.max_batch),
            ("memory_rows", self.memory_rows),
        ];
        for (key, size) in sizes {
            if size == 0 {
                return Err(InvalidConfig::Zero(key));
            }
        }
        if self.store == StoreKind::Postgres && self.url.is_none() {
            return Err(InvalidConfig::NoUrl);
        }
        self.rules().map(|_| ())
    }

    /// The budgets, ready to be applied.
    pub(crate) fn rules(&self) -> Result<Vec<Rule>, InvalidConfig> {
        let rules = self.budgets.iter();
        rules
            .map(|(name, budget)| Rule::new(name, budget))
            .collect()
    }
}
