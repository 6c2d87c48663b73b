//! The service without a socket: the same answers, ends and bill.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tollgate_sim::{Body, Broken, Scenario, Service, Simulator, SimulatorBuilder};

use crate::client::{Ask, KEY, MODEL};

fn builder(scenario: &str) -> SimulatorBuilder {
    Simulator::builder()
        .seed(7)
        .scenario(Scenario::from_toml(scenario).unwrap())
}

fn request(fields: Value) -> http::Request<Bytes> {
    let mut body =
        json!({"model": MODEL, "messages": [{"role": "user", "content": "Tell me about rivers"}]});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    http::Request::post("http://openrouter.example/api/v1/chat/completions")
        .header("authorization", format!("Bearer {KEY}"))
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .unwrap()
}

async fn streamed(service: &Service, fault: &str) -> Result<http::Response<Body>, Broken> {
    let mut request = request(json!({"stream": true}));
    request
        .headers_mut()
        .insert("x-sim-fault", fault.parse().unwrap());
    service.call(request).await
}

#[tokio::test(start_paused = true)]
async fn answers_are_those_of_the_socket() {
    for fields in [json!({}), json!({"stream": true}), json!({"model": "x/y"})] {
        let sim = builder("").start().await.unwrap();
        let over_the_socket = Ask::chat(fields.clone()).send(&sim).await;
        let service = builder("").service().unwrap();
        let response = service.call(request(fields)).await.unwrap();
        assert_eq!(Some(response.status().as_u16()), over_the_socket.status);
        for (name, value) in response.headers() {
            assert_eq!(
                over_the_socket.header(name.as_str()),
                Some(value.to_str().unwrap()),
                "{name}"
            );
        }
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, over_the_socket.body);
        assert_eq!(service.bill(), sim.bill());
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_simulator_and_its_service_are_one() {
    let sim = builder("").start().await.unwrap();
    sim.service().call(request(json!({}))).await.unwrap();
    sim.idle().await;
    assert_eq!(sim.log().len(), 1);
    assert_eq!(sim.bill(), sim.service().bill());
    sim.service()
        .set_scenario(Scenario::from_toml("[[rules]]\nfault = 'internal'").unwrap())
        .unwrap();
    assert_eq!(Ask::chat(json!({})).send(&sim).await.status, Some(500));
}

#[tokio::test(start_paused = true)]
async fn connections_break_before_and_after_the_head() {
    let service = builder("").service().unwrap();
    assert_eq!(streamed(&service, "reset").await.unwrap_err(), Broken);
    for fault in ["cut-event=3", "reset-event=3"] {
        let mut body = streamed(&service, fault).await.unwrap().into_body();
        let mut events = 0;
        let end = loop {
            match body.frame().await {
                Some(Ok(frame)) => events += usize::from(frame.into_data().unwrap()[0] == b'd'),
                end => break end,
            }
        };
        assert_eq!(events, 3, "{fault}");
        assert_eq!(end.unwrap().unwrap_err(), Broken, "{fault}");
    }
    let clean = streamed(&service, "cut-clean=3").await.unwrap();
    assert!(clean.into_body().collect().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn waiting_takes_exactly_as_long_as_it_should() {
    let service = builder("").service().unwrap();
    let begun = Instant::now();
    streamed(&service, "delay-headers=1500").await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_millis(1500));
    let silent = streamed(&service, "no-headers");
    assert!(timeout(Duration::from_secs(3600), silent).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_is_noticed_and_charged_for_what_it_got() {
    let service = builder("output_tokens = 50").service().unwrap();
    let mut body = streamed(&service, "stall=4").await.unwrap().into_body();
    for _ in 0..4 {
        body.frame().await.unwrap().unwrap();
    }
    drop(body);
    // Before the head, too.
    let silent = streamed(&service, "no-headers");
    assert!(timeout(Duration::from_secs(1), silent).await.is_err());
    service.idle().await;
    let log = service.log();
    assert!(log.iter().all(|seen| seen.cancelled && seen.finished));
    let [left, silent] = &service.bill().lines[..] else {
        panic!("{:?}", service.bill());
    };
    assert!(left.cancelled && left.completion_tokens < 50 && left.credits.nanos() > 0);
    assert_eq!(silent.credits.nanos(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_limited_log_forgets_requests_and_keeps_the_sums() {
    let limited = builder("").log_limit(2).service().unwrap();
    let whole = builder("").service().unwrap();
    let mut last = Vec::new();
    for number in 0..5 {
        for service in [&limited, &whole] {
            let response = service
                .call(request(json!({"max_tokens": 10 + number})))
                .await;
            last.push(response.unwrap().headers()["x-generation-id"].clone());
        }
    }
    limited.idle().await;
    whole.idle().await;
    assert_eq!((limited.requests(), whole.requests()), (5, 5));
    assert_eq!(limited.log(), whole.log()[3..]);
    assert_eq!(limited.bill().lines, whole.bill().lines[3..]);
    assert_eq!(limited.bill().total(), whole.bill().total());
    assert_eq!(limited.key_page().await, whole.key_page().await);
    for (id, status) in [(&last[0], 404), (&last[8], 200)] {
        let path = format!("/api/v1/generation?id={}", id.to_str().unwrap());
        assert_eq!(limited.get(&path).await.0, status);
    }
}

trait Pages {
    async fn get(&self, path: &str) -> (u16, Bytes);

    async fn key_page(&self) -> Bytes {
        self.get("/api/v1/key").await.1
    }
}

impl Pages for Service {
    async fn get(&self, path: &str) -> (u16, Bytes) {
        let request = http::Request::get(path)
            .header("authorization", format!("Bearer {KEY}"))
            .body(Bytes::new());
        let response = self.call(request.unwrap()).await.unwrap();
        let status = response.status().as_u16();
        (
            status,
            response.into_body().collect().await.unwrap().to_bytes(),
        )
    }
}
