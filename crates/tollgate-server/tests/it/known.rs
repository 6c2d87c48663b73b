//! Callers that are known by keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate::{
    Dimension, FrameKind, Gateway, KeyBook, KeyConfig, KeyTable, NewKey, ServerConfig, UsageQuery,
};
use tollgate_server::{
    Callers, Metrics, WithoutKeys, counted, known, measured, router, serve_router,
};

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
        let upstream = Upstream {
            headers: Vec::new(),
            frames: vec![frame(FrameKind::Body, BODY)],
            after: After::End,
        };
        Self::start_with(upstream, tables).await
    }

    async fn start_with(upstream: Upstream, tables: &[(&'static str, &str)]) -> Self {
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
        let gateway = gateway(upstream, &budgets).await;
        let config = ServerConfig::default();
        let metrics = Arc::new(Metrics::new());
        let router = router(gateway.clone(), &config);
        let router = measured(router, gateway.clone(), metrics.clone());
        let callers = Callers::new(book);
        // As programs mount it, before and after they ask for keys.
        let inside = Router::new().nest("/inside", router.clone());
        let inside = known(inside, callers.clone(), WithoutKeys::Nobody);
        let router = known(router, callers.clone(), WithoutKeys::Nobody);
        let router = Router::new()
            .nest("/outside", router.clone())
            .merge(inside)
            .merge(router);
        let router = counted(router, metrics);
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
async fn paths_below_a_prefix_ask_for_the_same_keys() {
    let known = Known::start(&[("ci", ""), ("ops", "admin = true")]).await;
    for prefix in ["/inside", "/outside"] {
        let check = async |path: &str, [nobody, ci, ops]: [&str; 3]| {
            let path = format!("{prefix}{path}");
            for (headers, expected) in [
                (String::new(), nobody),
                (known.bearer("ci"), ci),
                (known.bearer("ops"), ops),
            ] {
                let reply = known.ask("GET", &path, &headers, "").await;
                assert_eq!(status(&reply), expected, "{path}: {reply}");
            }
        };
        check("/health/live", ["200"; 3]).await;
        check("/health/ready", ["200"; 3]).await;
        check("/v1/models", ["401", "200", "200"]).await;
        check("/health/targets", ["401", "403", "200"]).await;
        check("/metrics", ["401", "403", "200"]).await;
    }
}

#[tokio::test]
async fn whoever_is_refused_at_the_door_is_counted_and_told_how_to_come_in() {
    let known = Known::start(&[("ci", ""), ("ops", "admin = true")]).await;
    let reply = known.ask("POST", CHAT, "", &chat(false)).await;
    assert!(
        reply.contains("www-authenticate: Bearer realm=\"tollgate\"\r\n"),
        "{reply}"
    );
    let path = "/metrics";
    let reply = known.ask("GET", path, &known.bearer("ci"), "").await;
    assert_eq!(status(&reply), "403", "{reply}");
    let page = known.ask("GET", path, &known.bearer("ops"), "").await;
    for counted in [
        "kind=\"unauthorized\"} 1\n",
        "kind=\"forbidden\"} 1\n",
        "http_route=\"/v1/chat/completions\",status_class=\"4xx\"} 1\n",
    ] {
        assert!(page.contains(counted), "{counted}: {page}");
    }
    let (none, _) = book(&[]);
    known.callers.set(none);
    let reply = known.ask("GET", "/v1/models", "", "").await;
    assert!(reply.contains("\"error_type\":\"unauthorized\""), "{reply}");
    assert!(reply.contains("www-authenticate: "), "{reply}");
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

#[tokio::test]
async fn the_first_of_models_alone_is_what_a_call_names() {
    let one = format!("models = [\"{MODEL}\"]");
    let known = Known::start(&[
        ("one", &*one),
        ("cheap", "policies = [\"cheapest\"]"),
        ("auto", "models = [\"tollgate/auto\"]"),
    ])
    .await;
    let check = async |name: &str, models: &str, expected: &str| {
        let named = format!("\"models\":{models}");
        let body = chat(false).replace(&format!("\"model\":\"{MODEL}\""), &named);
        let reply = known.ask("POST", CHAT, &known.bearer(name), &body).await;
        assert_eq!(status(&reply), expected, "{name} {models}: {reply}");
    };
    check("one", &format!("[\"{MODEL}\"]"), "200").await;
    check("one", "[\"anthropic/claude-3-haiku\"]", "403").await;
    check("one", "[]", "403").await;
    check("cheap", "[\"tollgate/cheapest\"]", "200").await;
    check("cheap", "[\"tollgate/quality\"]", "403").await;
    check("auto", "[\"tollgate/quality\"]", "403").await;
    check("auto", "[]", "200").await;
}

#[tokio::test]
async fn a_key_with_a_list_may_not_use_presets_which_choose_by_themselves() {
    let known = Known::start(&[
        ("small", "models = [\"openai/*\"]"),
        ("cheap", "policies = [\"cheapest\"]"),
        ("free", ""),
    ])
    .await;
    let check = async |name: &str, body: &str, expected: &str| {
        let reply = known.ask("POST", CHAT, &known.bearer(name), body).await;
        assert_eq!(status(&reply), expected, "{name} {body}: {reply}");
        let is_told = reply.contains("may not use presets");
        assert_eq!(is_told, expected == "403", "{reply}");
    };
    let beside = chat(false).replace("\"stream\"", "\"preset\":\"mine\",\"stream\"");
    let within = chat(false).replace(MODEL, &format!("{MODEL}@preset/mine"));
    let after = chat(false).replace(
        "\"stream\"",
        &format!("\"models\":[\"{MODEL}@preset/mine\"],\"stream\""),
    );
    for body in [&beside, &within, &after] {
        check("small", body, "403").await;
        check("cheap", body, "403").await;
    }
    check("free", &beside, "200").await;
    let none = beside.replace("\"mine\"", "null");
    check("small", &none, "200").await;
}

#[tokio::test]
async fn the_tags_of_a_key_are_not_for_its_callers_to_change() {
    let table = "team = \"search\"\ntags = { env = \"prod\", user = \"robot\" }";
    let known = Known::start(&[("ci", table)]).await;
    for tags in ["team=other", "a=b, env=prod", "user=me"] {
        let headers = format!("{}x-tollgate-tags: {tags}\r\n", known.bearer("ci"));
        for path in [CHAT, "/v1/plan"] {
            let reply = known.ask("POST", path, &headers, &chat(false)).await;
            assert_eq!(status(&reply), "400", "{tags}: {reply}");
            assert!(reply.contains("is said by the key"), "{reply}");
        }
    }
    let body = chat(false).replace(
        "\"stream\"",
        r#""user":"me","metadata":{"team":"other","env":"test","more":"1"},"stream""#,
    );
    let headers = format!("{}x-tollgate-tags: a=b\r\n", known.bearer("ci"));
    let reply = known.ask("POST", CHAT, &headers, &body).await;
    assert_eq!(status(&reply), "200", "{reply}");
    let names = ["team", "env", "user", "more", "a"];
    let query = UsageQuery {
        by: names.map(|name| Dimension::Tag(name.into())).into(),
        ..UsageQuery::default()
    };
    let rows = known.gateway.usage(&query).await.unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0].key, ["search", "prod", "robot", "1", "b"]);
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

#[tokio::test(start_paused = true)]
async fn every_answer_that_is_asked_for_is_counted() {
    let known = Known::start(&[("few", "tokens_per_minute = 2500")]).await;
    let check = async |members: &str, expected: &str| {
        let body = chat(false).replace("\"stream\"", &format!("{members},\"stream\""));
        let reply = known.ask("POST", CHAT, &known.bearer("few"), &body).await;
        assert_eq!(status(&reply), expected, "{members}: {reply}");
    };
    check("\"n\":2", "200").await;
    check("\"n\":3", "400").await;
    check("\"n\":20,\"max_tokens\":100", "200").await;
    check("\"n\":30,\"max_tokens\":100", "400").await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_its_client_leaves_counts_as_far_as_it_came() {
    let word = r#"{"id":"gen-1","choices":[{"index":0,"delta":{"content":"Red."}}]}"#;
    let mut word = frame(FrameKind::Event, word);
    word.facts.output_bytes = 400;
    let upstream = Upstream {
        headers: Vec::new(),
        frames: vec![word],
        after: After::Silence,
    };
    let known = Known::start_with(upstream, &[("few", "tokens_per_minute = 1100")]).await;
    let headers = format!("{JSON}{}", known.bearer("few"));
    let mut client = send(&known.address, "POST", CHAT, &headers, &chat(true)).await;
    client.until("Red.").await;
    let book = known.callers.book();
    let gate = book.entries().next().unwrap().gate();
    let has_room = |tokens: u64| {
        let taken = gate.take(tokens, tokio::time::Instant::now().into_std());
        taken.map(|taken| taken.cancel(tokio::time::Instant::now().into_std()))
    };
    assert!(has_room(900).is_err());
    drop(client);
    let mut seconds = 0..30;
    while has_room(900).is_err() {
        assert!(
            seconds.next().is_some(),
            "what was not used is not given back"
        );
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    assert!(has_room(1_000).is_err(), "a hundred tokens have gone past");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_told_its_end_and_its_limits() {
    let limits = "requests_per_minute = 60\ntokens_per_minute = 9000\nmax_concurrent = 4";
    let limits = format!("expires = 9000-01-01\n{limits}");
    let known = Known::start(&[("limited", &*limits), ("free", "")]).await;
    for (name, expires, requests, note) in [
        (
            "limited",
            json!("9000-01-01T00:00:00Z"),
            60,
            "of any 60 seconds; at most 9000 tokens in any 60 seconds; at most 4 calls at the same \
             time",
        ),
        (
            "free",
            Value::Null,
            i32::MAX,
            "there is no such limit; the largest number stands for it",
        ),
    ] {
        let reply = known.ask("GET", "/v1/key", &known.bearer(name), "").await;
        let (_, body) = reply.split_once("\r\n\r\n").unwrap();
        let page: Value = serde_json::from_str(body).unwrap();
        assert_eq!(page["data"]["expires_at"], expires, "{name}");
        assert_eq!(
            page["data"]["rate_limit"],
            json!({ "requests": requests, "interval": "60s", "note": note }),
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_call_counts_as_a_request_too() {
    let known = Known::start(&[
        ("pages", "requests_per_minute = 4\ntokens_per_minute = 1"),
        ("other", "requests_per_minute = 1"),
    ])
    .await;
    let bearer = known.bearer("pages");
    let messages = r#"{"max_tokens":5,"messages":[{"role":"user","content":"x"}]}"#;
    for (method, path, body) in [
        ("GET", "/v1/models", ""),
        ("GET", "/api/v1/key", ""),
        ("POST", "/v1/plan", &*chat(false)),
        ("POST", "/v1/messages/count_tokens", messages),
    ] {
        let reply = known.ask(method, path, &bearer, body).await;
        assert_eq!(status(&reply), "200", "{path}: {reply}");
    }
    for (method, path, body) in [
        ("GET", "/v1/generation?id=gen-1", ""),
        ("GET", "/v1/credits", ""),
        ("POST", "/v1/plan", &*chat(false)),
    ] {
        let reply = known.ask(method, path, &bearer, body).await;
        assert_eq!(status(&reply), "429", "{path}: {reply}");
    }
    assert_eq!(status(&known.chat_as("other").await), "200");
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
