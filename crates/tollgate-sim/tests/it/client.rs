//! The smallest HTTP client that notices everything: where a body broke off, and how.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tollgate_sim::{Scenario, Simulator};

pub(crate) const KEY: &str = "sk-or-v1-simulated-key-0001";
pub(crate) const BYOK_KEY: &str = "sk-or-byok-simulated-key-0001";
pub(crate) const MODEL: &str = "openai/gpt-4o-mini";

/// After this much silence the client gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The body was whole.
    Whole,
    /// The connection closed before that.
    Closed,
    /// The connection was reset.
    Reset,
    /// Nothing came for [`PATIENCE`].
    Silent,
    /// Bytes went on coming for twice [`PATIENCE`].
    Endless,
}

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: Option<u16>,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
    /// When the status line was there.
    pub(crate) headers_after: Duration,
    /// When the first `data:` event was there.
    pub(crate) first_event_after: Option<Duration>,
    pub(crate) all_after: Duration,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The `data:` texts of a stream.
    pub(crate) fn events(&self) -> Vec<String> {
        self.text()
            .split("\n\n")
            .filter_map(|event| event.strip_prefix("data: ").map(str::to_owned))
            .collect()
    }

    /// The chunks of a stream, without `[DONE]`.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        let events = self.events();
        events
            .iter()
            .filter(|event| *event != "[DONE]")
            .map(|event| serde_json::from_str(event).unwrap())
            .collect()
    }
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    pub(crate) fn get(path: &str) -> Self {
        Self {
            method: "GET",
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
        .with("authorization", &format!("Bearer {KEY}"))
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        Self {
            method: "POST",
            body: body.to_string().into_bytes(),
            ..Self::get(path)
        }
        .with("content-type", "application/json")
    }

    /// A chat request with one user message, and whatever else `fields` has.
    pub(crate) fn chat(fields: Value) -> Self {
        let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": "Tell me about rivers"}]});
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        Self::post("/api/v1/chat/completions", &body)
    }

    pub(crate) fn at(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn raw_body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header beside others of its name.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub(crate) async fn open(&self, sim: &Simulator) -> TcpStream {
        let mut stream = TcpStream::connect(sim.address()).await.unwrap();
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n",
            self.method, self.path
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        stream
            .write_all(&[head.as_bytes(), &self.body].concat())
            .await
            .unwrap();
        stream
    }

    pub(crate) async fn send(&self, sim: &Simulator) -> Reply {
        let started = Instant::now();
        let mut stream = self.open(sim).await;
        let mut bytes = Vec::new();
        let (mut headers_after, mut first_event_after) = (None, None);
        let end = loop {
            let mut buffer = [0; 16 * 1024];
            let end = match timeout(PATIENCE, stream.read(&mut buffer)).await {
                Err(_) => End::Silent,
                Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
                Ok(Err(error)) => panic!("{error}"),
                Ok(Ok(0)) => End::Closed,
                Ok(Ok(count)) => {
                    bytes.extend_from_slice(&buffer[..count]);
                    let now = started.elapsed();
                    // What is looked for is at the beginning, or nowhere.
                    let has = |part: &[u8]| {
                        bytes[..bytes.len().min(4096)]
                            .windows(part.len())
                            .any(|window| window == part)
                    };
                    if headers_after.is_none() && has(b"\r\n\r\n") {
                        headers_after = Some(now);
                    }
                    if first_event_after.is_none() && has(b"data: ") {
                        first_event_after = Some(now);
                    }
                    if now < 2 * PATIENCE {
                        continue;
                    }
                    End::Endless
                }
            };
            break end;
        };
        reply(
            &bytes,
            end,
            started.elapsed(),
            headers_after.unwrap_or_default(),
            first_event_after,
        )
    }
}

fn reply(
    bytes: &[u8],
    end: End,
    all_after: Duration,
    headers_after: Duration,
    first_event_after: Option<Duration>,
) -> Reply {
    let split = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, rest) = split.map_or((&bytes[..0], &bytes[..0]), |at| {
        (&bytes[..at], &bytes[at + 4..])
    });
    let head = String::from_utf8(head.to_vec()).unwrap();
    let mut reply = Reply {
        status: head.split(' ').nth(1).map(|status| status.parse().unwrap()),
        head,
        body: Vec::new(),
        end,
        headers_after,
        first_event_after,
        all_after,
    };
    let whole = if reply.header("transfer-encoding") == Some("chunked") {
        unchunk(rest, &mut reply.body)
    } else {
        reply.body = rest.to_vec();
        let length = reply
            .header("content-length")
            .and_then(|length| length.parse().ok());
        length == Some(reply.body.len())
    };
    if end == End::Closed && whole && reply.status.is_some() {
        reply.end = End::Whole;
    }
    reply
}

/// Joins chunks; true when the last one was there.
fn unchunk(mut rest: &[u8], body: &mut Vec<u8>) -> bool {
    while let Some(at) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
        let data = &rest[at + 2..];
        if size == 0 {
            return true;
        }
        body.extend_from_slice(&data[..size.min(data.len())]);
        rest = data.get(size + 2..).unwrap_or_default();
    }
    false
}

/// A simulator with seed 7 and the given scenario.
pub(crate) async fn sim(scenario: &str) -> Simulator {
    let scenario = Scenario::from_toml(scenario).unwrap();
    Simulator::builder()
        .seed(7)
        .scenario(scenario)
        .start()
        .await
        .unwrap()
}
