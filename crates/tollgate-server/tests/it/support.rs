//! A server on a port of its own, a scripted upstream, and a bare client.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Bytes;
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tollgate::{
    Attempt, Facts, Failure, Frame, FrameKind, Gateway, Head, LlmProvider, Loader, Reply,
    ServerConfig,
};
use tollgate_server::{Draining, Metrics, serve, serve_measured};

pub(crate) const MODEL: &str = "openai/gpt-4o-mini";
pub(crate) const OTHER: &str = "anthropic/claude-3-haiku";

/// Headers of a well-behaved client.
pub(crate) const JSON: &str = "host: localhost\r\ncontent-type: application/json\r\n";

/// What the upstream does after its frames.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It ends its answer.
    End,
    /// It says nothing more and keeps the connection open.
    Silence,
}

/// An upstream whose every answer is the same.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) after: After,
}

#[async_trait]
impl LlmProvider for Upstream {
    async fn send(&self, _attempt: &Attempt) -> Result<Reply, Failure> {
        let frames = stream::iter(self.frames.clone().into_iter().map(Ok));
        Ok(Reply {
            head: Head {
                status: 200,
                headers: self.headers.clone(),
                ..Head::default()
            },
            frames: match self.after {
                After::End => Box::pin(frames),
                After::Silence => Box::pin(frames.chain(stream::pending())),
            },
        })
    }
}

/// A frame that a caller could see something of.
pub(crate) fn frame(kind: FrameKind, data: &'static str) -> Frame {
    Frame {
        kind,
        data: Bytes::from_static(data.as_bytes()),
        facts: Facts {
            semantic: true,
            ..Facts::default()
        },
    }
}

pub(crate) async fn gateway(upstream: Upstream, toml: &str) -> Gateway {
    gateway_to(Arc::new(upstream), toml).await
}

pub(crate) async fn gateway_to(upstream: Arc<dyn LlmProvider>, toml: &str) -> Gateway {
    let config = Loader::new()
        .with_environment(Vec::new())
        .with_key("openrouter.api_key", "sk-or-v1-not-a-real-key-000")
        .with_key("catalog.offline", "true")
        .with_text("test.toml", toml)
        .load()
        .unwrap();
    Gateway::builder(config)
        .provider(upstream)
        .seed(7)
        .build()
        .await
        .unwrap()
}

/// A server, running.
pub(crate) struct Server {
    address: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Draining>,
}

impl Server {
    pub(crate) async fn start(gateway: Gateway) -> Self {
        Self::start_with(gateway, None, ServerConfig::default()).await
    }

    /// With limits of its own.
    pub(crate) async fn start_limited(gateway: Gateway, config: ServerConfig) -> Self {
        Self::start_with(gateway, None, config).await
    }

    /// With `GET /metrics`.
    pub(crate) async fn start_measured(gateway: Gateway, metrics: Arc<Metrics>) -> Self {
        Self::start_with(gateway, Some(metrics), ServerConfig::default()).await
    }

    async fn start_with(
        gateway: Gateway,
        metrics: Option<Arc<Metrics>>,
        config: ServerConfig,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap() };
            let draining = match metrics {
                Some(metrics) => serve_measured(listener, gateway, metrics, &config, stopped).await,
                None => serve(listener, gateway, &config, stopped).await,
            };
            draining.unwrap()
        });
        Self {
            address,
            stop,
            task,
        }
    }

    /// Tells it to stop, and waits until it takes no more connections.
    pub(crate) async fn stop(self) -> Draining {
        self.stop.send(()).unwrap();
        self.task.await.unwrap()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sends a request; see [`send`].
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Client {
        send(&self.address, method, path, headers, body).await
    }

    /// Posts a chat as a well-behaved client does, and reads the whole reply.
    pub(crate) async fn chat(&self, stream: bool) -> String {
        self.send("POST", "/v1/chat/completions", JSON, &chat(stream))
            .await
            .rest()
            .await
    }
}

/// Sends a request; `headers` have a line end each.
pub(crate) async fn send(
    address: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Client {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    Client(stream)
}

pub(crate) fn chat(stream: bool) -> String {
    format!(
        r#"{{"model":"{MODEL}","stream":{stream},"messages":[{{"role":"user","content":"Name a colour."}}]}}"#
    )
}

/// The reading end of a request.
pub(crate) struct Client(TcpStream);

impl Client {
    /// Reads until a text has come.
    pub(crate) async fn until(&mut self, text: &str) {
        let mut seen = String::new();
        while !seen.contains(text) {
            let mut piece = [0; 1024];
            let length = self.0.read(&mut piece).await.unwrap();
            assert!(length > 0, "the reply ended before {text}: {seen}");
            seen.push_str(std::str::from_utf8(&piece[..length]).unwrap());
        }
    }

    /// The status of the reply, of which nothing was read yet.
    pub(crate) async fn status(&mut self) -> u16 {
        let mut line = [0; "HTTP/1.1 200".len()];
        self.0.read_exact(&mut line).await.unwrap();
        let status = std::str::from_utf8(&line[9..]).unwrap();
        status.parse().unwrap()
    }

    /// Reads to the end, be it proper or not.
    pub(crate) async fn rest(mut self) -> String {
        let mut seen = Vec::new();
        let _ = self.0.read_to_end(&mut seen).await;
        String::from_utf8(seen).unwrap()
    }
}
