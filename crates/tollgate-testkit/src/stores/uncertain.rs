//! Open attempts and their ids, and which costs can still be asked for.

use std::sync::Arc;

use tollgate_core::{
    AttemptRecord, Billing, BudgetWindows, CostSource, LedgerEvent, Timestamp, Uncertain,
};

use super::{
    SharedStore, adjust_in, append, credits, dispatch, generation, hold, later, lost, named,
    open_attempts, released, settle, settle_in, shared, window,
};
use crate::builders::{NOON, facts, lane_id, record};

async fn uncertain(store: &SharedStore, since: Timestamp) -> Vec<Uncertain> {
    let uncertain = store.uncertain(since).await;
    uncertain.expect("the store lists uncertain attempts")
}

pub(super) async fn open_attempts_say_how_they_are_paid_and_count(store: SharedStore) {
    let facts = facts(1);
    let mut event = dispatch(&facts, 1, NOON);
    let expected: BudgetWindows = [shared("day"), window("team", "a\"b", later(9))].into();
    if let LedgerEvent::Dispatch {
        billing, windows, ..
    } = &mut event
    {
        *billing = Billing::Byok;
        *windows = Arc::clone(&expected);
    }
    append(&store, &[hold(&facts), event]).await;
    let open = open_attempts(&store).await;
    assert_eq!(open.len(), 1);
    assert_eq!(
        (open[0].billing, &open[0].windows),
        (Billing::Byok, &expected)
    );
    assert_eq!(open[0].generation, None);
}

pub(super) async fn the_first_id_of_an_open_attempt_counts(store: SharedStore) {
    let facts = facts(1);
    append(
        &store,
        &[
            hold(&facts),
            dispatch(&facts, 1, NOON),
            dispatch(&facts, 2, NOON),
        ],
    )
    .await;
    append(
        &store,
        &[named(&facts, 2, "gen-1"), named(&facts, 2, "gen-2")],
    )
    .await;
    append(&store, &[named(&facts, 2, "gen-3")]).await;
    let open = open_attempts(&store).await;
    let ids: Vec<_> = open.iter().map(|one| one.generation.clone()).collect();
    assert_eq!(ids, [None, Some(generation("gen-1"))]);
}

pub(super) async fn attempts_are_uncertain_until_their_cost_is_known(store: SharedStore) {
    let windows: BudgetWindows = [shared("day")].into();
    let facts = facts(1);
    let with_id = |mut record: AttemptRecord, source| {
        record.served.generation = Some(generation(&format!("gen-{}", record.number)));
        record.cost = record
            .cost
            .map(|cost| credits(cost.credits.nanos(), source));
        settle_in(&windows, &facts, record)
    };
    append(
        &store,
        &[
            with_id(record(1, "a/one", 10), CostSource::WorstCase),
            with_id(record(2, "a/one", 20), CostSource::Estimated),
            with_id(record(3, "a/one", 30), CostSource::Computed),
            with_id(record(4, "a/one", 40), CostSource::Reported),
            settle_in(&windows, &facts, lost(5, 50)),
            settle(&facts, released(6)),
        ],
    )
    .await;
    let expected = |attempt: u32, nanos, source| Uncertain {
        call: facts.call,
        attempt,
        at: facts.at,
        lane: lane_id("openrouter"),
        generation: generation(&format!("gen-{attempt}")),
        cost: credits(nanos, source),
        windows: Arc::clone(&windows),
    };
    let second = expected(2, 20, CostSource::Estimated);
    let first = expected(1, 10, CostSource::WorstCase);
    assert_eq!(uncertain(&store, NOON).await, [first, second.clone()]);
    let mut better = adjust_in(&windows, &facts, 12, 2);
    if let LedgerEvent::Adjust { cost, .. } = &mut better {
        cost.source = CostSource::Estimated;
    }
    append(&store, &[better]).await;
    let first = expected(1, 12, CostSource::Estimated);
    assert_eq!(uncertain(&store, NOON).await, [first, second.clone()]);
    append(&store, &[adjust_in(&windows, &facts, 11, -1)]).await;
    assert_eq!(uncertain(&store, NOON).await, [second]);
}

pub(super) async fn an_id_that_was_noted_before_the_end_can_be_asked_by(store: SharedStore) {
    let facts = facts(1);
    let mut knows_better = lost(2, 70);
    knows_better.served.generation = Some(generation("gen-of-the-end"));
    append(
        &store,
        &[
            hold(&facts),
            dispatch(&facts, 1, NOON),
            named(&facts, 1, "gen-noted"),
            named(&facts, 2, "gen-noted"),
            settle(&facts, lost(1, 60)),
            settle(&facts, knows_better),
        ],
    )
    .await;
    let uncertain = uncertain(&store, NOON).await;
    let ids: Vec<_> = uncertain
        .iter()
        .map(|one| one.generation.as_str())
        .collect();
    assert_eq!(ids, ["gen-noted", "gen-of-the-end"]);
}

pub(super) async fn uncertain_attempts_come_oldest_first_from_since_on(store: SharedStore) {
    for (n, seconds) in [(1, 20), (2, 0), (3, 10)] {
        let mut facts = facts(n);
        facts.at = later(seconds);
        append(
            &store,
            &[
                named(&facts, 1, &format!("gen-{n}")),
                settle(&facts, lost(1, 1)),
            ],
        )
        .await;
    }
    for (since, expected) in [
        (later(0), vec!["gen-2", "gen-3", "gen-1"]),
        (later(10), vec!["gen-3", "gen-1"]),
        (later(21), vec![]),
    ] {
        let found = uncertain(&store, since).await;
        let ids: Vec<_> = found.iter().map(|one| one.generation.as_str()).collect();
        assert_eq!(ids, expected);
    }
}
