//! What is read at the moment of a scrape instead of being counted.

use std::collections::BTreeMap;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tollgate::{Breaker, Gateway, Health, Per, Timestamp, Totals, Usd};

use super::SpanCounts;
use super::families::{Gauges, nanodollars};
use super::labels::{self, Name};

/// Most targets whose breaker is shown each by itself; those in trouble first.
const MOST_TARGETS: usize = 200;

/// A registry with the state of a gateway.
pub(super) fn of(gateway: &Gateway, spans: Option<SpanCounts>) -> Registry {
    let mut registry = Registry::default();
    if let Some(totals) = gateway.totals() {
        books(totals, &mut registry);
    }
    budgets(gateway, &mut registry);
    targets(gateway.health().entries(), &mut registry);
    if let Some(counts) = spans {
        traces(counts, &mut registry);
    }
    registry
}

fn traces(counts: SpanCounts, registry: &mut Registry) {
    let spans = Family::<labels::SpanEnd, Counter>::default();
    for (end, count) in [("sent", counts.sent), ("dropped", counts.dropped)] {
        spans.get_or_create(&labels::SpanEnd { end }).inc_by(count);
    }
    registry.register(
        "tollgate_spans",
        "Spans that ended, by what became of them",
        spans,
    );
}

fn books(totals: Totals, registry: &mut Registry) {
    let payee = |payee| labels::Payee { payee };
    let booked = Gauges::default();
    set(&booked, payee("openrouter"), totals.credits);
    set(&booked, payee("provider"), totals.provider);
    registry.register_with_unit(
        "tollgate_booked",
        "What is owed since the start, later corrections included",
        nanodollars(),
        booked,
    );
    for (name, help, amount) in [
        ("tollgate_held", "Reserved for calls that run", totals.held),
        (
            "tollgate_unresolved",
            "The most that attempts of unknown cost may have cost",
            totals.unresolved,
        ),
    ] {
        let gauge = prometheus_client::metrics::gauge::Gauge::<i64>::default();
        gauge.set(amount.nanos());
        registry.register_with_unit(name, help, nanodollars(), gauge);
    }
}

/// The newest window of each budget that all calls share. Those with a share
/// for each caller, tag or model would make a series of each.
fn budgets(gateway: &Gateway, registry: &mut Registry) {
    let config = gateway.config();
    let shared = config.budgets.iter().filter(|(_, it)| it.per == Per::All);
    let mut newest = BTreeMap::<Name, (Timestamp, Usd, Usd)>::new();
    for (window, spent, held) in gateway.budgets() {
        let row = (window.start, spent, held);
        let known = newest.entry(window.budget).or_insert(row);
        *known = if known.0 < row.0 { row } else { *known };
    }
    let [limit, spent, held] = [(); 3].map(|()| Gauges::default());
    for (name, budget) in shared.take(labels::MOST_NAMES) {
        let labels = labels::Budget {
            budget: Name::from(name.as_str()),
        };
        let unused = (Timestamp::default(), Usd::ZERO, Usd::ZERO);
        let row = newest.get(&labels.budget).copied().unwrap_or(unused);
        set(&limit, labels.clone(), budget.limit);
        set(&spent, labels.clone(), row.1);
        set(&held, labels, row.2);
    }
    for (name, help, gauges) in [
        (
            "tollgate_budget_limit",
            "Most that may be spent in the open window",
            limit,
        ),
        (
            "tollgate_budget_spent",
            "What was spent in the open window",
            spent,
        ),
        (
            "tollgate_budget_held",
            "What is reserved in the open window for calls that run",
            held,
        ),
    ] {
        registry.register_with_unit(name, help, nanodollars(), gauges);
    }
}

fn targets(all: &[Health], registry: &mut Registry) {
    let counts = Gauges::<labels::State>::default();
    for health in all {
        let labels = labels::State {
            scope: health.spot.scope(),
            breaker: health.breaker.as_str(),
        };
        counts.get_or_create(&labels).inc();
    }
    registry.register(
        "tollgate_targets",
        "Targets that have carried traffic, by the state of their breaker",
        counts,
    );

    let mut shown: Vec<&Health> = all.iter().collect();
    shown.sort_by_key(|health| (health.breaker == Breaker::Closed, &health.spot));
    shown.truncate(MOST_TARGETS);
    let breakers = Gauges::<labels::Spot>::default();
    for health in shown {
        breakers.get_or_create(&spot(health)).set(state(health));
    }
    registry.register(
        "tollgate_target_breaker",
        "The breaker of a target: 0 closed, 1 probing, 2 open",
        breakers,
    );
}

fn spot(health: &Health) -> labels::Spot {
    let (scope, whole) = (health.spot.scope(), health.spot.to_string());
    let target = whole.strip_prefix(scope).unwrap_or(&whole).trim_start();
    labels::Spot {
        scope,
        target: target.to_owned(),
    }
}

fn state(health: &Health) -> i64 {
    match health.breaker {
        Breaker::Closed => 0,
        Breaker::Probing => 1,
        Breaker::Open => 2,
    }
}

fn set<L>(gauges: &Gauges<L>, labels: L, amount: Usd)
where
    L: Clone + Eq + std::hash::Hash,
{
    gauges.get_or_create(&labels).set(amount.nanos());
}
