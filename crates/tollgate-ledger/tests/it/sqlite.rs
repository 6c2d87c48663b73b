//! The file: crashes, second openers, foreign and damaged files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tollgate_core::{
    CostSource, Dimension, Failure, FailureKind, Ledger, LedgerEvent, LedgerStore, Silent,
    UsageQuery, UsageRow, Usd,
};
use tollgate_ledger::{Durability, LedgerConfig, OpenError, SqliteStore, StoreKind, UsageTracker};
use tollgate_testkit::builders;

use crate::scene::{attempt, direct, hold, noon, outcome, over, record, total, totals};

async fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, Durability::Default).await
}

fn settled(n: u128, nanos: i64) -> LedgerEvent {
    LedgerEvent::Settle {
        facts: builders::facts(n),
        record: builders::record(1, "a/one", nanos),
        windows: [].into(),
    }
}

async fn spent(store: &SqliteStore) -> i64 {
    let rows = store.report(&UsageQuery::default()).await.unwrap();
    rows.first().map_or(0, |row| row.credits.nanos())
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    for round in 1..=3 {
        let store = open(&path).await.unwrap();
        store.append(&[settled(round, 10)]).await.unwrap();
        drop(store);
    }
    assert_eq!(spent(&open(&path).await.unwrap()).await, 30);
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let store = open(&path).await.unwrap();
    for n in 1..=100 {
        store.append(&[settled(n, 1)]).await.unwrap();
    }
    // What a killed process leaves: the file and its log as they are now,
    // without anything that a close would do.
    let after = directory.path().join("after.db");
    fs::copy(&path, &after).unwrap();
    fs::copy(
        directory.path().join("ledger.db-wal"),
        directory.path().join("after.db-wal"),
    )
    .unwrap();
    assert_eq!(spent(&open(&after).await.unwrap()).await, 100);
}

/// The log is beside the file, and not beside the link.
#[cfg(unix)]
#[tokio::test]
async fn a_ledger_can_be_opened_by_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for round in 1..=2 {
        let store = open(&link).await.unwrap();
        store.append(&[settled(round, 10)]).await.unwrap();
    }
    assert_eq!(spent(&open(&path).await.unwrap()).await, 20);
    assert!(!directory.path().join("link.db-wal").exists());
}

#[tokio::test]
async fn a_second_writer_is_refused_and_readers_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let writer = open(&path).await.unwrap();
    assert!(matches!(open(&path).await, Err(OpenError::InUse { .. })));
    let reader = SqliteStore::open_read_only(&path).await.unwrap();
    writer.append(&[settled(1, 7)]).await.unwrap();
    assert_eq!(spent(&reader).await, 7, "a reader sees what is committed");
    assert!(reader.append(&[settled(2, 7)]).await.is_err());
    drop(writer);
    let writer = open(&path).await.unwrap();
    assert_eq!(spent(&writer).await, 7);
}

#[tokio::test]
async fn a_ledger_can_be_read_when_nobody_writes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let missing = SqliteStore::open_read_only(&path).await;
    assert!(matches!(missing, Err(OpenError::Missing { .. })));
    assert!(!path.exists(), "asking makes no file");
    open(&path)
        .await
        .unwrap()
        .append(&[settled(1, 7)])
        .await
        .unwrap();
    // The writer's thread may still be closing; reading does not mind.
    let reader = SqliteStore::open_read_only(&path).await.unwrap();
    assert_eq!(spent(&reader).await, 7);
}

/// Refuses the file, says what is expected of the error, and leaves the file alone.
async fn refuses(path: &Path, expected: impl Fn(&OpenError) -> bool) {
    let before = fs::read(path).unwrap();
    for error in [
        open(path).await.unwrap_err(),
        SqliteStore::open_read_only(path).await.unwrap_err(),
    ] {
        assert!(expected(&error), "{error:?}");
        assert!(error.to_string().contains("ledger"), "{error}");
        let failure = Failure::from(error);
        assert_eq!(failure.kind(), FailureKind::Configuration);
    }
    assert_eq!(fs::read(path).unwrap(), before, "the file is as it was");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    fs::write(&path, "remember the milk ".repeat(100)).unwrap();
    refuses(&path, |error| matches!(error, OpenError::NotALedger { .. })).await;
}

#[tokio::test]
async fn somebody_elses_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.db");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE schema_version (version INTEGER); CREATE TABLE t (x)")
        .unwrap();
    refuses(&path, |error| matches!(error, OpenError::NotALedger { .. })).await;
}

#[tokio::test]
async fn a_newer_ledger_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    drop(open(&path).await.unwrap());
    let connection = open_raw(&path).await;
    connection
        .execute_batch("INSERT INTO schema_version VALUES (99, 0); PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(connection);
    refuses(&path, |error| {
        matches!(error, OpenError::Newer { found: 99, .. })
    })
    .await;
}

/// A connection of somebody else, once the store has closed the file.
async fn open_raw(path: &Path) -> rusqlite::Connection {
    drop(open(path).await.unwrap());
    let lock = fs::File::open(path.with_extension("db.lock")).unwrap();
    tokio::task::spawn_blocking(move || lock.lock())
        .await
        .unwrap()
        .unwrap();
    rusqlite::Connection::open(path).unwrap()
}

#[tokio::test]
async fn a_damaged_ledger_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let store = open(&path).await.unwrap();
    let many: Vec<LedgerEvent> = (1..=2_000).map(|n| settled(n, 1)).collect();
    store.append(&many).await.unwrap();
    drop(store);
    drop(open_raw(&path).await);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("restore a backup"));
    assert_eq!(fs::read(&path).unwrap(), bytes, "the file is as it was");
}

#[tokio::test]
async fn a_directory_that_does_not_exist_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = open(&directory.path().join("none/ledger.db"))
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
}

#[tokio::test]
async fn a_crash_in_flight_is_booked_at_worst_case_by_the_next_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let config = LedgerConfig::default();

    let first = over(Arc::new(open(&path).await.unwrap()), &config);
    let mut lost = hold(&first, 1);
    let mut done = hold(&first, 2);
    first
        .dispatch(&mut lost, &attempt(1, 1, 5_000))
        .await
        .unwrap();
    first
        .dispatch(&mut done, &attempt(2, 1, 5_000))
        .await
        .unwrap();
    let cost = Some((40, CostSource::Reported));
    first.settle(done, outcome(vec![record(1, cost)]));
    first.shutdown().await.unwrap();
    drop(first);

    let second = over(Arc::new(open(&path).await.unwrap()), &config);
    let running = hold(&second, 3);
    let mut running = running;
    second
        .dispatch(&mut running, &attempt(3, 1, 70))
        .await
        .unwrap();
    let open = second.recover().await.unwrap().ended;
    assert_eq!(open.len(), 1, "not what runs in this process");
    assert_eq!(open[0].facts.call, lost.facts.call);
    assert_eq!(second.totals().unresolved.nanos(), 5_000);
    let row = total(&second).await;
    assert_eq!((row.provider.nanos(), row.unresolved.nanos()), (40, 5_000));
    let again = second.recover().await.unwrap().ended;
    assert!(again.is_empty(), "each is recovered once");

    second
        .adjust(
            open[0].facts.call,
            1,
            direct(600, CostSource::Reconciled),
            None,
        )
        .unwrap();
    second.settle(running, outcome(vec![record(1, None)]));
    assert_eq!(totals(&second), [0, 0, 600, 0]);
    let row = total(&second).await;
    assert_eq!((row.provider.nanos(), row.unresolved.nanos()), (640, 0));
}

#[tokio::test]
async fn the_configured_file_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let config = LedgerConfig {
        store: StoreKind::Sqlite,
        path: directory.path().join("configured.db"),
        durability: Durability::Strict,
        ..LedgerConfig::default()
    };
    let tracker = UsageTracker::open(&config, Arc::new(noon), Arc::new(Silent))
        .await
        .unwrap();
    let hold = hold(&tracker, 1);
    tracker.settle(
        hold,
        outcome(vec![record(1, Some((9, CostSource::Reported)))]),
    );
    tracker.shutdown().await.unwrap();
    let reader = SqliteStore::open_read_only(&config.path).await.unwrap();
    let rows = reader.report(&UsageQuery::default()).await.unwrap();
    assert_eq!(rows[0].provider.nanos(), 9);
}

/// A ledger of the first schema, as the release that made it left it.
const FIRST: &str = include_str!("first_schema.sql");

#[tokio::test]
async fn a_ledger_of_the_first_schema_reports_what_it_did_before_and_after_the_update() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(FIRST)
        .unwrap();
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(
            "INSERT INTO dispatch
             SELECT call, attempt, at_ms, lane, wanted, 900 FROM terminal;
             INSERT INTO dispatch
             SELECT call, 3, at_ms, lane, model, worst_nanos FROM dispatch WHERE attempt = 2",
        )
        .unwrap();
    let by_models = UsageQuery {
        by: vec![Dimension::Requested, Dimension::Planned, Dimension::Model],
        ..UsageQuery::default()
    };
    let reader = SqliteStore::open_read_only(&path).await.unwrap();
    let before = reader.report(&by_models).await.unwrap();
    drop(reader);
    let keys: Vec<_> = before.iter().map(|row| row.key.join(" ")).collect();
    assert_eq!(keys, ["auto b/two b/two-2026", "auto a/one a/one"]);
    let figures = |row: &UsageRow| [row.credits, row.unresolved, row.failover].map(Usd::nanos);
    assert_eq!(
        before.iter().map(figures).collect::<Vec<_>>(),
        [[70, 0, 0], [4, 0, 4]]
    );
    assert_eq!((before[0].tokens.input, before[0].tokens.output), (10, 22));

    let store = open(&path).await.unwrap();
    assert_eq!(store.report(&by_models).await.unwrap(), before);
    let running = store.open_attempts().await.unwrap();
    let running: Vec<_> = running.iter().map(|one| (one.attempt, one.worst)).collect();
    assert_eq!(running, [(3, Usd::from_nanos(900))], "and none that ended");
    store.append(&[settled(9, 1)]).await.unwrap();
    assert_eq!(spent(&store).await, 75);
}
