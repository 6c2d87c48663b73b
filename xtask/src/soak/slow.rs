//! Callers that begin a request and never get on with it.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

/// How often each sends a byte.
const PAUSE: Duration = Duration::from_secs(5);

/// How many of them come in a second at first.
const COMING: u32 = 500;

/// When they were sent away.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    pub(super) callers: usize,
    /// How often one was sent away.
    pub(super) closed: usize,
    /// The longest time that one was borne.
    pub(super) longest: Duration,
}

/// So many of them until that moment, each again and again.
pub(super) async fn crowd(address: SocketAddr, callers: usize, until: Instant) -> Crowd {
    let all = (0..callers).map(|n| async move {
        let turn = u32::try_from(n).unwrap_or(u32::MAX);
        sleep(Duration::from_secs(1) * turn / COMING).await;
        one(address, until).await
    });
    let borne = join_all(all).await;
    let closed = borne.iter().flatten();
    Crowd {
        callers,
        closed: closed.clone().count(),
        longest: closed.max().copied().unwrap_or_default(),
    }
}

/// How long one was borne, each time.
async fn one(address: SocketAddr, until: Instant) -> Vec<Duration> {
    let mut borne = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        if timeout_at(until, trickle(address)).await.is_ok() {
            borne.push(begun.elapsed());
        }
        // Whoever is refused at the door does not knock without a pause.
        sleep(Duration::from_millis(100)).await;
    }
    borne
}

/// Sends a head byte by byte until the connection is closed.
async fn trickle(address: SocketAddr) {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return;
    };
    let head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-long: ";
    for byte in head.iter().chain(std::iter::repeat(&b'x')) {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        let mut answer = [0; 256];
        tokio::select! {
            read = stream.read(&mut answer) => if !matches!(read, Ok(1..)) { return },
            () = sleep(PAUSE) => {}
        }
    }
}
