//! Holds, dispatches, settlements and adjustments, on the memory store.

use std::sync::Arc;

use async_trait::async_trait;
use tollgate_core::{
    AttemptEnd, Billing, CallerId, CostSource, FailureKind, Ledger, LedgerEvent, LedgerStore,
    OpenAttempt, Receipt, Silent, StoreError, TokenUsage, UsageQuery, UsageRow, Usd,
};
use tollgate_ledger::{LedgerConfig, MemoryStore, UsageTracker};
use tollgate_testkit::builders;

use crate::scene::{
    attempt, call, direct, hold, in_memory, noon, observed, outcome, over, plan, record, total,
    totals, usd,
};

/// The worst case of the plan of every test.
const CENT: i64 = 10_000_000;

fn tracker() -> UsageTracker {
    in_memory(&LedgerConfig::default())
}

fn limited(nanos: i64) -> UsageTracker {
    in_memory(&LedgerConfig {
        max_cost_per_request: Some(usd(nanos)),
        ..LedgerConfig::default()
    })
}

const _: fn(&UsageTracker) -> &dyn Ledger = |tracker| tracker;

#[tokio::test]
async fn a_hold_is_the_plans_worst_case_and_free_again_after_settling() {
    let tracker = tracker();
    let hold = hold(&tracker, 1);
    assert_eq!(hold.amount(), usd(CENT));
    assert_eq!(totals(&tracker), [CENT, 0, 0, 0]);
    let receipt = tracker.settle(
        hold,
        outcome(vec![record(1, Some((7, CostSource::Reported)))]),
    );
    assert_eq!(totals(&tracker), [0, 0, 7, 0]);
    assert_eq!(receipt.held, usd(CENT));
    assert_eq!(receipt.cost(), Some(direct(7, CostSource::Reported)));
}

#[tokio::test]
async fn a_call_without_attempts_costs_nothing() {
    let tracker = tracker();
    let hold = hold(&tracker, 1);
    assert_eq!(tracker.settle(hold, outcome(vec![])).cost(), None);
    assert_eq!(totals(&tracker), [0; 4]);
    assert_eq!(total(&tracker).await.attempts, 0);
}

#[tokio::test]
async fn released_and_billed_attempts_are_booked_each_by_its_own() {
    let tracker = tracker();
    let hold = hold(&tracker, 1);
    let mut paid = record(2, Some((30, CostSource::Reported)));
    paid.cost = Some(tollgate_core::Cost {
        credits: usd(2),
        ..direct(30, CostSource::Reported)
    });
    let lost = record(3, Some((500, CostSource::WorstCase)));
    tracker.settle(hold, outcome(vec![record(1, None), paid, lost]));
    assert_eq!(totals(&tracker), [0, 2, 30, 500]);
    let row = total(&tracker).await;
    assert_eq!((row.attempts, row.calls), (3, 1));
    let figures = [row.credits, row.provider, row.unresolved].map(Usd::nanos);
    assert_eq!(figures, [2, 30, 500]);
}

#[tokio::test]
async fn a_call_is_held_once() {
    let tracker = tracker();
    let first = hold(&tracker, 1);
    let second = tracker.hold(&call(1), &plan()).unwrap_err();
    assert_eq!(second.kind(), FailureKind::Internal);
    assert_eq!(totals(&tracker), [CENT, 0, 0, 0]);
    tracker.settle(first, outcome(vec![]));
}

#[tokio::test]
async fn a_hold_above_the_ceiling_is_refused() {
    let refused = limited(CENT - 1).hold(&call(1), &plan()).unwrap_err();
    assert_eq!(refused.kind(), FailureKind::BudgetExceeded);
    assert!(refused.hint().unwrap().contains("max_cost_per_request"));
    assert!(refused.to_string().contains("0.01"), "{refused}");

    let exact = limited(CENT);
    let fits = exact.hold(&call(1), &plan()).unwrap();
    exact.settle(fits, outcome(vec![]));
}

#[tokio::test]
async fn the_calls_own_ceiling_counts_when_it_is_lower() {
    let tracker = limited(10 * CENT);
    let mut plan = plan();
    let mut profile = builders::profile();
    profile.ceiling = Some(usd(CENT - 1));
    plan.profile = Arc::new(profile);
    let refused = tracker.hold(&call(1), &plan).unwrap_err();
    assert_eq!(refused.kind(), FailureKind::BudgetExceeded);
    assert_eq!(totals(&tracker), [0; 4]);
}

#[tokio::test]
async fn a_dearer_attempt_raises_the_hold_up_to_the_ceiling() {
    let tracker = limited(2 * CENT);
    let mut hold = hold(&tracker, 1);
    tracker
        .dispatch(&mut hold, &attempt(1, 1, CENT))
        .await
        .unwrap();
    assert_eq!(totals(&tracker)[0], CENT, "it fits what is held");
    hold.keep(usd(400));
    tracker
        .dispatch(&mut hold, &attempt(1, 2, CENT))
        .await
        .unwrap();
    assert_eq!(hold.amount(), usd(CENT + 400), "beside what was kept");
    assert_eq!(totals(&tracker)[0], CENT + 400);
    let refused = tracker
        .dispatch(&mut hold, &attempt(1, 3, 2 * CENT))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), FailureKind::BudgetExceeded);
    assert_eq!((hold.dispatched(), hold.amount()), (2, usd(CENT + 400)));
    tracker.settle(hold, outcome(vec![record(1, None), record(2, None)]));
    assert_eq!(totals(&tracker), [0; 4], "a refused attempt cost nothing");
}

#[tokio::test]
async fn an_attempt_is_dispatched_once_and_only_under_a_hold() {
    let tracker = tracker();
    let mut hold = hold(&tracker, 1);
    tracker
        .dispatch(&mut hold, &attempt(1, 1, 5))
        .await
        .unwrap();
    let again = tracker
        .dispatch(&mut hold, &attempt(1, 1, 5))
        .await
        .unwrap_err();
    assert_eq!(again.kind(), FailureKind::Internal);
    let mut foreign = tollgate_core::Hold::new(builders::facts(2), usd(CENT));
    let unheld = tracker
        .dispatch(&mut foreign, &attempt(2, 1, 5))
        .await
        .unwrap_err();
    assert_eq!(unheld.kind(), FailureKind::Internal);
    tracker.settle(hold, outcome(vec![record(1, None)]));
}

#[tokio::test]
async fn an_attempt_that_nobody_speaks_of_is_booked_at_its_worst_case() {
    let tracker = tracker();
    let mut hold = hold(&tracker, 1);
    for (number, worst) in [(1, 300), (2, 4_000)] {
        let attempt = attempt(1, number, worst);
        tracker.dispatch(&mut hold, &attempt).await.unwrap();
    }
    let receipt = tracker.settle(hold, outcome(vec![record(1, None)]));
    assert_eq!(totals(&tracker), [0, 0, 0, 4_000]);
    let abandoned = &receipt.attempts[1];
    assert_eq!(
        (abandoned.number, &abandoned.end),
        (2, &AttemptEnd::Abandoned)
    );
    assert_eq!(abandoned.billing, Billing::Direct, "as its lane is paid");
    assert_eq!(abandoned.cost, Some(direct(4_000, CostSource::WorstCase)));
    assert_eq!(receipt.unresolved(), usd(4_000));
    assert_eq!(total(&tracker).await.unresolved, usd(4_000));
}

#[tokio::test]
async fn an_uncertain_figure_is_adjusted_until_it_is_certain() {
    let tracker = tracker();
    let hold = hold(&tracker, 1);
    let call = hold.facts.call;
    let attempts = vec![
        record(1, Some((500, CostSource::WorstCase))),
        record(2, Some((60, CostSource::Estimated))),
        record(3, Some((7, CostSource::Reported))),
    ];
    tracker.settle(hold, outcome(attempts));
    let adjust = |attempt, nanos, source, tokens| {
        tracker.adjust(call, attempt, direct(nanos, source), tokens)
    };
    adjust(1, 100, CostSource::Estimated, None).unwrap();
    assert_eq!(totals(&tracker), [0, 0, 167, 0]);
    let tokens = TokenUsage {
        output: 5,
        ..TokenUsage::default()
    };
    adjust(1, 90, CostSource::Reconciled, Some(tokens)).unwrap();
    assert_eq!(totals(&tracker), [0, 0, 157, 0]);
    for attempt in [1, 3, 4] {
        let stands = adjust(attempt, 1, CostSource::Reconciled, None).unwrap_err();
        assert_eq!(stands.kind(), FailureKind::InvalidRequest);
    }
    let row = total(&tracker).await;
    assert_eq!((row.provider.nanos(), row.tokens.output), (157, 45));
}

#[tokio::test]
async fn an_adjustment_that_cannot_be_recorded_moves_no_counter() {
    let store = Arc::new(MemoryStore::new());
    let tracker = over(store, &LedgerConfig::default());
    let hold = hold(&tracker, 1);
    let call = hold.facts.call;
    tracker.settle(
        hold,
        outcome(vec![record(1, Some((500, CostSource::WorstCase)))]),
    );
    tracker.shutdown().await.unwrap();
    for _ in 0..2 {
        let cost = direct(90, CostSource::Reconciled);
        let refused = tracker.adjust(call, 1, cost, None).unwrap_err();
        assert_eq!(refused.kind(), FailureKind::LedgerUnavailable);
        assert_eq!(totals(&tracker), [0, 0, 0, 500]);
    }
}

#[tokio::test]
async fn totals_alone_count_as_ever_and_keep_no_attempts() {
    let config = LedgerConfig {
        max_cost_per_request: Some(usd(2 * CENT)),
        ..LedgerConfig::default()
    };
    let tracker = UsageTracker::totals_only(&config, Arc::new(noon), Arc::new(Silent));
    let mut held = hold(&tracker, 1);
    let call = held.facts.call;
    for number in [1, 2] {
        let attempt = attempt(1, number, 300);
        tracker.dispatch(&mut held, &attempt).await.unwrap();
    }
    let dear = attempt(1, 3, 3 * CENT);
    let refused = tracker.dispatch(&mut held, &dear).await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::BudgetExceeded);
    let reported = record(1, Some((7, CostSource::Reported)));
    let receipt = tracker.settle(held, outcome(vec![reported]));
    assert_eq!(receipt.attempts.len(), 2);
    assert_eq!(totals(&tracker), [0, 0, 7, 300]);
    let learned = direct(90, CostSource::Reconciled);
    tracker.adjust(call, 2, learned, None).unwrap();
    assert_eq!(totals(&tracker), [0, 0, 97, 0]);

    let everything = UsageQuery::default();
    assert_eq!(tracker.report(&everything).await.unwrap(), []);
    let recovered = tracker.recover().await.unwrap().ended;
    assert_eq!(recovered, []);
    tracker.shutdown().await.unwrap();
}

#[tokio::test]
async fn attempts_beyond_the_memory_rows_are_kept_as_sums() {
    let tracker = in_memory(&LedgerConfig {
        memory_rows: 3,
        ..LedgerConfig::default()
    });
    for n in 1..=50 {
        let hold = hold(&tracker, n);
        tracker.settle(
            hold,
            outcome(vec![record(1, Some((7, CostSource::Reported)))]),
        );
    }
    let row = total(&tracker).await;
    assert_eq!((row.calls, row.provider), (50, usd(350)));
}

#[tokio::test]
async fn every_settled_call_is_announced_once() {
    let (tracker, heard) = observed();
    let hold = hold(&tracker, 1);
    let receipt = tracker.settle(
        hold,
        outcome(vec![record(1, Some((7, CostSource::Reported)))]),
    );
    assert_eq!(*heard.lock().unwrap(), [receipt]);
}

#[tokio::test]
async fn amounts_at_the_end_of_the_type_are_given_back_whole() {
    let tracker = tracker();
    let mut holds: Vec<_> = (1..=3).map(|n| hold(&tracker, n)).collect();
    for (n, hold) in (1..).zip(&mut holds) {
        tracker
            .dispatch(hold, &attempt(n, 1, i64::MAX))
            .await
            .unwrap();
    }
    assert_eq!(tracker.totals().held, Usd::MAX, "shown saturated");
    for hold in holds {
        tracker.settle(hold, outcome(vec![record(1, None)]));
    }
    assert_eq!(totals(&tracker), [0; 4]);
}

/// A store in which nothing can be looked up.
#[derive(Debug)]
struct Blind;

#[async_trait]
impl LedgerStore for Blind {
    async fn append(&self, _: &[LedgerEvent]) -> Result<Vec<usize>, StoreError> {
        Ok(Vec::new())
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        Ok(Vec::new())
    }

    async fn report(&self, _: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        Ok(Vec::new())
    }

    async fn past_call(&self, _: &CallerId, _: &str) -> Result<Option<Receipt>, StoreError> {
        Err(StoreError::new("look up a call", "the store was asked"))
    }
}

#[tokio::test]
async fn no_store_is_asked_for_what_cannot_be_an_id() {
    let tracker = over(Arc::new(Blind), &LedgerConfig::default());
    let (local, longest) = (CallerId::local(), "g".repeat(256));
    for id in ["", "gen-\0", "gen 1", &format!("{longest}g")] {
        let found = tracker.past_call(&local, id).await.unwrap();
        assert!(found.is_none(), "{id:?}");
    }
    for id in ["gen-1", &call(1).id.to_string(), &longest] {
        let failure = tracker.past_call(&local, id).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::LedgerUnavailable, "{id:?}");
    }
}
