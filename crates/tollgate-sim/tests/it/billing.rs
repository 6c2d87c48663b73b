//! The bill: what is charged, for whom, and for what became of it.

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tollgate_sim::{NanoUsd, Simulator};

use crate::client::{Ask, BYOK_KEY, sim};

/// `usage.cost` exactly as it was written.
fn cost(body: &str) -> NanoUsd {
    let at = body.find("\"cost\":").unwrap() + 7;
    let end = body[at..].find(',').unwrap();
    NanoUsd::parse(&body[at..at + end]).unwrap()
}

async fn generation(sim: &Simulator, id: &str) -> Option<Value> {
    let reply = Ask::get(&format!("/api/v1/generation?id={id}"))
        .send(sim)
        .await;
    (reply.status == Some(200)).then(|| reply.json()["data"].clone())
}

#[tokio::test(start_paused = true)]
async fn the_bill_is_the_sum_of_what_was_reported() {
    let sim = sim("").await;
    let mut reported = NanoUsd::ZERO;
    for number in 0..40 {
        let model = [
            "openai/gpt-4o-mini",
            "deepseek/deepseek-r1",
            "anthropic/claude-haiku-4.5",
        ][number % 3];
        let fields = json!({"model": model, "stream": number % 2 == 0, "seed": number});
        reported += cost(&Ask::chat(fields).send(&sim).await.text());
    }
    assert!(reported > NanoUsd::ZERO);
    assert_eq!(
        (
            sim.bill().credits(),
            sim.bill().total(),
            sim.bill().lines.len()
        ),
        (reported, reported, 40)
    );
    let credits = Ask::get("/api/v1/credits").send(&sim).await.text();
    assert!(
        credits.contains(&format!("\"total_usage\":{reported}")),
        "{credits}"
    );
    let key = Ask::get("/api/v1/key").send(&sim).await.text();
    assert!(key.contains(&format!("\"usage\":{reported}")), "{key}");
}

#[tokio::test(start_paused = true)]
async fn a_price_is_tokens_times_the_catalog_rounded_once() {
    let sim = sim("output_tokens = 33").await;
    let body = Ask::chat(json!({})).send(&sim).await.json();
    // gpt-4o-mini: 0.15 and 0.60 dollars a million, so 150 and 600 nanos a thousandth of that.
    let prompt = body["usage"]["prompt_tokens"].as_i64().unwrap();
    assert_eq!(sim.bill().credits(), NanoUsd::new(prompt * 150 + 33 * 600));
}

#[tokio::test(start_paused = true)]
async fn own_provider_keys_pay_the_fee_here_and_the_price_there() {
    for (percent, share) in [(0, 0), (5, 20)] {
        let sim = sim(&format!(
            "byok_fee_percent = {percent}\noutput_tokens = 1000"
        ))
        .await;
        let reply = Ask::chat(json!({}))
            .with("authorization", &format!("Bearer {BYOK_KEY}"))
            .send(&sim)
            .await;
        let body = reply.json();
        assert_eq!(body["usage"]["is_byok"], true);
        let bill = sim.bill();
        assert_eq!(bill.credits(), NanoUsd::ZERO);
        assert!(bill.provider_cost() > NanoUsd::new(600_000));
        let fee = if share == 0 {
            0
        } else {
            bill.provider_cost().nanos() / share
        };
        assert!((bill.fees().nanos() - fee).abs() <= 1, "{bill:?}");
        assert_eq!(cost(&reply.text()), bill.fees());
        assert!(reply.text().contains(&format!(
            "\"upstream_inference_cost\":{}",
            bill.provider_cost()
        )));
    }
}

#[tokio::test(start_paused = true)]
async fn refused_attempts_cost_nothing() {
    let sim = sim("").await;
    for fault in [
        "unavailable",
        "error-200",
        "error-choice",
        "empty-answer",
        "reset",
        "no-headers",
        "stall",
        "comments",
    ] {
        for stream in [false, true] {
            Ask::chat(json!({"stream": stream}))
                .with("x-sim-fault", fault)
                .send(&sim)
                .await;
        }
        sim.idle().await;
        assert_eq!(sim.bill().total(), NanoUsd::ZERO, "{fault}");
    }
    Ask::chat(json!({}))
        .with("x-sim-fault", "reset-billed")
        .send(&sim)
        .await;
    assert!(sim.bill().total() > NanoUsd::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_cut_stream_is_charged_for_what_was_sent_and_told_later() {
    let sim = sim("generation_delay_ms = 3000\noutput_tokens = 60").await;
    let whole = Ask::chat(json!({"stream": true})).send(&sim).await;
    let reply = Ask::chat(json!({"stream": true}))
        .with("x-sim-fault", "cut-event=5")
        .send(&sim)
        .await;
    assert!(!reply.text().contains("\"usage\""));
    let id = reply.header("x-generation-id").unwrap().to_owned();
    let bill = sim.bill();
    let line = bill.line(&id).unwrap();
    assert!((4..=16).contains(&line.completion_tokens), "{line:?}");
    assert_eq!(
        line.credits.nanos(),
        i64::try_from(line.prompt_tokens * 150 + line.completion_tokens * 600).unwrap()
    );
    assert!(
        line.credits
            < bill
                .line(whole.header("x-generation-id").unwrap())
                .unwrap()
                .credits
    );

    assert_eq!(generation(&sim, &id).await, None);
    tokio::time::advance(std::time::Duration::from_millis(3001)).await;
    let record = generation(&sim, &id).await.unwrap();
    assert_eq!(record["native_tokens_completion"], line.completion_tokens);
    assert_eq!(
        (&record["cancelled"], &record["finish_reason"]),
        (&json!(false), &Value::Null)
    );
}

/// Reads a little of a slow stream and leaves.
async fn leave(sim: &Simulator, fields: Value) {
    let mut stream = Ask::chat(fields).open(sim).await;
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    while seen.windows(6).filter(|window| window == b"data: ").count() < 4 {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the stream ended too soon");
        seen.extend_from_slice(&buffer[..count]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_stops_the_stream_and_the_bill() {
    let slow = "latency = { fixed = { first_token_ms = 100, tokens_per_second = 10 } }\noutput_tokens = 200";
    let sim1 = sim(slow).await;
    leave(&sim1, json!({"stream": true})).await;
    sim1.idle().await;
    let (bill, log) = (sim1.bill(), sim1.log());
    assert!(
        log[0].cancelled && log[0].finished && log[0].tokens_sent < 30,
        "{:?}",
        log[0]
    );
    assert!(bill.lines[0].cancelled && bill.lines[0].completion_tokens == log[0].tokens_sent);

    for (bills_on, stops) in [
        ("upstream_cancel = false", false),
        ("bills_on = ['* *']", false),
        ("bills_on = ['nobody']", true),
    ] {
        let sim = sim(&format!("{slow}\n{bills_on}")).await;
        leave(&sim, json!({"stream": true})).await;
        sim.idle().await;
        let charged = sim.bill().lines[0].completion_tokens;
        assert_eq!(charged < 200, stops, "{bills_on}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_charged_although_the_client_left() {
    let sim = sim("latency = { fixed = { first_token_ms = 5000, tokens_per_second = 10 } }\noutput_tokens = 50").await;
    let stream = Ask::chat(json!({})).open(&sim).await;
    while sim.log().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    sim.idle().await;
    assert!(sim.log()[0].cancelled);
    assert_eq!(sim.bill().lines[0].completion_tokens, 50);
}

#[tokio::test(start_paused = true)]
async fn spent_credits_are_the_end() {
    let sim = sim("credits = '0.00005'\noutput_tokens = 50").await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(Ask::chat(json!({})).send(&sim).await.status.unwrap());
    }
    assert_eq!(statuses, [200, 200, 402, 402]);
    assert_eq!(
        Ask::get("/api/v1/credits").send(&sim).await.status,
        Some(200)
    );
}

#[tokio::test(start_paused = true)]
async fn repeated_input_is_read_from_the_cache() {
    let sim = sim("").await;
    let long = "a long preface about rivers ".repeat(400);
    let first = json!([{"role": "system", "content": long}, {"role": "user", "content": "one"}]);
    let second = json!([{"role": "system", "content": long}, {"role": "user", "content": "two"}]);
    let cached = async |messages: &Value, session: &str| {
        let body = Ask::chat(json!({"messages": messages, "session_id": session}))
            .send(&sim)
            .await
            .json();
        body["usage"]["prompt_tokens_details"]["cached_tokens"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(cached(&first, "a").await, 0);
    assert!(cached(&second, "a").await > 2000);
    assert_eq!(cached(&second, "b").await, 0);
    let bill = sim.bill();
    assert!(bill.lines[1].credits < bill.lines[0].credits);
}
