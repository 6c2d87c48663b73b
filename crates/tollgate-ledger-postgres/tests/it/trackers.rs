//! Trackers of several nodes that spend one budget.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};
use tokio_postgres::Client;
use tollgate_core::{
    Attempt, AttemptRecord, CallerId, Cost, CostSource, Ended, Failure, FailureKind, Ledger,
    Outcome, Silent, UsageQuery, Usd,
};
use tollgate_ledger::{BudgetConfig, LedgerConfig, UsageTracker};
use tollgate_ledger_postgres::{PostgresConfig, PostgresStore};
use tollgate_testkit::builders;

use crate::server::{Server, node, number};

const CALLS: u128 = 10_000;
const LIMIT: i64 = 10_000_000_000;
/// A cent: what each call holds and costs.
pub(crate) const CENT: i64 = 10_000_000;

/// Spent, and leased but not spent, over all nodes.
const USED: &str = "SELECT (coalesce((SELECT sum(spent_nanos) FROM budget_window), 0)
    + coalesce((SELECT sum(left_nanos) FROM lease), 0))::bigint";
const SPENT: &str = "SELECT coalesce(sum(spent_nanos), 0)::bigint FROM budget_window";

async fn tracker(config: &PostgresConfig, name: &str) -> Arc<UsageTracker> {
    let budget = BudgetConfig::new(Usd::from_nanos(LIMIT));
    tracker_with(config, name, [("team".to_owned(), budget)].into()).await
}

/// A node that goes by these budgets.
pub(crate) async fn tracker_with(
    config: &PostgresConfig,
    name: &str,
    budgets: BTreeMap<String, BudgetConfig>,
) -> Arc<UsageTracker> {
    let store: Arc<PostgresStore> = Arc::new(node(config, name).await);
    let ledger = LedgerConfig {
        budgets,
        // All calls come at once.
        queue: 100_000,
        ..LedgerConfig::default()
    };
    let clock = Arc::new(|| builders::NOON);
    let tracker =
        UsageTracker::start_shared(store.clone(), store, &ledger, clock, Arc::new(Silent));
    tracker.recover().await.unwrap();
    Arc::new(tracker)
}

/// Holds a cent, sends an attempt, and spends the cent.
pub(crate) async fn spend(tracker: &UsageTracker, n: u128) -> Result<(), Failure> {
    spend_as(tracker, n, &CallerId::local()).await
}

/// As [`spend`], for a caller.
pub(crate) async fn spend_as(
    tracker: &UsageTracker,
    n: u128,
    caller: &CallerId,
) -> Result<(), Failure> {
    let mut call = builders::call(n, "a/one");
    call.caller = caller.clone();
    let plan = builders::plan(vec![builders::planned("a/one", "openrouter")]);
    let mut hold = tracker.hold(&call, &plan)?;
    let attempt = Attempt {
        worst: Usd::from_nanos(CENT),
        ..builders::attempt(n, "a/one", "openrouter")
    };
    let sent = tracker.dispatch(&mut hold, &attempt).await;
    let attempts = match &sent {
        Ok(()) => vec![record()],
        Err(_) => Vec::new(),
    };
    tracker.settle(
        hold,
        Outcome {
            ended: Ended::Complete,
            attempts,
            took_ms: 1,
        },
    );
    sent
}

fn record() -> AttemptRecord {
    let mut record = builders::record(1, "a/one", 0);
    let amount = Usd::from_nanos(CENT);
    record.cost = Some(Cost::paid_by(record.billing, amount, CostSource::Reported));
    record
}

/// Looks ten times a second whether more is used than there is, until told.
async fn watch(client: Client, mut over: tokio::sync::oneshot::Receiver<()>) -> usize {
    let mut ticks = interval(Duration::from_millis(100));
    let mut samples = 0;
    loop {
        tokio::select! {
            _ = &mut over => return samples,
            _ = ticks.tick() => {
                let used = number(&client, USED).await;
                assert!(used <= LIMIT, "{used} of {LIMIT}");
                samples += 1;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_serve_ten_thousand_calls_at_once_to_the_limit_and_not_beyond() {
    let Some(server) = Server::find("two nodes with one budget") else {
        return;
    };
    let config = server.config();
    let nodes = [tracker(&config, "one").await, tracker(&config, "two").await];
    let client = server.watch(&config).await;
    let (stop, over) = tokio::sync::oneshot::channel();
    let watching = tokio::spawn(watch(server.watch(&config).await, over));

    let mut calls = JoinSet::new();
    for n in 0..CALLS {
        let node = nodes[usize::from(n % 2 == 1)].clone();
        calls.spawn(async move { spend(&node, n + 1).await });
    }
    let mut served: i64 = 0;
    while let Some(ended) = calls.join_next().await {
        match ended.unwrap() {
            Ok(()) => served += 1,
            Err(refused) => {
                assert_eq!(refused.kind(), FailureKind::BudgetExceeded, "{refused}");
                assert!(refused.to_string().contains("\"team\""), "{refused}");
            }
        }
    }
    for node in &nodes {
        node.flush().await.unwrap();
        assert_eq!(node.totals().held, Usd::ZERO);
    }
    stop.send(()).unwrap();
    let samples = watching.await.unwrap();
    assert_eq!(number(&client, SPENT).await, served * CENT);
    assert!(
        (990..=1_000).contains(&served),
        "{served} of 1,000, {samples} samples"
    );
    let rows = nodes[0].report(&UsageQuery::default()).await.unwrap();
    assert_eq!(rows[0].cost().nanos(), served * CENT);

    // What is left over goes back when the nodes end, and another finds it.
    for node in &nodes {
        node.shutdown().await.unwrap();
    }
    assert_eq!(number(&client, USED).await, served * CENT);
    let third = tracker(&config, "three").await;
    for n in 0..u128::try_from(1_000 - served).unwrap() {
        spend(&third, CALLS + 1 + n).await.unwrap();
    }
    spend(&third, CALLS + 2_000).await.unwrap_err();
    third.shutdown().await.unwrap();
    assert_eq!(number(&client, SPENT).await, LIMIT);
    server.clean().await;
}

#[tokio::test]
async fn a_node_whose_leases_ended_sends_nothing_by_them_and_goes_on_with_others() {
    let Some(server) = Server::find("a node that was away") else {
        return;
    };
    let config = server.config();
    let (one, two) = (tracker(&config, "one").await, tracker(&config, "two").await);
    let client = server.watch(&config).await;
    spend(&one, 1).await.unwrap();
    spend(&two, 2).await.unwrap();
    crate::server::expire(&client, "one").await;
    // What the other node's renewal would do within half a minute.
    let store = node(&config, "three").await;
    tollgate_core::BudgetLeases::renew(&store).await.unwrap();
    let stale = spend(&one, 3).await.unwrap_err();
    assert_eq!(stale.kind(), FailureKind::LedgerUnavailable, "{stale}");
    // The next lease begins a new epoch.
    let deadline = Instant::now() + Duration::from_secs(40);
    let mut n = 4;
    while spend(&one, n).await.is_err() {
        assert!(Instant::now() < deadline, "it never leased anew");
        n += 1;
        sleep(Duration::from_millis(100)).await;
    }
    one.flush().await.unwrap();
    two.flush().await.unwrap();
    assert_eq!(number(&client, SPENT).await, 3 * CENT);
    server.clean().await;
}
