use tollgate_core::{Failure, FailureKind, LedgerStore, UsageQuery, UsageRow};
use tollgate_ledger::{SqliteStore, StoreKind, Totals, Verified};
use tollgate_ledger_postgres::PostgresStore;

use crate::builder::postgres;
use crate::config::Config;
use crate::gateway::Gateway;

impl Gateway {
    /// Sums over everything that the ledger's store holds.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the store fails, `Configuration` when the
    /// gateway was built with a ledger of the program's own.
    pub async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, Failure> {
        match self.parts.background.ledger() {
            Some(ledger) => ledger.report(query).await,
            None => Err(Failure::new(
                FailureKind::Configuration,
                "this ledger makes no reports",
            )),
        }
    }
}

impl Gateway {
    /// What is held at the moment and was spent since the start; `None` when
    /// the program brought its own ledger.
    pub fn totals(&self) -> Option<Totals> {
        self.parts.background.ledger().map(|ledger| ledger.totals())
    }
}

/// Reads the ledger that a configuration names, also while a gateway writes to it.
///
/// # Errors
/// `LedgerUnavailable` when the store cannot be read; no file at all is an
/// empty report.
pub async fn usage(config: &Config, query: &UsageQuery) -> Result<Vec<UsageRow>, Failure> {
    let unreadable = |error: &dyn std::error::Error| {
        Failure::new(FailureKind::LedgerUnavailable, "the ledger cannot be read")
            .with_hint(error.to_string())
    };
    let store: Box<dyn LedgerStore> = match config.ledger.store {
        StoreKind::Memory => return Ok(Vec::new()),
        StoreKind::Sqlite if !config.ledger.path.exists() => return Ok(Vec::new()),
        StoreKind::Sqlite => Box::new(
            SqliteStore::open_read_only(&config.ledger.path)
                .await
                .map_err(|e| unreadable(&e))?,
        ),
        StoreKind::Postgres => {
            let store = PostgresStore::open(postgres(&config.ledger)?).await;
            Box::new(store.map_err(|error| unreadable(&error))?)
        }
    };
    store
        .report(query)
        .await
        .map_err(|error| unreadable(&error))
}

/// Replays the ledger that a configuration names, also while a gateway writes
/// to it; what is wrong in it is in the answer. `None` when there is nothing to
/// verify: a ledger in memory, or no file yet.
///
/// # Errors
/// `LedgerUnavailable` when the store cannot be read, `Configuration` when it
/// is of a kind that is not verified this way.
pub async fn verify(config: &Config) -> Result<Option<Verified>, Failure> {
    let unreadable = |error: &dyn std::error::Error| {
        Failure::new(FailureKind::LedgerUnavailable, "the ledger cannot be read")
            .with_hint(error.to_string())
    };
    match config.ledger.store {
        StoreKind::Memory => Ok(None),
        StoreKind::Sqlite if !config.ledger.path.exists() => Ok(None),
        StoreKind::Sqlite => {
            let store = SqliteStore::open_read_only(&config.ledger.path).await;
            let store = store.map_err(|error| unreadable(&error))?;
            let verified = store.verify().await;
            verified
                .map(Some)
                .map_err(|error| unreadable(&*error.source))
        }
        StoreKind::Postgres => Err(Failure::new(
            FailureKind::Configuration,
            "only SQLite ledgers can be verified",
        )
        .with_hint("ledger.store is \"postgres\"; name the file to verify instead")),
    }
}
