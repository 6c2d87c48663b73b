//! The stores of this crate keep the contract of `LedgerStore`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tollgate_ledger::{Durability, MemoryStore, SqliteStore};
use tollgate_testkit::stores::{self, SharedStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_the_contract() {
    stores::check(|| async { Arc::new(MemoryStore::new()) as SharedStore }).await;
}

#[tokio::test]
async fn memory_that_folds_keeps_what_it_says_of_the_contract() {
    for attempts in [1, 5, 30] {
        stores::check_folding(|| async { Arc::new(MemoryStore::keeping(attempts)) as SharedStore })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let count = AtomicU32::new(0);
    stores::check(|| async {
        let n = count.fetch_add(1, Ordering::Relaxed);
        let path = directory.path().join(format!("{n}.db"));
        Arc::new(SqliteStore::open(path, Durability::Default).await.unwrap()) as SharedStore
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_counts_what_budgets_spend() {
    let directory = tempfile::tempdir().unwrap();
    let count = AtomicU32::new(0);
    stores::check_counting(|| async {
        let n = count.fetch_add(1, Ordering::Relaxed);
        let path = directory.path().join(format!("{n}.db"));
        Arc::new(SqliteStore::open(path, Durability::Default).await.unwrap()) as SharedStore
    })
    .await;
}
