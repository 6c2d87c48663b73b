//! What is known of a request that got no answer.

use std::net::SocketAddr;
use std::sync::Arc;

use h2::Reason;
use h2::server::{Connection, SendResponse, handshake};
use reqwest::dns::{Name, Resolve, Resolving};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::*;

/// Sends one request to a server that accepts the connection and then does this.
async fn kind_when<F, T>(act: F) -> HttpErrorKind
where
    F: FnOnce(Connection<TcpStream, Bytes>, SendResponse<Bytes>) -> T + Send + 'static,
    T: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = handshake(stream).await.unwrap();
        let (_, respond) = connection.accept().await.unwrap().unwrap();
        act(connection, respond).await;
    });
    let error = client().send(request(address)).await.unwrap_err();
    error.kind()
}

/// Cleartext has no negotiation of the protocol, so the client is told.
fn client() -> Client {
    let builder = builder(&Timers::default(), &ConnectionConfig::default());
    Client(builder.http2_prior_knowledge().no_proxy().build().unwrap())
}

fn request(address: SocketAddr) -> Request<Bytes> {
    Request::post(format!("http://{address}/v1"))
        .body(Bytes::from_static(b"{}"))
        .unwrap()
}

async fn to_the_end(mut connection: Connection<TcpStream, Bytes>) {
    while connection.accept().await.is_some() {}
}

#[tokio::test]
async fn a_refused_stream_was_not_looked_at() {
    let kind = kind_when(|connection, mut respond| async move {
        respond.send_reset(Reason::REFUSED_STREAM);
        to_the_end(connection).await;
    });
    assert_eq!(kind.await, HttpErrorKind::Connect);
}

#[tokio::test]
async fn any_other_reset_is_ambiguous() {
    for reason in [Reason::CANCEL, Reason::INTERNAL_ERROR, Reason::NO_ERROR] {
        let kind = kind_when(move |connection, mut respond| async move {
            respond.send_reset(reason);
            to_the_end(connection).await;
        });
        assert_eq!(kind.await, HttpErrorKind::Broken, "{reason:?}");
    }
}

#[tokio::test]
async fn a_connection_that_goes_away_in_the_middle_is_ambiguous() {
    let kind = kind_when(|connection, _respond| async move { drop(connection) });
    assert_eq!(kind.await, HttpErrorKind::Broken);
    let kind = kind_when(|mut connection, _respond| async move {
        connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        to_the_end(connection).await;
    });
    assert_eq!(kind.await, HttpErrorKind::Broken);
}

#[tokio::test]
async fn a_stream_after_the_last_one_served_was_not_looked_at() {
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const GO_AWAY: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(SETTINGS).await.unwrap();
        until_headers(&mut stream).await;
        // The last stream served is 0: none.
        stream.write_all(GO_AWAY).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let error = client().send(request(address)).await.unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Connect);
}

/// Reads the preface and frames up to the head of a request.
async fn until_headers(stream: &mut TcpStream) {
    const HEADERS: u8 = 1;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        if head[3] == HEADERS {
            return;
        }
    }
}

/// A name service that does not answer.
struct Mute;

impl Resolve for Mute {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_to_connect_begins_with_the_name() {
    let builder = builder(&Timers::default(), &ConnectionConfig::default());
    let client = builder.dns_resolver(Arc::new(Mute)).no_proxy().build();
    let request = Request::get("https://example.com/").body(Bytes::new());
    let started = Instant::now();
    let error = Client(client.unwrap()).send(request.unwrap()).await;
    assert_eq!(error.unwrap_err().kind(), HttpErrorKind::Connect);
    assert_eq!(started.elapsed().as_millis(), 3000);
}
