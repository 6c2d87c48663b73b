//! Free questions about lanes.

use tollgate_core::{Failure, FailureKind, LaneCheck, LaneId, Scope, Standing};
use tollgate_transport::{Lanes, OpenRouterConfig, OpenRouterProvider};

use crate::server::{Server, json};
use crate::setup::{config, direct, openrouter};

fn lane() -> LaneId {
    LaneId::new("one").unwrap()
}

/// What OpenRouter says with that record of the key.
async fn openrouter_says(status: u16, body: &[u8]) -> Result<Standing, Failure> {
    let mut server = Server::start([json(status, body)]).await;
    let lanes = Lanes::new().with_check(lane(), openrouter(&server));
    let standing = lanes.check(&lane()).await;
    let (_, head, _) = server.request().await;
    assert!(head.starts_with("get /api/v1/key "), "{head}");
    assert!(head.contains("\r\nauthorization: bearer "), "{head}");
    standing
}

#[tokio::test]
async fn a_key_says_when_it_has_nothing_left_to_spend() {
    let cases: [(&[u8], Option<bool>); 7] = [
        (include_bytes!("../fixtures/key.json"), None),
        (br#"{"data":{"limit":null,"limit_remaining":null}}"#, None),
        (br#"{"data":{"limit":5,"limit_remaining":0.01}}"#, None),
        (br#"{"data":{"limit":5,"limit_remaining":0}}"#, Some(false)),
        (br#"{"data":{"limit_remaining":-1.5e-3}}"#, Some(false)),
        (
            br#"{"data":{"limit_remaining":5,"effective_budget":{"remaining_usd":0}}}"#,
            Some(false),
        ),
        (
            br#"{"data":{"effective_budget":{"remaining_usd":8.98}}}"#,
            None,
        ),
    ];
    for (body, can_pay) in cases {
        let standing = openrouter_says(200, body).await.unwrap();
        assert_eq!(standing, Standing { can_pay }, "{body:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_classified_like_that_of_an_attempt() {
    let body = br#"{"error":{"code":401,"message":"User not found."}}"#;
    let failure = openrouter_says(401, body).await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.rule().scope),
        (FailureKind::Auth, Scope::Key)
    );
    for (status, kind) in [
        (429, FailureKind::RateLimited),
        (502, FailureKind::Upstream),
        // Who does not know the question will not know it next time.
        (404, FailureKind::Configuration),
        (405, FailureKind::Configuration),
    ] {
        let failure = openrouter_says(status, b"{}").await.unwrap_err();
        assert_eq!(failure.kind(), kind, "{status}");
    }
}

#[tokio::test]
async fn without_a_key_there_is_nothing_to_ask() {
    let server = Server::start([]).await;
    let config = OpenRouterConfig {
        api_key: None,
        ..config(&server)
    };
    let failure = OpenRouterProvider::new(config)
        .unwrap()
        .check(&lane())
        .await;
    assert_eq!(failure.unwrap_err().kind(), FailureKind::Configuration);
}

#[tokio::test]
async fn a_direct_provider_shows_its_models_to_a_good_key() {
    let cases: [(u16, &[u8], Option<FailureKind>); 6] = [
        (200, br#"{"object":"list","data":[]}"#, None),
        (200, br#"{"data":[{"id":"a"}]}"#, None),
        (401, b"{}", Some(FailureKind::Auth)),
        (404, b"{}", Some(FailureKind::Configuration)),
        (503, b"{}", Some(FailureKind::Upstream)),
        (200, b"<html>log in</html>", Some(FailureKind::BadReply)),
    ];
    for (status, body, kind) in cases {
        let mut server = Server::start([json(status, body)]).await;
        let standing = direct(&server).check(&lane()).await;
        let (_, head, _) = server.request().await;
        assert!(head.starts_with("get /api/v1/models "), "{head}");
        match kind {
            None => assert_eq!(standing.unwrap(), Standing { can_pay: None }),
            Some(kind) => assert_eq!(standing.unwrap_err().kind(), kind, "{status}"),
        }
    }
}

#[tokio::test]
async fn a_lane_that_nobody_can_ask_is_a_fault_of_the_configuration() {
    let server = Server::start([]).await;
    let lanes = Lanes::new().with(lane(), openrouter(&server));
    let failure = lanes.check(&lane()).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Configuration);
    assert!(failure.context().contains(&("lane", "one".to_owned())));
}
