//! How attempts end, and what their ends and adjustments cost.

use tollgate_core::{AttemptEnd, Cost, CostSource, FailureKind, LedgerEvent, TokenUsage, Usd};

use super::{
    SharedStore, adjust, append, credits, dispatch, hold, later, open_attempts, settle, total,
};
use crate::builders::{NOON, facts, record};

pub(super) async fn the_first_end_of_an_attempt_counts(store: SharedStore) {
    let facts = facts(1);
    let mut released = record(1, "a/one", 0);
    released.cost = None;
    append(&store, &[settle(&facts, record(1, "a/one", 100))]).await;
    append(&store, &[settle(&facts, record(1, "a/one", 999))]).await;
    append(&store, &[settle(&facts, released.clone())]).await;
    // Also within one batch, and the other way round.
    released.number = 2;
    append(
        &store,
        &[
            settle(&facts, released),
            settle(&facts, record(2, "a/one", 7)),
        ],
    )
    .await;
    let total = total(&store).await;
    assert_eq!(
        (total.credits.nanos(), total.attempts, total.calls),
        (100, 2, 1)
    );
}

pub(super) async fn an_end_needs_no_dispatch_before_it(store: SharedStore) {
    let facts = facts(1);
    append(&store, &[settle(&facts, record(1, "a/one", 100))]).await;
    append(&store, &[dispatch(&facts, 1, later(1))]).await;
    assert_eq!(open_attempts(&store).await, [], "it has ended already");
    assert_eq!(total(&store).await.credits.nanos(), 100);
}

pub(super) async fn the_last_adjustment_counts(store: SharedStore) {
    let facts = facts(1);
    let learned = TokenUsage {
        input: 11,
        output: 22,
        reasoning: 5,
        ..TokenUsage::default()
    };
    append(&store, &[settle(&facts, record(1, "a/one", 100))]).await;
    append(&store, &[adjust(&facts, 1, 70, Some(learned))]).await;
    append(&store, &[adjust(&facts, 2, 80, None)]).await;
    let row = total(&store).await;
    assert_eq!(row.credits.nanos(), 80, "the last cost replaces the others");
    assert_eq!(
        row.tokens, learned,
        "tokens stay when only the cost is learned"
    );
    assert_eq!((row.attempts, row.calls), (1, 1));
    // Back to an earlier figure, at a later time.
    append(&store, &[adjust(&facts, 3, 70, None)]).await;
    assert_eq!(total(&store).await.credits.nanos(), 70);
}

pub(super) async fn an_adjustment_ends_what_is_unresolved(store: SharedStore) {
    let facts = facts(1);
    let mut lost = record(1, "a/one", 0);
    lost.end = AttemptEnd::Abandoned;
    lost.cost = Some(credits(900, CostSource::WorstCase));
    append(&store, &[settle(&facts, lost)]).await;
    let row = total(&store).await;
    assert_eq!((row.cost().nanos(), row.unresolved.nanos()), (0, 900));
    append(&store, &[adjust(&facts, 1, 200, None)]).await;
    let row = total(&store).await;
    assert_eq!((row.cost().nanos(), row.unresolved.nanos()), (200, 0));
}

pub(super) async fn failover_is_what_lost_attempts_cost(store: SharedStore) {
    let failed = AttemptEnd::Failed {
        kind: FailureKind::Upstream,
        status: Some(502),
        message: "bad gateway".into(),
    };
    let cut = AttemptEnd::Cut {
        kind: FailureKind::Truncated,
        message: "stalled".into(),
    };
    let rejected = AttemptEnd::Rejected {
        message: "empty".into(),
    };
    let ends = [
        (failed.clone(), 1, CostSource::Reported),
        (cut, 20, CostSource::Estimated),
        (AttemptEnd::Outrun, 300, CostSource::Computed),
        (rejected, 7_000_000, CostSource::Reported),
        (AttemptEnd::Abandoned, 4_000, CostSource::Reported),
        (AttemptEnd::Complete, 50_000, CostSource::Reported),
        (failed, 600_000, CostSource::WorstCase),
    ];
    let facts = facts(1);
    for (number, (end, nanos, source)) in (1..).zip(ends) {
        let mut record = record(number, "a/one", 0);
        record.end = end;
        record.cost = Some(credits(nanos, source));
        append(&store, &[settle(&facts, record)]).await;
    }
    let row = total(&store).await;
    let figures = [row.failover, row.cost(), row.unresolved].map(Usd::nanos);
    assert_eq!(figures, [7_000_321, 7_054_321, 600_000]);
}

pub(super) async fn payables_and_unresolved_stay_apart(store: SharedStore) {
    let costs = [
        Cost {
            credits: Usd::from_nanos(50),
            provider: Usd::from_nanos(1_000),
            source: CostSource::Reported,
        },
        Cost {
            credits: Usd::from_nanos(3),
            provider: Usd::from_nanos(4),
            source: CostSource::WorstCase,
        },
        credits(20, CostSource::Estimated),
    ];
    for (n, cost) in (1..).zip(costs) {
        let mut record = record(1, "a/one", 0);
        record.cost = Some(cost);
        append(&store, &[settle(&facts(n), record)]).await;
    }
    let row = total(&store).await;
    let figures = [row.credits, row.provider, row.unresolved].map(Usd::nanos);
    assert_eq!(figures, [70, 1_000, 7]);
}

pub(super) async fn sums_saturate_at_the_end_of_the_type(store: SharedStore) {
    let most = u64::try_from(i64::MAX).unwrap_or(0);
    for n in 1..=3 {
        let facts = facts(n);
        let mut dear = record(1, "a/one", i64::MAX);
        dear.tokens.input = most;
        let mut lost = record(2, "a/one", 0);
        lost.cost = Some(Cost {
            credits: Usd::MAX,
            provider: Usd::MAX,
            source: CostSource::WorstCase,
        });
        append(&store, &[settle(&facts, dear), settle(&facts, lost)]).await;
    }
    let row = total(&store).await;
    assert_eq!((row.credits, row.unresolved), (Usd::MAX, Usd::MAX));
    assert_eq!(row.provider, Usd::ZERO);
    assert_eq!(row.tokens.input, u64::MAX, "three times 2^63 - 1, and 30");
    let one = dispatch_worth_everything();
    append(&store, &one).await;
    assert_eq!(open_attempts(&store).await[0].worst, Usd::MAX);
}

fn dispatch_worth_everything() -> [LedgerEvent; 2] {
    let facts = facts(99);
    let mut event = dispatch(&facts, u32::MAX, NOON);
    if let LedgerEvent::Dispatch { worst, .. } = &mut event {
        *worst = Usd::MAX;
    }
    [hold(&facts), event]
}
