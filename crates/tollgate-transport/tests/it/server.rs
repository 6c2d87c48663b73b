//! A server that answers each request with the next script: raw bytes, ends and silences.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What the server does with one request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Writes bytes.
    Send(Vec<u8>),
    /// Closes the connection.
    Close,
    /// Waits until the test says so.
    Gate(Arc<Notify>),
    /// Waits until the client closes the connection.
    Hold,
}

/// What the server saw.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A request: the number of its connection, its head in lower case and its body.
    Request {
        connection: usize,
        head: String,
        body: String,
    },
    /// The client closed a connection on which the server was waiting.
    Closed,
}

pub(crate) struct Server {
    pub(crate) url: String,
    seen: UnboundedReceiver<Seen>,
}

impl Server {
    /// Serves one script per request, in order of arrival.
    pub(crate) async fn start(scripts: impl IntoIterator<Item = Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v1", listener.local_addr().unwrap());
        let (tell, seen) = unbounded_channel();
        let scripts = Arc::new(Mutex::new(scripts.into_iter().collect::<VecDeque<_>>()));
        tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                tokio::spawn(serve(
                    connection,
                    stream,
                    Arc::clone(&scripts),
                    tell.clone(),
                ));
            }
        });
        Self { url, seen }
    }

    pub(crate) async fn seen(&mut self) -> Seen {
        self.seen
            .recv()
            .await
            .expect("the server runs as long as the test")
    }

    pub(crate) async fn request(&mut self) -> (usize, String, String) {
        match self.seen().await {
            Seen::Request {
                connection,
                head,
                body,
            } => (connection, head, body),
            Seen::Closed => panic!("expected a request, the client closed a connection"),
        }
    }
}

async fn serve(
    connection: usize,
    mut stream: TcpStream,
    scripts: Arc<Mutex<VecDeque<Vec<Act>>>>,
    tell: UnboundedSender<Seen>,
) {
    while let Some((head, body)) = read_request(&mut stream).await {
        let _ = tell.send(Seen::Request {
            connection,
            head,
            body,
        });
        let Some(script) = scripts.lock().unwrap().pop_front() else {
            return;
        };
        for act in script {
            match act {
                Act::Send(bytes) => stream.write_all(&bytes).await.unwrap(),
                Act::Gate(gate) => gate.notified().await,
                Act::Close => return,
                Act::Hold => {
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest).await;
                    let _ = tell.send(Seen::Closed);
                    return;
                }
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec())
        .unwrap()
        .to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    while bytes.len() < head_end + length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    Some((head, String::from_utf8(bytes[head_end..].to_vec()).unwrap()))
}

/// A whole answer with a status, more header lines and a body.
pub(crate) fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<Act> {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    vec![Act::Send([head.as_bytes(), body].concat())]
}

pub(crate) fn json(status: u16, body: &[u8]) -> Vec<Act> {
    answer(status, "content-type: application/json\r\n", body)
}

/// The head of a stream without a length; its end is the end of the connection.
pub(crate) fn open_stream() -> Act {
    Act::Send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-generation-id: gen-1\r\n\r\n"
            .to_vec(),
    )
}

/// A stream whose connection is closed after these bytes.
pub(crate) fn stream(bytes: &[u8]) -> Vec<Act> {
    vec![open_stream(), Act::Send(bytes.to_vec()), Act::Close]
}

/// One event.
pub(crate) fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

/// An event with text in it.
pub(crate) fn text(text: &str) -> String {
    event(&format!(
        r#"{{"id":"gen-1","model":"a/b","provider":"Example Labs","choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#
    ))
}

/// An event with a finish reason.
pub(crate) fn finish(reason: &str) -> String {
    event(&format!(
        r#"{{"id":"gen-1","choices":[{{"index":0,"delta":{{"content":""}},"finish_reason":"{reason}"}}]}}"#
    ))
}
