//! Some thousands of inputs that nobody means well with, against the real
//! server over real sockets. Whatever comes: nothing panics, nothing of what
//! cannot be right reaches an upstream, no answer blames the gateway, and the
//! next honest request is served.

mod bodies;
mod draw;
mod heads;
mod strings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate::ServerConfig;
use tollgate_sim::Scenario;

use self::draw::Draw;
use crate::simulated::Simulated;
use crate::support::JSON;

/// What has to become of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It cannot be right: 4xx, or no answer at all, and no upstream sees it.
    Refused,
    /// It is odd, but somebody may mean it: anything but an error of ours.
    Borne,
    /// It is nobody's business but the model's: 200.
    Served,
}

/// How an input ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client waits for the answer.
    Waits,
    /// The client has nothing more to send, and says so.
    Closes,
}

struct Input {
    kind: &'static str,
    bytes: Vec<u8>,
    fate: Fate,
    end: End,
}

/// A chat with a body of any bytes.
fn post(kind: &'static str, body: impl Into<Vec<u8>>, fate: Fate) -> Input {
    post_with(kind, JSON, body, fate)
}

/// The same with headers of one's own, a line end each.
fn post_with(kind: &'static str, headers: &str, body: impl Into<Vec<u8>>, fate: Fate) -> Input {
    post_to("chat/completions", kind, headers, body, fate)
}

/// The same at any path below `/v1`.
fn post_to(
    path: &str,
    kind: &'static str,
    headers: &str,
    body: impl Into<Vec<u8>>,
    fate: Fate,
) -> Input {
    let body = body.into();
    let length = body.len();
    let head = format!(
        "POST /v1/{path} HTTP/1.1\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    Input {
        kind,
        bytes: [head.into_bytes(), body].concat(),
        fate,
        end: End::Waits,
    }
}

/// Bytes that need not be a request.
fn raw(kind: &'static str, bytes: impl Into<Vec<u8>>, fate: Fate) -> Input {
    Input {
        kind,
        bytes: bytes.into(),
        fate,
        end: End::Closes,
    }
}

fn all(canary: u16) -> Vec<Input> {
    let draw = &mut Draw::new(7);
    let mut inputs = bodies::all(draw);
    inputs.extend(heads::all(draw));
    inputs.extend(strings::all(canary));
    inputs
}

/// Sends an input and gives the status of the answer, if there was one.
async fn status(address: &str, input: &Input) -> Option<u16> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let sending = async {
        // The server may have had enough before the end.
        let _ = writer.write_all(&input.bytes).await;
        if input.end == End::Closes {
            let _ = writer.shutdown().await;
        }
    };
    let reading = async {
        let mut reply = Vec::new();
        let _ = reader.read_to_end(&mut reply).await;
        reply
    };
    let ((), reply) = tokio::join!(sending, reading);
    let line = reply.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// What is wrong with the end of an input, if anything.
fn surprise(input: &Input, status: Option<u16>) -> Option<String> {
    let right = match (input.fate, status) {
        (Fate::Refused, None) => true,
        (Fate::Refused, Some(status)) => (400..500).contains(&status),
        (Fate::Borne, None) => true,
        (Fate::Borne, Some(status)) => status < 500,
        (Fate::Served, status) => status == Some(200),
    };
    let shown = String::from_utf8_lossy(&input.bytes[..input.bytes.len().min(400)]);
    (!right).then(|| format!("{} ended with {status:?}: {shown:?}", input.kind))
}

/// Sends inputs, a few at a time, and gives what is wrong with their ends.
async fn send_all(rig: &Simulated, inputs: &[Input]) -> Vec<String> {
    let address = rig.server.address();
    let ends = stream::iter(inputs)
        .map(|input| async move { surprise(input, status(address, input).await) })
        .buffer_unordered(16);
    ends.filter_map(std::future::ready).collect().await
}

fn counted_panics() -> Arc<AtomicUsize> {
    let panics = Arc::new(AtomicUsize::new(0));
    let count = panics.clone();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        count.fetch_add(1, Ordering::Relaxed);
        before(panic);
    }));
    panics
}

/// Resident memory in KiB, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Timers that let the test end soon; nothing here waits for longer.
fn limits() -> ServerConfig {
    ServerConfig {
        header_timeout_ms: 1_000,
        body_timeout_ms: 1_000,
        ..ServerConfig::default()
    }
}

/// Most that memory may grow by.
const MOST_KIB: u64 = 64 << 10;

#[tokio::test]
async fn nothing_that_is_sent_harms_the_server_or_reaches_an_upstream_that_should_not() {
    let panics = counted_panics();
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut inputs = all(canary.local_addr().unwrap().port());
    let kinds = inputs.iter().fold(BTreeMap::new(), |mut kinds, input| {
        *kinds.entry(input.kind).or_insert(0) += 1;
        kinds
    });
    assert!(inputs.len() >= 2_000 && kinds.len() >= 20, "{kinds:?}");
    inputs.sort_by_key(|input| (input.fate != Fate::Refused, input.kind));

    let rig = Simulated::start(Scenario::default(), limits()).await;
    assert!(rig.server.chat(false).await.starts_with("HTTP/1.1 200"));
    let before = resident_kib();
    let mut surprises = Vec::new();
    for group in inputs.chunk_by(|one, next| one.kind == next.kind && one.fate == next.fate) {
        let kind = group[0].kind;
        let posts = rig.posts();
        surprises.extend(send_all(&rig, group).await);
        if group[0].fate == Fate::Refused && rig.posts() > posts {
            surprises.push(format!("{kind} went upstream"));
        }
        let reply = rig.server.chat(false).await;
        assert!(reply.starts_with("HTTP/1.1 200"), "after {kind}: {reply}");
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
    assert_eq!(panics.load(Ordering::Relaxed), 0);
    if let (Some(before), Some(after)) = (before, resident_kib()) {
        let grown = after.saturating_sub(before);
        assert!(grown <= MOST_KIB, "memory has grown by {grown} KiB");
    }
    let visit = futures_util::FutureExt::now_or_never(canary.accept());
    assert!(visit.is_none(), "somebody fetched what a caller named");
}
