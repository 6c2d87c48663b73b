//! How answers end that do not end well, and what becomes of those that go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tollgate::{Dimension, FailureKind, UsageQuery};
use tollgate_testkit::providers::{Fault, Script, ScriptedProvider, text_frame};

use crate::support::{JSON, MODEL, OTHER, Server, chat, gateway_to};

const CHAIN: &str = "[openrouter.optimization]\nfallback_chain = [\"anthropic/claude-3-haiku\"]\n[failover]\ngroup_models = false\n";
const CHAT: &str = "/v1/chat/completions";

async fn server(provider: ScriptedProvider, toml: &str) -> Server {
    Server::start(gateway_to(Arc::new(provider), toml).await).await
}

fn on(model: &str, script: Script) -> ScriptedProvider {
    ScriptedProvider::new().on("openrouter", model, script)
}

#[tokio::test(start_paused = true)]
async fn the_upstreams_quarrel_with_our_key_is_not_the_callers() {
    for (kind, status, word) in [
        (FailureKind::Auth, 401, "upstream_auth"),
        (FailureKind::Payment, 402, "upstream_credit"),
    ] {
        let script = || Script::refuse(Fault::new(kind).status(status));
        for stream in [false, true] {
            let provider = on(MODEL, script()).on("openrouter", OTHER, script());
            let server = server(provider, CHAIN).await;
            let reply = server.chat(stream).await;
            assert!(reply.starts_with("HTTP/1.1 502"), "{reply}");
            assert!(
                reply.contains(&format!("\"error_type\":\"{word}\"")),
                "{reply}"
            );
            assert!(reply.contains("\"code\":502"), "{reply}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_can_serve_learns_why_and_when_to_come_back() {
    let refused = Script::refuse(Fault::new(FailureKind::Auth).status(401));
    let server = server(on(MODEL, refused), "").await;
    server.chat(false).await;
    let reply = server.chat(false).await;
    assert!(reply.starts_with("HTTP/1.1 503"), "{reply}");
    assert!(reply.contains("retry-after: "), "{reply}");
    assert!(
        reply.contains("\"last_failure\":\"scripted upstream_auth"),
        "{reply}"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_is_refused_learns_when_to_come_back_and_whether_we_tried_for_them() {
    let limited = |seconds| {
        let wait = Duration::from_secs(seconds);
        Script::refuse(
            Fault::new(FailureKind::RateLimited)
                .status(429)
                .retry_after(wait),
        )
    };
    let provider = on(MODEL, limited(90)).on("openrouter", OTHER, limited(45));
    let reply = server(provider, CHAIN).await.chat(true).await;
    assert!(reply.starts_with("HTTP/1.1 429"), "{reply}");
    assert!(reply.contains("retry-after: 45\r\n"), "{reply}");
    assert!(reply.contains("x-should-retry: false\r\n"), "{reply}");

    let provider = on(
        MODEL,
        Script::refuse(Fault::new(FailureKind::InvalidRequest)),
    );
    let reply = server(provider, CHAIN).await.chat(true).await;
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
    assert!(
        !reply.contains("x-should-retry"),
        "one attempt may be repeated: {reply}"
    );
    assert!(!reply.contains("retry-after"), "{reply}");

    let unknown = || Script::refuse(Fault::new(FailureKind::LedgerUnavailable));
    let reply = server(on(MODEL, unknown()), "").await.chat(false).await;
    assert!(reply.starts_with("HTTP/1.1 503"), "{reply}");
    assert!(
        reply.contains("retry-after: 1\r\n"),
        "nobody knows when: {reply}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_goes_on_elsewhere_says_so_between_its_chunks() {
    let cut = || {
        let fault = Fault::new(FailureKind::Truncated);
        Script::new().frame(text_frame("Red, I")).cut(fault)
    };
    let provider = || {
        on(MODEL, cut())
            .on("openrouter", MODEL, Script::answer(&["Green."]))
            .on("openrouter", OTHER, Script::answer(&["Green."]))
    };
    let headers = format!("{JSON}x-tollgate-after-commit: restart\r\n");
    let restarting = server(provider(), CHAIN).await;
    let reply = restarting.send("POST", CHAT, &headers, &chat(true)).await;
    let reply = reply.rest().await;
    let order = [
        "Red, I",
        "\"event\":\"restarted\"",
        "Green.",
        "data: [DONE]",
    ];
    let places = order.map(|word| {
        reply
            .find(word)
            .unwrap_or_else(|| panic!("{word}: {reply}"))
    });
    assert!(places.is_sorted(), "{reply}");

    let plain = server(provider(), CHAIN).await;
    let reply = plain.chat(true).await;
    assert!(reply.contains("\"finish_reason\":\"error\""), "{reply}");
    assert!(
        !reply.contains("[DONE]") && !reply.contains("Green."),
        "{reply}"
    );

    let headers = format!("{JSON}x-tollgate-after-commit: again\r\n");
    let reply = plain.send("POST", CHAT, &headers, &chat(true)).await;
    let reply = reply.rest().await;
    assert!(reply.contains("error, restart, resume"), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_cut_off_and_its_call_is_booked() {
    let piece = text_frame(&"x".repeat(1 << 16));
    let endless = Script::new()
        .frames(std::iter::repeat_n(piece, 2_000))
        .stall();
    let provider = Arc::new(on(MODEL, endless));
    // At a lane that bills on, the rest would be read all the same.
    let stops = "[openrouter]\nstops_billing = true\n";
    let gateway = gateway_to(provider.clone(), stops).await;
    let server = Server::start(gateway.clone()).await;
    let start = Instant::now();
    let client = server.send("POST", CHAT, JSON, &chat(true)).await;
    while provider.sent().is_empty() || provider.open() > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let waited = start.elapsed().as_secs();
    assert!((60..=62).contains(&waited), "{waited} s");
    drop(client);

    gateway.clone().shutdown().await;
    let query = UsageQuery {
        by: vec![Dimension::Lane],
        ..UsageQuery::default()
    };
    let rows = gateway.usage(&query).await.unwrap();
    assert_eq!((rows[0].calls, rows[0].attempts), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_of_targets_is_told_to_this_machine_only() {
    let provider = on(MODEL, Script::refuse(Fault::new(FailureKind::NotFound)));
    let server = server(provider, "").await;
    server.chat(false).await;
    let path = "/health/targets";
    let reply = server
        .send("GET", path, "host: localhost\r\n", "")
        .await
        .rest()
        .await;
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{reply}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let targets = body["targets"].as_array().unwrap();
    let of_the_model = |one: &&serde_json::Value| one["model"] == MODEL;
    let seen = targets
        .iter()
        .find(of_the_model)
        .unwrap_or_else(|| panic!("{body}"));
    assert_eq!(
        (&seen["scope"], &seen["lane"]),
        (&"endpoint".into(), &"openrouter".into())
    );
    assert!(
        seen["breaker"].is_string() && seen["attempts"].is_u64(),
        "{seen}"
    );

    let foreign = server
        .send("GET", path, "host: rebound.example\r\n", "")
        .await;
    assert!(foreign.rest().await.starts_with("HTTP/1.1 403"));
}
