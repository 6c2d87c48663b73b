use std::sync::Arc;

use super::*;
use crate::config::Loader;
use tollgate_core::{LaneCheck, LlmProvider, Timestamp};
use tollgate_testkit::builders::{attempt, model};
use tollgate_transport::Lanes;

fn config(text: &str) -> Config {
    let loader = Loader::new().with_environment(Vec::new());
    loader.with_text("test.toml", text).load().unwrap()
}

fn laid(config: &Config, earlier: Option<&Laid>) -> Laid {
    let network = Network {
        clock: Arc::new(|| Timestamp::from_secs(0)),
        http: None,
        around: None,
        own: OwnLanes::default(),
    };
    Laid::new(config, &network, earlier).unwrap()
}

fn lanes(config: &Config) -> Lanes {
    laid(config, None).lanes
}

/// What comes of an attempt on a lane that leads nowhere.
async fn sent(provider: &dyn LlmProvider, lane: &str) -> FailureKind {
    let attempt = attempt(1, "a/b", lane);
    provider.send(&attempt).await.unwrap_err().kind()
}

#[test]
fn a_lane_has_the_host_of_its_address_and_the_account_that_is_named() {
    let config = config(
        r#"
        [openrouter]
        api_key = "sk-or-1"
        stops_billing = true

        [providers.one]
        base_url = "https://api.example.com/v1"
        account = "team"
        continues = true
        models = { "a/b" = "b" }

        [providers.two]
        base_url = "https://API.example.com:8443/v1"
        models = { "a/b" = "b" }
        "#,
    );
    let facts: Vec<_> = specs(&config, ByokFee::Due)
        .iter()
        .map(|spec| {
            let lane = &spec.lane;
            let shared = format!("{} {} {}", lane.id, lane.authority, lane.account);
            (shared, lane.stops_billing, lane.continues)
        })
        .collect();
    let expected = [
        ("openrouter openrouter.ai openrouter", true, false),
        ("one api.example.com team", false, true),
        ("two api.example.com:8443 two", false, false),
    ];
    assert_eq!(
        facts,
        expected.map(|(shared, stops, continues)| (shared.to_owned(), stops, continues))
    );
}

#[tokio::test]
async fn lanes_to_one_host_are_kept_below_its_rate_and_each_can_be_asked() {
    let config = config(
        r#"
        [openrouter.rate_limit]
        requests_per_minute = 60

        [providers.one]
        base_url = "http://127.0.0.1:1/v1"
        models = { "a/b" = "b" }
        rate_limit = { requests_per_minute = 30 }
        host_rate_limit = { requests_per_minute = 600, burst = 9 }

        [providers.two]
        base_url = "http://127.0.0.1:1/v2"
        models = { "a/b" = "b" }
        "#,
    );
    let lanes = lanes(&config);
    assert_eq!(
        lanes.to_string(),
        "Lanes(one: RateLimit(30/min, HostRateLimit(600/min, OpenAiCompatible(http://127.0.0.1:1/v1))), \
         openrouter: RateLimit(60/min, OpenRouter(https://openrouter.ai/api/v1)), \
         two: HostRateLimit(600/min, OpenAiCompatible(http://127.0.0.1:1/v2)))"
    );
    for (name, kind) in [
        ("one", FailureKind::Connect),
        // There is no key.
        ("openrouter", FailureKind::Configuration),
        ("three", FailureKind::Configuration),
    ] {
        let failure = lanes.check(&LaneId::new(name).unwrap()).await.unwrap_err();
        assert_eq!(failure.kind(), kind, "{failure}");
    }
}

#[test]
fn one_host_has_one_rate() {
    let text = |requests| {
        format!(
            r#"
            [providers.one]
            base_url = "https://api.example.com/v1"
            models = {{ "a/b" = "b" }}
            host_rate_limit = {{ requests_per_minute = 600 }}

            [providers.two]
            base_url = "https://api.example.com/v2"
            models = {{ "a/b" = "b" }}
            host_rate_limit = {{ requests_per_minute = {requests} }}
            "#
        )
    };
    let load = |text| {
        let loader = Loader::new().with_environment(Vec::new());
        loader.with_text("test.toml", text).load()
    };
    assert!(load(text(600)).is_ok());
    let error = load(text(300)).unwrap_err().to_string();
    for part in [
        "providers.two.host_rate_limit",
        "providers.one",
        "test.toml",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[tokio::test]
async fn what_a_configuration_says_the_same_of_is_kept_with_what_was_used_of_its_limits() {
    let text = |model_limit: u32, host_limit: u32, key: &str| {
        format!(
            r#"
            [openrouter.routing]
            chat_models = ["a/{model_limit}"]

            [providers.one]
            base_url = "http://127.0.0.1:1/v1"
            models = {{ "a/b" = "b" }}
            rate_limit = {{ requests_per_minute = {model_limit} }}

            [providers.two]
            base_url = "http://127.0.0.1:2/v1"
            models = {{ "a/b" = "b" }}
            host_rate_limit = {{ requests_per_minute = {host_limit} }}

            [providers.three]
            base_url = "http://127.0.0.1:2/v1"
            models = {{ "a/b" = "b" }}
            api_key = "{key}"
            "#
        )
    };
    let first = laid(&config(&text(1, 1, "k1")), None);
    let check = async |second: &str, lane: &str, expected: FailureKind| {
        let second = laid(&config(second), Some(&first));
        assert_eq!(sent(&second.lanes, lane).await, expected, "{lane}");
    };
    for lane in ["one", "two"] {
        assert_eq!(sent(&first.lanes, lane).await, FailureKind::Connect);
        check(&text(1, 1, "k1"), lane, FailureKind::RateLimited).await;
    }
    // A lane that differs alone is new, a host that others share is not.
    check(&text(1, 1, "k2"), "three", FailureKind::RateLimited).await;
    check(&text(2, 1, "k1"), "one", FailureKind::Connect).await;
    check(&text(1, 2, "k1"), "two", FailureKind::Connect).await;
    check(&text(1, 2, "k1"), "one", FailureKind::RateLimited).await;
}

#[test]
fn openrouter_is_asked_anew_only_when_its_own_settings_change() {
    let first = laid(&config("[openrouter]\napi_key = \"k1\""), None);
    let check = |text: &str, expected: bool| {
        let second = laid(&config(text), Some(&first));
        assert_eq!(second.shares_openrouter_with(&first), expected, "{text}");
    };
    check("[openrouter]\napi_key = \"k1\"", true);
    check(
        "[openrouter]\napi_key = \"k1\"\nrate_limit = { requests_per_minute = 9 }",
        true,
    );
    check("[openrouter]\napi_key = \"k2\"", false);
    check(
        "[openrouter]\napi_key = \"k1\"\ntimers = { idle_ms = 7 }",
        false,
    );
}

#[tokio::test]
async fn a_lane_that_came_after_a_call_took_its_lanes_is_sent_to_all_the_same() {
    let near = r#"
        [providers.near]
        base_url = "http://127.0.0.1:1/v1"
        models = { "a/b" = "b" }
        "#;
    let before = Arc::new(laid(&config(""), None));
    let current = Arc::new(Current::new(before.clone()));
    let begun = Begun {
        laid: before,
        current: current.clone(),
    };
    assert_eq!(sent(&begun, "near").await, FailureKind::NotFound);
    current.set(Arc::new(laid(&config(near), None)));
    assert_eq!(sent(&begun, "near").await, FailureKind::Connect);
}

/// Name, payment, fee, account and weight of each lane, in the order of plans.
fn facts(text: &str, fee: ByokFee) -> Vec<String> {
    let specs = specs(&config(text), fee);
    let lanes = specs.iter().map(|spec| &spec.lane);
    let facts = lanes.map(|lane| {
        let (fee, weight) = (lane.fee_basis_points, lane.weight);
        format!(
            "{} {} {fee} {} {weight}",
            lane.id, lane.billing, lane.account
        )
    });
    facts.collect()
}

const FOUR_ROADS: &str = r#"
    [openrouter]
    api_key = "sk-or-1"
    api_keys = [{ key = "sk-or-2", name = "own", mode = "byok", account = "team" }]

    [providers.one]
    base_url = "https://api.example.com/v1"
    api_keys = ["sk-1", { key = "sk-2", weight = 3 }]
    models = { "a/b" = "b" }
"#;

#[test]
fn every_key_is_a_lane() {
    let expected = [
        "openrouter credits 0 openrouter 1",
        "openrouter-own byok 500 team 1",
        "one direct 0 one 1",
        "one-2 direct 0 one 3",
    ];
    assert_eq!(facts(FOUR_ROADS, ByokFee::Due), expected);
    assert_eq!(
        facts(FOUR_ROADS, ByokFee::Covered)[1],
        "openrouter-own byok 0 team 1"
    );
    let lanes = lanes(&config(FOUR_ROADS)).to_string();
    for lane in ["openrouter:", "openrouter-own:", "one:", "one-2:"] {
        assert!(lanes.contains(lane), "{lane} in {lanes}");
    }
}

#[test]
fn with_byok_the_own_keys_go_before_credits() {
    let text = r#"
        [openrouter]
        mode = "byok"
        api_key = "sk-or-1"
        api_keys = [{ key = "sk-or-1", name = "credits", mode = "credits" }]

        [providers.one]
        base_url = "https://api.example.com/v1"
        models = { "a/b" = "b" }
    "#;
    let expected = [
        "openrouter byok 500 openrouter 1",
        "one direct 0 one 1",
        "openrouter-credits credits 0 openrouter 1",
    ];
    assert_eq!(facts(text, ByokFee::Due), expected);
}

#[test]
fn a_known_provider_goes_by_the_price_table_and_the_user_has_the_last_word() {
    let text = r#"
        [providers.openai]
        api_key = "sk-1"
        names = { "openai/new" = "new-1" }
        prices = { "openai/new" = { base = { input = "0.000001", output = "0.000002" } } }
    "#;
    let specs = specs(&config(text), ByokFee::Due);
    let Serves::Provider(models) = &specs[0].serves else {
        panic!("by the table: {specs:?}");
    };
    assert_eq!(&*models.provider, "openai");
    assert_eq!(models.only, None);
    assert_eq!(models.models[&model("openai/new")], model("new-1"));
    assert!(models.prices.contains_key(&model("openai/new")));
}

/// Hears one request on the loopback and refuses it; gives the key that it brought.
fn key_heard(listener: &std::net::TcpListener) -> String {
    use std::io::{Read, Write};
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let refusal = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(refusal).unwrap();
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let key = lines.find_map(|line| line.strip_prefix("authorization: Bearer "));
    key.unwrap().to_owned()
}

#[tokio::test]
async fn the_catalog_asks_with_the_key_that_is_in_use() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let with_key = |key: &str| {
        config(&format!(
            "[openrouter]\napi_key = \"{key}\"\nbase_url = \"http://{address}/api/v1\"\n"
        ))
    };
    let heard = std::thread::spawn(move || [(); 3].map(|()| key_heard(&listener)));
    let first = with_key("sk-or-1");
    let current = Arc::new(Current::new(Arc::new(laid(&first, None))));
    let models = NetworkModels::of(&current, &first);
    let endpoints = NetworkModels::endpoints_of(&current);
    assert!(models.fetch().await.is_err());

    let earlier = current.get();
    current.set(Arc::new(laid(&with_key("sk-or-2"), Some(&earlier))));
    assert!(models.fetch().await.is_err());
    assert!(endpoints.fetch_endpoints(&model("a/b")).await.is_err());
    assert_eq!(heard.join().unwrap(), ["sk-or-1", "sk-or-2", "sk-or-2"]);
}

#[test]
fn an_upstream_is_known_by_where_its_address_leads() {
    for (url, known) in [
        ("https://openrouter.ai/api/v1", None),
        (" https://OpenRouter.ai:443/api/v1/ ", None),
        (
            "https://eu.openrouter.ai/api/v1",
            Some("eu.openrouter.ai/api/v1"),
        ),
        ("https://openrouter.ai/api/v2", Some("openrouter.ai/api/v2")),
        ("http://ann:secret@127.0.0.1:81", Some("127.0.0.1:81/")),
    ] {
        assert_eq!(upstream(url).as_deref(), known, "{url}");
    }
}
