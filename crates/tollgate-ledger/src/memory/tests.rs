use tollgate_core::{Billing, CostSource};
use tollgate_testkit::builders::{NOON, facts, lane_id, model, record};

use super::*;

fn settle(n: u128) -> LedgerEvent {
    LedgerEvent::Settle {
        facts: facts(n),
        record: record(1, "a/one", 1),
        windows: [].into(),
    }
}

fn dispatch(n: u128) -> LedgerEvent {
    LedgerEvent::Dispatch {
        call: facts(n).call,
        attempt: 1,
        at: NOON,
        lane: lane_id("openrouter"),
        billing: Billing::Credits,
        model: model("a/one"),
        worst: Usd::from_nanos(9),
        windows: [].into(),
        epoch: 0,
    }
}

fn adjust(n: u128) -> LedgerEvent {
    LedgerEvent::Adjust {
        call: facts(n).call,
        attempt: 1,
        at: NOON,
        cost: Cost::paid_by(Billing::Credits, Usd::ZERO, CostSource::Reconciled),
        tokens: None,
        windows: [].into(),
        change: Usd::ZERO,
    }
}

fn kept(store: &MemoryStore) -> usize {
    store.shards().map(|shard| shard.calls.len()).sum()
}

async fn total(store: &MemoryStore) -> UsageRow {
    store
        .report(&UsageQuery::default())
        .await
        .unwrap()
        .remove(0)
}

#[tokio::test]
async fn no_more_attempts_are_kept_than_asked_for_and_all_are_counted() {
    for limit in [1, 10, 64, 200] {
        let store = MemoryStore::keeping(limit);
        for n in 1..=1_000 {
            store.apply(settle(n));
            assert!(kept(&store) <= limit, "{} of {limit}", kept(&store));
        }
        for shard in store.shards() {
            assert_eq!(shard.size, shard.calls.len());
            assert_eq!(shard.size, shard.order.len());
        }
        let total = total(&store).await;
        assert_eq!((total.calls, total.attempts), (1_000, 1_000));
        assert_eq!(total.credits, Usd::from_nanos(1_000));
    }
}

#[tokio::test]
async fn a_running_attempt_is_kept_until_it_ends() {
    let store = MemoryStore::keeping(1);
    store.apply(dispatch(1));
    for n in 2..=100 {
        store.apply(settle(n));
    }
    assert_eq!(store.open_attempts().await.unwrap().len(), 1);
    store.apply(settle(1));
    store.apply(settle(101));
    assert_eq!(store.open_attempts().await.unwrap(), []);
    assert_eq!((kept(&store), total(&store).await.attempts), (1, 101));
}

#[tokio::test]
async fn a_folded_attempt_is_final_and_leaves_nothing_behind() {
    let store = MemoryStore::keeping(1);
    store.apply(settle(1));
    store.apply(settle(2));
    let before = total(&store).await;
    store.apply(adjust(1));
    assert_eq!((total(&store).await, kept(&store)), (before, 1));
    store.apply(adjust(2));
    assert_eq!(total(&store).await.credits, Usd::from_nanos(1));
}

#[tokio::test]
async fn the_days_sums_count_as_its_first_call() {
    let store = MemoryStore::keeping(1);
    let at = |n: u128, seconds: u64| {
        let mut event = settle(n);
        if let LedgerEvent::Settle { facts, .. } = &mut event {
            facts.at = NOON.plus(std::time::Duration::from_secs(seconds));
        }
        event
    };
    for (n, seconds) in [(1, 0), (2, 60), (3, 86_400)] {
        store.apply(at(n, seconds));
    }
    let count = async |since: u64, until: u64| {
        let query = UsageQuery {
            since: Some(NOON.plus(std::time::Duration::from_secs(since))),
            until: Some(NOON.plus(std::time::Duration::from_secs(until))),
            ..UsageQuery::default()
        };
        let rows = store.report(&query).await.unwrap();
        rows.first().map_or(0, |row| row.attempts)
    };
    assert_eq!(count(0, 43_200).await, 2, "up to midnight");
    assert_eq!(count(43_200, 90_000).await, 1, "from midnight");
    assert_eq!((count(0, 30).await, count(30, 90_000).await), (2, 1));
}

#[tokio::test]
async fn tags_that_are_all_different_do_not_fill_the_memory() {
    let store = MemoryStore::keeping(1);
    for n in 1..=3_000 {
        let mut event = settle(n);
        if let LedgerEvent::Settle { facts, .. } = &mut event {
            facts.tags = vec![("request".into(), n.to_string())];
        }
        store.apply(event);
    }
    let query = UsageQuery {
        by: vec![tollgate_core::Dimension::Tag("request".into())],
        ..UsageQuery::default()
    };
    let rows = store.report(&query).await.unwrap();
    // The newest is kept by itself, a thousand before it by tag.
    assert_eq!(rows.len(), 1_002);
    assert_eq!((rows[0].key[0].as_str(), rows[0].calls), ("folded", 1_999));
}
