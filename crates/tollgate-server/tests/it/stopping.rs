use std::future::pending;

use tokio::net::TcpStream;
use tollgate::{Dimension, FrameKind, UsageQuery};
use tollgate_server::Stopped;

use crate::support::{After, Client, Server, Upstream, chat, frame, gateway};

/// An upstream that says one word and then nothing.
fn silent() -> Upstream {
    Upstream {
        headers: Vec::new(),
        frames: vec![frame(
            FrameKind::Event,
            r#"{"choices":[{"index":0,"delta":{"content":"Red"}}]}"#,
        )],
        after: After::Silence,
    }
}

async fn start_chat(server: &Server) -> Client {
    let headers = "host: localhost\r\ncontent-type: application/json\r\n";
    let path = "/v1/chat/completions";
    let mut client = server.send("POST", path, headers, &chat(true)).await;
    client.until("Red").await;
    client
}

#[tokio::test]
async fn an_idle_server_stops_at_once_and_listens_no_more() {
    let server = Server::start(gateway(silent(), "").await).await;
    let address = server.address().to_owned();
    let idle = TcpStream::connect(&address).await.unwrap();
    let draining = server.stop().await;
    assert_eq!(draining.until(pending()).await, Stopped::Drained);
    assert!(TcpStream::connect(&address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn draining_waits_for_an_answer_whose_reader_is_still_there() {
    let server = Server::start(gateway(silent(), "").await).await;
    let client = start_chat(&server).await;
    let mut end = Box::pin(server.stop().await.until(pending()));
    let waiting = futures_util::poll!(&mut end);
    assert!(waiting.is_pending(), "an answer is running");
    drop(client);
    assert_eq!(end.await, Stopped::Drained);
}

#[tokio::test]
async fn a_cut_answer_has_no_end_and_is_booked() {
    let gateway = gateway(silent(), "").await;
    let server = Server::start(gateway.clone()).await;
    let client = start_chat(&server).await;
    let stopped = server.stop().await.until(async {}).await;
    assert_eq!(stopped, Stopped::Cut);
    assert!(!client.rest().await.contains("[DONE]"));

    gateway.clone().shutdown().await;
    let query = UsageQuery {
        by: vec![Dimension::Lane],
        ..UsageQuery::default()
    };
    let rows = gateway.usage(&query).await.unwrap();
    assert_eq!((rows[0].calls, rows[0].attempts), (1, 1));
}
