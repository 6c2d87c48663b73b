use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use tollgate::{Gateway, LaneId};
use tollgate_wire::Object;

use crate::pages::endpoints::{from_catalog, is_openrouter};
use crate::pages::members::{Defaults, fill, put};

const PROVIDER: Defaults = &[
    ("privacy_policy_url", "null"),
    ("terms_of_service_url", "null"),
    ("status_page_url", "null"),
    ("headquarters", "null"),
    ("datacenters", "null"),
];

/// Providers, and where they are known from.
#[derive(Debug, Serialize)]
pub(crate) struct Providers {
    data: Vec<Object>,
    tollgate: Value,
}

/// `GET /v1/providers`: OpenRouter's directory, then the lanes that lead
/// elsewhere. When OpenRouter cannot be asked, its lane stands for all of it.
pub(crate) async fn list(State(gateway): State<Gateway>) -> Json<Providers> {
    let view = gateway.catalog().view();
    let (mut data, tollgate) = match gateway.providers().await {
        Ok(live) => {
            let rows = live.data.iter().map(|row| finish(row.to_object()));
            (rows.collect(), json!({ "from": "openrouter" }))
        }
        Err(failure) => {
            let lanes = view.lanes().iter().filter(|lane| is_openrouter(&lane.id));
            let rows: Vec<_> = lanes.map(|lane| provider("OpenRouter", &lane.id)).collect();
            (rows, from_catalog(&failure))
        }
    };
    let direct = view.lanes().iter().filter(|lane| !is_openrouter(&lane.id));
    data.extend(direct.map(|lane| provider(lane.id.as_str(), &lane.id)));
    Json(Providers { data, tollgate })
}

fn provider(name: &str, lane: &LaneId) -> Object {
    let mut object = Object::new();
    put(&mut object, "name", name);
    put(&mut object, "slug", lane);
    finish(object)
}

fn finish(mut object: Object) -> Object {
    fill(&mut object, PROVIDER);
    object
}
