//! Any sequence of events: counted once, and verified.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use tollgate_core::{BudgetWindow, LedgerEvent, LedgerStore};

use crate::ledger::{
    Folder, adjusted, carried, ended, failed, held, is_whole, named, sent, window, windows,
};

/// What may happen next; what is impossible at that point is skipped.
#[derive(Debug, Clone)]
enum Step {
    Hold(u128),
    Send(u128, u32),
    Name(u128, u32),
    End(u128, u32, Option<i64>),
    Fail(u128, u32, i64),
    Adjust(u128, u32, i64),
    Carry(u8, i64),
    /// The last events once more.
    Repeat(usize),
}

fn step() -> impl Strategy<Value = Step> {
    // Few calls and attempts, so that steps meet each other.
    let (call, attempt) = (1..6_u128, 1..4_u32);
    let nanos = prop_oneof![Just(0), 1..1_000_i64, Just(i64::MAX / 1_000)];
    prop_oneof![
        2 => call.clone().prop_map(Step::Hold),
        2 => (call.clone(), attempt.clone()).prop_map(|(n, a)| Step::Send(n, a)),
        1 => (call.clone(), attempt.clone()).prop_map(|(n, a)| Step::Name(n, a)),
        3 => (call.clone(), attempt.clone(), prop::option::of(nanos.clone()))
            .prop_map(|(n, a, nanos)| Step::End(n, a, nanos)),
        2 => (call.clone(), attempt.clone(), nanos.clone())
            .prop_map(|(n, a, nanos)| Step::Fail(n, a, nanos)),
        3 => (call, attempt, nanos.clone()).prop_map(|(n, a, nanos)| Step::Adjust(n, a, nanos)),
        1 => (0..3_u8, nanos).prop_map(|(key, nanos)| Step::Carry(key, nanos)),
        1 => (1..12_usize).prop_map(Step::Repeat),
    ]
}

/// What a ledger must come to, by the rules of the vocabulary alone.
#[derive(Default)]
struct Model {
    amounts: HashMap<(u128, u32), i64>,
    spent: BTreeMap<BudgetWindow, i64>,
    carried: BTreeMap<BudgetWindow, i64>,
    events: Vec<LedgerEvent>,
}

impl Model {
    fn count(&mut self, nanos: i64) {
        for window in &*windows() {
            *self.spent.entry(window.clone()).or_default() += nanos;
        }
    }

    fn end(&mut self, n: u128, attempt: u32, nanos: Option<i64>) {
        if self.amounts.contains_key(&(n, attempt)) {
            return;
        }
        self.amounts.insert((n, attempt), nanos.unwrap_or(0));
        nanos.into_iter().for_each(|nanos| self.count(nanos));
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Hold(n) => self.events.push(held(n)),
            Step::Send(n, attempt) => self.events.push(sent(n, attempt)),
            Step::Name(n, attempt) => self.events.push(named(n, attempt)),
            Step::End(n, attempt, nanos) => {
                self.events.extend([held(n), ended(n, attempt, nanos)]);
                self.end(n, attempt, nanos);
            }
            Step::Fail(n, attempt, nanos) => {
                self.events.extend([held(n), failed(n, attempt, nanos)]);
                self.end(n, attempt, Some(nanos));
            }
            Step::Adjust(n, attempt, nanos) => {
                let Some(amount) = self.amounts.get_mut(&(n, attempt)) else {
                    return;
                };
                let change = nanos - std::mem::replace(amount, nanos);
                let mut event = adjusted(n, attempt, nanos, change);
                // No two at one moment, so that none is taken for a repetition.
                if let LedgerEvent::Adjust { at, .. } = &mut event {
                    let later = std::time::Duration::from_millis(self.events.len() as u64);
                    *at = at.plus(later);
                }
                self.events.push(event);
                self.count(change);
            }
            Step::Carry(key, nanos) => {
                let window = window("day", ["", "b", "c"][usize::from(key)]);
                self.events.push(carried(window.clone(), nanos));
                let carried = self.carried.entry(window.clone()).or_default();
                if nanos > *carried {
                    *self.spent.entry(window).or_default() += nanos - *carried;
                    *carried = nanos;
                }
            }
            Step::Repeat(count) => {
                let from = self.events.len().saturating_sub(count);
                self.events.extend_from_within(from..);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_is_counted_once_and_verified(
        steps in prop::collection::vec(step(), 0..60),
        batch in 1..40_usize,
    ) {
        let mut model = Model::default();
        steps.into_iter().for_each(|step| model.take(step));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = Folder::new();
            let store = folder.open().await;
            for events in model.events.chunks(batch) {
                store.append(events).await.unwrap();
            }
            for budget in ["day", "team"] {
                let spent = store.spent(budget, tollgate_testkit::builders::NOON).await.unwrap();
                let spent: BTreeMap<_, _> =
                    spent.into_iter().map(|(window, spent)| (window, spent.nanos())).collect();
                let mut expected = model.spent.clone();
                expected.retain(|window, _| &*window.budget == budget);
                assert_eq!(spent, expected);
            }
            drop(store);
            let verified = folder.open().await.verify().await.unwrap();
            is_whole(&verified);
            assert_eq!(verified.attempts, model.amounts.len() as u64);
        });
    }
}
