use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::get;
use tollgate::{Gateway, ServerConfig, Surface};

use crate::callers::operators_only;
use crate::limits::{Limits, check_headers};
use crate::{allowance, health, infer, openapi, pages, paths, plan, posted, reply};

/// All surfaces of a gateway, to be served or mounted elsewhere.
///
/// Every inference path exists as `/v1/…` and as `/api/v1/…`, so that
/// OpenRouter clients need nothing but another base URL. What is posted must
/// say that it is JSON, and be it; how large it may be and how many calls run
/// at once is in the configuration. A call is `Default` in its
/// [`Criticality`](tollgate::Criticality), unless a layer of the mounting
/// program has put another one into the request's extensions. Who may call at all is the mounting program's choice;
/// on a loopback address that is [`loopback_only`](crate::loopback_only),
/// which [`serve`](crate::serve) applies by itself. Calls are made, and pages
/// are shown, for the [`CallerId`](tollgate::CallerId) among the extensions of
/// a request; for `local` without one.
///
/// ```no_run
/// # fn mount(gateway: tollgate::Gateway) -> axum::Router {
/// let config = tollgate::ServerConfig::default();
/// axum::Router::new().nest("/llm", tollgate_server::router(gateway, &config))
/// # }
/// ```
pub fn router(gateway: Gateway, config: &ServerConfig) -> Router {
    let limits = Limits::new(config);
    let pages = pages::routes().route_layer(middleware::from_fn(allowance::of_one_request));
    let operators = Router::new()
        .route("/health/targets", get(health::targets))
        .route_layer(middleware::from_fn(operators_only));
    posts(&limits)
        .nest("/v1", pages.clone())
        .nest("/api/v1", pages)
        .route("/openapi.json", get(openapi::page))
        .route("/health/live", get(|| async { StatusCode::OK }))
        .route("/health/ready", get(health::ready))
        .merge(operators)
        .fallback(paths::no_such_path)
        .method_not_allowed_fallback(reply::wrong_method)
        .layer(middleware::from_fn_with_state(limits, check_headers))
        .with_state(gateway)
}

/// What is posted, below both prefixes. Not nested: a path that is taken apart
/// is put together anew for each request.
fn posts(limits: &Arc<Limits>) -> Router<Gateway> {
    let surfaces = Surface::ALL.map(|surface| (surface.path(), infer::at(surface, limits)));
    let costless = [
        (
            "messages/count_tokens",
            posted::to(limits, infer::count_tokens),
        ),
        ("plan", posted::to(limits, plan::explain)),
        ("feedback", posted::to(limits, pages::feedback::rate)),
    ];
    let mut router = Router::new();
    for (path, answer) in surfaces.into_iter().chain(costless) {
        router = router
            .route(&format!("/v1/{path}"), answer.clone())
            .route(&format!("/api/v1/{path}"), answer);
    }
    router
}
