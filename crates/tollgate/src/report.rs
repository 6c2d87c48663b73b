use tollgate_core::{
    BudgetWindow, Clock, Failure, FailureKind, LedgerStore, UsageQuery, UsageRow, Usd,
};
use tollgate_ledger::{BudgetUse, MemoryStore, SqliteStore, StoreKind, Totals, budget_uses};
use tollgate_ledger_postgres::PostgresStore;

use crate::builder::postgres;
use crate::clock::SystemClock;
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

    /// Every window of a budget that is open or that calls run in, with what is
    /// spent and what is held of it; empty when the program brought its own
    /// ledger.
    pub fn budgets(&self) -> Vec<(BudgetWindow, Usd, Usd)> {
        let ledger = self.parts.background.ledger();
        ledger.map(|ledger| ledger.budgets()).unwrap_or_default()
    }
}

/// Reads the ledger that a configuration names, also while a gateway writes to it.
///
/// # Errors
/// `LedgerUnavailable` when the store cannot be read; no file at all is an
/// empty report.
pub async fn usage(config: &Config, query: &UsageQuery) -> Result<Vec<UsageRow>, Failure> {
    match store_of(config).await? {
        Some(store) => store.report(query).await.map_err(|e| unreadable(&e)),
        None => Ok(Vec::new()),
    }
}

/// What was spent of the budgets that a configuration names, in the windows
/// that are open now. What calls under way hold is not in it: only the process
/// that runs them knows.
///
/// # Errors
/// `LedgerUnavailable` when the store cannot be read.
pub async fn budgets(config: &Config) -> Result<Vec<BudgetUse>, Failure> {
    let store = store_of(config).await?;
    let store = store.unwrap_or_else(|| Box::new(MemoryStore::new()));
    let uses = budget_uses(&config.budgets, &*store, SystemClock.now()).await;
    uses.map_err(|error| unreadable(&error))
}

/// The store that a configuration names, for reading; `None` when there is none.
pub(crate) async fn store_of(config: &Config) -> Result<Option<Box<dyn LedgerStore>>, Failure> {
    let ledger = &config.ledger;
    Ok(match ledger.store {
        StoreKind::Memory => None,
        StoreKind::Sqlite if !ledger.path.exists() => None,
        StoreKind::Sqlite => {
            let store = SqliteStore::open_read_only(&ledger.path).await;
            Some(Box::new(store.map_err(|error| unreadable(&error))?))
        }
        StoreKind::Postgres => {
            let mut address = postgres(ledger)?;
            // Readers come beside the node, which has its name to itself.
            address.node = format!("{} reader {}", address.node, std::process::id());
            let store = PostgresStore::open(address).await;
            Some(Box::new(store.map_err(|error| unreadable(&error))?))
        }
    })
}

fn unreadable(error: &dyn std::error::Error) -> Failure {
    Failure::new(FailureKind::LedgerUnavailable, "the ledger cannot be read")
        .with_hint(error.to_string())
}
