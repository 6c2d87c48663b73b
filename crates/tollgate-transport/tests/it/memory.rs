//! The seam to the network, with a network in memory and the clock paused.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tollgate_core::{Billed, Delivery, FailureKind, LlmProvider};
use tollgate_transport::{
    DirectConfig, DirectProvider, HttpBody, HttpError, HttpErrorKind, HttpSend, OpenRouterProvider,
};

use crate::server::{finish, text};
use crate::setup::{KEY, attempt, collect, failure};

/// Answers each request after a time with the same head; the body comes from the test.
#[derive(Debug, Default)]
struct Memory {
    latency: Duration,
    fault: Option<HttpErrorKind>,
    requests: Mutex<Vec<Request<Bytes>>>,
    bodies: Mutex<Vec<mpsc::UnboundedSender<Bytes>>>,
}

#[async_trait]
impl HttpSend for Memory {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<HttpBody>, HttpError> {
        self.requests.lock().unwrap().push(request);
        tokio::time::sleep(self.latency).await;
        if let Some(kind) = self.fault {
            return Err(HttpError::new(kind, "the cable is cut"));
        }
        let (body, mut bytes) = mpsc::unbounded_channel();
        self.bodies.lock().unwrap().push(body);
        let frames = stream::poll_fn(move |context| bytes.poll_recv(context))
            .map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
        let body = StreamBody::new(frames).map_err(|never| match never {});
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(body.boxed_unsync())
            .map_err(|error| HttpError::new(HttpErrorKind::Invalid, error))
    }
}

impl Memory {
    fn say(&self, text: &str) {
        let bodies = self.bodies.lock().unwrap();
        bodies[0].send(text.to_owned().into()).unwrap();
    }

    fn hang_up(&self) {
        self.bodies.lock().unwrap().clear();
    }

    fn is_closed_by_the_reader(&self) -> bool {
        self.bodies.lock().unwrap()[0].is_closed()
    }
}

fn over(memory: Memory) -> (OpenRouterProvider, Arc<Memory>) {
    let memory = Arc::new(memory);
    let config = serde_json::from_value(serde_json::json!({
        "api_key": KEY, "base_url": "https://memory.test/api/v1"
    }));
    let provider = OpenRouterProvider::with_http(config.unwrap(), memory.clone());
    (provider.unwrap(), memory)
}

#[tokio::test(start_paused = true)]
async fn a_stream_comes_from_memory_and_its_request_went_there_whole() {
    let (provider, memory) = over(Memory::default());
    let mut reply = provider.send(&attempt(Delivery::Stream)).await.unwrap();
    memory.say(&text("a"));
    let first = reply.frames.next().await.unwrap().unwrap();
    assert!(first.facts.semantic);
    memory.say(&finish("stop"));
    memory.hang_up();
    assert!(reply.frames.next().await.unwrap().is_ok());
    assert!(reply.frames.next().await.is_none());

    let requests = memory.requests.lock().unwrap();
    let [request] = requests.as_slice() else {
        panic!("one request, not {}", requests.len());
    };
    assert_eq!(request.uri(), "https://memory.test/api/v1/chat/completions");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers()["authorization"], format!("Bearer {KEY}"));
    assert!(!format!("{request:?}").contains(KEY));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_frames_drops_the_body() {
    let (provider, memory) = over(Memory::default());
    let reply = provider.send(&attempt(Delivery::Stream)).await.unwrap();
    assert!(!memory.is_closed_by_the_reader());
    drop(reply);
    assert!(memory.is_closed_by_the_reader());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_drops_the_request() {
    let (provider, memory) = over(Memory {
        latency: Duration::from_secs(1),
        ..Memory::default()
    });
    let attempt = attempt(Delivery::Stream);
    assert!(provider.send(&attempt).now_or_never().is_none());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(memory.requests.lock().unwrap().len(), 1);
    assert!(memory.bodies.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_kind_of_an_error_says_what_is_known_of_the_request() {
    for (fault, kind, billed) in [
        (HttpErrorKind::Connect, FailureKind::Connect, Billed::No),
        (
            HttpErrorKind::Broken,
            FailureKind::Interrupted,
            Billed::Unknown,
        ),
        (
            HttpErrorKind::Invalid,
            FailureKind::Internal,
            Billed::Unknown,
        ),
    ] {
        let (provider, _) = over(Memory {
            fault: Some(fault),
            ..Memory::default()
        });
        let failure = failure(&provider, Delivery::Whole).await;
        assert_eq!((failure.kind(), failure.rule().billed), (kind, billed));
        let cause = std::error::Error::source(&failure).unwrap();
        assert_eq!(cause.to_string(), "the cable is cut");
    }
}

#[tokio::test(start_paused = true)]
async fn a_direct_provider_goes_over_it_too() {
    let memory = Arc::new(Memory::default());
    let config = DirectConfig {
        base_url: "https://direct.test/v1".to_owned(),
        ..Default::default()
    };
    let provider = DirectProvider::with_http(config, memory.clone()).unwrap();
    provider.send(&attempt(Delivery::Stream)).await.unwrap();
    let uri = memory.requests.lock().unwrap()[0].uri().to_string();
    assert_eq!(uri, "https://direct.test/v1/chat/completions");
}

#[tokio::test(start_paused = true)]
async fn silence_is_measured_by_the_paused_clock() {
    let started = Instant::now();
    let (provider, _memory) = over(Memory::default());
    let (frames, failure) = collect(&provider, Delivery::Stream).await;
    assert!(frames.is_empty());
    assert_eq!(failure.unwrap().kind(), FailureKind::Silent);
    assert_eq!(started.elapsed().as_secs(), 60);
}
