mod append;
mod attempts;
mod barrier;
mod cells;
mod chain;
mod disk;
mod feedback;
mod habits;
mod open;
mod past;
mod report;
mod rows;
mod running;
mod tables;
mod thread;
mod verify;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tollgate_core::{
    BudgetWindow, CallerId, FeedbackRow, HabitRow, LedgerEvent, LedgerStore, OpenAttempt, Receipt,
    StoreError, Timestamp, Uncertain, UsageQuery, UsageRow, Usd, WindowSums,
};

use crate::{Durability, OpenError, Verified};
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

    /// Replays all events of the file as they were at one moment, also while
    /// another process writes to it, and compares: each event with the chain of
    /// digests, the counters of budgets with the events that count in them, the
    /// list of attempts that run with those that have no end, and the sums of a
    /// report with those over the single attempts.
    ///
    /// Takes about four seconds for a million events on an idle core, and about
    /// as much temporary disk as the file. Other work on this store waits meanwhile, so a
    /// server's ledger is better verified through a store of its own that was
    /// [opened for reading](Self::open_read_only).
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read, or its schema is older than
    /// the chain. What is wrong in the file is no error: it is in
    /// [`Verified::differences`].
    pub async fn verify(&self) -> Result<Verified, StoreError> {
        let path = self.path.clone();
        self.thread
            .run("verify the ledger", move |opened| {
                verify::verify(&mut opened.connection, &path)
            })
            .await
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
        let rows: Vec<Row> = events.iter().map(Row::of).collect();
        self.thread
            .run("append events", move |opened| append::append(opened, rows))
            .await?;
        Ok(Vec::new())
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        self.thread
            .run("list open attempts", |opened| {
                attempts::open(&opened.connection)
            })
            .await
    }

    async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        let query = query.clone();
        self.thread
            .run("report usage", move |opened| {
                report::usage(&opened.connection, &query)
            })
            .await
    }

    async fn uncertain(&self, since: Timestamp) -> Result<Vec<Uncertain>, StoreError> {
        self.thread
            .run("list uncertain attempts", move |opened| {
                attempts::uncertain(&opened.connection, since)
            })
            .await
    }

    async fn past_call(&self, caller: &CallerId, id: &str) -> Result<Option<Receipt>, StoreError> {
        let (caller, id) = (caller.clone(), id.to_owned());
        self.thread
            .run("look up a call", move |opened| {
                past::find(&opened.connection, &caller, &id)
            })
            .await
    }

    async fn spent(
        &self,
        budget: &str,
        since: Timestamp,
    ) -> Result<Vec<(BudgetWindow, Usd)>, StoreError> {
        let budget = budget.to_owned();
        self.thread
            .run("read what budgets spent", move |opened| {
                attempts::spent(&opened.connection, &budget, since)
            })
            .await
    }

    async fn spent_beside(
        &self,
        query: &UsageQuery,
        budget: &str,
        since: Timestamp,
    ) -> Result<(Vec<UsageRow>, Vec<WindowSums>), StoreError> {
        let (query, budget) = (query.clone(), budget.to_owned());
        self.thread
            .run("compare budgets with reports", move |opened| {
                let snapshot = opened.connection.transaction()?;
                let rows = report::usage(&snapshot, &query)?;
                attempts::sums(&snapshot, &budget, since).map(|sums| (rows, sums))
            })
            .await
    }

    async fn add_feedback(&self, rows: &[FeedbackRow]) -> Result<(), StoreError> {
        let rows = rows.to_vec();
        self.thread
            .run("add feedback", move |opened| {
                feedback::add(&mut opened.connection, &rows)
            })
            .await
    }

    async fn feedback(&self, since: Timestamp) -> Result<Vec<FeedbackRow>, StoreError> {
        self.thread
            .run("read feedback", move |opened| {
                feedback::since(&opened.connection, since.day())
            })
            .await
    }

    async fn add_habits(&self, rows: &[HabitRow]) -> Result<(), StoreError> {
        let rows = rows.to_vec();
        self.thread
            .run("add habits", move |opened| {
                habits::add(&mut opened.connection, &rows)
            })
            .await
    }

    async fn habits(&self, since: Timestamp) -> Result<Vec<HabitRow>, StoreError> {
        self.thread
            .run("read habits", move |opened| {
                habits::since(&opened.connection, since.day())
            })
            .await
    }
}
