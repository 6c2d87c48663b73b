//! The simulator's own routes, and its life.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tollgate_sim::{Error, SimConfig, Simulator, faults};

use crate::client::{Ask, End, KEY, sim};

#[tokio::test(start_paused = true)]
async fn log_and_bill_are_the_same_inside_and_over_http() {
    let sim = sim("").await;
    Ask::chat(json!({}))
        .with("x-title", "a test")
        .send(&sim)
        .await;
    Ask::get("/api/v1/models").send(&sim).await;
    let log = Ask::get("/sim/log").send(&sim).await.json();
    assert_eq!(log["data"], serde_json::to_value(sim.log()).unwrap());
    assert_eq!(
        (&log["data"][0]["number"], &log["data"][1]["path"]),
        (&json!(1), &json!("/api/v1/models"))
    );
    assert_eq!(sim.log()[0].header("X-Title"), Some("a test"));
    assert!(sim.log()[0].body_text().contains("Tell me about rivers"));
    let bill = Ask::get("/sim/bill").send(&sim).await;
    assert!(
        bill.text()
            .starts_with(&format!("{{\"credits\":{}", sim.bill().credits())),
        "{}",
        bill.text()
    );
    assert_eq!(bill.json()["lines"].as_array().unwrap().len(), 1);

    Ask::post("/sim/reset", &json!({})).send(&sim).await;
    assert!(sim.log().is_empty() && sim.bill().lines.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_test_sees_every_header_and_byte_that_came() {
    let sim = sim("").await;
    let ask = Ask::chat(json!({})).and("X-Tag", "one").and("x-tag", "two");
    ask.at("/api/v1/chat/completions?a=%2F&b").send(&sim).await;
    let not_text = b"{\"model\":\"\xff\"}";
    Ask::chat(json!({})).raw_body(not_text).send(&sim).await;
    let log = sim.log();
    let values: Vec<&str> = log[0].headers_named("X-Tag").collect();
    assert_eq!(values, ["one", "two"]);
    let names: Vec<&str> = log[0]
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let sent = [
        "host",
        "connection",
        "authorization",
        "content-type",
        "x-tag",
        "x-tag",
        "content-length",
    ];
    for name in sent {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert_eq!(names.len(), sent.len());
    assert_eq!(log[0].path, "/api/v1/chat/completions?a=%2F&b");
    for (text, came) in [
        (KEY, true),
        ("x-tag", true),
        ("b", true),
        ("about rivers", true),
        ("sk-gateway", false),
    ] {
        assert_eq!(log[0].contains(text), came, "{text}");
    }
    assert_eq!(log[1].body.as_ref(), not_text);

    let told = Ask::get("/sim/log").send(&sim).await.json();
    assert_eq!(told["data"][0].get("body_base64"), None);
    assert_eq!(told["data"][1]["body"], "{\"model\":\"\u{fffd}\"}");
    assert_eq!(told["data"][1]["body_base64"], "eyJtb2RlbCI6Iv8ifQ==");
}

#[tokio::test(start_paused = true)]
async fn a_scenario_can_be_set_over_http() {
    let sim = sim("").await;
    let set = |toml: &str| Ask::get("/sim/scenario").method("PUT").raw_body(toml);
    assert_eq!(
        set("[[rules]]\nfault = 'overloaded'")
            .send(&sim)
            .await
            .status,
        Some(200)
    );
    assert_eq!(Ask::chat(json!({})).send(&sim).await.status, Some(529));
    let refused = set("[[rules]]\nfault = 'overlaoded'").send(&sim).await;
    assert_eq!(refused.status, Some(400));
    assert!(refused.text().contains("did you mean `overloaded`"));
    assert_eq!(Ask::chat(json!({})).send(&sim).await.status, Some(529));
    let listed = Ask::get("/sim/faults").send(&sim).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), faults().len());
    assert_eq!(Ask::get("/sim/nothing").send(&sim).await.status, Some(404));
}

#[tokio::test(start_paused = true)]
async fn an_answer_begun_before_a_reset_is_not_billed_after_it() {
    let sim = sim("latency = { fixed = { first_token_ms = 1000, tokens_per_second = 100 } }").await;
    let ask = Ask::chat(json!({}));
    let (reply, ()) = tokio::join!(ask.send(&sim), async {
        while sim.log().is_empty() {
            tokio::task::yield_now().await;
        }
        sim.reset();
    });
    assert_eq!(reply.status, Some(200));
    assert!(sim.bill().lines.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_breaks_what_is_open() {
    let sim = sim("").await;
    let address = sim.address();
    let stream = Ask::chat(json!({"model": "sim/stall"})).open(&sim).await;
    while sim.log().is_empty() {
        tokio::task::yield_now().await;
    }
    sim.shutdown().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_starts_a_simulator_or_says_what_is_wrong() {
    let folder = std::env::temp_dir().join(format!("tollgate-sim-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    let free = SimConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        ..SimConfig::default()
    };
    let good = SimConfig {
        scenario: file("good.toml", "[[rules]]\nfault = 'html'"),
        ..free.clone()
    };
    let sim = good.start().await.unwrap();
    assert_eq!(Ask::chat(json!({})).send(&sim).await.status, Some(502));

    let catalog = file(
        "catalog.json",
        r#"{"data":[{"id":"a/b","canonical_slug":"a/b-1","created":1,"context_length":1000,
        "architecture":{"input_modalities":["text"],"output_modalities":["text"]},"pricing":{"prompt":"0.000001","completion":"0"}}]}"#,
    );
    let sim = SimConfig {
        catalog,
        epoch: Some(1_800_000_000),
        ..free.clone()
    }
    .start()
    .await
    .unwrap();
    let body = Ask::chat(json!({"model": "a/b"})).send(&sim).await.json();
    assert_eq!(
        (&body["model"], &body["created"]),
        (&json!("a/b-1"), &json!(1_800_000_000))
    );

    let missing = SimConfig {
        scenario: Some(folder.join("missing.toml")),
        ..free.clone()
    };
    assert!(matches!(missing.start().await, Err(Error::Read { .. })));
    let bad = SimConfig {
        catalog: file("bad.json", "{}"),
        ..free.clone()
    };
    assert!(matches!(bad.start().await, Err(Error::Catalog { .. })));
    let taken = SimConfig {
        listen: sim.address(),
        ..free
    };
    assert!(matches!(taken.start().await, Err(Error::Listen { .. })));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_serves_one_request_after_another() {
    let sim = sim("").await;
    let mut stream = tokio::net::TcpStream::connect(sim.address()).await.unwrap();
    let mut bytes = Vec::new();
    for replies in 1..=3 {
        let request = b"GET /api/v1/models/count HTTP/1.1\r\nhost: sim\r\n\r\n";
        stream.write_all(request).await.unwrap();
        while bytes
            .windows(8)
            .filter(|part| part == b"\"count\":")
            .count()
            < replies
        {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
        }
    }
    assert_eq!(sim.log().len(), 3);
}

#[tokio::test]
async fn many_at_once_are_all_counted() {
    let sim = Simulator::builder().start().await.unwrap();
    let asks: Vec<Ask> = (0..100)
        .map(|number| Ask::chat(json!({"stream": number % 2 == 0, "seed": number})))
        .collect();
    let mut whole = 0;
    for group in asks.chunks(20) {
        let replies = futures(group, &sim).await;
        whole += replies.iter().filter(|end| **end == End::Whole).count();
    }
    sim.idle().await;
    assert_eq!(
        (whole, sim.log().len(), sim.bill().lines.len()),
        (100, 100, 100)
    );
}

/// Sends all requests at the same time.
async fn futures(asks: &[Ask], sim: &Simulator) -> Vec<End> {
    let mut streams = Vec::new();
    for ask in asks {
        streams.push(ask.send(sim));
    }
    let mut pending: Vec<_> = streams.into_iter().map(Box::pin).collect();
    let mut ends = Vec::new();
    std::future::poll_fn(|context| {
        pending.retain_mut(|reply| match reply.as_mut().poll(context) {
            std::task::Poll::Ready(reply) => {
                ends.push(reply.end);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    ends
}
