//! What answers used.

use std::sync::Arc;

use tollgate_core::{HabitRow, HabitSums, Task, Timestamp};

use super::SharedStore;
use crate::builders::{NOON, model};

/// One answer; each sum is another one, so that none can stand for another.
const ONE: HabitSums = HabitSums {
    answers: 1,
    log_tokens: 6_000,
    log_tokens_squared: 36_000,
    prompts: 3,
    log_factors: -40,
};

fn row(name: &str, answers: usize) -> HabitRow {
    let mut sums = HabitSums::default();
    (0..answers).for_each(|_| sums += ONE);
    HabitRow {
        day: NOON.day(),
        model: model(name),
        task: Task::Chat,
        sums,
    }
}

async fn add(store: &SharedStore, rows: &[HabitRow]) {
    let added = store.add_habits(rows).await;
    added.expect("the store takes habits");
}

async fn since(store: &SharedStore, at: Timestamp) -> Vec<HabitRow> {
    let rows = store.habits(at).await;
    rows.expect("the store knows habits")
}

// === the suite ===

pub(super) async fn nothing_is_known_at_first(store: SharedStore) {
    add(&store, &[]).await;
    assert_eq!(since(&store, Timestamp::default()).await, []);
}

pub(super) async fn rows_of_one_key_are_summed(store: SharedStore) {
    add(&store, &[row("a/one", 1), row("a/one", 2)]).await;
    add(&store, &[row("a/one", 4)]).await;
    assert_eq!(since(&store, NOON).await, [row("a/one", 7)]);
}

pub(super) async fn keys_are_told_apart_and_sorted(store: SharedStore) {
    let tomorrow = HabitRow {
        day: NOON.day() + 1,
        ..row("a/one", 4)
    };
    let mut rows = vec![row("a/one", 1), row("a/it's", 2), tomorrow];
    rows.extend(Task::ALL.map(|task| HabitRow {
        task,
        ..row("b/tasks", 5)
    }));
    rows.reverse();
    add(&store, &rows).await;
    rows.sort();
    assert_eq!(since(&store, NOON).await, rows);
}

pub(super) async fn days_before_since_are_left_out(store: SharedStore) {
    let yesterday = HabitRow {
        day: NOON.day() - 1,
        ..row("a/one", 1)
    };
    add(&store, &[yesterday, row("a/one", 2)]).await;
    assert_eq!(since(&store, NOON).await, [row("a/one", 2)]);
    assert_eq!(since(&store, Timestamp::default()).await.len(), 2);
}

pub(super) async fn tasks_add_side_by_side(store: SharedStore) {
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for _ in 0..10 {
                    // In two orders, so that rows could be waited for in a ring.
                    add(&store, &[row("a/one", 1), row("a/two", 1)]).await;
                    add(&store, &[row("a/two", 1), row("a/one", 1)]).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task adds");
    }
    assert_eq!(
        since(&store, NOON).await,
        [row("a/one", 160), row("a/two", 160)]
    );
}
