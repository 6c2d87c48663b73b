//! Reports: breakdowns, spans of time, and the order of rows.

use std::collections::BTreeMap;

use tollgate_core::{
    AttemptEnd, AttemptRecord, Billing, CallFacts, CallerId, Cost, CostSource, Dimension,
    FailureKind, GenerationId, ProviderId, Task, Timestamp, UsageQuery, UsageRow, Usd,
};

use super::{SharedStore, append, dispatch, hold, later, report, settle, total};
use crate::builders::{facts, lane_id, model, record};

/// Calls that differ in everything reports can be broken down by.
fn varied() -> Vec<(CallFacts, Vec<AttemptRecord>)> {
    let providers = [None, Some("Alpha"), Some("Beta")];
    let billings = [Billing::Credits, Billing::Byok, Billing::Direct];
    let ends = [
        AttemptEnd::Complete,
        AttemptEnd::Abandoned,
        AttemptEnd::Outrun,
        AttemptEnd::Rejected {
            message: "empty".into(),
        },
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
            || query
                .caller
                .as_ref()
                .is_some_and(|caller| facts.caller != *caller)
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

pub(super) async fn reports_add_up_along_every_pair_of_dimensions(store: SharedStore) {
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

pub(super) async fn rows_add_up_to_the_total_along_any_combination(store: SharedStore) {
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

pub(super) async fn models_are_told_apart_by_who_named_them(store: SharedStore) {
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

pub(super) async fn the_first_tag_of_a_name_counts(store: SharedStore) {
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

pub(super) async fn reports_cover_from_since_to_before_until(store: SharedStore) {
    let edge = later(43_200);
    let (just_before, just_after) = (
        Timestamp::from_millis(edge.millis() - 1),
        Timestamp::from_millis(edge.millis() + 1),
    );
    reports_cover(&store, &[just_before, edge, just_after]).await;
}

pub(super) async fn reports_cover_whole_days(store: SharedStore) {
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
                ..UsageQuery::default()
            };
            let rows = report(store, &query).await;
            assert_eq!(rows, expected(&calls, &query), "{query:?}");
        }
    }
}

pub(super) async fn reports_of_a_caller_are_of_nobody_else(store: SharedStore) {
    let calls = varied();
    append_calls(&store, &calls).await;
    for caller in ["local", "team", "te_m", "'or'1'='1"] {
        for by in [vec![], vec![Dimension::Day, Dimension::Billing]] {
            let query = UsageQuery {
                since: Some(later(43_200)),
                caller: Some(CallerId::new(caller).expect("valid")),
                by,
                ..UsageQuery::default()
            };
            let rows = report(&store, &query).await;
            assert_eq!(rows, expected(&calls, &query), "{query:?}");
        }
    }
}

pub(super) async fn equal_costs_come_in_the_order_of_their_keys(store: SharedStore) {
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
