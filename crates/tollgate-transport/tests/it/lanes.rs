//! Lanes, and what stops a provider from being set up.

use std::num::{NonZeroU32, NonZeroUsize};

use tollgate_core::{
    CostLookup, Delivery, FailureKind, GenerationId, LaneId, LlmProvider, Next, Origin, Scope,
};
use tollgate_transport::{
    Concurrency, ConnectionConfig, DirectConfig, DirectProvider, Lanes, OpenRouterConfig,
    OpenRouterProvider, RateLimit, RateLimitConfig, TransportError,
};

use crate::server::{Server, json};
use crate::setup::{attempt, config, openrouter};

fn lane(name: &str) -> LaneId {
    LaneId::new(name).unwrap()
}

#[tokio::test]
async fn each_attempt_goes_to_the_provider_of_its_lane() {
    let chat = include_bytes!("../fixtures/chat.json");
    let (mut one, mut two) = (
        Server::start([json(200, chat)]).await,
        Server::start([json(500, b"{}")]).await,
    );
    let lanes = Lanes::new()
        .with(lane("one"), openrouter(&one))
        .with(lane("two"), openrouter(&two));
    let mut attempt = attempt(Delivery::Whole);
    attempt.lane = lane("one");
    lanes.send(&attempt).await.unwrap();
    one.request().await;
    attempt.lane = lane("two");
    let failure = lanes.send(&attempt).await.unwrap_err();
    two.request().await;
    assert!(
        failure.context().contains(&("lane", "two".to_owned())),
        "{failure}"
    );
}

#[tokio::test]
async fn an_unknown_lane_leaves_the_call_to_others_and_blames_nobody() {
    let server = Server::start([]).await;
    let lanes = Lanes::new().with(lane("one"), openrouter(&server));
    let failure = lanes.send(&attempt(Delivery::Whole)).await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.next()),
        (FailureKind::NotFound, Next::Elsewhere)
    );
    assert_eq!(
        (failure.origin(), failure.rule().scope),
        (Origin::Gateway, Scope::None)
    );
    assert!(failure.hint().is_some_and(|hint| hint.contains("one")));
    let id = GenerationId::new("gen-1").unwrap();
    for name in ["one", "two"] {
        assert!(
            !lanes
                .look_up(&lane(name), &id)
                .await
                .unwrap_err()
                .is_retryable()
        );
    }
}

#[tokio::test]
async fn a_lane_of_others_keeps_its_limit_and_whom_to_ask() {
    let chat = include_bytes!("../fixtures/chat.json");
    let server = Server::start([json(200, chat), json(404, b"{}")]).await;
    let rate = RateLimitConfig {
        requests_per_minute: NonZeroU32::MIN,
        burst: None,
    };
    let provider = openrouter(&server);
    let others = Lanes::new()
        .with(lane("openrouter"), RateLimit::new(provider.clone(), rate))
        .with_lookup(lane("openrouter"), provider);
    let lanes = Lanes::new()
        .with_lane_of(&others, &lane("openrouter"))
        .with_lane_of(&others, &lane("two"));
    assert_eq!(lanes.to_string(), others.to_string());
    others.send(&attempt(Delivery::Whole)).await.unwrap();
    let failure = lanes.send(&attempt(Delivery::Whole)).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::RateLimited, "{failure}");
    let id = GenerationId::new("gen-1").unwrap();
    let cost = lanes.look_up(&lane("openrouter"), &id).await;
    assert_eq!(cost.unwrap(), None);
}

#[tokio::test]
async fn costs_are_looked_up_on_the_lane() {
    let server = Server::start([json(404, b"{}")]).await;
    let provider = openrouter(&server);
    let lanes = Lanes::new()
        .with(lane("one"), provider.clone())
        .with_lookup(lane("one"), provider);
    assert_eq!(
        lanes
            .look_up(&lane("one"), &GenerationId::new("gen-1").unwrap())
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn the_wiring_can_be_read() {
    let server = Server::start([]).await;
    let rate = RateLimitConfig {
        requests_per_minute: NonZeroU32::new(60).unwrap(),
        burst: None,
    };
    let provider = RateLimit::new(
        Concurrency::new(openrouter(&server), NonZeroUsize::MIN),
        rate,
    );
    let expected = format!(
        "Lanes(one: RateLimit(60/min, Concurrency(1, OpenRouter({}))))",
        server.url
    );
    assert_eq!(
        Lanes::new().with(lane("one"), provider).to_string(),
        expected
    );
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_the_start() {
    let server = Server::start([]).await;
    let refused = |change: &dyn Fn(&mut OpenRouterConfig)| {
        let mut config = config(&server);
        change(&mut config);
        OpenRouterProvider::new(config).unwrap_err()
    };
    assert!(matches!(
        refused(&|config| config.base_url = "http://example.com".into()),
        TransportError::BaseUrl { .. }
    ));
    assert!(matches!(
        refused(&|config| config.timers.idle_ms = Some(0)),
        TransportError::Timer { name: "idle_ms" }
    ));
    assert!(matches!(
        refused(&|config| config.app_title = Some("a\r\nb: c".into())),
        TransportError::Header { .. }
    ));
    let missing = refused(&|config| config.connection.tls_roots = Some("no/such/file.pem".into()));
    assert!(
        missing.to_string().contains("file.pem") && std::error::Error::source(&missing).is_some()
    );
}

#[tokio::test]
async fn lanes_without_keep_alive_comments_may_be_silent_for_longer() {
    let server = Server::start([]).await;
    let openrouter = |timers: &str| {
        let config = OpenRouterConfig {
            base_url: server.url.clone(),
            timers: serde_json::from_str(timers).unwrap(),
            ..Default::default()
        };
        format!("{:?}", OpenRouterProvider::new(config).unwrap())
    };
    let direct = |timers: &str| {
        let config = DirectConfig {
            base_url: server.url.clone(),
            timers: serde_json::from_str(timers).unwrap(),
            ..Default::default()
        };
        format!("{:?}", DirectProvider::new(config).unwrap())
    };
    assert!(openrouter("{}").contains("idle: 60s"));
    assert!(direct("{}").contains("idle: 200s"));
    // Another key of the same table changes nothing.
    assert!(direct(r#"{"connect_ms":1000}"#).contains("idle: 200s"));
    for shown in [
        openrouter(r#"{"idle_ms":90000}"#),
        direct(r#"{"idle_ms":90000}"#),
    ] {
        assert!(shown.contains("idle: 90s"), "{shown}");
    }
}

#[test]
fn connections_are_configured_key_by_key_and_documented() {
    let connection: ConnectionConfig = serde_json::from_str(r#"{"allow_plaintext":true}"#).unwrap();
    assert!(connection.allow_plaintext);
    assert_eq!(connection.max_idle_connections, 256);
    assert!(serde_json::from_str::<ConnectionConfig>(r#"{"plaintext":true}"#).is_err());
    let schema = serde_json::to_value(schemars::schema_for!(ConnectionConfig)).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.len(), 5);
    for (key, property) in properties {
        assert!(property["description"].is_string(), "{key}");
        assert!(property.get("default").is_some(), "{key}");
    }
}

#[test]
fn configurations_name_unknown_keys_and_bad_words() {
    let read = |text: &str| {
        serde_json::from_str::<OpenRouterConfig>(text).map_err(|error| error.to_string())
    };
    assert_eq!(
        read(r#"{"timers":{"idle_ms":90}}"#).unwrap().timers.idle_ms,
        Some(90)
    );
    assert!(read(r#"{"timer":{}}"#).unwrap_err().contains("timer"));
    assert!(read(r#"{"mode":"direct"}"#).unwrap_err().contains("byok"));
}
