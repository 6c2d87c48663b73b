use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};
use tollgate::{Gateway, Surface};

use crate::{guard, health, infer, models, plan, reply, trace};

/// Largest request body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// All surfaces of a gateway, to be served or mounted elsewhere.
///
/// Every inference path exists as `/v1/…` and as `/api/v1/…`, so that
/// OpenRouter clients need nothing but another base URL. What is posted must
/// say that it is JSON. Who may call at all is the mounting program's choice;
/// on a loopback address that is [`loopback_only`](crate::loopback_only),
/// which [`serve`](crate::serve) applies by itself.
///
/// ```no_run
/// # fn mount(gateway: tollgate::Gateway) -> axum::Router {
/// axum::Router::new().nest("/llm", tollgate_server::router(gateway))
/// # }
/// ```
pub fn router(gateway: Gateway) -> Router {
    let surfaces = Surface::ALL
        .into_iter()
        .fold(Router::new(), |router, surface| {
            router.route(&format!("/{}", surface.path()), infer::at(surface))
        });
    let api = surfaces
        .route("/messages/count_tokens", post(infer::count_tokens))
        .route("/plan", post(plan::explain))
        .route_layer(middleware::from_fn(guard::json_only))
        .route_layer(middleware::from_fn(trace::continued))
        .route("/models", get(models::list))
        .route("/models/{author}/{slug}", get(models::one));
    Router::new()
        .nest("/v1", api.clone())
        .nest("/api/v1", api)
        .route("/health/live", get(|| async { StatusCode::OK }))
        .route("/health/ready", get(models::ready))
        .route("/health/targets", get(health::targets))
        .fallback(reply::no_such_path)
        .method_not_allowed_fallback(reply::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(gateway)
}
