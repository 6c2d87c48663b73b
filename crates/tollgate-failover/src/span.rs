//! The span of an attempt, from its dispatch to its commit point or failure.
//! It lies below the span of the call, which is around the walk.

use tollgate_core::{Attempt, AttemptRecord, Planned};
use tracing::Span;
use tracing::field::{Empty, display};

/// Opens the span of an attempt that the ledger knows of.
pub(crate) fn open(attempt: &Attempt, planned: &Planned) -> Span {
    tracing::info_span!(
        "attempt",
        otel.kind = "client",
        otel.status_code = Empty,
        error.type = Empty,
        gen_ai.provider.name = attempt.lane.as_str(),
        gen_ai.request.model = planned.model.as_str(),
        gen_ai.response.model = Empty,
        gen_ai.response.id = Empty,
        http.response.status_code = Empty,
        tollgate.attempt = attempt.number,
        tollgate.authority = &*planned.lane.authority,
        tollgate.models = attempt.models.len(),
        tollgate.worst_usd = %attempt.worst,
        tollgate.end = Empty,
        tollgate.provider = Empty,
        tollgate.cost_usd = Empty,
        tollgate.cost_source = Empty,
        tollgate.ttft_ms = Empty,
    )
}

/// Tells how an attempt ended that answers nobody.
pub(crate) fn over(span: &Span, record: &AttemptRecord) {
    if span.is_disabled() {
        return;
    }
    let (end, kind, status, _) = record.end.columns();
    span.record("tollgate.end", end);
    if let Some(kind) = kind {
        span.record("error.type", kind)
            .record("otel.status_code", "ERROR");
    }
    if let Some(status) = status {
        span.record("http.response.status_code", status);
    }
    if let Some(cost) = record.cost {
        span.record("tollgate.cost_usd", display(cost.amount()))
            .record("tollgate.cost_source", cost.source.as_str());
    }
    served(span, record);
}

/// Tells that an attempt answers. What it used and cost is known when its
/// answer has ended, and told by whoever reads it.
pub(crate) fn committed(span: &Span, record: &AttemptRecord) {
    if span.is_disabled() {
        return;
    }
    span.record("tollgate.end", "committed");
    if let Some(waited) = record.first_token_ms {
        span.record("tollgate.ttft_ms", waited);
    }
    served(span, record);
}

fn served(span: &Span, record: &AttemptRecord) {
    if let Some(model) = &record.served.model {
        span.record("gen_ai.response.model", model.as_str());
    }
    if let Some(generation) = record.generation() {
        span.record("gen_ai.response.id", generation.as_str());
    }
    if let Some(provider) = record.provider() {
        span.record("tollgate.provider", provider.as_str());
    }
}
