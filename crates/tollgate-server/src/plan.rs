use axum::Json;
use axum::extract::{Request, State};
use tollgate::{Explanation, Gateway, Surface};

use crate::asked::Asked;
use crate::reply::Refusal;

/// `POST /v1/plan`: which models would be tried for this chat, and why. It
/// spends nothing.
pub(crate) async fn explain(
    State(gateway): State<Gateway>,
    request: Request,
) -> Result<Json<Explanation>, Refusal> {
    let asked = Asked::read(Surface::Chat, request).await?;
    Ok(Json(gateway.plan(asked.order)?))
}
