use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tollgate::{CatalogView, Failure, FailureKind, Gateway, ModelIndex, Pricing, Target};

use crate::reply::Refusal;

/// `GET /v1/models`: the catalog, and the virtual models that pick from it.
pub(crate) async fn list(State(gateway): State<Gateway>) -> Json<Value> {
    let view = gateway.catalog().view();
    let virtual_models = gateway
        .policies()
        .into_iter()
        .chain(["auto".to_owned()])
        .map(|policy| {
            json!({
                "id": format!("{}/{policy}", Target::VIRTUAL_AUTHOR),
                "canonical_slug": format!("{}/{policy}", Target::VIRTUAL_AUTHOR),
                "object": "model",
                "owned_by": Target::VIRTUAL_AUTHOR,
                "name": format!("Tollgate: {policy}"),
                "created": 0,
                "context_length": 0,
                "pricing": { "prompt": "-1", "completion": "-1" },
                "supported_parameters": [],
            })
        });
    let models = (0_u32..)
        .zip(view.models())
        .map(|(place, _)| row(&view, ModelIndex(place)));
    let data: Vec<Value> = virtual_models.chain(models).collect();
    Json(
        json!({ "object": "list", "total_count": data.len(), "links": { "next": null }, "data": data }),
    )
}

/// `GET /v1/models/{author}/{slug}`
pub(crate) async fn one(
    State(gateway): State<Gateway>,
    Path((author, slug)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    let view = gateway.catalog().view();
    let id = format!("{author}/{slug}");
    match view.find(&id) {
        Some(place) => Ok(Json(json!({ "data": row(&view, place) }))),
        None => Err(
            Failure::new(FailureKind::NotFound, "there is no such model")
                .with("model", id)
                .into(),
        ),
    }
}

/// `GET /health/ready`: whether there is a catalog to choose from.
pub(crate) async fn ready(State(gateway): State<Gateway>) -> StatusCode {
    match gateway.catalog().view().models().is_empty() {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::OK,
    }
}

fn row(view: &CatalogView, place: ModelIndex) -> Value {
    let model = view.model(place);
    let offer = view.offers_of(place).next();
    let rates = offer.map(|offer| match view.pricing(offer) {
        Pricing::Known(price) => (price.base.input.to_string(), price.base.output.to_string()),
        Pricing::Free => ("0".into(), "0".into()),
        _ => ("-1".into(), "-1".into()),
    });
    let (prompt, completion) = rates.unwrap_or_else(|| ("-1".into(), "-1".into()));
    json!({
        "id": model.id,
        "canonical_slug": model.canonical,
        "object": "model",
        "owned_by": model.id.author().unwrap_or_default(),
        "name": model.name,
        "created": model.created.secs(),
        "context_length": offer.map(|offer| view.offer(offer).context),
        "pricing": { "prompt": prompt, "completion": completion },
        "capabilities": offer.map(|offer| view.offer(offer).can),
        "supported_voices": null,
        "per_request_limits": null,
        "default_parameters": {},
        "supported_parameters": [],
        "links": { "details": format!("/api/v1/models/{}", model.id) },
    })
}
