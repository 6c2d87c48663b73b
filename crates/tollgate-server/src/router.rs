use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tollgate::Gateway;

use crate::{chat, models, plan, reply};

/// Largest request body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// All surfaces of a gateway, to be served or mounted elsewhere.
///
/// Every inference path exists as `/v1/…` and as `/api/v1/…`, so that
/// OpenRouter clients need nothing but another base URL.
pub fn router(gateway: Gateway) -> Router {
    let api = Router::new()
        .route("/chat/completions", post(chat::complete))
        .route("/models", get(models::list))
        .route("/models/{author}/{slug}", get(models::one))
        .route("/plan", post(plan::explain));
    Router::new()
        .nest("/v1", api.clone())
        .nest("/api/v1", api)
        .route("/health/live", get(|| async { StatusCode::OK }))
        .route("/health/ready", get(models::ready))
        .fallback(reply::no_such_path)
        .method_not_allowed_fallback(reply::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(gateway)
}

/// Serves a gateway until `stop` is ready, then lets running answers end.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    gateway: Gateway,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(gateway))
        .with_graceful_shutdown(stop)
        .await
}
