//! Opening a file: first look whether it is ours and whole, then touch it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::disk::Disk;
use crate::{Durability, OpenError};

/// Marks a SQLite file as a Tollgate ledger: "TGLE" in ASCII.
const APPLICATION_ID: i64 = 0x5447_4C45;

/// Each brings the schema from its place in this list to the next version.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_ledger.sql"),
    include_str!("migrations/0002_reports.sql"),
    include_str!("migrations/0003_chain.sql"),
    include_str!("migrations/0004_feedback.sql"),
    include_str!("migrations/0005_habits.sql"),
    include_str!("migrations/0006_generations.sql"),
    include_str!("migrations/0007_running.sql"),
    include_str!("migrations/0008_carried.sql"),
];

/// The oldest schema that reports can read as it is.
const READABLE: i64 = 1;

/// Bytes that the log is cut to once a reader that made it grow is gone.
const LOG: i64 = 64 * 1024 * 1024;

/// How long a statement waits for another process's lock.
const BUSY: Duration = Duration::from_secs(5);

/// How often and how far apart the lock is asked for: a store of this process
/// that was just dropped needs a moment to close.
const LOCK_TRIES: u32 = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// An open file. Dropped from the top: whoever gets the lock finds a closed file.
pub(super) struct Opened {
    /// What puts commits on the disk, when they do not do so themselves.
    pub(super) disk: Option<Disk>,
    pub(super) connection: Connection,
    /// Held as long as this process may write.
    _lock: Option<File>,
}

impl Opened {
    /// Returns when one more commit may be made.
    ///
    /// # Errors
    /// While commits do not reach the disk: why.
    pub(super) fn demand(&self) -> Result<(), Arc<io::Error>> {
        self.disk.as_ref().map_or(Ok(()), Disk::demand)
    }

    /// Takes note of what was committed.
    pub(super) fn observe(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.observe(&self.connection);
        }
    }

    /// Does what has to be done between two commits.
    pub(super) fn catch_up(&self) {
        if let Some(disk) = &self.disk {
            disk.catch_up(&self.connection);
        }
    }
}

pub(super) fn writable(path: &Path, durability: Durability) -> Result<Opened, OpenError> {
    let lock = lock(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = connect(path, flags)?;
    let found = version(&connection, path)?;
    if found > known() {
        return Err(newer(path, found));
    }
    check(&connection, path)?;
    prepare(&mut connection, found, durability).map_err(|source| sqlite(path, source))?;
    let disk = within(durability).map(|within| disk(path, within));
    Ok(Opened {
        disk: disk.transpose()?,
        connection,
        _lock: Some(lock),
    })
}

/// The longest that a commit is not on the disk; `None` when it waits for that
/// itself.
fn within(durability: Durability) -> Option<Duration> {
    match durability {
        Durability::Relaxed => Some(Duration::from_secs(1)),
        Durability::Default => Some(Duration::from_millis(50)),
        Durability::Strict => None,
    }
}

fn disk(path: &Path, within: Duration) -> Result<Disk, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let beside = connect(path, flags)?;
    Disk::start(path, beside, within).map_err(|source| OpenError::Io {
        path: path.into(),
        source,
    })
}

pub(super) fn read_only(path: &Path) -> Result<Opened, OpenError> {
    if !path.exists() {
        return Err(OpenError::Missing { path: path.into() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)?;
    let found = version(&connection, path)?;
    if found > known() {
        return Err(newer(path, found));
    }
    if found < READABLE {
        return Err(OpenError::Older {
            path: path.into(),
            found,
            known: READABLE,
        });
    }
    Ok(Opened {
        disk: None,
        connection,
        _lock: None,
    })
}

/// Refuses a file that only a writer can bring up to date.
pub(super) fn require_current(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let found = version(connection, path)?;
    if found == known() {
        return Ok(());
    }
    Err(OpenError::Older {
        path: path.into(),
        found,
        known: known(),
    })
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let beside = beside(path);
    let io = |source| OpenError::Io {
        path: beside.clone(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&beside)
        .map_err(io)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
    }
    Err(OpenError::InUse { path: path.into() })
}

/// The lock file of a ledger. The ledger itself cannot be locked this way:
/// SQLite's own locks and readers would be in the way.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    name.into()
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, OpenError> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    };
    open().map_err(|source| sqlite(path, source))
}

/// The schema version of a ledger; 0 of an empty file.
fn version(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let read = || -> rusqlite::Result<Option<i64>> {
        let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        if id == APPLICATION_ID {
            let newest = "SELECT coalesce(max(version), 0) FROM schema_version";
            return connection.query_row(newest, [], |row| row.get(0)).map(Some);
        }
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((id == 0 && tables == 0).then_some(0))
    };
    read()
        .map_err(|source| sqlite(path, source))?
        .ok_or_else(|| OpenError::NotALedger { path: path.into() })
}

fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let verdict: String = connection
        .pragma_query_value(None, "quick_check", |row| row.get(0))
        .map_err(|source| sqlite(path, source))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(OpenError::Damaged {
        path: path.into(),
        detail: verdict,
    })
}

fn prepare(
    connection: &mut Connection,
    found: i64,
    durability: Durability,
) -> rusqlite::Result<()> {
    // The pragma answers with the mode that is in force.
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "journal_size_limit", LOG)?;
    match durability {
        Durability::Relaxed | Durability::Default => {
            // The rest is done by `Disk`.
            connection.pragma_update(None, "synchronous", "normal")?;
            connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
        }
        Durability::Strict => connection.pragma_update(None, "synchronous", "full")?,
    }
    migrate(connection, found)
}

fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (version, migration) in (1_i64..).zip(MIGRATIONS).filter(|(v, _)| *v > found) {
        transaction.execute_batch(migration)?;
        transaction.execute(
            "INSERT INTO schema_version (version, applied_ms)
             VALUES (?1, CAST(unixepoch('subsec') * 1000 AS INTEGER))",
            [version],
        )?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn newer(path: &Path, found: i64) -> OpenError {
    OpenError::Newer {
        path: path.into(),
        found,
        known: known(),
    }
}

/// Says in our words what SQLite found out about the file.
fn sqlite(path: &Path, source: rusqlite::Error) -> OpenError {
    let path = path.into();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotALedger { path },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged {
            path,
            detail: source.to_string(),
        },
        _ => OpenError::Sqlite { path, source },
    }
}
