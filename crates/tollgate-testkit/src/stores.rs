//! The contract suite of ledger stores.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tollgate_core::{
    AttemptEnd, AttemptRecord, Billing, CallFacts, CallerId, Cost, CostSource, Dimension,
    FailureKind, GenerationId, LedgerEvent, LedgerStore, OpenAttempt, ProviderId, Task, Timestamp,
    TokenUsage, UsageQuery, UsageRow, Usd,
};

use crate::builders::{NOON, facts, lane_id, model, record};

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
    an_empty_store_has_nothing_to_say(open().await).await;
    an_attempt_is_open_from_dispatch_to_its_end(open().await).await;
    open_attempts_come_oldest_first_with_their_facts(open().await).await;
    the_first_end_of_an_attempt_counts(open().await).await;
    a_batch_can_be_appended_again(open().await).await;
    an_end_needs_no_dispatch_before_it(open().await).await;
    the_last_adjustment_counts(open().await).await;
    an_adjustment_ends_what_is_unresolved(open().await).await;
    reports_add_up_along_every_pair_of_dimensions(open().await).await;
    rows_add_up_to_the_total_along_any_combination(open().await).await;
    models_are_told_apart_by_who_named_them(open().await).await;
    failover_is_what_lost_attempts_cost(open().await).await;
    the_first_tag_of_a_name_counts(open().await).await;
    reports_cover_from_since_to_before_until(open().await).await;
    reports_cover_whole_days(open().await).await;
    equal_costs_come_in_the_order_of_their_keys(open().await).await;
    payables_and_unresolved_stay_apart(open().await).await;
    sums_saturate_at_the_end_of_the_type(open().await).await;
    odd_texts_survive(open().await).await;
    a_dropped_append_leaves_nothing_half_done(open().await).await;
    tasks_append_side_by_side(open().await).await;
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
    an_empty_store_has_nothing_to_say(open().await).await;
    an_attempt_is_open_from_dispatch_to_its_end(open().await).await;
    reports_add_up_along_every_pair_of_dimensions(open().await).await;
    rows_add_up_to_the_total_along_any_combination(open().await).await;
    models_are_told_apart_by_who_named_them(open().await).await;
    failover_is_what_lost_attempts_cost(open().await).await;
    the_first_tag_of_a_name_counts(open().await).await;
    reports_cover_whole_days(open().await).await;
    equal_costs_come_in_the_order_of_their_keys(open().await).await;
    payables_and_unresolved_stay_apart(open().await).await;
    sums_saturate_at_the_end_of_the_type(open().await).await;
    odd_texts_survive(open().await).await;
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

// === the suite ===

async fn an_empty_store_has_nothing_to_say(store: SharedStore) {
    append(&store, &[]).await;
    assert_eq!(open_attempts(&store).await, []);
    assert_eq!(report(&store, &UsageQuery::default()).await, []);
    append(&store, &[hold(&facts(1))]).await;
    assert_eq!(open_attempts(&store).await, [], "a hold is no attempt");
    assert_eq!(report(&store, &UsageQuery::default()).await, []);
}

async fn an_attempt_is_open_from_dispatch_to_its_end(store: SharedStore) {
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

async fn open_attempts_come_oldest_first_with_their_facts(store: SharedStore) {
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

async fn the_first_end_of_an_attempt_counts(store: SharedStore) {
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

async fn a_batch_can_be_appended_again(store: SharedStore) {
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

async fn an_end_needs_no_dispatch_before_it(store: SharedStore) {
    let facts = facts(1);
    append(&store, &[settle(&facts, record(1, "a/one", 100))]).await;
    append(&store, &[dispatch(&facts, 1, later(1))]).await;
    assert_eq!(open_attempts(&store).await, [], "it has ended already");
    assert_eq!(total(&store).await.credits.nanos(), 100);
}

async fn the_last_adjustment_counts(store: SharedStore) {
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

async fn an_adjustment_ends_what_is_unresolved(store: SharedStore) {
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

/// Calls that differ in everything reports can be broken down by.
fn varied() -> Vec<(CallFacts, Vec<AttemptRecord>)> {
    let providers = [None, Some("Alpha"), Some("Beta")];
    let billings = [Billing::Credits, Billing::Byok, Billing::Direct];
    let ends = [
        AttemptEnd::Complete,
        AttemptEnd::Abandoned,
        AttemptEnd::Outrun,
        AttemptEnd::Failed {
            kind: FailureKind::Upstream,
            status: Some(502),
            message: "bad gateway".into(),
        },
        AttemptEnd::Cut {
            kind: FailureKind::Truncated,
            message: "stalled".into(),
        },
    ];
    let mut random = Pick(7);
    (1..=60)
        .map(|n| {
            let mut facts = facts(n);
            facts.at = later(random.below(4) as u64 * 43_200);
            facts.task = Task::ALL[random.below(Task::COUNT)];
            facts.policy = ["balanced", "cheapest"][random.below(2)].into();
            facts.requested = ["tollgate/auto", "a/one"][random.below(2)].into();
            facts.tags = [("env", "prod"), ("env", "test"), ("team", "7")]
                .into_iter()
                .take(random.below(4))
                .skip(random.below(2))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            facts.caller = CallerId::new(["local", "team"][random.below(2)]).expect("valid");
            let attempts = 1 + random.below(3);
            let records = (1..)
                .take(attempts)
                .map(|number| {
                    let mut record = record(number, ["a/one", "b/two"][random.below(2)], 0);
                    if random.below(3) == 0 {
                        record.served.model = Some(model("a/one-2026"));
                    }
                    record.served.provider = providers[random.below(3)]
                        .map(|name| ProviderId::new(name).expect("valid"));
                    record.served.generation = GenerationId::new(format!("gen-{n}")).ok();
                    record.lane = lane_id(["openrouter", "direct"][random.below(2)]);
                    record.billing = billings[random.below(3)];
                    record.end = ends[random.below(ends.len())].clone();
                    record.tokens.cache_read = random.below(50) as u64;
                    record.tokens.web_searches = random.below(3) as u64;
                    record.cost = random.cost(record.billing);
                    record
                })
                .collect();
            (facts, records)
        })
        .collect()
}

/// Small, repeatable picks: a linear congruential generator is enough to mix.
struct Pick(u64);

impl Pick {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end
    }

    fn cost(&mut self, billing: Billing) -> Option<Cost> {
        let source = match self.below(4) {
            0 => return None,
            1 => CostSource::WorstCase,
            2 => CostSource::Estimated,
            _ => CostSource::Reported,
        };
        let amount = i64::try_from(self.below(1_000_000)).unwrap_or(0);
        let mut cost = Cost::paid_by(billing, Usd::from_nanos(amount), source);
        if billing == Billing::Byok {
            cost.credits = Usd::from_nanos(amount / 20);
        }
        Some(cost)
    }
}

/// What every store has to answer, by the vocabulary's own rules.
fn expected(calls: &[(CallFacts, Vec<AttemptRecord>)], query: &UsageQuery) -> Vec<UsageRow> {
    let mut rows = BTreeMap::<Vec<String>, UsageRow>::new();
    for (facts, records) in calls {
        if query.since.is_some_and(|since| facts.at < since)
            || query.until.is_some_and(|until| facts.at >= until)
        {
            continue;
        }
        for (place, record) in records.iter().enumerate() {
            let key: Vec<String> = query.by.iter().map(|by| by.value(facts, record)).collect();
            rows.entry(key.clone())
                .or_insert_with(|| UsageRow {
                    key,
                    ..UsageRow::default()
                })
                .add(record, place + 1 == records.len());
        }
    }
    let mut rows: Vec<UsageRow> = rows.into_values().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.cost()));
    rows
}

async fn append_calls(store: &SharedStore, calls: &[(CallFacts, Vec<AttemptRecord>)]) {
    let mut events = Vec::new();
    for (facts, records) in calls {
        events.push(hold(facts));
        for record in records {
            events.push(dispatch(facts, record.number, facts.at));
            events.push(settle(facts, record.clone()));
        }
    }
    append(store, &events).await;
}

async fn reports_add_up_along_every_pair_of_dimensions(store: SharedStore) {
    let calls = varied();
    append_calls(&store, &calls).await;
    let dimensions = dimensions();
    let mut breakdowns = vec![Vec::new(), dimensions.clone()];
    for outer in &dimensions {
        breakdowns.push(vec![outer.clone()]);
        let pair = |inner: &Dimension| vec![outer.clone(), inner.clone()];
        breakdowns.extend(dimensions.iter().map(pair));
    }
    for by in breakdowns {
        let query = UsageQuery {
            by,
            ..UsageQuery::default()
        };
        let rows = report(&store, &query).await;
        assert_eq!(rows, expected(&calls, &query), "by {:?}", query.by);
    }
}

/// All dimensions and a tag.
fn dimensions() -> Vec<Dimension> {
    let all = Dimension::ALL.iter().map(|(one, _)| one.clone());
    all.chain([Dimension::Tag("env".into())]).collect()
}

async fn rows_add_up_to_the_total_along_any_combination(store: SharedStore) {
    append_calls(&store, &varied()).await;
    let total = total(&store).await;
    let dimensions = dimensions();
    // All small and all large combinations, and a sample of the others: all of
    // them would take most of a minute.
    let ends = 3..dimensions.len() - 1;
    let checked =
        |set: &u32| !ends.contains(&(set.count_ones() as usize)) || set.is_multiple_of(61);
    for combination in (0..1_u32 << dimensions.len()).filter(checked) {
        let taken = (0..).zip(&dimensions);
        let taken = taken.filter(|(bit, _)| combination >> bit & 1 == 1);
        let by: Vec<Dimension> = taken.map(|(_, one)| one.clone()).collect();
        let query = UsageQuery {
            by,
            ..UsageQuery::default()
        };
        let mut sum = UsageRow::default();
        for row in report(&store, &query).await {
            assert_eq!(row.key.len(), query.by.len());
            sum.merge(&row);
        }
        assert_eq!(sum, total, "by {:?}", query.by);
    }
}

async fn models_are_told_apart_by_who_named_them(store: SharedStore) {
    let mut facts = facts(1);
    facts.requested = "tollgate/auto".into();
    let mut record = record(1, "a/one", 5);
    record.served.model = Some(model("a/one-2026"));
    append(&store, &[settle(&facts, record)]).await;
    let query = UsageQuery {
        by: vec![Dimension::Requested, Dimension::Planned, Dimension::Model],
        ..UsageQuery::default()
    };
    let rows = report(&store, &query).await;
    assert_eq!(rows[0].key, ["tollgate/auto", "a/one", "a/one-2026"]);
}

async fn failover_is_what_lost_attempts_cost(store: SharedStore) {
    let failed = AttemptEnd::Failed {
        kind: FailureKind::Upstream,
        status: Some(502),
        message: "bad gateway".into(),
    };
    let cut = AttemptEnd::Cut {
        kind: FailureKind::Truncated,
        message: "stalled".into(),
    };
    let ends = [
        (failed.clone(), 1, CostSource::Reported),
        (cut, 20, CostSource::Estimated),
        (AttemptEnd::Outrun, 300, CostSource::Computed),
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
    assert_eq!(figures, [321, 54_321, 600_000]);
}

async fn the_first_tag_of_a_name_counts(store: SharedStore) {
    let mut facts = facts(1);
    let tags = [("env", "1"), ("env", "2"), ("", "?"), ("it's", "\"%_\\")];
    facts.tags = tags.map(|(name, value)| (name.into(), value.into())).into();
    append(&store, &[settle(&facts, record(1, "a/one", 5))]).await;
    let names = ["env", "it's", "none", "ENV"];
    let query = UsageQuery {
        by: names.map(|name| Dimension::Tag(name.into())).into(),
        ..UsageQuery::default()
    };
    let rows = report(&store, &query).await;
    assert_eq!(rows[0].key, ["1", "\"%_\\", "", ""]);
}

async fn reports_cover_from_since_to_before_until(store: SharedStore) {
    let edge = later(43_200);
    let (just_before, just_after) = (
        Timestamp::from_millis(edge.millis() - 1),
        Timestamp::from_millis(edge.millis() + 1),
    );
    reports_cover(&store, &[just_before, edge, just_after]).await;
}

async fn reports_cover_whole_days(store: SharedStore) {
    // `varied` begins at noon, so these are midnights.
    reports_cover(&store, &[0, 1, 2].map(|day| later(43_200 + day * 86_400))).await;
}

/// Reports between every two of the edges, and from and to ever.
async fn reports_cover(store: &SharedStore, edges: &[Timestamp]) {
    let calls = varied();
    append_calls(store, &calls).await;
    let edges = || edges.iter().copied().map(Some).chain([None]);
    for since in edges() {
        for until in edges() {
            let query = UsageQuery {
                since,
                until,
                by: vec![Dimension::Day],
            };
            let rows = report(store, &query).await;
            assert_eq!(rows, expected(&calls, &query), "{query:?}");
        }
    }
}

async fn equal_costs_come_in_the_order_of_their_keys(store: SharedStore) {
    for (n, name, nanos) in [(1, "c/x", 5), (2, "a/x", 5), (3, "b/x", 9), (4, "B/x", 5)] {
        append(&store, &[settle(&facts(n), record(1, name, nanos))]).await;
    }
    let query = UsageQuery {
        by: vec![Dimension::Model],
        ..UsageQuery::default()
    };
    let rows = report(&store, &query).await;
    let keys: Vec<&str> = rows.iter().map(|row| row.key[0].as_str()).collect();
    assert_eq!(keys, ["b/x", "B/x", "a/x", "c/x"]);
}

async fn payables_and_unresolved_stay_apart(store: SharedStore) {
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

async fn sums_saturate_at_the_end_of_the_type(store: SharedStore) {
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

/// What callers and upstreams send may hold anything that a `String` can.
async fn odd_texts_survive(store: SharedStore) {
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

async fn a_dropped_append_leaves_nothing_half_done(store: SharedStore) {
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

async fn tasks_append_side_by_side(store: SharedStore) {
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
