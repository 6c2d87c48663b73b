//! What do spans cost a call: when nobody listens, beside a log that is off,
//! and on their way to a collector?
//!
//! The call is a whole one, from its order to its receipt, over an upstream
//! that answers at once from memory.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Runtime;
use tollgate::{ChatRequest, Gateway, Loader, Message};
use tollgate_testkit::providers::{Script, ScriptedProvider};
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

const MODEL: &str = "openai/gpt-4o-mini";

/// A collector that takes everything and keeps nothing.
#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        black_box(batch);
        Ok(())
    }
}

async fn gateway() -> Gateway {
    let config = Loader::new()
        .with_environment(Vec::new())
        .with_key("catalog.offline", "true")
        .load()
        .expect("the keys are right");
    let upstream = ScriptedProvider::new().on("openrouter", MODEL, Script::answer(&["Hel", "lo"]));
    Gateway::builder(config)
        .provider(Arc::new(upstream))
        .seed(7)
        .build()
        .await
        .expect("nothing is missing")
}

async fn call(gateway: &Gateway) {
    let request = ChatRequest::new([Message::user("Hello")]).expect("a message");
    let answer = gateway.chat(request.with_model(MODEL)).await;
    let collected = answer.expect("the script answers").collect().await;
    black_box(collected.expect("the answer is whole").receipt);
}

fn log_that_is_off<S>() -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let events = filter_fn(|metadata| !metadata.is_span());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    lines.with_filter(LevelFilter::OFF.and(events))
}

fn spans_in_batches() -> Dispatch {
    let provider = SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(Nowhere).build())
        .build();
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("tollgate"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(|it| {
            it.is_span() && it.target().starts_with("tollgate")
        }));
    Dispatch::new(Registry::default().with(log_that_is_off()).with(spans))
}

/// Makes one who listens.
type Listener = fn() -> Dispatch;

/// Each is made when its turn has come: what one wants to hear, the others are
/// asked about too.
const LISTENERS: [(&str, Listener); 3] = [
    ("nobody listens", Dispatch::none),
    ("a log that is off", || {
        Dispatch::new(Registry::default().with(log_that_is_off()))
    }),
    ("spans in batches", spans_in_batches),
];

fn spans(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("spans");
    for (name, listener) in LISTENERS {
        let gateway = runtime.block_on(gateway());
        let _listening = tracing::dispatcher::set_default(&listener());
        group.bench_function(name, |bencher| {
            // On this thread, which is the one that listens.
            bencher.iter(|| runtime.block_on(call(&gateway)));
        });
    }
    group.finish();
}

criterion_group!(benches, spans);
criterion_main!(benches);
