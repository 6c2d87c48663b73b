use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};
use tollgate::{Gateway, ServerConfig, Surface};

use crate::callers::operators_only;
use crate::limits::{Limits, check_headers, let_in};
use crate::{allowance, guard, health, infer, openapi, pages, paths, plan, reply, trace, words};

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
    let surfaces = Surface::ALL
        .into_iter()
        .fold(Router::new(), |router, surface| {
            router.route(&format!("/{}", surface.path()), infer::at(surface))
        });
    let costless = Router::new()
        .route("/messages/count_tokens", post(infer::count_tokens))
        .route("/plan", post(plan::explain))
        .route("/feedback", post(pages::feedback::rate))
        .route_layer(middleware::from_fn(allowance::of_one_request));
    let api = surfaces
        .merge(costless)
        .route_layer(middleware::from_fn_with_state(limits.clone(), let_in))
        .route_layer(middleware::from_fn(guard::json_only))
        .route_layer(middleware::from_fn(words::of_the_path))
        .route_layer(middleware::from_fn(trace::continued))
        .merge(pages::routes().route_layer(middleware::from_fn(allowance::of_one_request)));
    let operators = Router::new()
        .route("/health/targets", get(health::targets))
        .route_layer(middleware::from_fn(operators_only));
    Router::new()
        .nest("/v1", api.clone())
        .nest("/api/v1", api)
        .route("/openapi.json", get(openapi::page))
        .route("/health/live", get(|| async { StatusCode::OK }))
        .route("/health/ready", get(health::ready))
        .merge(operators)
        .fallback(paths::no_such_path)
        .method_not_allowed_fallback(reply::wrong_method)
        // `let_in` has its own.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(limits, check_headers))
        .with_state(gateway)
}
