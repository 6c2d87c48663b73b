//! Other budgets, while calls are running.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};
use tollgate_core::{
    CallerId, CostSource, Failure, FailureKind, Hold, Ledger, LedgerEvent, LedgerStore,
    OpenAttempt, Silent, StoreError, UsageQuery, UsageRow,
};
use tollgate_ledger::{
    BudgetConfig, Durability, LedgerConfig, MemoryStore, Per, Period, SqliteStore, UsageTracker,
};

use crate::scene::{attempt, budget, call, in_memory, noon, outcome, over, per, plan, record, usd};

/// One cent, the worst case of [`plan`].
const CENT: i64 = 10_000_000;

type Budgets = BTreeMap<String, BudgetConfig>;

fn budgets(all: impl IntoIterator<Item = (&'static str, BudgetConfig)>) -> Budgets {
    all.into_iter()
        .map(|(name, one)| (name.to_owned(), one))
        .collect()
}

fn starting_with(budgets: Budgets) -> LedgerConfig {
    LedgerConfig {
        budgets,
        ..LedgerConfig::default()
    }
}

async fn go_by(tracker: &UsageTracker, budgets: &Budgets) {
    tracker.open_budgets(budgets).await.unwrap().take_over(None);
}

async fn begin(tracker: &UsageTracker, n: u128, caller: &str) -> Result<Hold, Failure> {
    let mut call = call(n);
    call.caller = CallerId::new(caller).unwrap();
    let mut hold = tracker.hold(&call, &plan())?;
    tracker.dispatch(&mut hold, &attempt(n, 1, CENT)).await?;
    Ok(hold)
}

fn end(tracker: &UsageTracker, hold: Hold, nanos: i64) {
    let record = record(1, Some((nanos, CostSource::Reported)));
    tracker.settle(hold, outcome(vec![record]));
}

async fn spend(tracker: &UsageTracker, n: u128, nanos: i64) -> Result<(), Failure> {
    let hold = begin(tracker, n, "ann").await?;
    end(tracker, hold, nanos);
    Ok(())
}

/// Spent and held, by budget and key.
fn windows(tracker: &UsageTracker) -> BTreeMap<String, (i64, i64)> {
    let windows = tracker.budgets().into_iter();
    windows
        .map(|(window, spent, held)| {
            let name = format!("{}:{}", window.budget, window.key);
            (name, (spent.nanos(), held.nanos()))
        })
        .collect()
}

async fn sqlite(path: &std::path::Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(path, Durability::Default).await.unwrap())
}

#[tokio::test]
async fn a_limit_that_is_changed_counts_what_was_spent_and_held() {
    let tracker = in_memory(&starting_with(budgets([("team", budget("0.03"))])));
    spend(&tracker, 1, CENT).await.unwrap();
    let running = begin(&tracker, 2, "ann").await.unwrap();
    go_by(&tracker, &budgets([("team", budget("0.025"))])).await;
    let refused = spend(&tracker, 3, CENT).await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::BudgetExceeded);
    go_by(&tracker, &budgets([("team", budget("0.03"))])).await;
    spend(&tracker, 4, CENT).await.unwrap();
    end(&tracker, running, CENT);
    assert_eq!(windows(&tracker)["team:"], (3 * CENT, 0));
}

#[tokio::test]
async fn a_budget_that_is_new_begins_with_what_was_spent_and_is_held() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(&directory.path().join("ledger.db")).await;
    let plain = LedgerConfig::default();
    for tracker in [in_memory(&plain), over(store.clone(), &plain)] {
        tracker.recover().await.unwrap();
        spend(&tracker, 1, CENT).await.unwrap();
        let running = begin(&tracker, 2, "bob").await.unwrap();
        let new = budgets([
            ("each", per("1", Per::Caller)),
            ("models", per("1", Per::Model)),
            ("team", budget("0.025")),
        ]);
        go_by(&tracker, &new).await;
        let expected = [
            ("each/caller:ann", (CENT, 0)),
            ("each/caller:bob", (0, CENT)),
            // What runs is not held here; it counts when it ends.
            ("models/model:a/one", (CENT, 0)),
            ("team:", (CENT, CENT)),
        ];
        let expected = expected.map(|(name, money)| (name.to_owned(), money));
        assert_eq!(windows(&tracker), BTreeMap::from(expected));
        spend(&tracker, 3, CENT).await.unwrap_err();
        end(&tracker, running, 5);
        assert_eq!(windows(&tracker)["team:"], (CENT + 5, 0));
        assert_eq!(windows(&tracker)["each/caller:bob"], (5, 0));
        assert_eq!(windows(&tracker)["models/model:a/one"], (CENT + 5, 0));
        spend(&tracker, 4, CENT).await.unwrap();
        tracker.shutdown().await.unwrap();
    }
    let verified = store.verify().await.unwrap();
    assert!(verified.is_ok(), "{verified:?}");
}

#[tokio::test]
async fn a_budget_that_is_gone_refuses_nobody_and_what_runs_in_it_is_settled() {
    let team = budgets([("team", budget("0.01"))]);
    let tracker = in_memory(&starting_with(team.clone()));
    let running = begin(&tracker, 1, "ann").await.unwrap();
    spend(&tracker, 2, CENT).await.unwrap_err();
    go_by(&tracker, &Budgets::new()).await;
    spend(&tracker, 3, CENT).await.unwrap();
    assert_eq!(windows(&tracker), BTreeMap::new());
    // It comes back while the call still runs: its hold is there once.
    go_by(&tracker, &budgets([("team", budget("0.05"))])).await;
    assert_eq!(windows(&tracker)["team:"].1, CENT);
    end(&tracker, running, 7);
    assert_eq!(windows(&tracker)["team:"], (CENT + 7, 0));
}

#[tokio::test]
async fn other_windows_begin_with_what_was_spent_in_them() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(&directory.path().join("ledger.db")).await;
    let changes: [fn(&mut BudgetConfig); 4] = [
        |one| one.zone = Some("Europe/Berlin".into()),
        |one| one.anchor = Some("15".into()),
        |one| one.per = Per::Caller,
        |one| one.window = Period::Lifetime,
    ];
    let config = starting_with(budgets([("team", budget("1"))]));
    let tracker = over(store.clone(), &config);
    tracker.recover().await.unwrap();
    spend(&tracker, 1, 9 * CENT / 10).await.unwrap();
    let running = begin(&tracker, 2, "ann").await.unwrap();
    for change in changes {
        let mut changed = budget("1");
        change(&mut changed);
        go_by(&tracker, &budgets([("team", changed)])).await;
        let all = windows(&tracker);
        let newest = all.values().find(|one| **one == (9 * CENT / 10, CENT));
        assert!(newest.is_some(), "{all:?}");
    }
    end(&tracker, running, CENT);
    tracker.shutdown().await.unwrap();
    let verified = store.verify().await.unwrap();
    assert!(verified.is_ok(), "{verified:?}");
}

#[tokio::test]
async fn budgets_that_are_not_taken_over_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(&directory.path().join("ledger.db")).await;
    let tracker = over(store.clone(), &LedgerConfig::default());
    tracker.recover().await.unwrap();
    spend(&tracker, 1, CENT).await.unwrap();
    let team = budgets([("team", budget("0.01"))]);
    drop(tracker.open_budgets(&team).await.unwrap());
    spend(&tracker, 2, CENT).await.unwrap();
    tracker.flush().await.unwrap();
    assert_eq!(windows(&tracker), BTreeMap::new());
    let wrong = tracker
        .open_budgets(&budgets([("team", budget("0"))]))
        .await;
    assert_eq!(wrong.unwrap_err().kind(), FailureKind::Configuration);
}

#[tokio::test]
async fn the_ceiling_of_a_call_is_taken_over_too() {
    let config = LedgerConfig {
        max_cost_per_request: Some(usd(CENT - 1)),
        ..LedgerConfig::default()
    };
    let tracker = in_memory(&config);
    tracker.hold(&call(1), &plan()).unwrap_err();
    let same = tracker.open_budgets(&Budgets::new()).await.unwrap();
    same.take_over(Some(usd(CENT)));
    let hold = tracker.hold(&call(1), &plan()).unwrap();
    tracker.settle(hold, outcome(vec![]));
}

/// A store that can be read only when it wants to.
#[derive(Debug)]
struct Moody {
    inner: SqliteStore,
    refuses: AtomicBool,
}

#[async_trait]
impl LedgerStore for Moody {
    async fn append(&self, events: &[LedgerEvent]) -> Result<Vec<usize>, StoreError> {
        self.inner.append(events).await
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        self.inner.open_attempts().await
    }

    async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        match self.refuses.load(Ordering::Relaxed) {
            true => Err(StoreError::new("report", "not now")),
            false => self.inner.report(query).await,
        }
    }
}

#[tokio::test]
async fn what_the_store_cannot_tell_is_not_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let store = Arc::new(Moody {
        inner: SqliteStore::open(path, Durability::Default).await.unwrap(),
        refuses: true.into(),
    });
    let tracker = over(store.clone(), &LedgerConfig::default());
    spend(&tracker, 1, CENT).await.unwrap();
    let team = budgets([("team", budget("0.01"))]);
    let failure = tracker.open_budgets(&team).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::LedgerUnavailable);
    spend(&tracker, 2, CENT).await.unwrap();
    store.refuses.store(false, Ordering::Relaxed);
    go_by(&tracker, &team).await;
    assert_eq!(windows(&tracker)["team:"], (2 * CENT, 0));
}

/// Whoever spends while budgets come, change and go: what the store has counted
/// in the one that stays is what was spent before and after it came, to the
/// nano-dollar, and nothing stays held.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_counted_twice_while_calls_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let store = sqlite(&path).await;
    let tracker = Arc::new(over(store.clone(), &LedgerConfig::default()));
    tracker.recover().await.unwrap();
    let (spent, stop) = (
        Arc::new(AtomicI64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let mut spenders = JoinSet::new();
    for spender in 0..8_u128 {
        let (tracker, spent, stop) = (tracker.clone(), spent.clone(), stop.clone());
        spenders.spawn(async move {
            let mut n = spender << 32;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                let hold = begin(&tracker, n, "ann").await.unwrap();
                let cost = i64::try_from(n % 1_000).unwrap() + 1;
                if n % 3 == 0 {
                    tokio::task::yield_now().await;
                }
                spent.fetch_add(cost, Ordering::Relaxed);
                end(&tracker, hold, cost);
            }
        });
    }
    let keeps = [
        budgets([("stays", budget("900"))]),
        budgets([("comes", budget("900")), ("stays", budget("800"))]),
        budgets([("comes", per("900", Per::Caller)), ("stays", budget("900"))]),
        budgets([("stays", budget("900")), ("goes", per("5", Per::Model))]),
    ];
    for round in 0..40 {
        go_by(&tracker, &keeps[round % keeps.len()]).await;
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(spender) = spenders.join_next().await {
        spender.unwrap();
    }
    let spent = spent.load(Ordering::Relaxed);
    assert_eq!(windows(&tracker)["stays:"], (spent, 0));
    go_by(&tracker, &keeps[2]).await;
    assert!(windows(&tracker).values().all(|(_, held)| *held == 0));
    tracker.shutdown().await.unwrap();
    let verified = store.verify().await.unwrap();
    assert!(verified.is_ok(), "{verified:?}");
    drop((tracker, store));
    let again = UsageTracker::start(
        sqlite(&path).await,
        &starting_with(keeps[0].clone()),
        Arc::new(noon),
        Arc::new(Silent),
    );
    again.recover().await.unwrap();
    assert_eq!(windows(&again)["stays:"], (spent, 0));
}

fn per_caller(only: &[&str]) -> Budgets {
    let only = only.iter().map(|&one| one.to_owned()).collect();
    let each = BudgetConfig {
        only,
        ..per("1", Per::Caller)
    };
    budgets([("each", each)])
}

async fn spend_as(tracker: &UsageTracker, n: u128, caller: &str) {
    let hold = begin(tracker, n, caller).await.unwrap();
    end(tracker, hold, CENT);
}

#[tokio::test]
async fn keys_that_a_budget_did_not_count_before_begin_with_what_was_spent() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(&directory.path().join("ledger.db")).await;
    let config = starting_with(per_caller(&["ann"]));
    for tracker in [in_memory(&config), over(store.clone(), &config)] {
        tracker.recover().await.unwrap();
        for (n, caller) in [(1, "ann"), (2, "bob"), (3, "bob"), (4, "eve")] {
            spend_as(&tracker, n, caller).await;
        }
        go_by(&tracker, &per_caller(&["ann", "bob"])).await;
        spend_as(&tracker, 5, "bob").await;
        let all = windows(&tracker);
        assert_eq!(all["each/caller:ann"], (CENT, 0));
        assert_eq!(all["each/caller:bob"], (3 * CENT, 0));
        tracker.shutdown().await.unwrap();
    }
    // The store counts them from then on; what is wider at a start begins so too.
    for (only, eve) in [
        (&["ann", "bob"][..], None),
        (&["ann", "bob", "eve"], Some(CENT)),
        (&[], Some(CENT)),
    ] {
        let again = over(store.clone(), &starting_with(per_caller(only)));
        again.recover().await.unwrap();
        let all = windows(&again);
        assert_eq!(all["each/caller:ann"], (CENT, 0), "{only:?}");
        assert_eq!(all["each/caller:bob"], (3 * CENT, 0), "{only:?}");
        let found = all.get("each/caller:eve").map(|(spent, _)| *spent);
        assert_eq!(found, eve, "{only:?}");
        again.shutdown().await.unwrap();
    }
    let verified = store.verify().await.unwrap();
    assert!(verified.is_ok(), "{verified:?}");
}

#[tokio::test]
async fn a_budget_that_returns_counts_what_was_spent_while_it_was_away() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(&directory.path().join("ledger.db")).await;
    let team = budgets([("team", budget("1"))]);
    let mut elsewhere = budget("1");
    elsewhere.zone = Some("Europe/Berlin".into());
    let config = starting_with(team.clone());
    for meanwhile in [Budgets::new(), budgets([("team", elsewhere)])] {
        let tracker = over(store.clone(), &config);
        tracker.recover().await.unwrap();
        let before = windows(&tracker)
            .get("team:")
            .map_or(0, |(spent, _)| *spent);
        let n = u128::try_from(before / CENT).unwrap() + 1;
        spend(&tracker, n, CENT).await.unwrap();
        go_by(&tracker, &meanwhile).await;
        spend(&tracker, n + 1, CENT).await.unwrap();
        go_by(&tracker, &team).await;
        spend(&tracker, n + 2, CENT).await.unwrap();
        let most = tracker.budgets().into_iter();
        let most = most.map(|(_, spent, _)| spent.nanos()).max();
        assert_eq!(most, Some(before + 3 * CENT));
        tracker.shutdown().await.unwrap();
    }
    let verified = store.verify().await.unwrap();
    assert!(verified.is_ok(), "{verified:?}");
}

#[tokio::test]
async fn what_a_returning_budget_missed_is_known_to_the_next_process() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(&directory.path().join("ledger.db")).await;
    let team = budgets([("team", budget("1"))]);
    let config = starting_with(team.clone());
    let tracker = over(store.clone(), &config);
    tracker.recover().await.unwrap();
    spend(&tracker, 1, CENT).await.unwrap();
    for n in [2, 4, 6] {
        go_by(&tracker, &Budgets::new()).await;
        spend(&tracker, n, CENT).await.unwrap();
        go_by(&tracker, &team).await;
        spend(&tracker, n + 1, CENT).await.unwrap();
    }
    tracker.shutdown().await.unwrap();
    let verified = store.verify().await.unwrap();
    assert!(verified.is_ok(), "{verified:?}");
    let again = over(store, &config);
    again.recover().await.unwrap();
    assert_eq!(windows(&again)["team:"], (7 * CENT, 0));
}

#[tokio::test]
async fn what_changed_before_everything_was_written_is_read_too() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(&directory.path().join("ledger.db")).await;
    let tracker = over(store, &starting_with(budgets([("team", budget("1"))])));
    tracker.recover().await.unwrap();
    spend(&tracker, 1, CENT).await.unwrap();
    let without = budgets([("other", budget("1"))]);
    let without = tracker.open_budgets(&without).await.unwrap();
    // It waits until the first ones are taken over, which end the team's budget.
    let both = budgets([("new", budget("1")), ("team", budget("1"))]);
    let (both, ()) = tokio::join!(tracker.open_budgets(&both), async {
        without.take_over(None);
    });
    both.unwrap().take_over(None);
    assert_eq!(windows(&tracker)["team:"], (CENT, 0));
}

#[test]
fn a_call_that_is_let_in_while_budgets_are_taken_over_is_held_in_them() {
    const CALLS: u128 = 200;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let team = budgets([("team", budget("900"))]);
    for _ in 0..100 {
        let tracker = in_memory(&starting_with(budgets([("old", budget("900"))])));
        let begun = std::sync::Barrier::new(3);
        let holds = |first: u128| {
            let (tracker, begun) = (&tracker, &begun);
            move || {
                begun.wait();
                let calls = first..first + CALLS;
                let holds = calls.map(|n| tracker.hold(&call(n), &plan()).unwrap());
                holds.collect::<Vec<_>>()
            }
        };
        let held: Vec<Hold> = std::thread::scope(|scope| {
            let threads = [0, 1 << 32].map(|first| scope.spawn(holds(first)));
            begun.wait();
            runtime.block_on(go_by(&tracker, &team));
            let held = threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap());
            held.collect()
        });
        let all = i64::try_from(held.len()).unwrap() * CENT;
        assert_eq!(windows(&tracker)["team:"], (0, all));
        for hold in held {
            tracker.settle(hold, outcome(vec![]));
        }
        assert_eq!(windows(&tracker)["team:"], (0, 0));
    }
}

/// A store that never tells what was spent.
#[derive(Debug)]
struct Silence(MemoryStore);

#[async_trait]
impl LedgerStore for Silence {
    async fn append(&self, events: &[LedgerEvent]) -> Result<Vec<usize>, StoreError> {
        self.0.append(events).await
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        self.0.open_attempts().await
    }

    async fn report(&self, _: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_tell_keeps_attempts_waiting_for_two_seconds() {
    let store = Arc::new(Silence(MemoryStore::default()));
    let tracker = over(store, &LedgerConfig::default());
    tracker.recover().await.unwrap();
    let team = budgets([("team", budget("1"))]);
    let begun = Instant::now();
    let attempt = async {
        spend(&tracker, 1, CENT).await.unwrap();
        begun.elapsed()
    };
    let (opened, waited) = tokio::join!(tracker.open_budgets(&team), attempt);
    assert_eq!(opened.unwrap_err().kind(), FailureKind::LedgerUnavailable);
    assert_eq!(waited, Duration::from_secs(2));
    assert_eq!(windows(&tracker), BTreeMap::new());
}
