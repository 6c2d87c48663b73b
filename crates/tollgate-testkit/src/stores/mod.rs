//! The contract suite of ledger stores.

mod budgets;
mod ends;
mod events;
mod feedback;
mod habits;
mod past;
mod reports;
mod uncertain;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{
    AttemptEnd, AttemptRecord, Billing, BudgetWindow, BudgetWindows, CallFacts, Cost, CostSource,
    GenerationId, LedgerEvent, LedgerStore, OpenAttempt, Timestamp, TokenUsage, UsageQuery,
    UsageRow, Usd,
};

use crate::builders::{NOON, lane_id, model, record};

/// A store that is shared by the tasks of a test.
pub type SharedStore = Arc<dyn LedgerStore>;

/// Runs the whole suite. `open` makes a new, empty store each time.
///
/// # Panics
/// When the store breaks the contract.
pub async fn check<F, Fut>(open: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = SharedStore>,
{
    check_folding(&open).await;
    events::open_attempts_come_oldest_first_with_their_facts(open().await).await;
    ends::the_first_end_of_an_attempt_counts(open().await).await;
    events::a_batch_can_be_appended_again(open().await).await;
    ends::an_end_needs_no_dispatch_before_it(open().await).await;
    ends::the_last_adjustment_counts(open().await).await;
    ends::an_adjustment_ends_what_is_unresolved(open().await).await;
    reports::reports_cover_from_since_to_before_until(open().await).await;
    events::a_dropped_append_leaves_nothing_half_done(open().await).await;
    events::tasks_append_side_by_side(open().await).await;
    check_learning(open).await;
}

/// Runs what a store keeps of the contract that folds old attempts into sums,
/// as the memory store does: all but ends, adjustments and moments within a day
/// of attempts that were folded, and the facts of calls that are only held.
/// `open` makes a new, empty store each time.
///
/// # Panics
/// When the store breaks that.
pub async fn check_folding<F, Fut>(open: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = SharedStore>,
{
    events::an_empty_store_has_nothing_to_say(open().await).await;
    events::an_attempt_is_open_from_dispatch_to_its_end(open().await).await;
    reports::reports_add_up_along_every_pair_of_dimensions(open().await).await;
    reports::rows_add_up_to_the_total_along_any_combination(open().await).await;
    reports::models_are_told_apart_by_who_named_them(open().await).await;
    ends::failover_is_what_lost_attempts_cost(open().await).await;
    reports::the_first_tag_of_a_name_counts(open().await).await;
    reports::reports_cover_whole_days(open().await).await;
    reports::reports_of_a_caller_are_of_nobody_else(open().await).await;
    reports::equal_costs_come_in_the_order_of_their_keys(open().await).await;
    ends::payables_and_unresolved_stay_apart(open().await).await;
    ends::sums_saturate_at_the_end_of_the_type(open().await).await;
    events::odd_texts_survive(open().await).await;
}

/// Runs the part of the suite that is about what is learned: what was said of
/// answers, and what they used. `open` makes a new, empty store each time.
///
/// # Panics
/// When the store breaks that.
pub async fn check_learning<F, Fut>(open: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = SharedStore>,
{
    feedback::nothing_was_said_at_first(open().await).await;
    feedback::rows_of_one_key_are_summed(open().await).await;
    feedback::keys_are_told_apart_and_sorted(open().await).await;
    feedback::days_before_since_are_left_out(open().await).await;
    feedback::corrections_weigh_nothing(open().await).await;
    feedback::tasks_add_side_by_side(open().await).await;
    habits::nothing_is_known_at_first(open().await).await;
    habits::rows_of_one_key_are_summed(open().await).await;
    habits::keys_are_told_apart_and_sorted(open().await).await;
    habits::days_before_since_are_left_out(open().await).await;
    habits::tasks_add_side_by_side(open().await).await;
}

/// Runs what a store keeps of the contract that counts what budgets spend and
/// outlives its process: counters, ids of generations, and what open attempts
/// know. `open` makes a new, empty store each time.
///
/// # Panics
/// When the store breaks that.
pub async fn check_counting<F, Fut>(open: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = SharedStore>,
{
    past::a_call_is_found_by_its_caller_alone(open().await).await;
    past::a_call_is_told_as_it_counts_now(open().await).await;
    past::a_call_ended_as_its_caller_saw_it(open().await).await;
    budgets::a_budget_without_events_has_spent_nothing(open().await).await;
    budgets::counters_follow_what_is_settled_and_adjusted(open().await).await;
    budgets::both_payables_count(open().await).await;
    budgets::the_first_end_of_an_attempt_is_counted(open().await).await;
    budgets::a_repeated_batch_counts_nothing(open().await).await;
    budgets::the_largest_carried_sum_of_a_window_counts(open().await).await;
    budgets::what_was_carried_is_told_beside_a_report(open().await).await;
    budgets::windows_are_counted_apart(open().await).await;
    budgets::tasks_count_side_by_side(open().await).await;
    uncertain::open_attempts_say_how_they_are_paid_and_count(open().await).await;
    uncertain::the_first_id_of_an_open_attempt_counts(open().await).await;
    uncertain::attempts_are_uncertain_until_their_cost_is_known(open().await).await;
    uncertain::an_id_that_was_noted_before_the_end_can_be_asked_by(open().await).await;
    uncertain::uncertain_attempts_come_oldest_first_from_since_on(open().await).await;
}

// === events ===

fn hold(facts: &CallFacts) -> LedgerEvent {
    LedgerEvent::Hold {
        facts: facts.clone(),
        amount: Usd::from_nanos(10_000_000),
    }
}

fn dispatch(facts: &CallFacts, attempt: u32, at: Timestamp) -> LedgerEvent {
    LedgerEvent::Dispatch {
        call: facts.call,
        attempt,
        at,
        lane: lane_id("openrouter"),
        billing: Billing::Credits,
        model: model("a/one"),
        worst: Usd::from_nanos(9_000_000),
        windows: [].into(),
        epoch: 0,
    }
}

fn settle(facts: &CallFacts, record: AttemptRecord) -> LedgerEvent {
    let facts = facts.clone();
    match record.cost {
        Some(_) => LedgerEvent::Settle {
            facts,
            record,
            windows: [].into(),
        },
        None => LedgerEvent::Release { facts, record },
    }
}

fn adjust(facts: &CallFacts, at_ms: i64, nanos: i64, tokens: Option<TokenUsage>) -> LedgerEvent {
    LedgerEvent::Adjust {
        call: facts.call,
        attempt: 1,
        at: Timestamp::from_millis(at_ms),
        cost: credits(nanos, CostSource::Reconciled),
        tokens,
        windows: [].into(),
        change: Usd::ZERO,
    }
}

fn credits(nanos: i64, source: CostSource) -> Cost {
    Cost::paid_by(Billing::Credits, Usd::from_nanos(nanos), source)
}

fn later(seconds: u64) -> Timestamp {
    NOON.plus(Duration::from_secs(seconds))
}

// === events that count ===

fn window(budget: &str, key: &str, start: Timestamp) -> BudgetWindow {
    BudgetWindow {
        budget: budget.into(),
        key: key.into(),
        start,
    }
}

/// The window of a budget that all share.
fn shared(budget: &str) -> BudgetWindow {
    window(budget, "", NOON)
}

fn settle_in(windows: &BudgetWindows, facts: &CallFacts, record: AttemptRecord) -> LedgerEvent {
    LedgerEvent::Settle {
        facts: facts.clone(),
        record,
        windows: Arc::clone(windows),
    }
}

fn adjust_in(windows: &BudgetWindows, facts: &CallFacts, nanos: i64, change: i64) -> LedgerEvent {
    LedgerEvent::Adjust {
        call: facts.call,
        attempt: 1,
        at: later(60),
        cost: credits(nanos, CostSource::Reconciled),
        tokens: None,
        windows: Arc::clone(windows),
        change: Usd::from_nanos(change),
    }
}

fn named(facts: &CallFacts, attempt: u32, id: &str) -> LedgerEvent {
    LedgerEvent::Named {
        call: facts.call,
        attempt,
        generation: generation(id),
    }
}

fn generation(id: &str) -> GenerationId {
    GenerationId::new(id).expect("a literal in a test is a valid id")
}

fn released(number: u32) -> AttemptRecord {
    AttemptRecord {
        cost: None,
        ..record(number, "a/one", 0)
    }
}

/// An attempt of unknown cost.
fn lost(number: u32, nanos: i64) -> AttemptRecord {
    AttemptRecord {
        end: AttemptEnd::Abandoned,
        cost: Some(credits(nanos, CostSource::WorstCase)),
        ..record(number, "a/one", 0)
    }
}

// === questions ===

async fn append(store: &SharedStore, events: &[LedgerEvent]) {
    store.append(events).await.expect("the store takes events");
}

async fn report(store: &SharedStore, query: &UsageQuery) -> Vec<UsageRow> {
    store.report(query).await.expect("the store reports")
}

async fn total(store: &SharedStore) -> UsageRow {
    let mut rows = report(store, &UsageQuery::default()).await;
    assert_eq!(rows.len(), 1, "a query without breakdown has one row");
    rows.remove(0)
}

async fn open_attempts(store: &SharedStore) -> Vec<OpenAttempt> {
    store
        .open_attempts()
        .await
        .expect("the store lists open attempts")
}

async fn open_numbers(store: &SharedStore) -> Vec<u32> {
    let open = open_attempts(store).await;
    open.iter().map(|attempt| attempt.attempt).collect()
}
