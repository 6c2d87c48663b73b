//! The lists of models of direct providers, each in its own form.

use std::sync::Arc;

use crate::catalog::Model;
use crate::clock::iso_date;
use crate::host::Host;
use crate::json::{Object, object};
use crate::pages::{NoPage, Page};
use crate::request::{Request, decode};
use crate::world::World;

/// OpenAI's `GET /models`.
pub(crate) fn openai_models(world: &World, _: &Request) -> Page {
    let rows: Vec<Object> = Host::OpenAi
        .models(&world.catalog)
        .iter()
        .map(|(name, model)| openai_row(name, model))
        .collect();
    Ok(object! { "object": "list", "data": rows })
}

/// OpenAI's `GET /models/{model}`.
pub(crate) fn openai_model(world: &World, request: &Request) -> Page {
    one(world, request, openai_row)
}

/// Anthropic's `GET /models?limit&after_id&before_id`.
pub(crate) fn anthropic_models(world: &World, request: &Request) -> Page {
    const USUAL: usize = 20;
    let models = Host::Anthropic.models(&world.catalog);
    let at = |key: &str| {
        let id = request.query(key)?;
        models.iter().position(|(name, _)| *name == id)
    };
    let limit = number(request, "limit").unwrap_or(USUAL);
    let end = at("before_id");
    let start = match (at("after_id"), end) {
        (Some(after), _) => after + 1,
        (None, Some(end)) => end.saturating_sub(limit),
        (None, None) => 0,
    };
    let end = end.unwrap_or(models.len()).min(start + limit);
    let rows = models.get(start..end).unwrap_or_default();
    let id = |row: Option<&(String, Arc<Model>)>| row.map(|(name, _)| name.clone());
    let data: Vec<Object> = rows
        .iter()
        .map(|(name, model)| anthropic_row(name, model))
        .collect();
    Ok(object! {
        "data": data, "has_more": end < models.len(),
        "first_id": id(rows.first()), "last_id": id(rows.last()),
    })
}

/// Anthropic's `GET /models/{model}`.
pub(crate) fn anthropic_model(world: &World, request: &Request) -> Page {
    one(world, request, anthropic_row)
}

/// Google's `GET /models?pageSize&pageToken`.
pub(crate) fn gemini_models(world: &World, request: &Request) -> Page {
    const USUAL: usize = 50;
    let models = Host::Gemini.models(&world.catalog);
    let start = number(request, "pageToken").unwrap_or(0).min(models.len());
    let size = number(request, "pageSize").unwrap_or(USUAL);
    let end = start.saturating_add(size).min(models.len());
    let rows: Vec<Object> = models[start..end]
        .iter()
        .map(|(name, model)| gemini_row(name, model))
        .collect();
    let next = (end < models.len()).then(|| end.to_string());
    Ok(object! { "models": rows }.with_some("nextPageToken", next.as_ref()))
}

/// Google's `GET /models/{model}`.
pub(crate) fn gemini_model(world: &World, request: &Request) -> Page {
    one(world, request, gemini_row)
}

fn one(world: &World, request: &Request, row: fn(&str, &Model) -> Object) -> Page {
    let path = decode(request.path());
    let name = path.rsplit('/').next().unwrap_or_default();
    match request.host.find(&world.catalog, name) {
        Some(found) => Ok(row(name, &found.model)),
        None => Err(NoPage::Model(name.to_owned())),
    }
}

fn number(request: &Request, key: &str) -> Option<usize> {
    let number = request.query(key)?.parse().ok();
    number.filter(|number| *number > 0)
}

fn openai_row(name: &str, model: &Model) -> Object {
    object! { "id": name, "object": "model", "created": model.created, "owned_by": "openai" }
}

fn anthropic_row(name: &str, model: &Model) -> Object {
    let created = u64::try_from(model.created).unwrap_or(0);
    object! {
        "type": "model", "id": name, "display_name": title(model), "created_at": iso_date(created),
        "max_input_tokens": model.context_length,
        "max_tokens": model.top_provider.max_completion_tokens,
    }
}

fn gemini_row(name: &str, model: &Model) -> Object {
    object! {
        "name": format!("models/{name}"),
        "version": name,
        "displayName": title(model),
        "inputTokenLimit": model.context_length.unwrap_or(0),
        "outputTokenLimit": model.top_provider.max_completion_tokens.unwrap_or(0),
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": model.reasoning.is_some(),
    }
}

/// The name without the author that the catalog puts before it.
fn title(model: &Model) -> &str {
    let (_, title) = model.name.split_once(": ").unwrap_or(("", &model.name));
    title
}
