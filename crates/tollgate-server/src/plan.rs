use axum::Json;
use axum::extract::Query;
use tollgate::{Explanation, Failure, FailureKind, Gateway, Surface};

use crate::allowance;
use crate::asked::Asked;
use crate::posted::Posted;
use crate::reply::Refusal;

/// `POST /v1/plan`: which models would be tried for this request, and why. It
/// spends nothing. The body is a chat, or of the surface that the query names.
pub(crate) async fn explain(
    gateway: Gateway,
    posted: Posted,
) -> Result<Json<Explanation>, Refusal> {
    allowance::take_one_request(posted.extensions())?;
    let Query(pairs) = Query::try_from_uri(posted.uri()).map_err(|error| {
        let message = format!("the query cannot be read: {error}");
        Failure::new(FailureKind::InvalidRequest, message)
    })?;
    let pairs: Vec<(String, String)> = pairs;
    let asked = Asked::read(surface(&pairs)?, &posted)?;
    Ok(Json(gateway.plan(asked.order)?))
}

fn surface(pairs: &[(String, String)]) -> Result<Surface, Failure> {
    let Some((_, name)) = pairs.iter().find(|(name, _)| name == "surface") else {
        return Ok(Surface::Chat);
    };
    let mut known = Surface::ALL.into_iter();
    known
        .find(|surface| surface.as_str() == name)
        .ok_or_else(|| {
            let names: Vec<_> = Surface::ALL
                .iter()
                .map(|surface| surface.as_str())
                .collect();
            let name: String = name.chars().take(40).collect();
            Failure::new(
                FailureKind::InvalidRequest,
                format!("there is no surface {name:?}"),
            )
            .with_hint(format!("surface is one of {}", names.join(", ")))
        })
}
