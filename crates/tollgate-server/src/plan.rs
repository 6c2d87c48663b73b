use axum::Json;
use axum::extract::State;
use tollgate::{Explanation, Gateway};

use crate::asked::Asked;
use crate::reply::Refusal;

/// `POST /v1/plan`: which models would be tried for this chat, and why. It
/// spends nothing.
pub(crate) async fn explain(
    State(gateway): State<Gateway>,
    asked: Asked,
) -> Result<Json<Explanation>, Refusal> {
    Ok(Json(gateway.plan(asked.order)?))
}
