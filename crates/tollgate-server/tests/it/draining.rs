//! Two hundred streams when the server is told to stop.

use futures_util::future::join_all;
use tokio::time::{Duration, sleep};
use tollgate::{ServerConfig, Usd};
use tollgate_server::Stopped;
use tollgate_sim::{Fault, Latency, Rule, Scenario};

use crate::h2;
use crate::simulated::Simulated;
use crate::support::{Client, JSON, chat};

const STREAMS: usize = 200;

/// Streams of so many seconds.
fn lasting(seconds: u64) -> Scenario {
    let latency = Latency::Fixed {
        first_token_ms: 100,
        tokens_per_second: 10,
    };
    Scenario::default()
        .with_latency(latency)
        .with_output_tokens(10 * seconds)
}

async fn open(rig: &Simulated) -> Vec<Client> {
    let path = "/v1/chat/completions";
    let body = chat(true);
    let opening = (0..STREAMS).map(|_| async {
        let mut client = rig.server.send("POST", path, JSON, &body).await;
        client.until("data: ").await;
        client
    });
    join_all(opening).await
}

async fn read(streams: Vec<Client>) -> Vec<String> {
    join_all(streams.into_iter().map(Client::rest)).await
}

#[tokio::test(start_paused = true)]
async fn streams_that_end_in_time_end_as_ever() {
    let rig = Simulated::start(lasting(10), ServerConfig::default()).await;
    let streams = open(&rig).await;
    let reading = tokio::spawn(read(streams));
    let draining = rig.server.stop().await;
    let stopped = draining.until(sleep(Duration::from_secs(30))).await;
    assert_eq!(stopped, Stopped::Drained);
    for reply in reading.await.unwrap() {
        assert!(reply.contains("data: [DONE]"), "{reply}");
        assert!(!reply.contains("\"error\""), "{reply}");
    }
    rig.gateway.clone().shutdown().await;
    assert_eq!(rig.gateway.totals().unwrap().held, Usd::ZERO);
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_cut_end_with_an_error_and_nothing_is_held_for_them() {
    let rig = Simulated::start(lasting(100), ServerConfig::default()).await;
    let streams = open(&rig).await;
    assert!(rig.gateway.totals().unwrap().held > Usd::ZERO);
    let reading = tokio::spawn(read(streams));
    let draining = rig.server.stop().await;
    let stopped = draining.until(sleep(Duration::from_secs(5))).await;
    assert_eq!(stopped, Stopped::Cut);
    for reply in reading.await.unwrap() {
        assert!(reply.contains("\"finish_reason\":\"error\""), "{reply}");
        assert!(reply.contains("the gateway is stopping"), "{reply}");
        assert!(!reply.contains("[DONE]"), "{reply}");
        assert!(reply.ends_with("0\r\n\r\n"), "the body has an end: {reply}");
    }
    rig.gateway.clone().shutdown().await;
    assert_eq!(rig.gateway.totals().unwrap().held, Usd::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_is_told_to_come_again() {
    let slow = Rule::new(Fault::named("no-headers").unwrap());
    let scenario = Scenario::default().with_rule(slow);
    let rig = Simulated::start(scenario, ServerConfig::default()).await;
    let path = "/v1/chat/completions";
    let client = rig.server.send("POST", path, JSON, &chat(false)).await;
    while rig.chats() == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    let reading = tokio::spawn(client.rest());
    let draining = rig.server.stop().await;
    assert_eq!(draining.until(async {}).await, Stopped::Cut);
    let reply = reading.await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 503"), "{reply}");
    assert!(reply.contains("the gateway is stopping"), "{reply}");
    assert!(reply.contains("retry-after: 1\r\n"), "{reply}");
    assert!(reply.contains("connection: close\r\n"), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_told_and_closed() {
    let rig = Simulated::start(Scenario::default(), ServerConfig::default()).await;
    let mut h2 = h2::Connection::open(rig.server.address()).await;
    h2.get(1, "/health/live").await;
    h2.until(h2::HEADERS).await;
    let draining = rig.server.stop().await;
    let goaway = h2.until(h2::GOAWAY).await;
    assert_eq!(goaway.payload[4..8], [0; 4], "no error");
    assert_eq!(
        draining.until(std::future::pending()).await,
        Stopped::Drained
    );
}
