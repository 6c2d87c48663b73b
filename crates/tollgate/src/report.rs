use serde::Serialize;
use tollgate_core::{
    BudgetWindow, Clock, Failure, FailureKind, FeedbackRow, LedgerStore, StoreError, UsageQuery,
    UsageRow, Usd,
};
use tollgate_ledger::{
    BudgetUse, LedgerConfig, MemoryStore, SqliteStore, StoreKind, Totals, Verified, budget_uses,
};
use tollgate_ledger_postgres::PostgresStore;

use crate::builder::postgres;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::learning::remembered_since;

impl Gateway {
    /// Sums over everything that the ledger's store holds.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the store fails, `Configuration` when the
    /// gateway was built with a ledger of the program's own.
    pub async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, Failure> {
        match self.parts().background.ledger() {
            Some(ledger) => ledger.report(query).await,
            None => Err(no_reports()),
        }
    }

    /// The same of what is in the store already; nothing is written for it.
    pub(crate) async fn usage_stored(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, Failure> {
        match self.parts().background.ledger() {
            Some(ledger) => ledger.report_stored(query).await,
            None => Err(no_reports()),
        }
    }
}

impl Gateway {
    /// What is held at the moment and was spent since the start; `None` when
    /// the program brought its own ledger.
    pub fn totals(&self) -> Option<Totals> {
        let parts = self.parts.load();
        parts.background.ledger().map(|ledger| ledger.totals())
    }

    /// Every window of a budget that is open or that calls run in, with what is
    /// spent and what is held of it; empty when the program brought its own
    /// ledger.
    pub fn budgets(&self) -> Vec<(BudgetWindow, Usd, Usd)> {
        let parts = self.parts.load();
        let ledger = parts.background.ledger();
        ledger.map(|ledger| ledger.budgets()).unwrap_or_default()
    }
}

fn no_reports() -> Failure {
    Failure::new(FailureKind::Configuration, "this ledger makes no reports")
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

/// What the ledger that a configuration names has of what was said of answers
/// in the last half year, also while a gateway writes to it.
///
/// # Errors
/// As [`usage`].
pub async fn feedback(config: &Config) -> Result<Vec<FeedbackRow>, Failure> {
    match store_of(config).await? {
        Some(store) => store
            .feedback(remembered_since(SystemClock.now()))
            .await
            .map_err(|e| unreadable(&e)),
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
        StoreKind::Postgres => Some(Box::new(shared(ledger).await?)),
    })
}

fn unreadable(error: &dyn std::error::Error) -> Failure {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    Failure::new(FailureKind::LedgerUnavailable, "the ledger cannot be read")
        .with_hint(causes.join(": "))
}

/// What a ledger was found to be when all of it was replayed.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum LedgerCheck {
    /// A file, with its chain of digests.
    File(Verified),
    /// A database that nodes share.
    Shared {
        /// A line for each thing that is wrong.
        differences: Vec<String>,
    },
}

impl LedgerCheck {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        match self {
            Self::File(verified) => verified.is_ok(),
            Self::Shared { differences } => differences.is_empty(),
        }
    }
}

/// Replays the ledger that a configuration names, also while a gateway writes
/// to it; what is wrong in it is in the answer. `None` when there is nothing to
/// verify: a ledger in memory, or no file yet.
///
/// # Errors
/// `LedgerUnavailable` when the store cannot be read.
pub async fn verify(config: &Config) -> Result<Option<LedgerCheck>, Failure> {
    let ledger = &config.ledger;
    let failed = |error: StoreError| unreadable(&*error.source);
    match ledger.store {
        StoreKind::Memory => Ok(None),
        StoreKind::Sqlite if !ledger.path.exists() => Ok(None),
        StoreKind::Sqlite => {
            let store = SqliteStore::open_read_only(&ledger.path).await;
            let store = store.map_err(|error| unreadable(&error))?;
            let verified = store.verify().await.map_err(failed)?;
            Ok(Some(LedgerCheck::File(verified)))
        }
        StoreKind::Postgres => {
            let differences = shared(ledger).await?.verify().await.map_err(failed)?;
            Ok(Some(LedgerCheck::Shared { differences }))
        }
    }
}

/// The store that nodes share, for reading beside them.
async fn shared(ledger: &LedgerConfig) -> Result<PostgresStore, Failure> {
    let store = PostgresStore::open_to_read(postgres(ledger)?).await;
    store.map_err(|error| unreadable(&error))
}
