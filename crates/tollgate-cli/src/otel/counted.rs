//! Counts what becomes of spans, around OpenTelemetry's own batches, which keep
//! the number of those that they drop to themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};

use super::conventions;

/// What has become of spans since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    waiting: AtomicU64,
    sent: AtomicU64,
    dropped: AtomicU64,
    is_away: AtomicBool,
}

impl Counts {
    /// Spans that the collector has taken.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Spans that it has not: there was no place for them in the queue, or it
    /// did not take them.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Takes a place among those that wait; or counts one more that is dropped.
    fn enter(&self, most: u64) -> bool {
        let free = |waiting| (waiting < most).then_some(waiting + 1);
        let entered = self
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, free)
            .is_ok();
        if !entered {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        entered
    }

    fn left(&self, batch: u64, result: &OTelSdkResult) {
        self.waiting.fetch_sub(batch, Ordering::Relaxed);
        let counter = match result {
            Ok(()) => &self.sent,
            Err(_) => &self.dropped,
        };
        counter.fetch_add(batch, Ordering::Relaxed);
        let was_away = self.is_away.swap(result.is_err(), Ordering::Relaxed);
        match (was_away, result) {
            (false, Err(error)) => {
                tracing::warn!(%error, "the collector does not take spans; they are dropped");
            }
            (true, Ok(())) => {
                tracing::info!(dropped = self.dropped(), "the collector takes spans again");
            }
            _ => {}
        }
    }
}

/// Lets as many spans into the batches as have room there.
#[derive(Debug)]
pub(super) struct CountedProcessor<P> {
    inner: P,
    counts: Arc<Counts>,
    most: u64,
}

impl<P> CountedProcessor<P> {
    /// `inner` must have room for `most` spans.
    pub(super) fn new(inner: P, counts: Arc<Counts>, most: usize) -> Self {
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        Self {
            inner,
            counts,
            most,
        }
    }
}

impl<P: SpanProcessor> SpanProcessor for CountedProcessor<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        // Of those that are not sampled, the batches take none.
        if span.span_context.is_sampled() && self.counts.enter(self.most) {
            conventions::follow(&mut span);
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Counts what the collector has taken.
#[derive(Debug)]
pub(super) struct CountedExporter<E> {
    inner: E,
    counts: Arc<Counts>,
}

impl<E> CountedExporter<E> {
    pub(super) fn new(inner: E, counts: Arc<Counts>) -> Self {
        Self { inner, counts }
    }
}

impl<E: SpanExporter> SpanExporter for CountedExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let size = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let result = self.inner.export(batch).await;
        self.counts.left(size, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
