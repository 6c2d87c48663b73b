use std::sync::Arc;

use tokio::time::advance;
use tollgate_keys::{LimitStore, MemoryLimits, SLICE_WINDOW};

#[path = "../contract/limits.rs"]
mod limits;

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_contract_of_shared_limits() {
    let store: Arc<dyn LimitStore> = Arc::new(MemoryLimits::new());
    let age = || advance(SLICE_WINDOW + std::time::Duration::from_millis(1));
    limits::check(Arc::clone(&store), store, age).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_grants_no_more_than_there_is_to_many_at_once() {
    limits::check_at_once(Arc::new(MemoryLimits::new())).await;
}
