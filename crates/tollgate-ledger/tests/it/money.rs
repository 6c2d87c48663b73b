//! No money is lost between hold and settlement, in whatever order calls do
//! what.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use proptest::prelude::*;
use tollgate_core::{Billing, Cost, CostSource, Hold, Ledger, Receipt, UsageRow, Usd};
use tollgate_ledger::{LedgerConfig, MemoryStore, UsageTracker};

use crate::scene::{attempt, hold, in_memory, outcome, over, record, total};

/// One step of one of a few calls.
#[derive(Debug, Clone)]
enum Step {
    /// Holds the call, unless it is held.
    Hold,
    /// Dispatches its next attempt with that worst case; sometimes it is given
    /// up while it waits, sometimes it is kept in the hold.
    Dispatch {
        worst: i64,
        given_up: bool,
        kept: bool,
    },
    /// Settles it; of each attempt, in turn, this is known.
    Settle(Vec<Known>),
    /// Adjusts the first attempt of an earlier round.
    Adjust(i64),
}

/// What an outcome says of an attempt.
#[derive(Debug, Clone)]
enum Known {
    Nothing,
    Released,
    Cost(i64, i64, CostSource),
}

/// Amounts crowd at nothing, at ordinary sums and at the end of the type,
/// where sums saturate; a few calls of that size stay below it in total.
fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![
        1 => Just(0_i64),
        6 => 1..50_000_000_i64,
        1 => Just(i64::MAX / 1_000),
    ]
}

fn known() -> impl Strategy<Value = Known> {
    let source = prop_oneof![
        Just(CostSource::Reported),
        Just(CostSource::Computed),
        Just(CostSource::Estimated),
        Just(CostSource::WorstCase),
    ];
    prop_oneof![
        1 => Just(Known::Nothing),
        1 => Just(Known::Released),
        3 => (amount(), 0..1_000_i64, source).prop_map(|(a, fee, s)| Known::Cost(a, fee, s)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Hold),
        4 => (amount(), prop::bool::weighted(0.2), any::<bool>())
            .prop_map(|(worst, given_up, kept)| Step::Dispatch { worst, given_up, kept }),
        2 => prop::collection::vec(known(), 0..4).prop_map(Step::Settle),
        1 => amount().prop_map(Step::Adjust),
    ]
}

fn steps() -> impl Strategy<Value = Vec<(u128, Step)>> {
    prop::collection::vec((0..4_u128, step()), 1..60)
}

/// What is expected to be booked.
#[derive(Default)]
struct Expected {
    receipts: Vec<Receipt>,
    adjusted: BTreeMap<usize, Cost>,
}

impl Expected {
    fn row(&self) -> UsageRow {
        let mut row = UsageRow::default();
        for (place, receipt) in self.receipts.iter().enumerate() {
            for (index, record) in receipt.attempts.iter().enumerate() {
                let mut record = record.clone();
                if index == 0 {
                    record.cost = self.adjusted.get(&place).copied().or(record.cost);
                }
                row.add(&record, index + 1 == receipt.attempts.len());
            }
        }
        row
    }
}

async fn play(tracker: &UsageTracker, steps: Vec<(u128, Step)>) -> Expected {
    let mut expected = Expected::default();
    // Each call number may be held again once it is settled, as another call.
    let mut running = BTreeMap::<u128, (u128, Hold)>::new();
    let mut next = 100;
    for (slot, step) in steps {
        match step {
            Step::Hold => {
                running.entry(slot).or_insert_with(|| {
                    next += 1;
                    (next, hold(tracker, next))
                });
            }
            Step::Dispatch {
                worst,
                given_up,
                kept,
            } => {
                let Some((n, hold)) = running.get_mut(&slot) else {
                    continue;
                };
                let number = hold.dispatched() + 1;
                let attempt = attempt(*n, number, worst);
                if given_up {
                    let _ = tracker.dispatch(hold, &attempt).now_or_never();
                } else {
                    // One that was given up has the number still.
                    tracker.dispatch(hold, &attempt).await.unwrap();
                }
                if kept {
                    hold.keep(Usd::from_nanos(worst));
                }
            }
            Step::Settle(known) => {
                if let Some((_, hold)) = running.remove(&slot) {
                    expected.receipts.push(end(tracker, hold, &known));
                }
            }
            Step::Adjust(nanos) => adjust(tracker, &mut expected, nanos),
        }
        check_held(tracker, &running);
    }
    for (_, (_, hold)) in running {
        expected.receipts.push(end(tracker, hold, &[]));
    }
    expected
}

fn end(tracker: &UsageTracker, hold: Hold, known: &[Known]) -> Receipt {
    let records = (1..=hold.dispatched())
        .zip(known)
        .filter_map(|(number, known)| {
            let mut record = record(number, None);
            match known {
                Known::Nothing => return None,
                Known::Released => {}
                Known::Cost(nanos, fee, source) => {
                    record.cost = Some(Cost {
                        credits: Usd::from_nanos(*fee),
                        ..Cost::paid_by(Billing::Direct, Usd::from_nanos(*nanos), *source)
                    });
                }
            }
            Some(record)
        });
    let outcome = outcome(records.collect());
    let dispatched = hold.dispatched();
    let receipt = tracker.settle(hold, outcome);
    let numbers: Vec<u32> = receipt.attempts.iter().map(|a| a.number).collect();
    assert!(
        (1..=dispatched).all(|number| numbers.contains(&number)),
        "every attempt that was sent is in the receipt: {numbers:?} of {dispatched}"
    );
    receipt
}

fn adjust(tracker: &UsageTracker, expected: &mut Expected, nanos: i64) {
    let Some((place, receipt)) = expected.receipts.iter().enumerate().next_back() else {
        return;
    };
    let Some(first) = receipt.attempts.first() else {
        return;
    };
    let cost = Cost::paid_by(
        Billing::Direct,
        Usd::from_nanos(nanos),
        CostSource::Reconciled,
    );
    let uncertain = !expected.adjusted.contains_key(&place)
        && first.cost.is_some_and(|cost| {
            matches!(cost.source, CostSource::Estimated | CostSource::WorstCase)
        });
    let adjusted = tracker.adjust(receipt.facts.call, first.number, cost, None);
    assert_eq!(adjusted.is_ok(), uncertain);
    if uncertain {
        expected.adjusted.insert(place, cost);
    }
}

fn check_held(tracker: &UsageTracker, running: &BTreeMap<u128, (u128, Hold)>) {
    let held: Usd = running.values().map(|(_, hold)| hold.amount()).sum();
    assert_eq!(tracker.totals().held, held);
}

async fn check(tracker: UsageTracker, steps: Vec<(u128, Step)>) {
    let expected = play(&tracker, steps).await;
    let row = expected.row();
    let totals = tracker.totals();
    assert_eq!(totals.held, Usd::ZERO);
    assert_eq!(
        [totals.credits, totals.provider, totals.unresolved],
        [row.credits, row.provider, row.unresolved],
        "counters are the sum of the receipts"
    );
    assert_eq!(total(&tracker).await, row, "the store agrees");
    tracker.shutdown().await.unwrap();
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(test);
}

proptest! {
    #[test]
    fn no_money_is_lost_in_memory(steps in steps()) {
        run(check(in_memory(&LedgerConfig::default()), steps));
    }

    #[test]
    fn no_money_is_lost_on_the_way_through_the_queue(steps in steps()) {
        run(async {
            let config = LedgerConfig { max_batch: 3, ..LedgerConfig::default() };
            check(over(Arc::new(MemoryStore::new()), &config), steps).await;
        });
    }
}
