//! Verifying: what is whole is found whole, and whatever was changed is named.

use std::fs;

use rusqlite::types::Value;
use tollgate_core::{LedgerEvent, LedgerStore};
use tollgate_ledger::{Difference, OpenError, SqliteStore, Verified};

use crate::ledger::{
    Folder, adjusted, complaints, ended, held, is_whole, sent, story, triple, verify,
};

/// Whether some complaint begins like this.
fn complains(verified: &Verified, beginning: &str) {
    let all = complaints(verified);
    let found = all.iter().any(|complaint| complaint.starts_with(beginning));
    assert!(found, "{beginning:?} is not in {all:#?}");
    assert!(!verified.is_ok());
}

#[tokio::test]
async fn a_whole_ledger_is_found_whole() {
    let folder = Folder::with(&story()).await;
    let verified = folder.verify().await;
    is_whole(&verified);
    let counts = [verified.events, verified.attempts, verified.windows];
    assert_eq!(counts, [story().len() as u64, 9, 3]);
    assert_eq!((verified.older, verified.head.len()), (0, 64));
}

#[tokio::test]
async fn a_new_ledger_is_whole() {
    let verified = Folder::with(&[]).await.verify().await;
    is_whole(&verified);
    assert_eq!((verified.events, verified.head), (0, "0".repeat(64)));
}

#[tokio::test]
async fn the_head_is_the_same_for_the_same_events_and_no_others() {
    let head =
        |events: Vec<LedgerEvent>| async move { Folder::with(&events).await.verify().await.head };
    let whole = head(story()).await;
    let folder = Folder::new();
    for event in story() {
        folder.open().await.append(&[event]).await.unwrap();
    }
    folder.open().await.append(&story()).await.unwrap();
    assert_eq!(folder.verify().await.head, whole, "batches do not matter");
    let mut other = story();
    other.swap(0, 1);
    assert_ne!(head(other).await, whole, "order does");
}

#[tokio::test]
async fn a_ledger_is_verified_beside_its_writer() {
    let folder = Folder::new();
    let writer = folder.open().await;
    let appending = tokio::spawn(async move {
        for n in 1..=60 {
            writer.append(&triple(n, 5)).await.unwrap();
        }
        writer
    });
    for _ in 0..10 {
        let verified = folder.verify().await;
        is_whole(&verified);
        assert_eq!(verified.events, verified.attempts * 3, "whole batches");
    }
    let writer = appending.await.unwrap();
    let verified = writer.verify().await.unwrap();
    is_whole(&verified);
    assert_eq!(verified.attempts, 60);
}

// === the chain ===

/// Flips a bit of a value, or makes it one where there was none.
fn flipped(value: &Value, place: usize) -> Value {
    let bytes = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        match bytes.len() {
            0 => bytes.push(b'x'),
            length => bytes[place % length] ^= 1,
        }
        bytes
    };
    match value {
        // Whichever the column takes.
        Value::Null if place.is_multiple_of(2) => 0.into(),
        Value::Null => Value::Text("x".into()),
        Value::Integer(integer) => (integer ^ (1 << (place % 62))).into(),
        Value::Real(_) => panic!("no column is real"),
        Value::Text(text) => Value::Text(String::from_utf8(bytes(text.as_bytes())).unwrap()),
        Value::Blob(blob) => Value::Blob(bytes(blob)),
    }
}

/// Every column of a table in every other row, with its value.
fn values(connection: &rusqlite::Connection, table: &str) -> Vec<(String, i64, Value)> {
    let mut statement = connection
        .prepare(&format!("SELECT seq, * FROM {table} ORDER BY seq"))
        .unwrap();
    let columns: Vec<String> = statement.column_names().map(String::from).collect();
    let mut values = Vec::new();
    let mut rows = statement.query([]).unwrap();
    let mut odd = 0;
    while let Some(row) = rows.next().unwrap() {
        odd = 1 - odd;
        for (place, column) in columns.iter().enumerate().skip(1 + odd).step_by(2) {
            values.push((column.clone(), row.get_unwrap(0), row.get_unwrap(place)));
        }
    }
    values
}

#[tokio::test]
async fn a_flipped_byte_anywhere_in_an_event_is_named() {
    let folder = Folder::with(&story()).await;
    let whole = folder.ledger();
    let mut flips = 0;
    for table in ["hold", "dispatch", "named", "terminal", "adjust", "carried"] {
        let connection = rusqlite::Connection::open(&whole).unwrap();
        for (column, seq, value) in values(&connection, table) {
            // Each its own: the last one's reader may still be closing.
            let changed = whole.with_file_name(format!("{flips}.db"));
            fs::copy(&whole, &changed).unwrap();
            let other = rusqlite::Connection::open(&changed).unwrap();
            let update = format!("UPDATE {table} SET {column} = ?1 WHERE seq = ?2");
            // One of them is of the right type, and no other row's key.
            let taken = [flips, flips + 13].into_iter().any(|place| {
                other
                    .execute(&update, (flipped(&value, place), seq))
                    .is_ok()
            });
            assert!(taken, "{table}.{column} can be changed");
            drop(other);
            let verified = verify(&changed).await;
            let first = verified.differences.iter().find_map(|one| match one {
                Difference::Chain { seq, .. } => Some(*seq),
                _ => None,
            });
            let first = first.unwrap_or_else(|| panic!("{table}.{column} of {seq} is not named"));
            match column.as_str() {
                // Found where it now is or no longer is, whichever comes first.
                "seq" => assert!(first <= seq.unsigned_abs(), "{table}.{column}"),
                _ => assert_eq!(first, seq.unsigned_abs(), "{table}.{column}"),
            }
            flips += 1;
        }
    }
    assert!(flips > 300, "{flips} values");
}

#[tokio::test]
async fn what_is_done_to_whole_events_is_named() {
    let last = story().len();
    let cut = format!("there should be events up to number {last}");
    for (sql, complaint) in [
        (
            "DELETE FROM terminal WHERE seq = 6".into(),
            "chain broken at event 6: the next one is number 7".into(),
        ),
        (
            format!("DELETE FROM terminal WHERE seq = {last}"),
            format!("chain broken at event {last}: {cut}"),
        ),
        (
            "UPDATE named SET seq = 22 - seq WHERE seq IN (5, 9, 16)".into(),
            "chain broken at event 5".into(),
        ),
        (
            "UPDATE carried SET seq = 3 - seq".into(),
            "chain broken at event 1: its row in table carried was changed".into(),
        ),
        (
            format!("INSERT INTO named VALUES (zeroblob(16), 1, 'g', {last} + 1, zeroblob(32))"),
            format!("chain broken at event {}: its row", last + 1),
        ),
        (
            "INSERT INTO named VALUES (zeroblob(16), 1, 'g', NULL, NULL)".into(),
            "chain broken at event 1: 1 rows outside the chain".into(),
        ),
        (
            "UPDATE named SET seq = NULL, digest = NULL WHERE seq = 5".into(),
            "chain broken at event 5".into(),
        ),
        (
            format!("UPDATE chain SET seq = seq - 1 WHERE seq = {last}"),
            format!(
                "chain broken at event {}: the chain should have ended",
                last + 1
            ),
        ),
        (
            "UPDATE chain SET digest = zeroblob(32)".into(),
            format!(
                "chain broken at event {}: the chain should have ended",
                last + 1
            ),
        ),
        ("DELETE FROM chain".into(), "file: ".into()),
    ] {
        let folder = Folder::with(&story()).await;
        folder.change(&sql).await;
        complains(&folder.verify().await, &complaint);
    }
}

// === the money ===

#[tokio::test]
async fn a_counter_that_does_not_follow_is_named_with_its_window() {
    for (sql, complaint) in [
        (
            "UPDATE budget_spent SET spent_nanos = spent_nanos + 1 WHERE key = 'a'",
            "budget team of \"a\" since 2026-08-08T12:00:00Z: counter $0.000000421, \
             events add up to $0.00000042",
        ),
        (
            "DELETE FROM budget_spent WHERE budget = 'day' AND key = 'b'",
            "budget day of \"b\" since 2026-08-08T12:00:00Z: counter $0, events",
        ),
        (
            "INSERT INTO budget_spent VALUES ('none', '', 0, 9)",
            "budget none since 1970-01-01T00:00:00Z: counter $0.000000009, events add up to $0",
        ),
    ] {
        let folder = Folder::with(&story()).await;
        folder.change(sql).await;
        let verified = folder.verify().await;
        assert_eq!(verified.differences.len(), 1, "{:?}", complaints(&verified));
        complains(&verified, complaint);
    }
}

#[tokio::test]
async fn a_list_of_what_runs_that_does_not_follow_is_named() {
    let mut events = story();
    events.push(sent(7, 1));
    // One that came after its end never ran.
    events.extend([ended(8, 1, Some(5)), held(8), sent(8, 1)]);
    let folder = Folder::with(&events).await;
    is_whole(&folder.verify().await);
    folder
        .change(
            "UPDATE running SET attempt = 2;
             INSERT INTO running SELECT call, attempt FROM terminal WHERE attempt = 3",
        )
        .await;
    let verified = folder.verify().await;
    let call = |n| crate::ledger::facts(n).call;
    let listed = "counts as running, and does not run";
    let expected = [
        format!("attempt 3 of {}: it {listed}", call(1)),
        format!("attempt 3 of {}: it {listed}", call(2)),
        format!("attempt 3 of {}: it {listed}", call(3)),
        format!(
            "attempt 1 of {}: it runs, and does not count as running",
            call(7)
        ),
        format!("attempt 2 of {}: it {listed}", call(7)),
    ];
    assert_eq!(complaints(&verified), expected);
}

#[tokio::test]
async fn events_that_contradict_each_other_are_named() {
    let call = crate::ledger::facts(1).call;
    let of = |attempt: u32, detail: &str| format!("attempt {attempt} of {call}: {detail}");
    let mut costless = ended(1, 1, Some(5));
    if let LedgerEvent::Settle { record, .. } = &mut costless {
        record.cost = None;
    }
    let mut costly = ended(1, 1, None);
    if let LedgerEvent::Release { record, .. } = &mut costly {
        record.cost = Some(crate::ledger::cost(5, tollgate_core::CostSource::Reported));
    }
    for (events, complaint) in [
        (
            vec![ended(1, 1, Some(5))],
            of(1, "it ended, and nothing was held"),
        ),
        (
            vec![held(1), costless],
            of(1, "it was settled without a cost"),
        ),
        (
            vec![held(1), costly],
            of(1, "it was released, and has a cost"),
        ),
        (
            vec![held(1), ended(1, 1, Some(5)), adjusted(1, 1, 7, 3)],
            of(
                1,
                "adjustment 1 says that it changes $0.000000003, its amount changes $0.000000002",
            ),
        ),
        (
            vec![held(1), adjusted(1, 2, 7, 7)],
            of(2, "adjustment 1 of what never ended"),
        ),
        (
            vec![adjusted(1, 1, 7, 7), held(1), ended(1, 2, None)],
            of(1, "adjustment 1 of what never ended"),
        ),
    ] {
        let verified = Folder::with(&events).await.verify().await;
        assert_eq!(
            complaints(&verified).len(),
            1,
            "{:?}",
            complaints(&verified)
        );
        complains(&verified, &complaint);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_a_difference_and_no_error() {
    let folder = Folder::with(&story()).await;
    folder
        .change("UPDATE terminal SET windows = '[[' WHERE seq = 6")
        .await;
    let verified = folder.verify().await;
    complains(&verified, "chain broken at event 6");
    complains(&verified, "file: ");
}

#[tokio::test]
async fn a_damaged_file_is_named() {
    let many: Vec<LedgerEvent> = (1..=500).flat_map(|n| triple(n, 1)).collect();
    let folder = Folder::with(&many).await;
    let mut bytes = fs::read(folder.ledger()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0xA5);
    let damaged = folder.ledger().with_file_name("damaged.db");
    fs::write(&damaged, bytes).unwrap();
    complains(&verify(&damaged).await, "file: ");
}

// === older ledgers ===

#[tokio::test]
async fn rows_older_than_the_chain_are_outside_of_it_and_counted() {
    let folder = Folder::new();
    rusqlite::Connection::open(folder.ledger())
        .unwrap()
        .execute_batch(include_str!("first_schema.sql"))
        .unwrap();
    let reader = SqliteStore::open_read_only(folder.ledger()).await.unwrap();
    let refused = reader.verify().await.unwrap_err().source;
    let refused = refused.downcast_ref::<OpenError>().unwrap();
    assert!(matches!(refused, OpenError::Older { found: 1, .. }));
    assert!(refused.to_string().contains("start the server once"));
    drop(reader);

    folder.open().await.append(&triple(1, 5)).await.unwrap();
    let verified = folder.verify().await;
    is_whole(&verified);
    assert_eq!((verified.older, verified.events), (3, 3));
    assert_eq!(verified.attempts, 3, "old and new");
    folder
        .change("DELETE FROM terminal WHERE seq IS NULL AND attempt = 1")
        .await;
    let verified = folder.verify().await;
    complains(
        &verified,
        "chain broken at event 1: 2 rows outside the chain, there were 3",
    );
}

#[tokio::test]
async fn what_was_carried_once_by_an_older_schema_counts_on() {
    let folder = Folder::with(&story()).await;
    let older = "CREATE TABLE older (
            budget TEXT NOT NULL, key TEXT NOT NULL, start_ms INTEGER NOT NULL,
            at_ms INTEGER NOT NULL, amount_nanos INTEGER NOT NULL, seq INTEGER, digest BLOB,
            PRIMARY KEY (budget, key, start_ms)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO older SELECT * FROM carried;
        DROP TABLE carried;
        ALTER TABLE older RENAME TO carried;
        DELETE FROM schema_version WHERE version >= 8;";
    folder.change(older).await;
    drop(folder.open().await);
    is_whole(&folder.verify().await);
    let day = crate::ledger::window("day", "");
    for nanos in [50, 60, 55] {
        let more = crate::ledger::carried(day.clone(), nanos);
        folder.open().await.append(&[more]).await.unwrap();
    }
    let verified = folder.verify().await;
    is_whole(&verified);
    assert_eq!(verified.events, story().len() as u64 + 1);
}
