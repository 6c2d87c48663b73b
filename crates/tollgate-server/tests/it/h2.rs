//! HTTP/2 by hand, for what no proper client does.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate::ServerConfig;
use tollgate_sim::Scenario;

use crate::simulated::Simulated;

pub(crate) const HEADERS: u8 = 1;
pub(crate) const GOAWAY: u8 = 7;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;

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
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        let mut connection = Self(stream);
        connection.write(SETTINGS, 0, 0, &[]).await;
        connection
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

#[tokio::test]
async fn a_client_that_takes_its_requests_back_again_and_again_is_sent_away() {
    let rig = rig().await;
    let mut connection = Connection::open(rig.server.address()).await;
    for stream in (1..4_000).step_by(2) {
        connection.get(stream, "/health/live").await;
        connection.write(RST_STREAM, 0, stream, &[0, 0, 0, 8]).await;
    }
    let calm = connection.until(GOAWAY).await.payload[4..8].to_vec();
    assert_eq!(calm, [0, 0, 0, 11], "enhance your calm");
    assert!(connection.next().await.is_none_or(|it| it.kind == GOAWAY));
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
