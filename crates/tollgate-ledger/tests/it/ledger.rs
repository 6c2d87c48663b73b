//! Events for whole ledgers, and files to keep them in.

use std::path::{Path, PathBuf};

use tollgate_core::{
    AttemptEnd, Billing, BudgetWindow, BudgetWindows, CallFacts, Cost, CostSource, GenerationId,
    LedgerEvent, LedgerStore, TokenUsage,
};
use tollgate_ledger::{Durability, SqliteStore, Verified};
use tollgate_testkit::builders::{self, NOON};

use crate::scene::usd;

/// A folder with a ledger in it.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.path().join("ledger.db")
    }

    pub(crate) async fn open(&self) -> SqliteStore {
        open(&self.ledger(), Durability::Default).await
    }

    /// A ledger with these events that nobody writes to any more.
    pub(crate) async fn with(events: &[LedgerEvent]) -> Self {
        let folder = Self::new();
        folder.open().await.append(events).await.unwrap();
        folder.raw().await;
        folder
    }

    /// A connection past the store, once that has closed the file.
    pub(crate) async fn raw(&self) -> rusqlite::Connection {
        // Opening waits for the lock, and closing writes the log into the file.
        drop(self.open().await);
        let lock = std::fs::File::open(self.ledger().with_extension("db.lock")).unwrap();
        tokio::task::spawn_blocking(move || lock.lock())
            .await
            .unwrap()
            .unwrap();
        rusqlite::Connection::open(self.ledger()).unwrap()
    }

    pub(crate) async fn change(&self, sql: &str) {
        self.raw().await.execute_batch(sql).unwrap();
    }

    pub(crate) async fn verify(&self) -> Verified {
        verify(&self.ledger()).await
    }
}

pub(crate) async fn open(path: &Path, durability: Durability) -> SqliteStore {
    SqliteStore::open(path, durability).await.unwrap()
}

pub(crate) async fn verify(path: &Path) -> Verified {
    let store = SqliteStore::open_read_only(path).await.unwrap();
    store.verify().await.unwrap()
}

/// What is wrong, as people read it.
pub(crate) fn complaints(verified: &Verified) -> Vec<String> {
    let differences = verified.differences.iter();
    differences.map(ToString::to_string).collect()
}

pub(crate) fn is_whole(verified: &Verified) {
    assert_eq!(complaints(verified), [""; 0]);
    assert!(verified.is_ok());
}

// === events ===

pub(crate) fn window(budget: &str, key: &str) -> BudgetWindow {
    BudgetWindow {
        budget: budget.into(),
        key: key.into(),
        start: NOON,
    }
}

/// What most events count in.
pub(crate) fn windows() -> BudgetWindows {
    [window("day", ""), window("team", "a")].into()
}

pub(crate) fn held(n: u128) -> LedgerEvent {
    LedgerEvent::Hold {
        facts: facts(n),
        amount: usd(1_000),
    }
}

pub(crate) fn facts(n: u128) -> CallFacts {
    CallFacts {
        tags: vec![("env".into(), "prod".into())],
        ..builders::facts(n)
    }
}

pub(crate) fn sent(n: u128, attempt: u32) -> LedgerEvent {
    LedgerEvent::Dispatch {
        call: facts(n).call,
        attempt,
        at: NOON,
        lane: builders::lane_id("openrouter"),
        billing: Billing::Credits,
        model: builders::model("a/one"),
        worst: usd(1_000),
        windows: windows(),
        epoch: 3,
    }
}

pub(crate) fn named(n: u128, attempt: u32) -> LedgerEvent {
    LedgerEvent::Named {
        call: facts(n).call,
        attempt,
        generation: GenerationId::new(format!("gen-{n}-{attempt}")).unwrap(),
    }
}

pub(crate) fn cost(nanos: i64, source: CostSource) -> Cost {
    Cost::paid_by(Billing::Credits, usd(nanos), source)
}

/// The end of an attempt that cost that much; `None` is a release.
pub(crate) fn ended(n: u128, attempt: u32, nanos: Option<i64>) -> LedgerEvent {
    let mut record = builders::record(attempt, "a/one", 0);
    record.cost = nanos.map(|nanos| cost(nanos, CostSource::Estimated));
    let facts = facts(n);
    match nanos {
        Some(_) => LedgerEvent::Settle {
            facts,
            record,
            windows: windows(),
        },
        None => LedgerEvent::Release { facts, record },
    }
}

/// An attempt that failed, with every column filled.
pub(crate) fn failed(n: u128, attempt: u32, nanos: i64) -> LedgerEvent {
    let mut event = ended(n, attempt, Some(nanos));
    if let LedgerEvent::Settle { record, .. } = &mut event {
        record.end = AttemptEnd::Failed {
            kind: tollgate_core::FailureKind::Upstream,
            status: Some(502),
            message: "bad gateway".into(),
        };
        record.served.generation = GenerationId::new("gen").ok();
    }
    event
}

pub(crate) fn adjusted(n: u128, attempt: u32, nanos: i64, change: i64) -> LedgerEvent {
    LedgerEvent::Adjust {
        call: facts(n).call,
        attempt,
        at: NOON,
        cost: cost(nanos, CostSource::Reconciled),
        tokens: Some(TokenUsage {
            input: 3,
            output: 4,
            ..TokenUsage::default()
        }),
        windows: windows(),
        change: usd(change),
    }
}

pub(crate) fn carried(window: BudgetWindow, nanos: i64) -> LedgerEvent {
    LedgerEvent::Carried {
        window,
        at: NOON,
        amount: usd(nanos),
    }
}

/// A ledger with two rows or more in each table.
pub(crate) fn story() -> Vec<LedgerEvent> {
    let mut events = vec![
        carried(window("day", ""), 50),
        carried(window("day", "b"), 7),
    ];
    for n in 1..=3 {
        events.extend([held(n), sent(n, 1), named(n, 1), failed(n, 1, 400)]);
        events.extend([sent(n, 2), named(n, 2), ended(n, 2, Some(100))]);
        events.extend([adjusted(n, 1, 30, -370), adjusted(n, 1, 40, 10)]);
        events.extend([sent(n, 3), ended(n, 3, None)]);
    }
    events
}

/// A call's hold, its attempt and its end.
pub(crate) fn triple(n: u128, nanos: i64) -> [LedgerEvent; 3] {
    [held(n), sent(n, 1), ended(n, 1, Some(nanos))]
}
