//! What is counted in the windows of budgets.

use std::sync::Arc;

use tollgate_core::{
    BudgetWindow, BudgetWindows, LedgerEvent, Timestamp, UsageQuery, Usd, WindowSums,
};

use super::{
    SharedStore, adjust_in, append, dispatch, hold, later, lost, named, released, settle,
    settle_in, shared, window,
};
use crate::builders::{NOON, facts, record};

fn carried(window: BudgetWindow, nanos: i64) -> LedgerEvent {
    LedgerEvent::Carried {
        window,
        at: later(1),
        amount: Usd::from_nanos(nanos),
    }
}

async fn spent_since(
    store: &SharedStore,
    budget: &str,
    since: Timestamp,
) -> Vec<(BudgetWindow, i64)> {
    let spent = store.spent(budget, since).await;
    let mut spent: Vec<_> = spent
        .expect("the store knows what was spent")
        .into_iter()
        .map(|(window, amount)| (window, amount.nanos()))
        .collect();
    spent.sort();
    spent
}

async fn spent(store: &SharedStore, budget: &str) -> Vec<(BudgetWindow, i64)> {
    spent_since(store, budget, NOON).await
}

// === the suite ===

pub(super) async fn a_budget_without_events_has_spent_nothing(store: SharedStore) {
    assert_eq!(spent(&store, "day").await, []);
    append(&store, &[settle(&facts(1), record(1, "a/one", 5))]).await;
    assert_eq!(spent(&store, "day").await, []);
    assert_eq!(spent(&store, "").await, []);
}

pub(super) async fn counters_follow_what_is_settled_and_adjusted(store: SharedStore) {
    let both: BudgetWindows = [shared("day"), window("team", "it's 雪", NOON)].into();
    let day: BudgetWindows = [shared("day")].into();
    let (one, two) = (facts(1), facts(2));
    append(
        &store,
        &[
            settle_in(&both, &one, record(1, "a/one", 100)),
            settle_in(&day, &two, lost(1, 1_000)),
            settle(&two, released(2)),
        ],
    )
    .await;
    let team = |nanos| vec![(window("team", "it's 雪", NOON), nanos)];
    assert_eq!(spent(&store, "day").await, [(shared("day"), 1_100)]);
    assert_eq!(spent(&store, "team").await, team(100));
    append(&store, &[adjust_in(&day, &two, 30, -970)]).await;
    assert_eq!(spent(&store, "day").await, [(shared("day"), 130)]);
    append(&store, &[adjust_in(&both, &one, 105, 5)]).await;
    assert_eq!(spent(&store, "day").await, [(shared("day"), 135)]);
    assert_eq!(spent(&store, "team").await, team(105));
}

pub(super) async fn both_payables_count(store: SharedStore) {
    let windows: BudgetWindows = [shared("day")].into();
    let mut byok = record(1, "a/one", 5);
    if let Some(cost) = &mut byok.cost {
        cost.provider = Usd::from_nanos(100);
    }
    append(&store, &[settle_in(&windows, &facts(1), byok)]).await;
    assert_eq!(spent(&store, "day").await, [(shared("day"), 105)]);
}

pub(super) async fn the_first_end_of_an_attempt_is_counted(store: SharedStore) {
    let windows: BudgetWindows = [shared("day")].into();
    let facts = facts(1);
    let settle = |nanos| settle_in(&windows, &facts, record(1, "a/one", nanos));
    append(&store, &[settle(100), settle(999)]).await;
    append(&store, &[settle(999)]).await;
    assert_eq!(spent(&store, "day").await, [(shared("day"), 100)]);
    let released = super::settle(&facts, released(2));
    let late = settle_in(&windows, &facts, record(2, "a/one", 7));
    append(&store, &[released, late]).await;
    assert_eq!(spent(&store, "day").await, [(shared("day"), 100)]);
}

pub(super) async fn a_repeated_batch_counts_nothing(store: SharedStore) {
    let windows: BudgetWindows = [shared("day"), shared("month")].into();
    let facts = facts(1);
    let batch = [
        carried(shared("day"), 40),
        hold(&facts),
        dispatch(&facts, 1, NOON),
        named(&facts, 1, "gen-1"),
        settle_in(&windows, &facts, lost(1, 500)),
        adjust_in(&windows, &facts, 70, -430),
        settle_in(&windows, &facts, record(2, "a/one", 3)),
    ];
    append(&store, &batch).await;
    for repeated in [&batch[..], &batch[..4], &batch[4..]] {
        append(&store, repeated).await;
        assert_eq!(spent(&store, "day").await, [(shared("day"), 113)]);
        assert_eq!(spent(&store, "month").await, [(shared("month"), 73)]);
    }
    let new = settle_in(&windows, &facts, record(3, "a/one", 1));
    append(&store, &[batch[6].clone(), new]).await;
    assert_eq!(spent(&store, "day").await, [(shared("day"), 114)]);
}

pub(super) async fn the_largest_carried_sum_of_a_window_counts(store: SharedStore) {
    let windows: BudgetWindows = [shared("day")].into();
    let settle = |n| settle_in(&windows, &facts(n), record(1, "a/one", 5));
    let day = |nanos| carried(shared("day"), nanos);
    let steps = [
        (vec![settle(1)], 5),
        (vec![day(100), day(900), day(400)], 905),
        (vec![day(900), day(0), day(100)], 905),
        // What is counted by itself comes on top, in whichever order.
        (vec![settle(2), day(950), settle(3)], 965),
        (vec![day(960), settle(4)], 980),
    ];
    for (events, expected) in steps {
        for _ in 0..2 {
            append(&store, &events).await;
            assert_eq!(spent(&store, "day").await, [(shared("day"), expected)]);
        }
    }
    append(&store, &[carried(window("day", "team", NOON), 1)]).await;
    let expected = [(shared("day"), 980), (window("day", "team", NOON), 1)];
    assert_eq!(spent(&store, "day").await, expected);
}

pub(super) async fn what_was_carried_is_told_beside_a_report(store: SharedStore) {
    let windows: BudgetWindows = [shared("day")].into();
    append(
        &store,
        &[
            settle(&facts(1), record(1, "a/one", 70)),
            settle_in(&windows, &facts(2), record(1, "a/one", 5)),
            carried(shared("day"), 20),
            carried(shared("day"), 70),
            carried(shared("month"), 9),
        ],
    )
    .await;
    let query = UsageQuery::default();
    let beside = async |budget: &'static str, since| {
        let beside = store.spent_beside(&query, budget, since).await;
        beside.expect("the store compares what was spent")
    };
    let (rows, sums) = beside("day", NOON).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].cost().nanos(), 75);
    let expected = WindowSums {
        window: shared("day"),
        spent: Usd::from_nanos(75),
        carried: Usd::from_nanos(70),
    };
    assert_eq!(sums, [expected]);
    assert_eq!(beside("day", later(1)).await.1, []);
}

pub(super) async fn windows_are_counted_apart(store: SharedStore) {
    let tomorrow = later(86_400);
    let windows = [
        window("day", "", NOON),
        window("day", "a", NOON),
        window("day", "a", tomorrow),
        window("Day", "a", NOON),
    ];
    for (n, one) in (1..).zip(&windows) {
        let one: BudgetWindows = [one.clone()].into();
        let nanos = 10_i64.pow(u32::try_from(n).unwrap_or(0));
        append(
            &store,
            &[settle_in(&one, &facts(n), record(1, "a/one", nanos))],
        )
        .await;
    }
    let [all, a, a_tomorrow, other] = windows;
    let expected = [(all, 10), (a, 100), (a_tomorrow.clone(), 1_000)];
    assert_eq!(spent(&store, "day").await, expected);
    assert_eq!(spent(&store, "Day").await, [(other, 10_000)]);
    let since = spent_since(&store, "day", tomorrow).await;
    assert_eq!(since, [(a_tomorrow, 1_000)], "since is part of it");
}

pub(super) async fn tasks_count_side_by_side(store: SharedStore) {
    let tasks: Vec<_> = (1..=8)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let windows: BudgetWindows = [shared("day")].into();
                for n in 0..10 {
                    // One of their own, and one that everybody races for.
                    for facts in [facts(task * 100 + n), facts(n)] {
                        let event = settle_in(&windows, &facts, record(1, "a/one", 1));
                        append(&store, &[event]).await;
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task appends");
    }
    assert_eq!(spent(&store, "day").await, [(shared("day"), 90)]);
}
