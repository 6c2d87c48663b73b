//! Budgets that several nodes share by leases.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tollgate_core::{
    BudgetLeases, BudgetWindow, CostSource, Failure, FailureKind, Grant, LeaseAsk, Leased, Ledger,
    LedgerEvent, LedgerStore, OpenAttempt, Silent, StoreError, UsageQuery, UsageRow, Usd,
};
use tollgate_ledger::{BudgetConfig, Durability, LedgerConfig, MemoryStore, UsageTracker};

use crate::scene::{attempt, call, noon, outcome, plan, record};

/// One cent, the worst case of [`plan`].
const CENT: i64 = 10_000_000;

/// What all nodes share: the limit, and who has leased what.
#[derive(Debug, Default)]
struct Bank(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    leased: HashMap<BudgetWindow, i64>,
    asked: usize,
    broken: bool,
    /// Whether what is done is not answered.
    silent: bool,
    epoch: u64,
}

#[async_trait]
impl BudgetLeases for Bank {
    async fn lease(&self, asks: &[LeaseAsk]) -> Result<Leased, StoreError> {
        // As far away as a database is.
        sleep(Duration::from_millis(1)).await;
        let mut books = self.0.lock().unwrap();
        books.asked += 1;
        if books.broken {
            return Err(StoreError::new("lease", "the database is gone"));
        }
        let epoch = books.epoch;
        let grants = asks.iter().map(|ask| {
            let leased = books.leased.entry(ask.window.clone()).or_default();
            *leased -= ask.give.nanos();
            let granted = ask.take.nanos().min(ask.limit.nanos() - *leased);
            *leased += granted;
            Grant {
                granted: Usd::from_nanos(granted),
                spent: Usd::ZERO,
                nodes: 2,
            }
        });
        let grants = grants.collect();
        match books.silent {
            true => Err(StoreError::new("lease", "the answer was lost")),
            false => Ok(Leased { epoch, grants }),
        }
    }

    async fn renew(&self) -> Result<u64, StoreError> {
        let books = self.0.lock().unwrap();
        match books.broken {
            true => Err(StoreError::new("renew", "the database is gone")),
            false => Ok(books.epoch),
        }
    }

    async fn begin(&self) -> Result<u64, StoreError> {
        self.set(|books| {
            if !books.broken {
                books.epoch += 1;
                books.leased.clear();
            }
        });
        self.renew().await
    }
}

impl Bank {
    fn new() -> Arc<Self> {
        let bank = Self::default();
        bank.0.lock().unwrap().epoch = 1;
        Arc::new(bank)
    }

    fn set(&self, change: impl FnOnce(&mut Books)) {
        change(&mut self.0.lock().unwrap());
    }

    /// What is leased or spent, in nano-dollars.
    fn leased(&self) -> i64 {
        self.0.lock().unwrap().leased.values().sum()
    }
}

async fn node(bank: &Arc<Bank>, limit: &str) -> Arc<UsageTracker> {
    let budget = BudgetConfig::new(limit.parse().unwrap());
    let config = LedgerConfig {
        budgets: [("team".to_owned(), budget)].into(),
        ..LedgerConfig::default()
    };
    let store = Arc::new(MemoryStore::new());
    let tracker = UsageTracker::start_shared(
        store,
        bank.clone(),
        &config,
        Arc::new(noon),
        Arc::new(Silent),
    );
    tracker.recover().await.unwrap();
    Arc::new(tracker)
}

async fn spend(tracker: &UsageTracker, n: u128, nanos: i64) -> Result<(), Failure> {
    let mut hold = tracker.hold(&call(n), &plan())?;
    let sent = tracker.dispatch(&mut hold, &attempt(n, 1, CENT)).await;
    if let Err(failure) = sent {
        tracker.settle(hold, outcome(vec![]));
        return Err(failure);
    }
    sleep(Duration::from_millis(5)).await;
    let ends = vec![record(1, Some((nanos, CostSource::Reported)))];
    tracker.settle(hold, outcome(ends));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn two_nodes_spend_one_limit_to_the_last_call_and_not_more() {
    let bank = Bank::new();
    let nodes = [node(&bank, "10").await, node(&bank, "10").await];
    let mut calls = JoinSet::new();
    for n in 0..10_000_u128 {
        let node = nodes[usize::from(n % 3 == 0)].clone();
        calls.spawn(async move { spend(&node, n + 1, CENT).await });
    }
    let mut served = 0;
    while let Some(ended) = calls.join_next().await {
        assert!(bank.leased() <= 1_000 * CENT);
        match ended.unwrap() {
            Ok(()) => served += 1,
            Err(refused) => assert_eq!(refused.kind(), FailureKind::BudgetExceeded, "{refused}"),
        }
    }
    assert!((990..=1_000).contains(&served), "{served} of 1,000");
    let asked = bank.0.lock().unwrap().asked;
    assert!(asked < 500, "{asked} round trips for 10,000 calls");
}

#[tokio::test(start_paused = true)]
async fn what_a_node_does_not_need_it_gives_back() {
    let bank = Bank::new();
    let node = node(&bank, "10").await;
    spend(&node, 1, 3_000).await.unwrap();
    assert!(bank.leased() > CENT);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(bank.leased(), 3_000, "what was spent stays taken");
    spend(&node, 2, 4_000).await.unwrap();
    node.shutdown().await.unwrap();
    assert_eq!(bank.leased(), 7_000);
}

#[tokio::test(start_paused = true)]
async fn without_the_database_the_share_is_spent_and_then_calls_are_refused() {
    let bank = Bank::new();
    let node = node(&bank, "10").await;
    spend(&node, 1, CENT).await.unwrap();
    bank.set(|books| books.broken = true);
    let mut served = 0;
    let refused = loop {
        match spend(&node, served + 2, CENT).await {
            Ok(()) => served += 1,
            Err(refused) => break refused,
        }
    };
    assert!((1..=20).contains(&served), "a share of the limit: {served}");
    assert_eq!(refused.kind(), FailureKind::LedgerUnavailable);
    assert!(refused.retry_after().is_some());
    bank.set(|books| books.broken = false);
    sleep(Duration::from_secs(2)).await;
    spend(&node, 999, CENT).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn leases_that_ended_are_leased_anew() {
    let bank = Bank::new();
    let node = node(&bank, "10").await;
    let mut early = node.hold(&call(1), &plan()).unwrap();
    node.dispatch(&mut early, &attempt(1, 1, CENT))
        .await
        .unwrap();
    bank.set(|books| {
        books.epoch = 2;
        books.leased.clear();
    });
    sleep(Duration::from_secs(40)).await;
    assert_eq!(
        bank.leased(),
        0,
        "nothing of the old leases is given back twice"
    );
    spend(&node, 2, CENT).await.unwrap();
    // The early call ends, and frees nothing that it did not take.
    let ends = vec![record(1, Some((CENT, CostSource::Reported)))];
    node.settle(early, outcome(ends));
    sleep(Duration::from_secs(5)).await;
    assert_eq!(bank.leased(), CENT);
}

#[tokio::test(start_paused = true)]
async fn a_call_larger_than_a_share_gets_what_it_needs() {
    let bank = Bank::new();
    let node = node(&bank, "0.0125").await;
    spend(&node, 1, 2_500_000).await.unwrap();
    let refused = spend(&node, 2, 1).await;
    assert!(refused.is_ok(), "a cent is left: {refused:?}");
    spend(&node, 3, CENT).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn lost_answers_strand_nothing() {
    let bank = Bank::new();
    let node = node(&bank, "10").await;
    spend(&node, 1, CENT).await.unwrap();
    bank.set(|books| books.silent = true);
    for n in 0..200 {
        let _ = spend(&node, 2 + n, CENT).await;
        sleep(Duration::from_millis(300)).await;
    }
    bank.set(|books| books.silent = false);
    sleep(Duration::from_secs(5)).await;
    spend(&node, 900, CENT).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(bank.leased(), CENT, "all else is given back");
}

#[tokio::test(start_paused = true)]
async fn what_was_to_be_given_back_in_an_outage_is_given_back_after_it() {
    let bank = Bank::new();
    let node = node(&bank, "10").await;
    spend(&node, 1, CENT).await.unwrap();
    bank.set(|books| books.broken = true);
    sleep(Duration::from_secs(5)).await;
    bank.set(|books| books.broken = false);
    sleep(Duration::from_secs(60)).await;
    assert!(bank.leased() <= CENT);
    spend(&node, 2, CENT).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_over_the_end_of_an_epoch_takes_all_it_holds() {
    let bank = Bank::new();
    let node = node(&bank, "10").await;
    let mut hold = node.hold(&call(1), &plan()).unwrap();
    node.dispatch(&mut hold, &attempt(1, 1, CENT))
        .await
        .unwrap();
    bank.set(|books| {
        books.epoch = 2;
        books.leased.clear();
    });
    // More than the lease has, so that it waits for a new one.
    node.dispatch(&mut hold, &attempt(1, 2, 60 * CENT))
        .await
        .unwrap();
    assert_eq!(node.budgets()[0].2.nanos(), 60 * CENT);
    let ends = [1, 2].map(|number| record(number, Some((CENT, CostSource::Reported))));
    node.settle(hold, outcome(ends.into()));
    assert_eq!(node.budgets()[0].2, Usd::ZERO);
}

/// Takes everything but dispatches, as a store does whose node was fenced.
#[derive(Debug)]
struct Fenced(MemoryStore);

#[async_trait]
impl LedgerStore for Fenced {
    async fn append(&self, events: &[LedgerEvent]) -> Result<Vec<usize>, StoreError> {
        let places = 0..events.len();
        Ok(places
            .filter(|at| matches!(events[*at], LedgerEvent::Dispatch { .. }))
            .collect())
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        self.0.open_attempts().await
    }

    async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        self.0.report(query).await
    }
}

#[tokio::test(start_paused = true)]
async fn however_relaxed_nothing_is_sent_by_leases_that_ended() {
    let budget = BudgetConfig::new("10".parse().unwrap());
    let config = LedgerConfig {
        durability: Durability::Relaxed,
        budgets: [("team".to_owned(), budget)].into(),
        ..LedgerConfig::default()
    };
    let store = Arc::new(Fenced(MemoryStore::new()));
    let node = UsageTracker::start_shared(
        store,
        Bank::new(),
        &config,
        Arc::new(noon),
        Arc::new(Silent),
    );
    node.recover().await.unwrap();
    let refused = spend(&node, 1, CENT).await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::LedgerUnavailable);
}
