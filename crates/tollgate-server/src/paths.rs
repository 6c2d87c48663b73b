//! Paths that are not there, and those that may have been meant.

use axum::http::Uri;
use tollgate::{Failure, FailureKind};

use crate::reply::Refusal;

/// All paths without parameters; the router's own, as a test makes sure.
const PATHS: [&str; 12] = [
    "/v1/chat/completions",
    "/v1/plan",
    "/v1/models",
    "/v1/feedback",
    "/api/v1/chat/completions",
    "/api/v1/plan",
    "/api/v1/models",
    "/api/v1/feedback",
    "/health/live",
    "/health/ready",
    "/health/targets",
    "/metrics",
];

/// From which likeness on, between 0 and 1, a path may have been meant:
/// `/openai/v1/chat/completions` and `/chat/complete` are, `/admin` is not.
const ALIKE: f64 = 0.6;

/// Most paths that are named.
const MOST: usize = 3;

/// Most characters that are compared. The work grows with their number.
const LONGEST: usize = 128;

pub(crate) async fn no_such_path(uri: Uri) -> Refusal {
    let near = near(uri.path());
    let hint = match near.is_empty() {
        true => "chats go to /v1/chat/completions".to_owned(),
        false => format!("near to it are {}", near.join(", ")),
    };
    Failure::new(FailureKind::NotFound, "there is no such path")
        .with_hint(hint)
        .into()
}

/// The paths most like one, best first.
fn near(path: &str) -> Vec<&'static str> {
    let path: String = path.chars().take(LONGEST).collect();
    let path = path.to_ascii_lowercase();
    let path = path.trim_end_matches('/');
    let mut alike: Vec<_> = PATHS
        .iter()
        .map(|known| (strsim::normalized_levenshtein(path, known), *known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    alike.sort_by(|one, other| other.0.total_cmp(&one.0));
    alike
        .into_iter()
        .take(MOST)
        .map(|(_, known)| known)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;
    use tollgate::{Gateway, Loader, ServerConfig};

    use super::*;
    use crate::{Metrics, measured, router};

    #[tokio::test]
    async fn every_path_that_may_be_named_is_there() {
        let config = Loader::new()
            .with_environment(Vec::new())
            .with_key("openrouter.api_key", "sk-or-v1-not-a-real-key-000")
            .with_key("catalog.offline", "true")
            .load()
            .unwrap();
        let metrics = Arc::new(Metrics::new());
        let gateway = Gateway::builder(config).seed(7).build().await.unwrap();
        let router = router(gateway.clone(), &ServerConfig::default());
        let service = TowerToHyperService::new(measured(router, gateway, metrics));
        for path in PATHS {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let status = service.call(request).await.unwrap().status();
            assert_ne!(status, StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn paths_that_may_have_been_meant_are_named_and_no_others() {
        let check = |path: &str, expected: Option<&str>| {
            let near = near(path);
            assert!(near.len() <= MOST);
            match expected {
                Some(expected) => assert!(near.contains(&expected), "{path}: {near:?}"),
                None => assert!(near.is_empty(), "{path}: {near:?}"),
            }
        };
        check("/v1/chat/completion", Some("/v1/chat/completions"));
        check("/V1/Chat/Completions/", Some("/v1/chat/completions"));
        check("/v1/v1/chat/completions", Some("/v1/chat/completions"));
        check("/openai/v1/chat/completions", Some("/v1/chat/completions"));
        check("/chat/completions", Some("/v1/chat/completions"));
        check("/v1/completions", Some("/v1/chat/completions"));
        check("/v1/model", Some("/v1/models"));
        check("/healthz/live", Some("/health/live"));
        check("/", None);
        check("/admin/../../etc/passwd", None);
        check(&"/v1/chat/completions".repeat(10_000), None);
    }

    #[test]
    fn the_path_most_like_comes_first() {
        assert_eq!(near("/v1/model"), ["/v1/models", "/api/v1/models"]);
    }
}
