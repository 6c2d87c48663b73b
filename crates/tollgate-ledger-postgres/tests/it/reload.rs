//! Other budgets, while nodes that share them are running.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use tollgate_core::{CallerId, FailureKind, Usd};
use tollgate_ledger::{BudgetConfig, Per, UsageTracker};

use crate::server::{Server, node, number};
use crate::trackers::{CENT, spend, spend_as, tracker_with};

const SPENT: &str = "SELECT coalesce(sum(spent_nanos), 0)::bigint FROM budget_window
WHERE budget = 'team'";
const LEASED: &str = "SELECT coalesce(sum(left_nanos), 0)::bigint FROM lease";

fn team(cents: i64) -> BTreeMap<String, BudgetConfig> {
    let budget = BudgetConfig::new(Usd::from_nanos(cents * CENT));
    [("team".to_owned(), budget)].into()
}

async fn go_by(tracker: &UsageTracker, budgets: &BTreeMap<String, BudgetConfig>) {
    tracker.open_budgets(budgets).await.unwrap().take_over(None);
}

/// Spends until nothing is left; gives how often that worked.
async fn spend_all(tracker: &UsageTracker, first: u128) -> i64 {
    let mut served = 0;
    for n in first.. {
        match spend(tracker, n).await {
            Ok(()) => served += 1,
            Err(refused) => {
                assert_eq!(refused.kind(), FailureKind::BudgetExceeded, "{refused}");
                break;
            }
        }
    }
    served
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_that_two_nodes_take_over_knows_what_both_have_spent() {
    let Some(server) = Server::find("a budget that nodes take over") else {
        return;
    };
    let config = server.config();
    let one = tracker_with(&config, "one", BTreeMap::new()).await;
    let two = tracker_with(&config, "two", BTreeMap::new()).await;
    for n in 0..10 {
        spend(&one, n).await.unwrap();
        spend(&two, 100 + n).await.unwrap();
    }
    two.flush().await.unwrap();
    for tracker in [&one, &two] {
        go_by(tracker, &team(50)).await;
    }
    let patience = Duration::from_secs(60);
    let served = timeout(patience, async {
        tokio::join!(spend_all(&one, 1_000), spend_all(&two, 2_000))
    });
    let (first, second) = served.await.unwrap();
    let served = first + second;
    assert!((28..=30).contains(&served), "{served} of 30 were served");

    // More is there at once when the limit is raised, and nothing when it is
    // lowered.
    go_by(&one, &team(60)).await;
    let more = timeout(patience, spend_all(&one, 3_000)).await.unwrap();
    assert!((8..=12).contains(&more), "{more} more were served");
    go_by(&one, &team(20)).await;
    spend(&one, 4_000).await.unwrap_err();
    go_by(&one, &BTreeMap::new()).await;
    spend(&one, 5_000).await.unwrap();

    for tracker in [&one, &two] {
        tracker.shutdown().await.unwrap();
    }
    let client = server.watch(&config).await;
    assert_eq!(number(&client, SPENT).await, (20 + served + more) * CENT);
    assert_eq!(number(&client, LEASED).await, 0, "everything went back");
    drop((one, two));
    let differences = node(&config, "one").await.verify().await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
    server.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_spends_before_it_has_a_budget_counts_once_it_has() {
    let Some(server) = Server::find("a budget that one node has before another") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let one = tracker_with(&config, "one", BTreeMap::new()).await;
    let two = tracker_with(&config, "two", BTreeMap::new()).await;
    spend(&one, 0).await.unwrap();
    go_by(&one, &team(50)).await;
    for n in 1..=30 {
        spend(&two, n).await.unwrap();
    }
    go_by(&two, &team(50)).await;
    two.flush().await.unwrap();
    assert_eq!(number(&client, SPENT).await, 31 * CENT);
    let served = timeout(Duration::from_secs(60), async {
        tokio::join!(spend_all(&one, 1_000), spend_all(&two, 2_000))
    });
    let (first, second) = served.await.unwrap();
    let served = first + second;
    assert!((17..=19).contains(&served), "{served} of 19 were served");
    for tracker in [&one, &two] {
        tracker.shutdown().await.unwrap();
    }
    assert_eq!(number(&client, SPENT).await, (31 + served) * CENT);
    drop((one, two));
    let differences = node(&config, "last").await.verify().await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
    server.clean().await;
}

/// Whoever has the budget settles while the others read what was spent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_take_a_budget_over_in_turn_count_each_call_once() {
    let Some(server) = Server::find("nodes that take a budget over in turn") else {
        return;
    };
    let config = server.config();
    let mut trackers = Vec::new();
    for name in ["one", "two", "three", "four"] {
        trackers.push(tracker_with(&config, name, BTreeMap::new()).await);
    }
    let (served, stop) = (
        Arc::new(AtomicI64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let mut spenders = JoinSet::new();
    for first in 0..8 {
        let tracker = trackers[first % trackers.len()].clone();
        let (served, stop) = (served.clone(), stop.clone());
        spenders.spawn(async move {
            let mut n = u128::try_from(first).unwrap() << 32;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                spend(&tracker, n).await.unwrap();
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let more = async || {
        let before = served.load(Ordering::Relaxed);
        while served.load(Ordering::Relaxed) < before + 20 {
            tokio::task::yield_now().await;
        }
    };
    let none = BTreeMap::new();
    for budgets in [team(900_000), none.clone(), team(800_000)] {
        for tracker in &trackers {
            more().await;
            go_by(tracker, &budgets).await;
        }
        // Two at once find the same missing.
        more().await;
        tokio::join!(go_by(&trackers[0], &none), go_by(&trackers[1], &none));
        more().await;
        tokio::join!(go_by(&trackers[0], &budgets), go_by(&trackers[1], &budgets));
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(spender) = spenders.join_next().await {
        spender.unwrap();
    }
    for tracker in &trackers {
        tracker.shutdown().await.unwrap();
    }
    let client = server.watch(&config).await;
    let served = served.load(Ordering::Relaxed);
    assert_eq!(number(&client, SPENT).await, served * CENT);
    drop(trackers);
    let differences = node(&config, "last").await.verify().await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
    server.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_counted_twice_while_calls_run() {
    let Some(server) = Server::find("budgets taken over under load") else {
        return;
    };
    let config = server.config();
    let tracker = tracker_with(&config, "one", BTreeMap::new()).await;
    let (next, served) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicI64::new(0)));
    let mut spenders = JoinSet::new();
    for _ in 0..8 {
        let (tracker, next, served) = (tracker.clone(), next.clone(), served.clone());
        spenders.spawn(async move {
            for _ in 0..60 {
                let n = next.fetch_add(1, Ordering::Relaxed);
                spend(&tracker, n.into()).await.unwrap();
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while served.load(Ordering::Relaxed) < 40 {
        tokio::task::yield_now().await;
    }
    for cents in [100_000, 200_000, 50_000] {
        go_by(&tracker, &team(cents)).await;
    }
    while let Some(spender) = spenders.join_next().await {
        spender.unwrap();
    }
    tracker.shutdown().await.unwrap();
    let client = server.watch(&config).await;
    let served = served.load(Ordering::Relaxed);
    assert_eq!(number(&client, SPENT).await, served * CENT);
    assert_eq!(number(&client, LEASED).await, 0, "everything went back");
    drop(tracker);
    let differences = node(&config, "one").await.verify().await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
    server.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_a_budget_did_not_count_before_begin_with_what_was_spent() {
    let Some(server) = Server::find("a budget that counts more keys than before") else {
        return;
    };
    let config = server.config();
    let of = |only: &[&str]| {
        let mut each = BudgetConfig::new(Usd::from_nanos(30 * CENT));
        each.per = Per::Caller;
        each.only = only.iter().map(|&one| one.to_owned()).collect();
        BTreeMap::from([("each".to_owned(), each)])
    };
    let tracker = tracker_with(&config, "one", of(&["ann"])).await;
    let callers = ["ann", "bob", "eve"].map(|name| CallerId::new(name).unwrap());
    for (n, caller) in (0..30).zip(callers.iter().cycle()) {
        spend_as(&tracker, n, caller).await.unwrap();
    }
    go_by(&tracker, &of(&["ann", "bob"])).await;
    spend_as(&tracker, 100, &callers[1]).await.unwrap();
    tracker.shutdown().await.unwrap();
    drop(tracker);

    let client = server.watch(&config).await;
    let spent = async |key: &str| {
        let query = format!("SELECT spent_nanos FROM budget_window WHERE key = '{key}'");
        number(&client, &query).await
    };
    assert_eq!(spent("ann").await, 10 * CENT);
    assert_eq!(spent("bob").await, 11 * CENT);
    // What is wider at a start begins so too.
    let again = tracker_with(&config, "one", of(&["ann", "bob", "eve"])).await;
    assert_eq!(spent("ann").await, 10 * CENT);
    assert_eq!(spent("bob").await, 11 * CENT);
    assert_eq!(spent("eve").await, 10 * CENT);
    again.shutdown().await.unwrap();
    drop(again);
    let differences = node(&config, "one").await.verify().await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
    server.clean().await;
}
