use super::*;
use crate::config::Loader;
use tollgate_core::{LaneCheck, Timestamp};

fn config(text: &str) -> Config {
    let loader = Loader::new().with_environment(Vec::new());
    loader.with_text("test.toml", text).load().unwrap()
}

fn lanes(config: &Config) -> Lanes {
    let network = Network {
        clock: Arc::new(|| Timestamp::from_secs(0)),
        http: None,
        around: None,
    };
    let openrouter = openrouter(&config.openrouter, &network).unwrap();
    all(&openrouter, config, &network).unwrap()
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
    let facts: Vec<_> = specs(&config)
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
