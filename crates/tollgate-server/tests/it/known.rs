//! Callers that are known by keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::net::TcpListener;
use tollgate::{
    Dimension, FrameKind, Gateway, KeyBook, KeyConfig, KeyTable, NewKey, ServerConfig, UsageQuery,
};
use tollgate_server::{Callers, Metrics, WithoutKeys, known, measured, router, serve_router};

use crate::support::{After, JSON, MODEL, Upstream, chat, frame, gateway, send};

const CHAT: &str = "/v1/chat/completions";
const BODY: &str = r#"{"id":"gen-1","object":"chat.completion","model":"openai/gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"Red."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"cost":0.0001}}"#;

/// A server whose callers have keys by name.
struct Known {
    address: String,
    gateway: Gateway,
    callers: Callers,
    keys: BTreeMap<&'static str, String>,
}

fn book(tables: &[(&'static str, &str)]) -> (KeyBook, BTreeMap<&'static str, String>) {
    let (mut keys, mut shown) = (BTreeMap::new(), BTreeMap::new());
    for (name, toml) in tables {
        let key = NewKey::generate().unwrap();
        let mut config: KeyConfig = toml_of(toml);
        config.hash = Some(key.digest().hash(None));
        keys.insert((*name).to_owned(), config);
        shown.insert(*name, key.text().reveal().to_owned());
    }
    let origin = "test.toml".to_owned();
    (
        KeyBook::build(None, vec![KeyTable { origin, keys }]).unwrap(),
        shown,
    )
}

fn toml_of(text: &str) -> KeyConfig {
    let config = tollgate::Loader::new()
        .with_environment(Vec::new())
        .with_text("test.toml", format!("[keys.one]\n{text}"))
        .load()
        .unwrap();
    config.keys["one"].clone()
}

impl Known {
    async fn start(tables: &[(&'static str, &str)]) -> Self {
        let (book, keys) = book(tables);
        let budgets: String = book
            .budgets()
            .map(|(name, budget)| {
                format!(
                    "[budgets.\"{name}\"]\nlimit = {}\nwindow = \"month\"\nper = \"caller\"\nonly = [\"{}\"]\n",
                    budget.limit,
                    name.trim_start_matches("keys.")
                )
            })
            .collect();
        let upstream = Upstream {
            headers: Vec::new(),
            frames: vec![frame(FrameKind::Body, BODY)],
            after: After::End,
        };
        let gateway = gateway(upstream, &budgets).await;
        let config = ServerConfig::default();
        let metrics = Arc::new(Metrics::new(&gateway.config()));
        let router = measured(router(gateway.clone(), &config), gateway.clone(), metrics);
        let callers = Callers::new(book);
        let router = known(router, callers.clone(), WithoutKeys::Nobody);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            serve_router(listener, router, &config, std::future::pending()).await
        });
        Self {
            address,
            gateway,
            callers,
            keys,
        }
    }

    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let headers =
            format!("host: tollgate.example\r\ncontent-type: application/json\r\n{headers}");
        send(&self.address, method, path, &headers, body)
            .await
            .rest()
            .await
    }

    fn bearer(&self, name: &str) -> String {
        format!("authorization: Bearer {}\r\n", self.keys[name])
    }

    async fn chat_as(&self, name: &str) -> String {
        self.ask("POST", CHAT, &self.bearer(name), &chat(false))
            .await
    }
}

fn status(reply: &str) -> &str {
    &reply["HTTP/1.1 ".len()..][..3]
}

#[tokio::test]
async fn every_path_but_those_of_supervisors_asks_for_a_key() {
    let known = Known::start(&[("ci", "")]).await;
    let check = async |method: &str, path: &str, without: &str, with: &str| {
        let body = if method == "POST" { &*chat(false) } else { "" };
        let reply = known.ask(method, path, "", body).await;
        assert_eq!(status(&reply), without, "{path}: {reply}");
        let reply = known.ask(method, path, &known.bearer("ci"), body).await;
        assert_eq!(status(&reply), with, "{path}: {reply}");
    };
    check("GET", "/health/live", "200", "200").await;
    check("GET", "/health/ready", "200", "200").await;
    check("POST", CHAT, "401", "200").await;
    check("POST", "/api/v1/chat/completions", "401", "200").await;
    check("POST", "/v1/plan", "401", "200").await;
    check("GET", "/v1/models", "401", "200").await;
    check("GET", "/v1/key", "401", "200").await;
    check("GET", "/health/targets", "401", "403").await;
    check("GET", "/metrics", "401", "403").await;
    check("GET", "/openapi.json", "401", "200").await;
    check("GET", "/nowhere", "401", "404").await;
    check("GET", "//health/live", "401", "404").await;
    check("GET", "/health/live/../../v1/models", "401", "404").await;
}

#[tokio::test]
async fn operators_see_what_tells_of_everybody() {
    let known = Known::start(&[("ops", "admin = true")]).await;
    for path in ["/metrics", "/health/targets"] {
        let reply = known.ask("GET", path, &known.bearer("ops"), "").await;
        assert_eq!(status(&reply), "200", "{reply}");
    }
}

#[tokio::test]
async fn a_key_is_taken_in_every_header_and_two_keys_are_refused() {
    let known = Known::start(&[("ci", ""), ("other", "")]).await;
    let (key, other) = (&known.keys["ci"], &known.keys["other"]);
    for headers in [
        format!("authorization: Bearer {key}\r\n"),
        format!("x-api-key: {key}\r\n"),
        format!("api-key: {key}\r\n"),
        format!("x-api-key: {key}\r\nauthorization: Bearer {key}\r\n"),
    ] {
        let reply = known.ask("POST", CHAT, &headers, &chat(false)).await;
        assert_eq!(status(&reply), "200", "{reply}");
    }
    let both = format!("x-api-key: {key}\r\nauthorization: Bearer {other}\r\n");
    let reply = known.ask("POST", CHAT, &both, &chat(false)).await;
    assert_eq!(status(&reply), "400", "{reply}");
    assert!(!reply.contains(&key[12..]) && !reply.contains(&other[12..]));
}

#[tokio::test]
async fn whoever_is_not_known_learns_it_in_the_words_of_the_surface() {
    let known = Known::start(&[("ci", "")]).await;
    let wrong = NewKey::generate().unwrap();
    let headers = format!("x-api-key: {}\r\n", wrong.text().reveal());
    let messages = format!(
        r#"{{"model":"{MODEL}","max_tokens":5,"messages":[{{"role":"user","content":"x"}}]}}"#
    );
    let reply = known.ask("POST", "/v1/messages", &headers, &messages).await;
    assert_eq!(status(&reply), "401", "{reply}");
    assert!(
        reply.contains(r#""type":"authentication_error""#),
        "{reply}"
    );
    let reply = known.ask("POST", CHAT, &headers, &chat(false)).await;
    assert!(reply.contains(r#""code":401"#), "{reply}");
    assert!(!reply.contains(&wrong.text().reveal()[12..]), "{reply}");
}

#[tokio::test]
async fn a_key_is_good_for_its_models_and_policies_alone() {
    let known = Known::start(&[
        (
            "small",
            "models = [\"openai/*\"]\npolicies = [\"cheapest\"]",
        ),
        ("virtual", "models = [\"tollgate/*\"]"),
    ])
    .await;
    let check = async |name: &str, model: &str, headers: &str, expected: &str| {
        let body = chat(false).replace(MODEL, model);
        let headers = format!("{}{headers}", known.bearer(name));
        let reply = known.ask("POST", CHAT, &headers, &body).await;
        assert_eq!(status(&reply), expected, "{name} {model}: {reply}");
    };
    check("small", MODEL, "", "200").await;
    check("small", "anthropic/claude-3-haiku", "", "403").await;
    check("small", "tollgate/cheapest", "", "403").await;
    check("small", MODEL, "x-tollgate-policy: quality\r\n", "403").await;
    check("virtual", MODEL, "", "403").await;
    check("virtual", "tollgate/balanced", "", "200").await;
    let with_fallback = chat(false).replace(
        "\"stream\"",
        "\"models\":[\"anthropic/claude-3-haiku\"],\"stream\"",
    );
    let reply = known
        .ask("POST", CHAT, &known.bearer("small"), &with_fallback)
        .await;
    assert_eq!(status(&reply), "403", "{reply}");
}

#[tokio::test(start_paused = true)]
async fn a_key_has_its_minute_and_learns_when_the_next_one_begins() {
    let known = Known::start(&[("few", "requests_per_minute = 2"), ("many", "")]).await;
    for _ in 0..2 {
        assert_eq!(status(&known.chat_as("few").await), "200");
    }
    let reply = known.chat_as("few").await;
    assert_eq!(status(&reply), "429", "{reply}");
    assert!(reply.contains("retry-after: "), "{reply}");
    assert!(reply.contains("rate_limited"), "{reply}");
    assert_eq!(status(&known.chat_as("many").await), "200");
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    assert_eq!(status(&known.chat_as("few").await), "200");
}

#[tokio::test(start_paused = true)]
async fn tokens_are_counted_as_they_came_to() {
    // Each answer is estimated at over a thousand tokens and comes to eleven.
    let known = Known::start(&[("few", "tokens_per_minute = 1100")]).await;
    for _ in 0..5 {
        assert_eq!(status(&known.chat_as("few").await), "200");
    }
    let long = chat(false).replace("\"stream\"", "\"max_tokens\":1080,\"stream\"");
    let reply = known.ask("POST", CHAT, &known.bearer("few"), &long).await;
    assert_eq!(status(&reply), "429", "{reply}");
}

#[tokio::test]
async fn the_ledger_knows_who_called_and_a_budget_of_the_key_holds() {
    let known = Known::start(&[
        ("rich", "team = \"search\""),
        ("poor", "budget = { limit = 0.00000001, per = \"month\" }"),
    ])
    .await;
    assert_eq!(status(&known.chat_as("rich").await), "200");
    let reply = known.chat_as("poor").await;
    assert_eq!(status(&reply), "402", "{reply}");
    assert!(reply.contains("keys.poor"), "{reply}");
    let query = UsageQuery {
        by: vec![Dimension::Caller, Dimension::Tag("team".into())],
        ..UsageQuery::default()
    };
    let rows = known.gateway.usage(&query).await.unwrap();
    let calls: Vec<_> = rows.iter().filter(|row| row.calls > 0).collect();
    assert_eq!(calls.len(), 1, "{rows:?}");
    assert!(format!("{:?}", calls[0]).contains("rich"), "{rows:?}");
    assert!(format!("{:?}", calls[0]).contains("search"), "{rows:?}");
}

#[tokio::test]
async fn another_book_holds_from_the_next_request_on() {
    let known = Known::start(&[("ci", "")]).await;
    assert_eq!(status(&known.chat_as("ci").await), "200");
    let (other, _) = book(&[("new", "")]);
    known.callers.set(other);
    assert_eq!(status(&known.chat_as("ci").await), "401");
    let (none, _) = book(&[]);
    known.callers.set(none);
    let reply = known
        .ask(
            "POST",
            CHAT,
            JSON.trim_start_matches("host: localhost\r\n"),
            &chat(false),
        )
        .await;
    assert_eq!(
        status(&reply),
        "401",
        "without keys nobody is let in: {reply}"
    );
}
