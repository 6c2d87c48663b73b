//! What Prometheus may know.

mod families;
mod http;
mod labels;
mod scrape;

use std::fmt;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use tollgate::{AttemptRecord, Ended, Event, FailureKind, Gateway, Observer, Receipt, TokenUsage};

use self::families::Families;
use self::labels::Names;

pub use self::http::{counted, measured, measured_and_known, serve_measured};

/// Counts what a gateway does, for Prometheus and whatever reads OpenMetrics.
///
/// It is an [`Observer`]: give it to the builder of the gateway, and either let
/// [`measured`] serve it or serve [`text`](Self::text) as the program likes.
///
/// No label holds a caller, a tag, an id or any text of a call. The first 200
/// pairs of lane and model have series of their own, and the first 64 lanes,
/// policies and budgets; later ones share those labelled `other`. Money is
/// counted in whole nano-dollars.
///
/// ```no_run
/// # async fn run(config: tollgate::Config) -> Result<(), tollgate::Failure> {
/// use std::sync::Arc;
/// use tollgate::Gateway;
/// use tollgate_server::Metrics;
///
/// let metrics = Arc::new(Metrics::new());
/// let gateway = Gateway::builder(config).observer(metrics.clone()).build().await?;
/// print!("{}", metrics.text(&gateway));
/// # Ok(())
/// # }
/// ```
pub struct Metrics {
    registry: Registry,
    families: Families,
    names: Names,
    /// How many spans were sent and dropped, where somebody sends them.
    spans: Option<Box<dyn Fn() -> SpanCounts + Send + Sync>>,
}

/// What has become of spans since the start, as whoever sends them counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// Spans that a collector has taken.
    pub sent: u64,
    /// Spans that were dropped because it did not.
    pub dropped: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// The media type of [`text`](Self::text).
    pub const CONTENT_TYPE: &'static str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        Self {
            families: Families::register(&mut registry),
            registry,
            names: Names::default(),
            spans: None,
        }
    }

    /// Shows what becomes of spans too.
    #[must_use]
    pub fn with_spans(mut self, read: impl Fn() -> SpanCounts + Send + Sync + 'static) -> Self {
        self.spans = Some(Box::new(read));
        self
    }

    /// All metrics in the text format of OpenMetrics: what was counted, and
    /// what the gateway holds, owes and has seen of its targets at this moment.
    pub fn text(&self, gateway: &Gateway) -> String {
        let spans = self.spans.as_ref().map(|read| read());
        let now = scrape::of(gateway, spans);
        let mut all = String::new();
        let written = text::encode_registry(&mut all, &self.registry)
            .and_then(|()| text::encode_registry(&mut all, &now))
            .and_then(|()| text::encode_eof(&mut all));
        written.expect("nothing fails to write to a string");
        all
    }

    fn settled(&self, receipt: &Receipt) {
        let Families {
            calls, failovers, ..
        } = &self.families;
        calls
            .get_or_create(&labels::Call {
                ended: receipt.ended.as_str(),
                kind: kind_of(receipt.ended),
                policy: self.names.policy(&receipt.facts.policy),
                task: receipt.facts.task.as_str(),
            })
            .inc();
        failovers.inc_by(u64::try_from(receipt.failovers()).unwrap_or(u64::MAX));
        if let Some(served) = receipt.served() {
            self.took(receipt, served);
        }
        for attempt in &receipt.attempts {
            self.attempted(attempt);
        }
    }

    fn took(&self, receipt: &Receipt, served: &AttemptRecord) {
        let route = self
            .names
            .route(served.lane.as_str(), served.model().as_str());
        let labels = labels::Inference {
            gen_ai_operation_name: "chat",
            gen_ai_provider_name: route.lane,
            gen_ai_response_model: route.model,
        };
        let Families {
            duration,
            first_token,
            ..
        } = &self.families;
        duration
            .get_or_create(&labels)
            .observe(seconds(receipt.took_ms));
        if let Some(waited) = served.first_token_ms {
            let since_admission = served.started_ms.saturating_add(waited);
            first_token
                .get_or_create(&labels)
                .observe(seconds(since_admission));
        }
    }

    fn attempted(&self, attempt: &AttemptRecord) {
        let Families {
            attempts,
            tokens,
            cost,
            ..
        } = &self.families;
        let route = self
            .names
            .route(attempt.lane.as_str(), attempt.model().as_str());
        let (end, kind, ..) = attempt.end.columns();
        attempts
            .get_or_create(&labels::Attempt {
                lane: route.lane.clone(),
                end,
                kind,
            })
            .inc();
        for (class, count) in classes(&attempt.tokens) {
            if count > 0 {
                let labels = labels::Tokens {
                    lane: route.lane.clone(),
                    model: route.model.clone(),
                    class,
                };
                tokens.get_or_create(&labels).inc_by(count);
            }
        }
        if let Some(booked) = attempt.cost {
            let labels = labels::Cost {
                lane: route.lane,
                model: route.model,
                billing: attempt.billing.as_str(),
                source: booked.source.as_str(),
            };
            // No booking is below zero: figures that are, are doubted.
            let nanos = u64::try_from(booked.amount().nanos()).unwrap_or(0);
            cost.get_or_create(&labels).inc_by(nanos);
        }
    }
}

impl Observer for Metrics {
    fn on(&self, event: &Event) {
        let all = &self.families;
        let kind = |kind| labels::Kind { kind };
        let budget = |name: &str| labels::Budget {
            budget: self.names.budget(name),
        };
        match event {
            Event::Settled { receipt } => self.settled(receipt),
            Event::Hedged { .. } => {
                all.hedges.inc();
            }
            Event::Rejoined { anew, .. } => {
                let how = if *anew { "anew" } else { "resumed" };
                all.rejoins.get_or_create(&kind(how)).inc();
            }
            Event::BreakerChanged { spot, breaker, .. } => {
                let labels = labels::State {
                    scope: spot.scope(),
                    breaker: breaker.as_str(),
                };
                all.breaker_changes.get_or_create(&labels).inc();
            }
            Event::Alarm { spot, .. } => {
                let scope = spot.scope();
                all.alarms.get_or_create(&labels::Scope { scope }).inc();
            }
            Event::Doubted { doubts, .. } => {
                for doubt in doubts.iter() {
                    all.doubts.get_or_create(&kind(doubt.as_str())).inc();
                }
            }
            Event::BudgetWarned { window, .. } => {
                let labels = budget(&window.budget);
                all.budget_warnings.get_or_create(&labels).inc();
            }
            Event::Overspent { window, .. } => {
                let labels = budget(&window.budget);
                all.budget_overspends.get_or_create(&labels).inc();
            }
            Event::Catalog { taken, .. } => {
                let how = if *taken { "taken" } else { "refused" };
                all.catalog_refreshes.get_or_create(&kind(how)).inc();
            }
            // A settled call tells of its attempts, and so does each of them once.
            _ => {}
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn kind_of(ended: Ended) -> Option<&'static str> {
    let name = |kind: FailureKind| kind.rule().name;
    match ended {
        Ended::Failed(kind) | Ended::Cut(kind) => Some(name(kind)),
        Ended::Complete | Ended::Abandoned => None,
    }
}

/// Tokens in classes that add up: reasoning, elsewhere a part of the output, is
/// taken out of it.
fn classes(tokens: &TokenUsage) -> [(&'static str, u64); 9] {
    [
        ("input", tokens.input),
        ("cache_read", tokens.cache_read),
        ("cache_write", tokens.cache_write),
        ("cache_write_1h", tokens.cache_write_1h),
        ("audio_input", tokens.audio_input),
        ("output", tokens.output.saturating_sub(tokens.reasoning)),
        ("reasoning", tokens.reasoning.min(tokens.output)),
        ("audio_output", tokens.audio_output),
        ("image_output", tokens.image_output),
    ]
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no call takes a hundred thousand years"
)]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1_000.0
}
