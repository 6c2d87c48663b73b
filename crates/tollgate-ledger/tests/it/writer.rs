//! The writer: groups, acknowledgements, full queues and failing stores.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tollgate_core::{
    CostSource, FailureKind, Ledger, LedgerEvent, LedgerStore, OpenAttempt, StoreError, UsageQuery,
    UsageRow,
};
use tollgate_ledger::{Durability, LedgerConfig, MemoryStore};

use crate::scene::{attempt, call, hold, outcome, over, plan, record, total, totals};

/// A store that takes a batch only when the test lets it, and notes its size;
/// it refuses while it is told to.
#[derive(Debug)]
struct Gate {
    inner: MemoryStore,
    permits: Semaphore,
    batches: Mutex<Vec<usize>>,
    refusals: Mutex<u32>,
}

impl Gate {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryStore::new(),
            permits: Semaphore::new(permits),
            batches: Mutex::default(),
            refusals: Mutex::default(),
        })
    }

    fn open(&self) {
        self.permits.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    fn refuse(&self, times: u32) {
        *self.refusals.lock().unwrap() = times;
    }

    fn refuses(&self) -> bool {
        let mut left = self.refusals.lock().unwrap();
        let refuses = *left > 0;
        *left = left.saturating_sub(1);
        refuses
    }

    fn batches(&self) -> Vec<usize> {
        self.batches.lock().unwrap().clone()
    }
}

#[async_trait]
impl LedgerStore for Gate {
    async fn append(&self, events: &[LedgerEvent]) -> Result<Vec<usize>, StoreError> {
        self.permits.acquire().await.unwrap().forget();
        if self.refuses() {
            return Err(StoreError::new("append events", "the disk is full"));
        }
        self.batches.lock().unwrap().push(events.len());
        self.inner.append(events).await
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        self.inner.open_attempts().await
    }

    async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        self.inner.report(query).await
    }
}

const REPORTED: Option<(i64, CostSource)> = Some((7, CostSource::Reported));

fn config() -> LedgerConfig {
    LedgerConfig::default()
}

/// Lets the writer run until it waits, and no longer for company.
async fn let_writer_run() {
    for pause in [Duration::ZERO, Duration::from_millis(10)] {
        tokio::time::advance(pause).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_written_as_one_group() {
    let store = Gate::new(0);
    let tracker = over(store.clone(), &config());
    let first = hold(&tracker, 1);
    let_writer_run().await;
    // The writer is busy with the first event now; the others gather.
    let holds: Vec<_> = (2..=10).map(|n| hold(&tracker, n)).collect();
    store.open();
    tracker.flush().await.unwrap();
    assert_eq!(store.batches(), [1, 9]);
    for hold in holds.into_iter().chain([first]) {
        tracker.settle(hold, outcome(vec![record(1, REPORTED)]));
    }
    tracker.shutdown().await.unwrap();
    assert_eq!(store.batches(), [1, 9, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_group_is_not_larger_than_configured() {
    let store = Gate::new(usize::MAX >> 4);
    let config = LedgerConfig {
        max_batch: 4,
        ..config()
    };
    let tracker = over(store.clone(), &config);
    let holds: Vec<_> = (1..=10).map(|n| hold(&tracker, n)).collect();
    tracker.flush().await.unwrap();
    assert_eq!(store.batches(), [4, 4, 2]);
    for hold in holds {
        tracker.settle(hold, outcome(vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dispatch_waits_until_it_is_written() {
    let store = Gate::new(1);
    let tracker = over(store.clone(), &config());
    let mut hold = hold(&tracker, 1);
    let_writer_run().await;
    let attempt = attempt(1, 1, 500);
    {
        let mut dispatch = tracker.dispatch(&mut hold, &attempt);
        assert!((&mut dispatch).now_or_never().is_none());
        let_writer_run().await;
        assert!((&mut dispatch).now_or_never().is_none());
        store.open();
        dispatch.await.unwrap();
    }
    assert_eq!(store.open_attempts().await.unwrap().len(), 1);
    tracker.settle(hold, outcome(vec![record(1, None)]));
}

#[tokio::test(start_paused = true)]
async fn a_relaxed_dispatch_does_not_wait() {
    let store = Gate::new(0);
    let config = LedgerConfig {
        durability: Durability::Relaxed,
        ..config()
    };
    let tracker = over(store, &config);
    let mut hold = hold(&tracker, 1);
    tracker
        .dispatch(&mut hold, &attempt(1, 1, 500))
        .now_or_never()
        .expect("it does not wait")
        .unwrap();
    tracker.settle(hold, outcome(vec![record(1, None)]));
}

#[tokio::test(start_paused = true)]
async fn a_dispatch_that_was_given_up_costs_nothing_and_is_closed() {
    let store = Gate::new(0);
    let tracker = over(store.clone(), &config());
    let mut hold = hold(&tracker, 1);
    let attempt = attempt(1, 1, 500);
    assert!(
        tracker
            .dispatch(&mut hold, &attempt)
            .now_or_never()
            .is_none()
    );
    // The caller went away while the record was being written.
    let receipt = tracker.settle(hold, outcome(vec![]));
    assert_eq!(receipt.attempts.len(), 1);
    assert_eq!(receipt.attempts[0].cost, None, "it was never sent");
    store.open();
    tracker.shutdown().await.unwrap();
    assert!(store.open_attempts().await.unwrap().is_empty());
    assert_eq!(totals(&tracker), [0; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_calls_and_loses_nothing_of_those_let_in() {
    let store = Gate::new(0);
    let config = LedgerConfig {
        queue: 3,
        ..config()
    };
    let tracker = over(store.clone(), &config);
    let holds: Vec<_> = (1..=3).map(|n| hold(&tracker, n)).collect();
    let refused = tracker.hold(&call(4), &plan()).unwrap_err();
    assert_eq!(refused.kind(), FailureKind::LedgerUnavailable);
    assert!(refused.hint().unwrap().contains("ledger.queue"));
    for hold in holds {
        tracker.settle(hold, outcome(vec![record(1, REPORTED)]));
    }
    assert!(tracker.hold(&call(5), &plan()).is_err(), "still overfull");
    assert_eq!(totals(&tracker), [0, 0, 21, 0], "nothing of the refused");
    store.open();
    assert_eq!(total(&tracker).await.provider.nanos(), 21);
    let free = hold(&tracker, 4);
    tracker.settle(free, outcome(vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_refuses_calls_and_gets_everything_once_it_works() {
    let store = Gate::new(usize::MAX >> 4);
    let tracker = over(store.clone(), &config());
    let mut running = hold(&tracker, 1);
    tracker.flush().await.unwrap();
    store.refuse(4);
    let attempt = attempt(1, 1, 500);
    let refused = tracker.dispatch(&mut running, &attempt).await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::LedgerUnavailable);
    assert_eq!(running.dispatched(), 0);
    let failing = tracker.hold(&call(2), &plan()).unwrap_err();
    assert_eq!(failing.kind(), FailureKind::LedgerUnavailable);
    let source = std::error::Error::source(&failing).unwrap();
    let cause = std::error::Error::source(source).unwrap().to_string();
    assert_eq!(cause, "the disk is full");
    tracker.settle(running, outcome(vec![]));
    // Time passes by itself while everybody waits.
    while tracker.flush().await.is_err() {
        tokio::time::advance(std::time::Duration::from_millis(100)).await;
    }
    let healed = hold(&tracker, 3);
    tracker.settle(healed, outcome(vec![record(1, REPORTED)]));
    let row = total(&tracker).await;
    assert_eq!((row.attempts, row.provider.nanos()), (2, 7));
    assert!(store.open_attempts().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_behind_a_failing_batch_are_refused_with_it() {
    let store = Gate::new(0);
    let tracker = over(store.clone(), &config());
    let mut running = hold(&tracker, 1);
    let_writer_run().await;
    // The writer is at the first event; these wait in the line.
    let attempt = attempt(1, 1, 500);
    let waiting = {
        let mut dispatch = pin!(tracker.dispatch(&mut running, &attempt));
        let mut flush = pin!(tracker.flush());
        assert!(dispatch.as_mut().now_or_never().is_none());
        assert!(flush.as_mut().now_or_never().is_none());
        store.refuse(u32::MAX);
        store.open();
        [dispatch.await, flush.await]
    };
    for refused in waiting {
        assert_eq!(refused.unwrap_err().kind(), FailureKind::LedgerUnavailable);
    }
    for refused in [
        tracker.flush().now_or_never(),
        tracker
            .report(&UsageQuery::default())
            .now_or_never()
            .map(|rows| rows.map(|_| ())),
    ] {
        let refused = refused.expect("an answer at once").unwrap_err();
        assert_eq!(refused.kind(), FailureKind::LedgerUnavailable);
    }
    tracker.settle(running, outcome(vec![]));
    store.refuse(0);
    tracker.shutdown().await.unwrap();
    assert!(store.open_attempts().await.unwrap().is_empty());
    assert_eq!(store.batches(), [1, 2], "what was refused stays as history");
}

#[tokio::test(start_paused = true)]
async fn a_silent_store_fails_and_gets_each_event_once_when_it_answers() {
    let store = Gate::new(0);
    let tracker = over(store.clone(), &config());
    let mut running = hold(&tracker, 1);
    let started = Instant::now();
    let refused = tracker.dispatch(&mut running, &attempt(1, 1, 500)).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::LedgerUnavailable);
    assert_eq!(started.elapsed().as_secs(), 5);
    assert!(tracker.hold(&call(2), &plan()).is_err());
    tracker.settle(running, outcome(vec![]));
    tokio::time::sleep(Duration::from_secs(60)).await;
    store.open();
    let_writer_run().await;
    tracker.flush().await.unwrap();
    assert_eq!(store.batches(), [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn shutting_down_over_a_silent_store_ends_and_says_so() {
    let store = Gate::new(0);
    let tracker = over(store.clone(), &config());
    let hold = hold(&tracker, 1);
    tracker.settle(hold, outcome(vec![record(1, REPORTED)]));
    let started = Instant::now();
    let lost = tracker.shutdown().await.unwrap_err();
    assert_eq!(lost.kind(), FailureKind::LedgerUnavailable);
    assert_eq!(started.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn shutting_down_writes_what_waits_and_refuses_the_rest() {
    let store = Gate::new(usize::MAX >> 4);
    let tracker = over(store.clone(), &config());
    for n in 1..=100 {
        let hold = hold(&tracker, n);
        tracker.settle(hold, outcome(vec![record(1, REPORTED)]));
    }
    tracker.shutdown().await.unwrap();
    tracker.shutdown().await.unwrap();
    let rows = store.report(&UsageQuery::default()).await.unwrap();
    assert_eq!(rows[0].provider.nanos(), 700);
    let refused = tracker.hold(&call(200), &plan()).unwrap_err();
    assert_eq!(refused.kind(), FailureKind::LedgerUnavailable);
    assert_eq!(totals(&tracker)[0], 0);
}

#[tokio::test(start_paused = true)]
async fn shutting_down_over_a_dead_store_ends_and_says_so() {
    let store = Gate::new(usize::MAX >> 4);
    let tracker = over(store.clone(), &config());
    store.refuse(u32::MAX);
    let hold = hold(&tracker, 1);
    tracker.settle(hold, outcome(vec![record(1, REPORTED)]));
    let lost = tracker.shutdown().await.unwrap_err();
    assert_eq!(lost.kind(), FailureKind::LedgerUnavailable);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_tracker_lets_its_writer_finish() {
    let store = Gate::new(0);
    let tracker = over(store.clone(), &config());
    let hold = hold(&tracker, 1);
    tracker.settle(hold, outcome(vec![record(1, REPORTED)]));
    drop(tracker);
    store.open();
    let_writer_run().await;
    let rows = store.report(&UsageQuery::default()).await.unwrap();
    assert_eq!(rows[0].provider.nanos(), 7);
}

/// A store that dies of the first batch.
#[derive(Debug)]
struct Panics;

#[async_trait]
impl LedgerStore for Panics {
    async fn append(&self, _: &[LedgerEvent]) -> Result<Vec<usize>, StoreError> {
        panic!("a defect of a store");
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        Ok(Vec::new())
    }

    async fn report(&self, _: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        Ok(Vec::new())
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_keeps_nobody_waiting() {
    let tracker = over(Arc::new(Panics), &config());
    let mut hold = hold(&tracker, 1);
    let refused = tracker
        .dispatch(&mut hold, &attempt(1, 1, 5))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), FailureKind::LedgerUnavailable);
    tracker.settle(hold, outcome(vec![]));
    assert!(tracker.hold(&call(2), &plan()).is_err());
    assert!(tracker.shutdown().await.is_err());
}
