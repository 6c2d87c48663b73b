//! Events go in whole, in order and once.

use std::sync::Arc;

use futures_util::FutureExt;
use tollgate_core::{
    AttemptEnd, Billing, CallFacts, CallerId, Dimension, FailureKind, LedgerEvent, OpenAttempt,
    Task, TokenUsage, UsageQuery, Usd,
};

use super::{
    SharedStore, adjust, append, dispatch, hold, later, open_attempts, open_numbers, report,
    settle, total,
};
use crate::builders::{facts, lane_id, model, record};

pub(super) async fn an_empty_store_has_nothing_to_say(store: SharedStore) {
    append(&store, &[]).await;
    assert_eq!(open_attempts(&store).await, []);
    assert_eq!(report(&store, &UsageQuery::default()).await, []);
    append(&store, &[hold(&facts(1))]).await;
    assert_eq!(open_attempts(&store).await, [], "a hold is no attempt");
    assert_eq!(report(&store, &UsageQuery::default()).await, []);
}

pub(super) async fn an_attempt_is_open_from_dispatch_to_its_end(store: SharedStore) {
    let facts = facts(1);
    append(&store, &[hold(&facts), dispatch(&facts, 1, later(1))]).await;
    assert_eq!(open_numbers(&store).await, [1]);
    append(&store, &[dispatch(&facts, 2, later(2))]).await;
    assert_eq!(open_numbers(&store).await, [1, 2]);
    let mut released = record(1, "a/one", 0);
    released.cost = None;
    append(&store, &[settle(&facts, released)]).await;
    assert_eq!(open_numbers(&store).await, [2], "a release is an end");
    append(&store, &[settle(&facts, record(2, "a/one", 5))]).await;
    assert!(
        open_numbers(&store).await.is_empty(),
        "a settlement is an end"
    );
}

pub(super) async fn open_attempts_come_oldest_first_with_their_facts(store: SharedStore) {
    let mut second = facts(1);
    second.caller = CallerId::new("team-key").expect("a literal is valid");
    second.task = Task::Code;
    second.requested = "a/one".into();
    second.policy = "cheapest".into();
    second.tags = vec![
        ("env".into(), "pröd".into()),
        ("env".into(), "\"x\"".into()),
    ];
    let first = facts(2);
    let mut rehold = hold(&second);
    if let LedgerEvent::Hold { amount, .. } = &mut rehold {
        *amount = Usd::from_nanos(20_000_000);
    }
    append(
        &store,
        &[
            hold(&second),
            rehold,
            hold(&first),
            dispatch(&second, 1, later(9)),
            dispatch(&first, 1, later(3)),
        ],
    )
    .await;
    let expected = [(first, later(3)), (second, later(9))].map(|(facts, at)| OpenAttempt {
        facts,
        attempt: 1,
        lane: lane_id("openrouter"),
        model: model("a/one"),
        at,
        worst: Usd::from_nanos(9_000_000),
        billing: Billing::Credits,
        generation: None,
        windows: [].into(),
    });
    assert_eq!(open_attempts(&store).await, expected);
}

pub(super) async fn a_batch_can_be_appended_again(store: SharedStore) {
    let facts = facts(1);
    let batch = [
        hold(&facts),
        dispatch(&facts, 1, later(1)),
        settle(&facts, record(1, "a/one", 100)),
        adjust(&facts, 1, 50, None),
        adjust(
            &facts,
            2,
            60,
            Some(TokenUsage {
                input: 3,
                ..TokenUsage::default()
            }),
        ),
        dispatch(&facts, 2, later(2)),
    ];
    append(&store, &batch).await;
    let before = (total(&store).await, open_attempts(&store).await);
    append(&store, &batch).await;
    append(&store, &batch[..4]).await;
    assert_eq!((total(&store).await, open_attempts(&store).await), before);
    assert_eq!(before.0.credits.nanos(), 60);
    assert_eq!(before.1.len(), 1);
}

/// What callers and upstreams send may hold anything that a `String` can.
pub(super) async fn odd_texts_survive(store: SharedStore) {
    let mut facts = facts(1);
    facts.policy = "it's \"quoted\"; -- 雪 \u{1F600}".into();
    facts.requested = "nul \0 and newline \n".into();
    facts.tags = vec![
        ("k\0".into(), "\\u0000".into()),
        ("env".into(), "snow 雪".into()),
    ];
    let mut failed = record(1, "a/one", 1);
    failed.end = AttemptEnd::Failed {
        kind: FailureKind::BadReply,
        status: Some(200),
        message: "upstream said \0 \u{FFFF}".into(),
    };
    append(&store, &[hold(&facts), settle(&facts, failed)]).await;
    let query = UsageQuery {
        by: vec![Dimension::Policy, Dimension::Tag("env".into())],
        ..UsageQuery::default()
    };
    let rows = report(&store, &query).await;
    assert_eq!(rows[0].key, [facts.policy, "snow 雪".into()]);
    assert_eq!((rows[0].failed, rows[0].credits.nanos()), (1, 1));
}

pub(super) async fn a_dropped_append_leaves_nothing_half_done(store: SharedStore) {
    let (lost, kept) = (facts(1), facts(2));
    let batch = |facts: &CallFacts| {
        [
            settle(facts, record(1, "a/one", 10)),
            settle(facts, record(2, "a/one", 10)),
        ]
    };
    // Polled once, then dropped wherever it waits.
    let dropped = store.append(&batch(&lost)).now_or_never();
    append(&store, &batch(&kept)).await;
    let attempts = total(&store).await.attempts;
    assert!(
        attempts == 2 || attempts == 4,
        "all or nothing, not {attempts}"
    );
    assert!(
        dropped.is_none() || attempts == 4,
        "what was answered is there"
    );
    append(&store, &batch(&lost)).await;
    assert_eq!(total(&store).await.attempts, 4);
    assert_eq!(total(&store).await.credits.nanos(), 40);
}

pub(super) async fn tasks_append_side_by_side(store: SharedStore) {
    let tasks: Vec<_> = (1..=8)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for n in 0..10 {
                    let facts = facts(task * 100 + n);
                    let events = [hold(&facts), settle(&facts, record(1, "a/one", 1))];
                    append(&store, &events).await;
                    // Everybody races for the same attempt as well.
                    append(&store, &[settle(&self::facts(1), record(1, "a/one", 1))]).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task appends");
    }
    assert_eq!(total(&store).await.credits.nanos(), 81);
}
