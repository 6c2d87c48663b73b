use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tollgate::Gateway;

/// `GET /health/targets`: what was seen of each host, account, key and model
/// that has carried traffic.
pub(crate) async fn targets(State(gateway): State<Gateway>) -> Json<Value> {
    Json(json!({ "targets": gateway.health() }))
}
