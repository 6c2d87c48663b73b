//! Lists of models, and single ones.

use axum::Json;
use axum::extract::{OriginalUri, Path, Query, State};
use serde::Serialize;
use serde_json::json;
use tollgate::{Failure, FailureKind, Gateway, did_you_mean};
use tollgate_wire::{Modality, Model, Object};

use crate::pages::filter::Filter;
use crate::pages::members::{Data, put};
use crate::pages::{row, virtual_models};
use crate::reply::Refusal;

type Pairs = Vec<(String, String)>;

/// A page of a list, as OpenRouter and OpenAI have it.
#[derive(Debug, Serialize)]
pub(crate) struct List {
    object: &'static str,
    total_count: usize,
    links: Links,
    data: Vec<Object>,
}

#[derive(Debug, Serialize)]
struct Links {
    next: Option<String>,
}

/// `GET /v1/models` and `/v1/models/user`: the virtual models, then those that
/// some lane offers.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    OriginalUri(uri): OriginalUri,
    Query(pairs): Query<Pairs>,
) -> Result<Json<List>, Refusal> {
    let filter = Filter::read(&pairs)?;
    let chosen = filter.choose(all(&gateway));
    Ok(Json(List::of(
        &filter,
        chosen,
        uri.path(),
        uri.query().unwrap_or_default(),
    )))
}

/// `GET /v1/embeddings/models`
pub(crate) async fn embeddings(
    State(gateway): State<Gateway>,
    OriginalUri(uri): OriginalUri,
    Query(pairs): Query<Pairs>,
) -> Result<Json<List>, Refusal> {
    let filter = Filter::read(&pairs)?.giving(Modality::Embeddings);
    let chosen = filter.choose(row::all(&gateway));
    Ok(Json(List::of(
        &filter,
        chosen,
        uri.path(),
        uri.query().unwrap_or_default(),
    )))
}

/// `GET /v1/models/count`: how many the same filter leaves.
pub(crate) async fn count(
    State(gateway): State<Gateway>,
    Query(pairs): Query<Pairs>,
) -> Result<Json<Data<serde_json::Value>>, Refusal> {
    let count = Filter::read(&pairs)?.choose(all(&gateway)).len();
    Ok(Json(Data {
        data: json!({ "count": count }),
    }))
}

/// `GET /v1/models/{id}`, the slashes of the id escaped or not there.
pub(crate) async fn one(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
) -> Result<Json<Object>, Refusal> {
    let model = find(&gateway, &id)?;
    // OpenAI's clients read the row itself, OpenRouter's what is under `data`.
    let mut both = model.kept().clone();
    put(&mut both, "data", model.kept());
    Ok(Json(both))
}

/// `GET /v1/models/{author}/{slug}` and `/v1/model/{author}/{slug}`
pub(crate) async fn one_by_author(
    gateway: State<Gateway>,
    Path((author, slug)): Path<(String, String)>,
) -> Result<Json<Object>, Refusal> {
    one(gateway, Path(format!("{author}/{slug}"))).await
}

/// The model of that id, virtual or not.
pub(crate) fn find(gateway: &Gateway, id: &str) -> Result<Model, Failure> {
    let found = virtual_models::find(gateway, id).or_else(|| row::find(gateway, id));
    found.ok_or_else(|| unknown(gateway, id))
}

fn all(gateway: &Gateway) -> Vec<Model> {
    let mut models = virtual_models::all(gateway);
    models.extend(row::all(gateway));
    models
}

fn unknown(gateway: &Gateway, id: &str) -> Failure {
    let view = gateway.catalog().view();
    let id: String = id.chars().take(100).collect();
    let like = did_you_mean(&view, &id, 3);
    let like: Vec<_> = like
        .iter()
        .map(|place| view.model(*place).id.as_str())
        .collect();
    let failure = Failure::new(FailureKind::NotFound, "there is no such model").with("model", id);
    match like.is_empty() {
        true => failure.with_hint("see /v1/models"),
        false => failure.with_hint(format!("closest: {}", like.join(", "))),
    }
}

impl List {
    fn of(filter: &Filter, chosen: Vec<Model>, path: &str, query: &str) -> Self {
        let total_count = chosen.len();
        let (page, next) = filter.page(chosen);
        Self {
            object: "list",
            total_count,
            links: Links {
                next: next.map(|next| next.link(path, query)),
            },
            data: page.iter().map(|model| model.kept().clone()).collect(),
        }
    }
}
