//! Spans on their way to a collector: OTLP, protobuf over HTTP.
//!
//! ```text
//! span ends ─► counted: a place in the queue, or dropped ─► batch ─► collector
//! ```
//!
//! No call ever waits for any of it.

mod collector;
mod conventions;
mod counted;
mod propagate;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Tracer,
};
use tollgate::TelemetryConfig;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use self::collector::Collector;
use self::counted::{CountedExporter, CountedProcessor};

pub(crate) use self::counted::Counts;
pub(crate) use self::propagate::propagating;

/// Most spans that wait for the collector. At some 700 bytes each they are
/// 3 MB, and what a busy node makes in a second.
const QUEUE: usize = 4096;

/// Most spans in one request: the default of OpenTelemetry's specification.
const BATCH: usize = 512;

/// Longest that a span waits for others to travel with.
const DELAY: Duration = Duration::from_secs(1);

/// Longest that the end of the process waits for the collector.
const LAST_WAIT: Duration = Duration::from_secs(5);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Spans that are sent, or at least passed on to upstreams.
#[derive(Debug)]
pub(crate) struct Export {
    provider: SdkTracerProvider,
    counts: Arc<Counts>,
}

impl Export {
    /// Starts it where the configuration asks for it.
    pub(crate) fn start(config: &TelemetryConfig) -> Result<Option<Self>, Error> {
        let counts = Arc::new(Counts::default());
        let share = Sampler::TraceIdRatioBased(config.sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_resource(
                Resource::builder()
                    .with_service_name(config.service_name.clone())
                    .build(),
            );
        let provider = match config.otlp_endpoint.as_str() {
            "" if !config.propagate_upstream => return Ok(None),
            "" => provider,
            _ => provider.with_span_processor(processor(config, &counts)?),
        };
        let provider = provider.build();
        Ok(Some(Self { provider, counts }))
    }

    /// What hands the gateway's spans over, and nobody else's.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer: Tracer = self.provider.tracer("tollgate");
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_ours))
    }

    pub(crate) fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Sends what is left, for a while.
    pub(crate) async fn finish(self) {
        let last = move || self.provider.shutdown_with_timeout(LAST_WAIT);
        // What is lost is counted, and the collector's absence was told.
        let _ = tokio::task::spawn_blocking(last).await;
    }
}

/// Events go to the log. In spans they could carry what an upstream said.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("tollgate")
}

fn processor(
    config: &TelemetryConfig,
    counts: &Arc<Counts>,
) -> Result<CountedProcessor<BatchSpanProcessor>, Error> {
    let endpoint = config.otlp_endpoint.trim_end_matches('/');
    let headers = config.otlp_headers.iter();
    let headers = headers.map(|(name, value)| (name.clone(), value.reveal().to_owned()));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new(endpoint)?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .with_headers(headers.collect())
        .build()?;
    let batch = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY)
        .build();
    let inner = BatchSpanProcessor::builder(CountedExporter::new(exporter, counts.clone()))
        .with_batch_config(batch)
        .build();
    Ok(CountedProcessor::new(inner, counts.clone(), QUEUE))
}
