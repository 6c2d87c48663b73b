//! Every metric that is counted as things happen: its name, its help and its
//! labels. What OpenTelemetry has a name for carries that name; all else is
//! called `tollgate_…`.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::labels;

pub(super) type Counters<L> = Family<L, Counter>;
pub(super) type Gauges<L> = Family<L, Gauge>;
pub(super) type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Money is counted in whole billionths of a dollar, so that no sum is rounded.
pub(super) fn nanodollars() -> Unit {
    Unit::Other("nanodollars".to_owned())
}

pub(super) struct Families {
    pub(super) calls: Counters<labels::Call>,
    pub(super) duration: Histograms<labels::Inference>,
    pub(super) first_token: Histograms<labels::Inference>,
    pub(super) attempts: Counters<labels::Attempt>,
    pub(super) failovers: Counter,
    pub(super) hedges: Counter,
    pub(super) rejoins: Counters<labels::Kind>,
    pub(super) tokens: Counters<labels::Tokens>,
    pub(super) cost: Counters<labels::Cost>,
    pub(super) doubts: Counters<labels::Kind>,
    pub(super) alarms: Counters<labels::Scope>,
    pub(super) breaker_changes: Counters<labels::State>,
    pub(super) budget_warnings: Counters<labels::Budget>,
    pub(super) budget_overspends: Counters<labels::Budget>,
    pub(super) catalog_refreshes: Counters<labels::Kind>,
    pub(super) refusals: Counters<labels::Kind>,
    pub(super) requests: Histograms<labels::Request>,
    pub(super) active_requests: Gauge,
}

impl Families {
    /// All families, known to a registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self {
            calls: Family::default(),
            duration: Family::new_with_constructor(seconds),
            first_token: Family::new_with_constructor(seconds),
            attempts: Family::default(),
            failovers: Counter::default(),
            hedges: Counter::default(),
            rejoins: Family::default(),
            tokens: Family::default(),
            cost: Family::default(),
            doubts: Family::default(),
            alarms: Family::default(),
            breaker_changes: Family::default(),
            budget_warnings: Family::default(),
            budget_overspends: Family::default(),
            catalog_refreshes: Family::default(),
            refusals: Family::default(),
            requests: Family::new_with_constructor(seconds),
            active_requests: Gauge::default(),
        };
        families.list_calls(registry);
        families.list_books(registry);
        families.list_requests(registry);
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("tollgate_build", "The version that runs", version);
        families
    }

    fn list_calls(&self, registry: &mut Registry) {
        registry.register(
            "tollgate_calls",
            "Calls that were settled, by how they ended",
            self.calls.clone(),
        );
        registry.register_with_unit(
            "gen_ai_client_inference_duration",
            "Time from admission to the end of calls that were answered, whole or in part",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register_with_unit(
            "gen_ai_client_inference_time_to_first_chunk",
            "Time from admission to the first token, over all attempts",
            Unit::Seconds,
            self.first_token.clone(),
        );
        registry.register(
            "tollgate_attempts",
            "Attempts of settled calls, by how they ended",
            self.attempts.clone(),
        );
        registry.register(
            "tollgate_failovers",
            "Attempts that were needed because an earlier one of the call had failed",
            self.failovers.clone(),
        );
        registry.register(
            "tollgate_hedges",
            "Attempts that were started beside a slow one",
            self.hedges.clone(),
        );
        registry.register(
            "tollgate_rejoins",
            "Answers that broke off and went on with another attempt",
            self.rejoins.clone(),
        );
        registry.register(
            "tollgate_breaker_changes",
            "Changes of breakers, by the state that they changed to",
            self.breaker_changes.clone(),
        );
        registry.register(
            "tollgate_catalog_refreshes",
            "Refreshes of the catalog",
            self.catalog_refreshes.clone(),
        );
    }

    fn list_books(&self, registry: &mut Registry) {
        registry.register(
            "tollgate_tokens",
            "Tokens of all attempts, in classes that do not overlap",
            self.tokens.clone(),
        );
        registry.register_with_unit(
            "tollgate_cost",
            "What attempts cost, as booked when their call was settled",
            nanodollars(),
            self.cost.clone(),
        );
        registry.register(
            "tollgate_doubts",
            "Reports of upstreams that cannot be right",
            self.doubts.clone(),
        );
        registry.register(
            "tollgate_alarms",
            "What a person should look at",
            self.alarms.clone(),
        );
        registry.register(
            "tollgate_budget_warnings",
            "Windows of budgets that were nearly spent",
            self.budget_warnings.clone(),
        );
        registry.register(
            "tollgate_budget_overspends",
            "Times that an upstream billed more than a budget allows",
            self.budget_overspends.clone(),
        );
    }

    fn list_requests(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "http_server_request_duration",
            "Time from a request's head to the end of its answer",
            Unit::Seconds,
            self.requests.clone(),
        );
        registry.register(
            "http_server_active_requests",
            "Requests whose answers have not ended",
            self.active_requests.clone(),
        );
        registry.register(
            "tollgate_refusals",
            "Requests that were answered with an error, by its kind",
            self.refusals.clone(),
        );
    }
}

/// A histogram of times. The first fourteen bounds, from 10 ms to 82 s, are
/// those of the conventions for generative AI; the rest covers the ten minutes
/// that a call may take.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 2.0, 17))
}
