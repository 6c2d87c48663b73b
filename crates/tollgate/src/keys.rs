//! The keys of callers: those of the configuration, and those made by command.

use std::path::Path;
use std::sync::Arc;

use tollgate_core::{Failure, FailureKind};
use tollgate_keys::{FileKeys, KeyBook, KeyStore, KeyStoreError, KeyTable, LimitStore, Pepper};
use tollgate_ledger::{LedgerConfig, StoreKind};
use tollgate_ledger_postgres::PostgresStore;

use crate::builder::{configuration, postgres};
use crate::config::Config;

/// The file of created keys, beside the ledger's.
const FILE: &str = "keys.toml";

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
        let made = self.store.load().await.map_err(unreadable)?;
        let tables = vec![
            KeyTable {
                origin: "the configuration".to_owned(),
                keys: config.keys.clone(),
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
