//! A key is shown to nobody but the upstream.

use tollgate_core::{ApiKey, Delivery, Failure};
use tollgate_transport::{OpenRouterConfig, OpenRouterProvider};

use crate::server::{Act, Server, json};
use crate::setup::{KEY, config, failure, openrouter};

fn everything(failure: &Failure) -> String {
    let mut shown = format!(
        "{failure} {failure:?} {:#?} {:?} {:?}",
        failure,
        failure.detail(),
        failure.hint()
    );
    let mut source = std::error::Error::source(failure);
    while let Some(error) = source {
        shown += &format!(" {error} {error:?}");
        source = error.source();
    }
    shown
}

#[tokio::test]
async fn failures_do_not_show_it_even_when_the_upstream_repeats_it() {
    let echo =
        format!(r#"{{"error":{{"code":401,"message":"Incorrect API key provided: {KEY}"}}}}"#);
    let server = Server::start([
        json(401, echo.as_bytes()),
        json(200, KEY.as_bytes()),
        vec![Act::Close],
    ])
    .await;
    let provider = openrouter(&server);
    for _ in 0..3 {
        let shown = everything(&failure(&provider, Delivery::Whole).await);
        assert!(!shown.contains(KEY), "{shown}");
    }
}

#[tokio::test]
async fn a_key_across_the_end_of_the_excerpt_does_not_show_its_beginning() {
    let body = format!("{}{KEY}", "x".repeat(2048 - 10));
    let server = Server::start([json(500, body.as_bytes())]).await;
    let failure = failure(&openrouter(&server), Delivery::Whole).await;
    assert!(
        failure
            .detail()
            .is_some_and(|detail| detail.ends_with("x***")),
        "{:?}",
        failure.detail()
    );
}

#[tokio::test]
async fn neither_provider_nor_configuration_nor_error_shows_it() {
    let server = Server::start([]).await;
    let shown = format!(
        "{:?} {:#?} {}",
        config(&server),
        openrouter(&server),
        openrouter(&server)
    );
    assert!(!shown.contains(KEY), "{shown}");
    let broken = OpenRouterConfig {
        api_key: Some(ApiKey::new(format!("{KEY}\u{e9}\nx"))),
        ..config(&server)
    };
    let error = OpenRouterProvider::new(broken).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(KEY), "{error}");
}
