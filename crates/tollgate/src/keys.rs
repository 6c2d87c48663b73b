//! The keys of callers: those of the configuration, and those made by command.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tollgate_core::{Failure, FailureKind};
use tollgate_keys::{
    FileKeys, KeyBook, KeyConfig, KeyStore, KeyStoreError, KeyTable, LimitStore, Pepper,
};
use tollgate_ledger::{BudgetConfig, LedgerConfig, StoreKind};
use tollgate_ledger_postgres::PostgresStore;

use crate::builder::{configuration, postgres};
use crate::config::Config;

/// The file of created keys, beside the ledger's.
const FILE: &str = "keys.toml";

/// What the names of the budgets of keys begin with; see [`KeyBook::budgets`].
const BUDGETS: &str = "keys.";

/// `[keys.NAME]` tables by name.
type Tables = BTreeMap<String, KeyConfig>;

/// Where keys are kept that were made by command: with the ledger. Nodes that
/// share a ledger share them, and the limits of keys too.
#[derive(Debug, Clone)]
pub struct KeyRing {
    place: String,
    store: Arc<dyn KeyStore>,
    limits: Option<Arc<dyn LimitStore>>,
}

impl KeyRing {
    /// Opens the place of created keys. A file need not exist yet.
    ///
    /// ```no_run
    /// # async fn callers(config: &tollgate::Config) -> Result<(), tollgate::Failure> {
    /// let book = tollgate::KeyRing::open(&config.ledger).await?.book(config).await?;
    /// println!("{} callers are known", book.entries().count());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Configuration` when the database cannot be reached.
    pub async fn open(ledger: &LedgerConfig) -> Result<Self, Failure> {
        if ledger.store == StoreKind::Postgres {
            let store = PostgresStore::open_beside(postgres(ledger)?).await;
            let store = store.map_err(|error| configuration("the keys cannot be opened", error))?;
            let store = Arc::new(store);
            return Ok(Self {
                place: format!("schema {}", ledger.schema),
                store: store.clone(),
                limits: Some(store),
            });
        }
        let folder = ledger.path.parent().unwrap_or(Path::new(""));
        let store = FileKeys::new(folder.join(FILE));
        Ok(Self {
            place: store.path().display().to_string(),
            store: Arc::new(store),
            limits: None,
        })
    }

    /// Where it is, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The place itself, to make, list and revoke keys.
    pub fn store(&self) -> &dyn KeyStore {
        &*self.store
    }

    /// What nodes share the limits of keys through; `None` when there is one
    /// node.
    pub fn limits(&self) -> Option<Arc<dyn LimitStore>> {
        self.limits.clone()
    }

    /// All keys: those of the configuration, then those made by command.
    ///
    /// # Errors
    /// `Configuration` with everything that is wrong, and how to mend it.
    pub async fn book(&self, config: &Config) -> Result<KeyBook, Failure> {
        self.book_of(config, self.made().await?)
    }

    /// The keys made by command, as they are now.
    ///
    /// # Errors
    /// `Configuration` when their file, `LedgerUnavailable` when their database
    /// cannot be read.
    pub async fn made(&self) -> Result<BTreeMap<String, KeyConfig>, Failure> {
        self.store.load().await.map_err(unreadable)
    }

    /// As [`book`](Self::book), of keys made by command that were read before.
    ///
    /// # Errors
    /// As `book`.
    pub fn book_of(&self, config: &Config, made: Tables) -> Result<KeyBook, Failure> {
        check_budgets(config)?;
        self.build(config, config.keys.clone(), made)
    }

    /// As [`book_of`](Self::book_of), for a gateway that goes by these budgets
    /// and cannot [go by others](crate::Gateway::set_key_budgets) at the moment:
    /// a key with a budget that is not among them is turned off, since nobody
    /// would count what it spends. Beside the book, what the operator should
    /// know of such keys.
    ///
    /// # Errors
    /// As `book`.
    pub fn book_beside(
        &self,
        budgets: &BTreeMap<String, BudgetConfig>,
        config: &Config,
        mut made: Tables,
    ) -> Result<(KeyBook, Vec<String>), Failure> {
        let book = self.book_of(config, made.clone())?;
        let asked: BTreeMap<String, BudgetConfig> = book.budgets().collect();
        let mut configured = config.keys.clone();
        let (mut warnings, mut waits) = (Vec::new(), false);
        for (name, key) in configured.iter_mut().chain(&mut made) {
            let budget = budget_name(name);
            let (asked, kept) = (asked.get(&budget), budgets.get(&budget));
            if asked == kept {
                continue;
            }
            if asked.is_none() {
                warnings.push(format!(
                    "the budget that the key {name} had stays in force for now"
                ));
            } else if !key.disabled {
                (key.disabled, waits) = (true, true);
                warnings.push(format!(
                    "the key {name} is turned off until the ledger takes over its budget, which \
                     is new or has changed"
                ));
            }
        }
        match waits {
            true => Ok((self.build(config, configured, made)?, warnings)),
            false => Ok((book, warnings)),
        }
    }

    fn build(&self, config: &Config, configured: Tables, made: Tables) -> Result<KeyBook, Failure> {
        let tables = vec![
            KeyTable {
                origin: "the configuration".to_owned(),
                keys: configured,
            },
            KeyTable {
                origin: self.place.clone(),
                keys: made,
            },
        ];
        KeyBook::build(pepper(config), tables)
            .map_err(|error| configuration("the keys of callers do not work", error))
    }
}

/// The budget of a key, among all budgets of the ledger.
fn budget_name(key: &str) -> String {
    format!("{BUDGETS}{key}")
}

/// Whether a budget is that of a key, by its name.
pub(crate) fn is_budget(name: &str) -> bool {
    name.starts_with(BUDGETS)
}

/// Refuses budgets that the keys' own would replace.
fn check_budgets(config: &Config) -> Result<(), Failure> {
    let key_of = |name: &String| name.strip_prefix(BUDGETS).map(str::to_owned);
    let Some(key) = config.budgets.keys().find_map(key_of) else {
        return Ok(());
    };
    let name = budget_name(&key);
    Err(Failure::new(
        FailureKind::Configuration,
        format!("budgets.{name:?} has the name of a key's own budget"),
    )
    .with_hint(format!(
        "set `budget` in the table of the key {key}, or give this one a name that does not begin \
         with {BUDGETS:?}"
    )))
}

/// The secret that goes into the hashes of keys.
pub fn pepper(config: &Config) -> Option<Pepper> {
    let secret = config.server.key_pepper.clone();
    secret.filter(|secret| !secret.is_empty()).map(Pepper::new)
}

fn unreadable(error: KeyStoreError) -> Failure {
    let kind = match error {
        KeyStoreError::Database(_) => FailureKind::LedgerUnavailable,
        _ => FailureKind::Configuration,
    };
    Failure::new(kind, "the keys of callers cannot be read")
        .with_hint(error.to_string())
        .with_source(error)
}
