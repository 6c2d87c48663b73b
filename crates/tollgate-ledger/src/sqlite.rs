mod open;
mod report;
mod rows;
mod thread;

use std::fmt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rusqlite::TransactionBehavior;
use tollgate_core::{
    BudgetWindow, LedgerEvent, LedgerStore, OpenAttempt, StoreError, Timestamp, Uncertain,
    UsageQuery, UsageRow, Usd,
};

use crate::{Durability, OpenError};
use rows::Row;
use thread::Thread;

/// A ledger store in one SQLite file, for one node.
///
/// One process writes: opening the file for writing a second time is refused,
/// by a lock on `FILE.lock` that ends with the process, however it ends. Any
/// number of processes [read](Self::open_read_only) at the same time.
///
/// Statements run on a thread of the store, one after the other, to their end:
/// a caller that goes away leaves nothing half done.
pub struct SqliteStore {
    path: PathBuf,
    thread: Thread,
}

impl SqliteStore {
    /// Opens the ledger at `path` for reading and writing; makes it when there
    /// is none, brings an older one up to date, and checks it whole (about a
    /// second for a gigabyte).
    ///
    /// # Errors
    /// [`OpenError`] when the file is in use, something else, damaged or newer;
    /// then nothing was written to it.
    pub async fn open(path: impl Into<PathBuf>, durability: Durability) -> Result<Self, OpenError> {
        let path = path.into();
        let thread = Thread::start(&path, move |path| open::writable(path, durability)).await?;
        Ok(Self { path, thread })
    }

    /// Opens the ledger at `path` for reports, also while another process
    /// writes to it. Appending to it fails.
    ///
    /// # Errors
    /// [`OpenError`] when there is no such file, or it is something else, older
    /// or newer.
    pub async fn open_read_only(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let path = path.into();
        let thread = Thread::start(&path, open::read_only).await?;
        Ok(Self { path, thread })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl LedgerStore for SqliteStore {
    async fn append(&self, events: &[LedgerEvent]) -> Result<Vec<usize>, StoreError> {
        let rows: Vec<Row> = events.iter().filter_map(Row::of).collect();
        self.thread
            .run("append events", move |connection| {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                for row in rows {
                    row.insert(&transaction)?;
                }
                transaction.commit()
            })
            .await?;
        Ok(Vec::new())
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        self.thread
            .run("list open attempts", |connection| {
                report::open_attempts(connection)
            })
            .await
    }

    async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        let query = query.clone();
        self.thread
            .run("report usage", move |connection| {
                report::usage(connection, &query)
            })
            .await
    }

    async fn uncertain(&self, _: Timestamp) -> Result<Vec<Uncertain>, StoreError> {
        Ok(Vec::new())
    }

    async fn spent(&self, _: &str, _: Timestamp) -> Result<Vec<(BudgetWindow, Usd)>, StoreError> {
        Ok(Vec::new())
    }
}
