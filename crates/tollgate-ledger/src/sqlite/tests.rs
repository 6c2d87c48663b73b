//! What needs the connection: limits, and what reaches the disk when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tollgate_core::{
    Ended, FailureKind, Ledger, LedgerEvent, LedgerStore, Outcome, Silent, UsageQuery,
};
use tollgate_testkit::builders::{self, NOON};

use super::SqliteStore;
use crate::{Durability, LedgerConfig, UsageTracker};

async fn pragma(store: &SqliteStore, name: &'static str, value: Option<i64>) -> i64 {
    let job = move |opened: &mut super::open::Opened| {
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

/// How often the log was put on the disk, by somebody else's connection.
fn barriers(store: &SqliteStore) -> i64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(store.path(), flags).unwrap();
    connection
        .query_row("SELECT barriers FROM chain", [], |row| row.get(0))
        .unwrap()
}

#[tokio::test]
async fn what_was_appended_reaches_the_disk_without_further_events() {
    for durability in [Durability::Default, Durability::Relaxed] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let store = SqliteStore::open(path, durability).await.unwrap();
        store.append(&[settled(1)]).await.unwrap();
        let before = barriers(&store);
        let patience = Instant::now() + Duration::from_secs(60);
        while barriers(&store) == before {
            assert!(Instant::now() < patience, "{durability:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(pragma(&store, "synchronous", None).await, 1, "normal again");
    }
}

#[tokio::test]
async fn strict_commits_reach_the_disk_by_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let store = SqliteStore::open(path, Durability::Strict).await.unwrap();
    store.append(&[settled(1)]).await.unwrap();
    assert_eq!(pragma(&store, "synchronous", None).await, 2, "full");
    assert_eq!(barriers(&store), 0);
}

#[tokio::test]
async fn the_log_does_not_grow_under_steady_load() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let log = directory.path().join("ledger.db-wal");
    let store = SqliteStore::open(&path, Durability::Default).await.unwrap();
    let mut longest = 0;
    for batch in 0..60_u128 {
        let events: Vec<_> = (0..400).map(|n| settled(batch * 400 + n)).collect();
        store.append(&events).await.unwrap();
        longest = longest.max(std::fs::metadata(&log).unwrap().len());
    }
    let file = std::fs::metadata(&path).unwrap().len();
    assert!(longest < file, "log {longest}, file {file}");
    assert!(longest < 12 << 20, "log {longest}");
}
