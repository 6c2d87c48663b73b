//! What needs the connection: limits, and what reaches the disk when.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tollgate_core::{
    Ended, FailureKind, Ledger, LedgerEvent, LedgerStore, Outcome, Silent, UsageQuery,
};
use tollgate_testkit::builders::{self, NOON};

use super::SqliteStore;
use super::append::append;
use super::open::Opened;
use super::rows::Row;
use crate::{Durability, LedgerConfig, UsageTracker};

async fn pragma(store: &SqliteStore, name: &'static str, value: Option<i64>) -> i64 {
    let job = move |opened: &mut Opened| {
        if let Some(value) = value {
            let ignore = |_: &rusqlite::Row<'_>| Ok(());
            opened
                .connection
                .pragma_update_and_check(None, name, value, ignore)?;
        }
        opened
            .connection
            .pragma_query_value(None, name, |row| row.get(0))
    };
    store.thread.run("set a pragma", job).await.unwrap()
}

fn settled(n: u128) -> LedgerEvent {
    LedgerEvent::Settle {
        facts: builders::facts(n),
        record: builders::record(1, "a/one", 1),
        windows: [].into(),
    }
}

// === full disks ===

/// Settles one call of one nano-dollar, if it is let in.
fn one_call(tracker: &UsageTracker, n: u128) -> Result<(), FailureKind> {
    let plan = builders::plan(vec![builders::planned("a/one", "openrouter")]);
    let hold = tracker
        .hold(&builders::call(n, "a/one"), &plan)
        .map_err(|failure| failure.kind())?;
    let outcome = Outcome {
        ended: Ended::Complete,
        attempts: vec![builders::record(1, "a/one", 1)],
        took_ms: 1,
    };
    tracker.settle(hold, outcome);
    Ok(())
}

#[tokio::test]
async fn a_full_file_refuses_calls_and_once_it_may_grow_everything_is_there_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let store = SqliteStore::open(path, Durability::Default).await.unwrap();
    let store = Arc::new(store);
    let config = LedgerConfig::default();
    let tracker = UsageTracker::start(store.clone(), &config, Arc::new(|| NOON), Arc::new(Silent));
    let pages = pragma(&store, "page_count", None).await;
    pragma(&store, "max_page_count", Some(pages + 8)).await;

    let mut calls = 0;
    let refused = loop {
        match one_call(&tracker, calls) {
            Ok(()) => calls += 1,
            Err(kind) => break kind,
        }
        let _ = tracker.flush().await;
    };
    assert_eq!(refused, FailureKind::LedgerUnavailable);
    assert!(calls > 10, "{calls}");
    // Paused only here: the thread of the store does not wait for a paused clock.
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(60)).await;
    tokio::time::resume();
    assert!(one_call(&tracker, calls).is_err(), "it is still full");

    pragma(&store, "max_page_count", Some(1_000_000)).await;
    while tracker.flush().await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    one_call(&tracker, calls).unwrap();
    tracker.shutdown().await.unwrap();
    let rows = store.report(&UsageQuery::default()).await.unwrap();
    assert_eq!(u128::from(rows[0].attempts), calls + 1);
    assert_eq!(rows[0].credits.nanos().unsigned_abs() as u128, calls + 1);
    assert!(store.verify().await.unwrap().is_ok());
}

// === what reaches the disk ===

/// Whether all commits are on the disk; `None` when they wait for it themselves.
async fn is_clear(store: &SqliteStore) -> Option<bool> {
    let job = |opened: &mut Opened| -> Result<_, rusqlite::Error> {
        Ok(opened.disk.as_ref().map(|disk| disk.barrier().is_clear()))
    };
    store.thread.run("look at the disk", job).await.unwrap()
}

#[tokio::test]
async fn what_was_appended_reaches_the_disk_without_further_events() {
    for durability in [Durability::Default, Durability::Relaxed] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let store = SqliteStore::open(path, durability).await.unwrap();
        store.append(&[settled(1)]).await.unwrap();
        if durability == Durability::Relaxed {
            assert_eq!(is_clear(&store).await, Some(false), "not at once");
        }
        let patience = Instant::now() + Duration::from_secs(60);
        while is_clear(&store).await == Some(false) {
            assert!(Instant::now() < patience, "{durability:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(pragma(&store, "synchronous", None).await, 1, "normal");
    }
}

#[tokio::test]
async fn nothing_is_appended_while_the_log_does_not_reach_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let store = SqliteStore::open(path, Durability::Relaxed).await.unwrap();
    store.append(&[settled(1)]).await.unwrap();
    let fail_and_append = |opened: &mut Opened| {
        let barrier = opened.disk.as_ref().unwrap().barrier();
        barrier.note();
        barrier.sync(|| Err(std::io::ErrorKind::StorageFull.into()));
        append(opened, vec![Row::of(&settled(2))])
    };
    let refused = store.thread.run("append", fail_and_append).await;
    let cause = refused.unwrap_err().source;
    assert_eq!(cause.to_string(), "no storage space");
    // The thread tries again by itself, and this time it works.
    while store.append(&[settled(2)]).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn strict_commits_reach_the_disk_by_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let store = SqliteStore::open(path, Durability::Strict).await.unwrap();
    store.append(&[settled(1)]).await.unwrap();
    assert_eq!(pragma(&store, "synchronous", None).await, 2, "full");
    assert_eq!(is_clear(&store).await, None);
}

/// Appends the calls one by one, which makes the longest log, and returns how
/// many bytes it had.
async fn append_calls(store: &SqliteStore, calls: Range<u128>) -> u64 {
    let log = store.path().with_extension("db-wal");
    let mut longest = 0;
    for call in calls {
        store.append(&[settled(call)]).await.unwrap();
        longest = longest.max(std::fs::metadata(&log).unwrap().len());
    }
    longest
}

#[tokio::test]
async fn the_log_does_not_grow_under_steady_load() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let store = SqliteStore::open(&path, Durability::Default).await.unwrap();
    let longest = append_calls(&store, 0..6_000).await;
    assert!(longest < 24 << 20, "log {longest}");
}

#[tokio::test]
async fn a_log_that_a_reader_made_grow_is_begun_anew_once_the_reader_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let store = SqliteStore::open(&path, Durability::Default).await.unwrap();
    append_calls(&store, 0..10).await;
    let reader = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let count = || {
        let sql = "SELECT count(*) FROM terminal";
        reader.query_row(sql, [], |row| row.get::<_, i64>(0))
    };
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(count(), Ok(10));
    let longest = append_calls(&store, 10..3_000).await;
    assert!(longest > 24 << 20, "nobody is in the way: {longest}");
    assert_eq!(count(), Ok(10));
    reader.execute_batch("COMMIT").unwrap();

    let patience = Instant::now() + Duration::from_secs(60);
    let mut calls = 3_000;
    while log_pages(&store).await > 1_000 {
        assert!(Instant::now() < patience);
        append_calls(&store, calls..calls + 1).await;
        calls += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(count(), Ok(i64::try_from(calls).unwrap()));
}

async fn log_pages(store: &SqliteStore) -> i64 {
    let job = |opened: &mut Opened| {
        let sql = "PRAGMA wal_checkpoint(NOOP)";
        opened.connection.query_row(sql, [], |row| row.get(1))
    };
    store.thread.run("look at the log", job).await.unwrap()
}
