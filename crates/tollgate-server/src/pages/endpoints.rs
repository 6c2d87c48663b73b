//! Who serves a model: OpenRouter's providers, and the lanes that lead
//! elsewhere.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use tollgate::{
    Capabilities, CatalogView, Endpoints, Failure, Gateway, LaneId, ModelIndex, OPENROUTER_LANE,
    OfferIndex,
};
use tollgate_wire::{Model, Object};

use crate::pages::members::{Data, Defaults, fill, fill_under, put};
use crate::pages::models;
use crate::pages::row::{ARCHITECTURE, PRICING, parameters, pricing};
use crate::reply::Refusal;

const PAGE: Defaults = &[
    ("created", "0"),
    ("description", "\"\""),
    ("endpoints", "[]"),
];

const ENDPOINT: Defaults = &[
    ("context_length", "0"),
    ("max_completion_tokens", "null"),
    ("max_prompt_tokens", "null"),
    ("quantization", "null"),
    ("supported_parameters", "[]"),
    ("supports_implicit_caching", "false"),
    ("supports_diarization", "false"),
    ("service_tier", "null"),
    ("native_tools", "{}"),
    ("uptime_last_5m", "null"),
    ("uptime_last_30m", "null"),
    ("uptime_last_1d", "null"),
    ("latency_last_30m", "null"),
    ("throughput_last_30m", "null"),
];

const TOOL_CHOICE: Defaults = &[
    ("auto", "false"),
    ("none", "false"),
    ("required", "false"),
    ("function", "false"),
];

/// `GET /v1/models/{author}/{slug}/endpoints`. When OpenRouter cannot be
/// asked, its lane is one endpoint, as the catalog knows it; `tollgate` says
/// so. A virtual model has no endpoints of its own.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    Path((author, slug)): Path<(String, String)>,
) -> Result<Json<Data<Object>>, Refusal> {
    let model = models::find(&gateway, &format!("{author}/{slug}"))?;
    let view = gateway.catalog().view();
    let data = match view.find(&model.id) {
        Some(place) => page(&gateway, &view, place, &model).await,
        None => head(&model),
    };
    Ok(Json(Data { data }))
}

async fn page(gateway: &Gateway, view: &CatalogView, place: ModelIndex, model: &Model) -> Object {
    let is_openrouters = |offer: &OfferIndex| is_openrouter(lane(view, *offer));
    let offers = || view.offers_of(place);
    let (mut object, mut endpoints, source) = match offers().find(is_openrouters) {
        None => (head(model), Vec::new(), json!({ "from": "catalog" })),
        Some(offer) => match gateway.endpoints(view.upstream_id(offer)).await {
            Ok(live) => (
                live.to_object(),
                rows(&live),
                json!({ "from": "openrouter" }),
            ),
            Err(failure) => {
                let known = vec![endpoint(view, offer, model)];
                (head(model), known, from_catalog(&failure))
            }
        },
    };
    let direct = offers().filter(|offer| !is_openrouters(offer));
    endpoints.extend(direct.map(|offer| endpoint(view, offer, model)));
    put(&mut object, "endpoints", &endpoints);
    put(&mut object, "tollgate", &source);
    fill(&mut object, PAGE);
    fill_under(&mut object, "architecture", ARCHITECTURE);
    object
}

/// Why a page is made of what the gateway itself knows.
pub(crate) fn from_catalog(failure: &Failure) -> Value {
    json!({ "from": "catalog", "why": failure.message() })
}

/// The model itself, for a page that OpenRouter does not give.
fn head(model: &Model) -> Object {
    let mut object = Object::new();
    for key in ["id", "name", "created", "description", "architecture"] {
        if let Some(value) = model.kept().get(key) {
            object.set_raw(key, value.to_owned());
        }
    }
    fill(&mut object, PAGE);
    object
}

/// OpenRouter's endpoints, with what clients insist on.
fn rows(live: &Endpoints) -> Vec<Object> {
    let rows = live.endpoints.iter().map(|row| finish(row.to_object()));
    rows.collect()
}

/// A lane as an endpoint.
fn endpoint(view: &CatalogView, place: OfferIndex, model: &Model) -> Object {
    let (offer, lane) = (view.offer(place), lane(view, place));
    let known = |tokens: u32| (tokens > 0).then_some(tokens);
    let name = if is_openrouter(lane) {
        "OpenRouter"
    } else {
        lane.as_str()
    };
    let chooses = offer.can.contains(Capabilities::TOOL_CHOICE);
    let mut object = Object::new();
    put(
        &mut object,
        "name",
        &format!("{name} | {}", view.upstream_id(place)),
    );
    put(&mut object, "model_id", &model.id);
    put(
        &mut object,
        "model_name",
        model.name.as_deref().unwrap_or(&model.id),
    );
    put(&mut object, "provider_name", name);
    put(&mut object, "tag", lane);
    put(&mut object, "context_length", &offer.context);
    put(
        &mut object,
        "max_completion_tokens",
        &known(offer.max_output),
    );
    put(&mut object, "pricing", &pricing(view.pricing(place)));
    put(&mut object, "supported_parameters", &parameters(offer.can));
    let choices = json!({
        "auto": offer.can.contains(Capabilities::TOOLS),
        "none": chooses,
        "required": chooses,
        "function": chooses,
    });
    put(&mut object, "supports_tool_choice", &choices);
    put(&mut object, "tollgate", &json!({ "lane": lane }));
    finish(object)
}

fn finish(mut object: Object) -> Object {
    fill(&mut object, ENDPOINT);
    fill_under(&mut object, "pricing", PRICING);
    fill_under(&mut object, "supports_tool_choice", TOOL_CHOICE);
    object
}

fn lane(view: &CatalogView, offer: OfferIndex) -> &LaneId {
    &view.lane(view.offer(offer).lane).id
}

pub(crate) fn is_openrouter(lane: &LaneId) -> bool {
    lane.as_str() == OPENROUTER_LANE
}
