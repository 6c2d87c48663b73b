//! HTTP/2 by hand, for what no proper client does.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tollgate::{ServerConfig, Usd};
use tollgate_sim::{Latency, Scenario};

use crate::simulated::Simulated;
use crate::support::chat;

pub(crate) const HEADERS: u8 = 1;
pub(crate) const GOAWAY: u8 = 7;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;

const DATA: u8 = 0;
const PING: u8 = 6;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const ACK: u8 = 0x1;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const END_STREAM_AND_HEADERS: u8 = 0x5;

pub(crate) struct Frame {
    kind: u8,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Connection(TcpStream);

impl Connection {
    /// A connection whose settings the server has been told.
    pub(crate) async fn open(address: &str) -> Self {
        Self::open_with(address, &[]).await
    }

    /// A connection with settings of one's own.
    async fn open_with(address: &str, settings: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        let mut connection = Self(stream);
        connection.write(SETTINGS, 0, 0, settings).await;
        connection
    }

    /// Posts JSON.
    async fn post(&mut self, stream: u32, path: &str, body: &str) {
        let mut block = block(path);
        block[0] = 0x83;
        // The name of `content-type` is the 31st of the static table.
        block.extend([0x0f, 0x10, 16]);
        block.extend(b"application/json");
        self.write(HEADERS, END_HEADERS, stream, &block).await;
        self.write(DATA, END_STREAM, stream, body.as_bytes()).await;
    }

    pub(crate) async fn get(&mut self, stream: u32, path: &str) {
        let block = block(path);
        self.write(HEADERS, END_STREAM_AND_HEADERS, stream, &block)
            .await;
    }

    /// Writes a frame; a server that has gone takes none.
    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        let _ = self.0.write_all(&frame).await;
    }

    /// The next frame; `None` when the connection is over.
    async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind: head[3],
            payload,
        })
    }

    /// Reads until a frame of that kind has come.
    pub(crate) async fn until(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.next().await.expect("the connection is open");
            if frame.kind == PING {
                self.write(PING, ACK, 0, &frame.payload).await;
            }
            if frame.kind == kind {
                return frame;
            }
        }
    }
}

/// The header block of a GET: two names of the static table, and two literals.
fn block(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86];
    for (name, value) in [(4, path), (1, "localhost")] {
        block.extend([name, u8::try_from(value.len()).unwrap()]);
        block.extend(value.as_bytes());
    }
    block
}

async fn rig() -> Simulated {
    Simulated::start(Scenario::default(), ServerConfig::default()).await
}

async fn is_alive(rig: &Simulated) {
    let mut honest = Connection::open(rig.server.address()).await;
    honest.get(1, "/health/live").await;
    let answer = honest.until(HEADERS).await;
    assert_eq!(answer.payload[0], 0x88, "status 200");
}

#[tokio::test]
async fn a_connection_is_told_how_many_requests_and_headers_it_may_have() {
    let rig = rig().await;
    let mut connection = Connection::open(rig.server.address()).await;
    let settings = connection.until(SETTINGS).await.payload;
    let value = |id: u16| {
        let setting = settings.chunks(6).find(|it| it[..2] == id.to_be_bytes());
        setting.map(|it| u32::from_be_bytes([it[2], it[3], it[4], it[5]]))
    };
    assert_eq!(value(3), Some(128), "concurrent streams");
    assert_eq!(value(6), Some(65_536), "header list");
    is_alive(&rig).await;
}

/// Takes requests back until the server has had enough of it.
pub(crate) async fn flood_of_resets(address: &str) {
    let mut connection = Connection::open(address).await;
    for stream in (1..4_000).step_by(2) {
        connection.get(stream, "/health/live").await;
        connection.write(RST_STREAM, 0, stream, &[0, 0, 0, 8]).await;
    }
    let calm = connection.until(GOAWAY).await.payload[4..8].to_vec();
    assert_eq!(calm, [0, 0, 0, 11], "enhance your calm");
    assert!(connection.next().await.is_none_or(|it| it.kind == GOAWAY));
}

#[tokio::test]
async fn a_client_that_takes_its_requests_back_again_and_again_is_sent_away() {
    let rig = rig().await;
    flood_of_resets(rig.server.address()).await;
    is_alive(&rig).await;
}

#[tokio::test]
async fn a_header_that_never_ends_is_cut_off() {
    let rig = rig().await;
    let mut connection = Connection::open(rig.server.address()).await;
    connection
        .write(HEADERS, 0x1, 1, &block("/health/live"))
        .await;
    let literal = [&[0x00, 0x01, b'x', 0x7f, 0x81, 0x7e][..], &[b'y'; 16_000]].concat();
    for _ in 0..1_000 {
        connection.write(CONTINUATION, 0, 1, &literal[..6]).await;
        connection.write(CONTINUATION, 0, 1, &literal[6..]).await;
    }
    while connection.next().await.is_some() {}
    is_alive(&rig).await;
}

/// The client's window of each stream: nothing.
const NO_WINDOW: &[u8] = &[0, 4, 0, 0, 0, 0];

#[tokio::test(start_paused = true)]
async fn an_answer_whose_client_takes_nothing_ends_and_holds_nothing_any_more() {
    let limits = ServerConfig {
        max_in_flight: 1,
        ..ServerConfig::default()
    };
    let stall = limits.write_stall();
    for stream in [true, false] {
        let rig = Simulated::start(Scenario::default(), limits.clone()).await;
        let mut idle = Connection::open_with(rig.server.address(), NO_WINDOW).await;
        idle.post(1, "/v1/chat/completions", &chat(stream)).await;
        assert_eq!(idle.until(HEADERS).await.payload[0], 0x88, "status 200");
        let start = Instant::now();
        let reset = timeout(stall * 2, idle.until(RST_STREAM)).await;
        let reset = reset.expect("an answer that nobody takes is cut").payload;
        assert_eq!(reset, [0, 0, 0, 8], "cancelled");
        assert!(start.elapsed() >= stall);
        // The connection and the only place are good for another call.
        idle.post(3, "/v1/models/nothing", "{}").await;
        idle.until(HEADERS).await;
        let reply = rig.server.chat(false).await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
        rig.gateway.clone().shutdown().await;
        assert_eq!(rig.gateway.totals().unwrap().held, Usd::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_waits_for_its_upstream_is_not_cut() {
    let slow = Latency::Fixed {
        first_token_ms: 100,
        tokens_per_second: 1,
    };
    let scenario = Scenario::default()
        .with_latency(slow)
        .with_output_tokens(60);
    let limits = ServerConfig {
        write_stall_ms: 100,
        ..ServerConfig::default()
    };
    let rig = Simulated::start(scenario, limits).await;
    let mut client = Connection::open(rig.server.address()).await;
    client.post(1, "/v1/chat/completions", &chat(true)).await;
    loop {
        let data = client.until(DATA).await.payload;
        if String::from_utf8_lossy(&data).contains("[DONE]") {
            return;
        }
    }
}
