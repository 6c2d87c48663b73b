//! When commits that are safe from a crash become safe from a power cut.
//!
//! With `synchronous = normal` a commit goes to the log and not to the disk. A
//! later commit with `synchronous = full` puts the whole log on the disk, its
//! own frames and all before them; so one such commit now and then bounds what
//! a power cut can take.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::Durability;

/// Changes a page, or there would be nothing to commit.
const COMMIT: &str = "UPDATE chain SET barriers = barriers + 1";

pub(super) struct Barrier {
    /// The longest that a commit waits for the disk; `None` when commits of
    /// this connection wait for it themselves, or there are none.
    every: Option<Duration>,
    /// When the next barrier is due; `None` when everything is on the disk.
    due: Option<Instant>,
    failing: bool,
    /// Rows that the connection had changed when it was last looked at.
    seen: u64,
}

impl Barrier {
    pub(super) fn new(durability: Durability) -> Self {
        let every = match durability {
            Durability::Relaxed => Some(Duration::from_secs(1)),
            Durability::Default => Some(Duration::from_millis(50)),
            Durability::Strict => None,
        };
        Self {
            every,
            ..Self::none()
        }
    }

    pub(super) fn none() -> Self {
        Self {
            every: None,
            due: None,
            failing: false,
            seen: 0,
        }
    }

    /// How long until the next barrier; `None` when nothing waits for one.
    pub(super) fn wait(&self) -> Option<Duration> {
        let due = self.due?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Takes note of what was committed.
    pub(super) fn observe(&mut self, connection: &Connection) {
        let (Some(every), changes) = (self.every, connection.total_changes()) else {
            return;
        };
        if changes != self.seen {
            self.seen = changes;
            self.due.get_or_insert_with(|| Instant::now() + every);
        }
    }

    /// Refuses while commits do not reach the disk in time.
    ///
    /// # Errors
    /// Why the last barrier failed, when it still does.
    pub(super) fn demand(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        match self.failing {
            true => self.sync(connection),
            false => self.sync_when_due(connection),
        }
    }

    pub(super) fn sync_when_due(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        match self.wait() {
            Some(Duration::ZERO) => self.sync(connection),
            _ => Ok(()),
        }
    }

    /// The last barrier before the file is closed.
    pub(super) fn finish(&mut self, connection: &Connection) {
        if self.due.is_some() {
            // Said already; closing tries once more by itself.
            let _ = self.sync(connection);
        }
    }

    fn sync(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let synced = commit(connection);
        self.seen = connection.total_changes();
        match &synced {
            Ok(()) => self.due = None,
            Err(error) => {
                if !self.failing {
                    tracing::warn!(%error, "the ledger does not reach the disk, trying again");
                }
                self.due = self.every.map(|every| Instant::now() + every);
            }
        }
        self.failing = synced.is_err();
        synced
    }
}

fn commit(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "full")?;
    let committed = connection.execute(COMMIT, []);
    connection.pragma_update(None, "synchronous", "normal")?;
    committed.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE chain (barriers INTEGER); INSERT INTO chain VALUES (0)")
            .unwrap();
        connection
    }

    fn barriers(connection: &Connection) -> i64 {
        let sql = "SELECT barriers FROM chain";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_barrier_is_due_once_after_what_was_changed() {
        let connection = connection();
        let mut barrier = Barrier::new(Durability::Default);
        assert_eq!(barrier.wait(), None, "nothing was changed yet");
        barrier.observe(&connection);
        assert!(barrier.wait().unwrap() <= Duration::from_millis(50));
        barrier.due = Some(Instant::now());
        barrier.sync_when_due(&connection).unwrap();
        barrier.observe(&connection);
        assert_eq!(barrier.wait(), None, "the barrier itself needs none");
        barrier.finish(&connection);
        assert_eq!(barriers(&connection), 1);
    }

    #[test]
    fn what_waits_is_put_on_the_disk_at_the_end() {
        let connection = connection();
        let mut barrier = Barrier::new(Durability::Relaxed);
        barrier.observe(&connection);
        barrier.sync_when_due(&connection).unwrap();
        assert_eq!(barriers(&connection), 0, "it is not due yet");
        barrier.finish(&connection);
        assert_eq!(barriers(&connection), 1);
    }

    #[test]
    fn commits_that_wait_for_the_disk_themselves_need_no_barrier() {
        let connection = connection();
        for mut barrier in [Barrier::new(Durability::Strict), Barrier::none()] {
            barrier.observe(&connection);
            assert_eq!(barrier.wait(), None);
        }
    }

    #[test]
    fn nothing_is_taken_while_barriers_fail() {
        let connection = connection();
        let mut barrier = Barrier::new(Durability::Default);
        barrier.observe(&connection);
        connection.execute_batch("PRAGMA query_only = on").unwrap();
        barrier.due = Some(Instant::now());
        assert!(barrier.sync_when_due(&connection).is_err());
        assert!(barrier.wait().unwrap() > Duration::ZERO, "it pauses");
        assert!(barrier.demand(&connection).is_err());
        connection.execute_batch("PRAGMA query_only = off").unwrap();
        barrier.demand(&connection).unwrap();
        assert_eq!((barrier.wait(), barriers(&connection)), (None, 1));
    }
}
