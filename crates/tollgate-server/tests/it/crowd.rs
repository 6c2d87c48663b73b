//! Many that are slow at once: none of them is borne for long, and nobody else
//! notices.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};
use tollgate::{Gateway, Usd};
use tollgate_testkit::providers::{Script, ScriptedProvider, text_frame};

use crate::h2::flood_of_resets;
use crate::support::{JSON, MODEL, OTHER, Server, chat, gateway_to};

/// Fewer than the listener's queue holds, so that nobody waits to connect.
const SLOW: usize = 100;
const READERS: usize = 40;

async fn server() -> (Server, Gateway, Arc<ScriptedProvider>) {
    let piece = text_frame(&"x".repeat(1 << 16));
    let endless = Script::new()
        .frames(std::iter::repeat_n(piece, 2_000))
        .stall();
    let mut provider = ScriptedProvider::new();
    for _ in 0..READERS {
        provider = provider.on("openrouter", OTHER, endless.clone());
    }
    for _ in 0..100 {
        provider = provider.on("openrouter", MODEL, Script::answer(&["Red."]));
    }
    let provider = Arc::new(provider);
    // At a lane that bills on, the rest would be read all the same.
    let gateway = gateway_to(provider.clone(), "[openrouter]\nstops_billing = true\n").await;
    (Server::start(gateway.clone()).await, gateway, provider)
}

/// Sends a head byte by byte; gives how long that was borne.
async fn trickle(address: &str) -> Duration {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let begun = Instant::now();
    let head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n";
    for byte in head {
        let mut answer = [0; 64];
        tokio::select! {
            _ = stream.read(&mut answer) => return begun.elapsed(),
            () = sleep(Duration::from_secs(5)) => {}
        }
        if stream.write_all(&[*byte]).await.is_err() {
            return begun.elapsed();
        }
    }
    panic!("a head was borne to its end");
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_slow_senders_is_sent_away_and_nobody_else_waits() {
    let (server, _gateway, _provider) = server().await;
    let slow = join_all((0..SLOW).map(|_| trickle(server.address())));
    let floods = join_all((0..20).map(|_| flood_of_resets(server.address())));
    let honest = async {
        let mut longest = Duration::ZERO;
        for _ in 0..40 {
            let begun = Instant::now();
            assert!(server.chat(false).await.starts_with("HTTP/1.1 200"));
            longest = longest.max(begun.elapsed());
            sleep(Duration::from_millis(500)).await;
        }
        longest
    };
    let (borne, _, longest) = tokio::join!(slow, floods, honest);
    let most = borne.iter().max().unwrap();
    assert!(*most <= Duration::from_secs(15), "{borne:?}");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}

/// Asks for a stream without end and takes a byte of it each second; gives how
/// long that was borne.
async fn sip(address: &str) -> Duration {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
    let body = chat(true).replace(MODEL, OTHER);
    let length = body.len();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\n{JSON}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let begun = Instant::now();
    let mut byte = [0];
    // What the kernel keeps can still be read when the other end is gone; the
    // server's end is looked at below.
    while begun.elapsed() < Duration::from_secs(70) {
        sleep(Duration::from_secs(1)).await;
        if !matches!(stream.read(&mut byte).await, Ok(1)) {
            break;
        }
    }
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_slow_readers_is_cut_and_booked_and_nobody_else_waits() {
    let (server, gateway, provider) = server().await;
    let address = server.address();
    let begun = Instant::now();
    let readers = join_all((0..READERS).map(|_| sip(address)));
    let honest = async {
        while provider.open() < READERS {
            sleep(Duration::from_millis(100)).await;
        }
        for _ in 0..20 {
            assert!(server.chat(false).await.starts_with("HTTP/1.1 200"));
        }
        while provider.open() > 0 {
            sleep(Duration::from_secs(1)).await;
        }
        begun.elapsed()
    };
    let (_, cut) = tokio::join!(readers, honest);
    assert!(cut <= Duration::from_secs(65), "cut after {cut:?}");
    gateway.clone().shutdown().await;
    assert_eq!(gateway.totals().unwrap().held, Usd::ZERO);
}
