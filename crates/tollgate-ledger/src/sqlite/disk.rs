//! The thread that does what has to wait for the disk, so that commits need not:
//! it puts the log on the disk, and copies a long log into the file.
//!
//! # Syncing
//!
//! With `synchronous = normal` a commit is written to the log, `FILE-wal`, and
//! is not put on the disk. `synchronous = full` would sync the log after each
//! commit, in the thread that commits. A sync of the log through a handle of
//! our own does the same for all commits so far at once:
//!
//! - `fdatasync` on POSIX systems and `FlushFileBuffers` on Windows put on the
//!   disk what was written to the *file*, whichever handle wrote it.
//! - SQLite locks the file and its `-shm`, never its log. Closing a handle of a
//!   file drops the locks that the process has on it; here there are none.
//! - A log that is begun anew gets a new header first. SQLite syncs the header
//!   before it writes frames after it, the entry in the directory too where the
//!   file is new. So the frames that we sync are never behind an older header.
//! - It is begun anew only when all of it was copied into the file, and the file
//!   was synced. So a commit that we did not sync in time is in the file.
//! - A sync in the middle of a commit puts part of it on the disk. That is like
//!   a crash at that moment: its frames count once the last one is whole.
//! - It stays the same file as long as we are here: the last connection deletes
//!   it when it closes, and ours closes after our handle. Others may cut it,
//!   which is begun anew first.
//!
//! # Copying
//!
//! SQLite would copy a log of a thousand pages into the file within the commit
//! that makes it so long, and sync both. Here a checkpoint runs beside the
//! commits instead, with each sync while the log is long. Only a log that is
//! copied to its end can be begun anew. A pause between two commits is enough
//! for that; when there is none, the thread that commits copies what is left,
//! once the log is too long: few pages, but two syncs to wait for. So the log is
//! bounded by [`TOO_LONG`] and by what is committed until it is looked at, and
//! commits wait for a disk that is slow ([`Barrier::demand`]). A reader of an old
//! state is in the way of this as of SQLite's own checkpoints: then the log grows
//! until it has gone.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::barrier::Barrier;

/// Pages of a log that is copied.
const LONG: i64 = 2_000;

/// Pages of a log for which commits wait: 16 MB.
const TOO_LONG: i64 = 2 * LONG;

/// The thread, as the one that commits sees it.
pub(super) struct Disk {
    shared: Arc<Shared>,
    /// Rows that the connection had changed when it was last looked at.
    seen: u64,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    barrier: Barrier,
    /// Whether the log is too long.
    too_long: AtomicBool,
}

impl Disk {
    /// Starts the thread, for the ledger at `path` that another connection has
    /// written to already: so there is a log.
    pub(super) fn start(path: &Path, connection: Connection, within: Duration) -> io::Result<Self> {
        let log = OpenOptions::new().write(true).open(log(path)?)?;
        let shared = Arc::new(Shared {
            barrier: Barrier::new(within),
            too_long: AtomicBool::new(false),
        });
        let side = Side {
            log,
            connection,
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::Builder::new()
            .name("tollgate-disk".into())
            .spawn(move || side.run())?;
        Ok(Self {
            shared,
            seen: 0,
            thread: Some(thread),
        })
    }

    /// Returns when one more commit may be made.
    ///
    /// # Errors
    /// While commits do not reach the disk: why.
    pub(super) fn demand(&self) -> Result<(), Arc<io::Error>> {
        self.shared.barrier.demand()
    }

    /// Takes note of what the connection has committed since.
    pub(super) fn observe(&mut self, connection: &Connection) {
        let changes = connection.total_changes();
        if changes != self.seen {
            self.seen = changes;
            self.shared.barrier.note();
        }
    }

    /// Copies the end of a log that is too long, between two commits.
    pub(super) fn catch_up(&self, connection: &Connection) {
        let said = self.shared.too_long.swap(false, Ordering::Relaxed);
        if said && pages(connection).is_ok_and(|pages| pages >= TOO_LONG) {
            // What fails is asked for again.
            let _ = copy(connection);
        }
    }

    #[cfg(test)]
    pub(super) fn barrier(&self) -> &Barrier {
        &self.shared.barrier
    }
}

/// Puts the last commits on the disk, and ends the thread.
impl Drop for Disk {
    fn drop(&mut self) {
        self.shared.barrier.close();
        if let Some(thread) = self.thread.take() {
            // It has no more to say when it panicked.
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Side {
    log: File,
    connection: Connection,
    shared: Arc<Shared>,
}

impl Side {
    fn run(self) {
        while self.shared.barrier.wait_until_due() {
            self.sync();
            // As with SQLite's own checkpoints, what fails is tried again after
            // later commits; a disk that is full refuses these by itself.
            let _ = self.shorten();
        }
        // Whether or not it works: closing tries once more by itself.
        self.sync();
    }

    fn sync(&self) {
        self.shared.barrier.sync(|| self.log.sync_data());
    }

    fn shorten(&self) -> rusqlite::Result<()> {
        let pages = pages(&self.connection)?;
        if pages >= LONG {
            copy(&self.connection)?;
        }
        if pages >= TOO_LONG {
            self.shared.too_long.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// How long the log is.
fn pages(connection: &Connection) -> rusqlite::Result<i64> {
    let mut look = connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
    look.query_row([], |row| row.get(1))
}

/// Copies what is in the log by now and in no reader's way, and waits for nobody.
fn copy(connection: &Connection) -> rusqlite::Result<()> {
    let mut copy = connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
    copy.query_row([], |_| Ok(()))
}

/// The log is beside the file itself, wherever links to it are.
fn log(path: &Path) -> io::Result<OsString> {
    let mut name = std::fs::canonicalize(path)?.into_os_string();
    name.push("-wal");
    Ok(name)
}
