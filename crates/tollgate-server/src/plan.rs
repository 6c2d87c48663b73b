use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use tollgate::{ChatRequest, Explanation, Failure, FailureKind, Gateway};

use crate::hints;
use crate::reply::Refusal;

/// `POST /v1/plan`: which models would be tried for this chat, and why. It
/// spends nothing.
pub(crate) async fn explain(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Explanation>, Refusal> {
    let request = ChatRequest::parse(&body).map_err(|error| {
        Failure::new(
            FailureKind::InvalidRequest,
            format!("the request is not a chat: {error}"),
        )
    })?;
    Ok(Json(gateway.plan(hints::order(request, &headers)?)?))
}
