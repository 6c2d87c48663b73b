//! What was said of answers.

use std::sync::Arc;

use tollgate_core::{FeedbackRow, FeedbackSource, Task, Timestamp};

use super::SharedStore;
use crate::builders::{NOON, model};

fn row(name: &str, weight: i64, sum: i64) -> FeedbackRow {
    FeedbackRow {
        day: NOON.day(),
        model: model(name),
        task: Task::Chat,
        source: FeedbackSource::Rating,
        weight,
        sum,
    }
}

async fn add(store: &SharedStore, rows: &[FeedbackRow]) {
    let added = store.add_feedback(rows).await;
    added.expect("the store takes feedback");
}

async fn since(store: &SharedStore, at: Timestamp) -> Vec<FeedbackRow> {
    let rows = store.feedback(at).await;
    rows.expect("the store knows what was said")
}

// === the suite ===

pub(super) async fn nothing_was_said_at_first(store: SharedStore) {
    assert_eq!(since(&store, Timestamp::default()).await, []);
    add(&store, &[]).await;
    assert_eq!(since(&store, Timestamp::default()).await, []);
}

pub(super) async fn rows_of_one_key_are_summed(store: SharedStore) {
    add(
        &store,
        &[row("a/one", 1_000, 1_000), row("a/one", 1_000, 0)],
    )
    .await;
    add(&store, &[row("a/one", 500, 250)]).await;
    assert_eq!(since(&store, NOON).await, [row("a/one", 2_500, 1_250)]);
}

pub(super) async fn keys_are_told_apart_and_sorted(store: SharedStore) {
    let tomorrow = |row: FeedbackRow| FeedbackRow {
        day: row.day + 1,
        ..row
    };
    let mut rows = vec![
        row("a/one", 1, 1),
        row("a/two", 2, 2),
        row("a/it's", 3, 3),
        tomorrow(row("a/one", 4, 4)),
    ];
    rows.extend(Task::ALL.map(|task| FeedbackRow {
        task,
        ..row("b/tasks", 5, 5)
    }));
    rows.extend(FeedbackSource::ALL.map(|source| FeedbackRow {
        source,
        ..row("c/sources", 6, 6)
    }));
    rows.reverse();
    add(&store, &rows).await;
    rows.sort();
    assert_eq!(since(&store, NOON).await, rows);
}

pub(super) async fn days_before_since_are_left_out(store: SharedStore) {
    let yesterday = FeedbackRow {
        day: NOON.day() - 1,
        ..row("a/one", 1, 0)
    };
    add(&store, &[yesterday.clone(), row("a/one", 2, 0)]).await;
    // The day counts, not the moment.
    let midnight = Timestamp::from_secs(NOON.day() * 86_400);
    assert_eq!(since(&store, NOON).await, [row("a/one", 2, 0)]);
    assert_eq!(since(&store, midnight).await, [row("a/one", 2, 0)]);
    let before = Timestamp::from_millis(midnight.millis() - 1);
    assert_eq!(since(&store, before).await.len(), 2);
}

pub(super) async fn corrections_weigh_nothing(store: SharedStore) {
    add(&store, &[row("a/one", 1_000, 1_000)]).await;
    add(&store, &[row("a/one", 0, -1_000)]).await;
    assert_eq!(since(&store, NOON).await, [row("a/one", 1_000, 0)]);
}

pub(super) async fn tasks_add_side_by_side(store: SharedStore) {
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for _ in 0..10 {
                    // In two orders, so that rows could be waited for in a ring.
                    add(&store, &[row("a/one", 1, 1), row("a/two", 1, 0)]).await;
                    add(&store, &[row("a/two", 1, 0), row("a/one", 1, 1)]).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task adds");
    }
    let expected = [row("a/one", 160, 160), row("a/two", 160, 0)];
    assert_eq!(since(&store, NOON).await, expected);
}
