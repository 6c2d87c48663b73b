use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tollgate::Gateway;

/// `GET /health/targets`: what was seen of each host, account, key and model
/// that has carried traffic.
pub(crate) async fn targets(State(gateway): State<Gateway>) -> Json<Value> {
    Json(json!({ "targets": gateway.health() }))
}

/// `GET /health/ready`: whether there is a catalog to choose from.
pub(crate) async fn ready(State(gateway): State<Gateway>) -> StatusCode {
    match gateway.catalog().view().models().is_empty() {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::OK,
    }
}
