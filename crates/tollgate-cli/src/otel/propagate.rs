//! Tells upstreams which trace a request belongs to.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tollgate::{HttpBody, HttpError, HttpSend};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Adds the `traceparent` of the attempt to each request of one.
pub(crate) fn propagating(inner: Arc<dyn HttpSend>) -> Arc<dyn HttpSend> {
    Arc::new(Propagating { inner })
}

#[derive(Debug)]
struct Propagating {
    inner: Arc<dyn HttpSend>,
}

#[async_trait]
impl HttpSend for Propagating {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<HttpBody>, HttpError> {
        let context = Span::current().context();
        if let Some(value) = traceparent(context.span().span_context()) {
            request.headers_mut().insert("traceparent", value);
        }
        self.inner.send(request).await
    }
}

/// The header as W3C's Trace Context has it, version 00.
fn traceparent(span: &SpanContext) -> Option<HeaderValue> {
    let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags());
    let text = format!("00-{trace}-{id}-{:02x}", flags.to_u8());
    HeaderValue::from_str(&text)
        .ok()
        .filter(|_| span.is_valid())
}
