//! The pages: catalog, providers, and what the account knows.

use http::Method;
use serde::Serialize;

use crate::activity::Window;
use crate::bill::Sums;
use crate::byok::WORKSPACE;
use crate::catalog::Model;
use crate::effects;
use crate::endpoint::{PROVIDERS, endpoints};
use crate::json::{Object, object, raw};
use crate::model_filter::Filter;
use crate::performance::Performance;
use crate::refusal::{self, Refusal, Scene, USER};
use crate::refuse::{fault_refusal, refuse, refuse_plainly, request_fault};
use crate::reply::Form;
use crate::request::Request;
use crate::script::Script;
use crate::world::World;

/// `GET /models`, with the default filter: models that write text.
pub(crate) fn models(world: &World, request: &Request) -> Page {
    Ok(model_list(world, request, &Filter::read(request)?))
}

/// `GET /embeddings/models`.
pub(crate) fn embedding_models(world: &World, request: &Request) -> Page {
    let filter = Filter::read(request)?.giving("embeddings");
    Ok(model_list(world, request, &filter))
}

/// `GET /models/count`.
pub(crate) fn model_count(world: &World, request: &Request) -> Page {
    let filter = Filter::read(request)?;
    let models = world.catalog.models().iter();
    let count = models.filter(|model| filter.wants(model)).count();
    Ok(data(&object! { "count": count }))
}

/// `GET /models/{author}/{slug}`, or `/model/…`; resolves aliases.
pub(crate) fn model(world: &World, request: &Request) -> Page {
    let name = named(request, "");
    world
        .catalog
        .find(&name)
        .map(|found| data(&found.model.row))
        .ok_or(NoPage::Model(name))
}

/// `GET /models/{author}/{slug}/endpoints`.
pub(crate) fn model_endpoints(world: &World, request: &Request) -> Page {
    let name = named(request, "/endpoints");
    let Some(found) = world.catalog.find(&name) else {
        return Err(NoPage::Model(name));
    };
    let model = &found.model;
    let spread = world.scenario().price_spread_percent;
    let list: Vec<Object> = endpoints(model, world.seed, spread)
        .iter()
        .map(|endpoint| endpoint.to_json(model))
        .collect();
    let architecture = &model.architecture;
    Ok(data(&object! {
        "id": model.id,
        "name": model.name,
        "created": model.created,
        "description": "",
        "architecture": object! {
            "modality": architecture.modality,
            "input_modalities": architecture.input_modalities,
            "output_modalities": architecture.output_modalities,
            "tokenizer": architecture.tokenizer,
            "instruct_type": architecture.instruct_type,
        },
        "endpoints": list,
    }))
}

/// `GET /providers`.
pub(crate) fn providers(_: &World, _: &Request) -> Page {
    Ok(data(
        &PROVIDERS
            .iter()
            .map(crate::endpoint::Provider::to_json)
            .collect::<Vec<_>>(),
    ))
}

/// `GET /credits`.
pub(crate) fn credits(world: &World, _: &Request) -> Page {
    let records = world.records();
    Ok(data(
        &object! { "total_credits": records.scenario.credits, "total_usage": records.till.spent() },
    ))
}

/// `GET /key`.
pub(crate) fn key(world: &World, request: &Request) -> Page {
    const NULL: Option<&str> = None;
    let records = world.records();
    let of = |window| {
        records
            .till
            .activity()
            .of_key(&request.key, window, request.now)
    };
    let spent = records.till.of_key(&request.key);
    let [daily, weekly, monthly] = [Window::Day, Window::Week, Window::Month].map(of);
    let usage = |sums: Sums| sums.credits + sums.fees;
    let is_management = records.scenario.is_management(&request.key);
    Ok(data(&object! {
        "label": masked(&request.key),
        "limit": NULL,
        "limit_remaining": NULL,
        "limit_reset": NULL,
        "include_byok_in_limit": false,
        "usage": usage(spent),
        "usage_daily": usage(daily),
        "usage_weekly": usage(weekly),
        "usage_monthly": usage(monthly),
        "byok_usage": spent.provider_cost,
        "byok_usage_daily": daily.provider_cost,
        "byok_usage_weekly": weekly.provider_cost,
        "byok_usage_monthly": monthly.provider_cost,
        "is_free_tier": false,
        "is_management_key": is_management,
        "is_provisioning_key": is_management,
        "free_model_daily_requests": object! { "limit": 1000, "used": 0, "remaining": 1000 },
        "budgets": [(); 0],
        "effective_budget": NULL,
        "allowed_data_regions": ["global"],
        "creator_user_id": USER,
        "organization_id": NULL,
        "workspace_id": WORKSPACE,
        "expires_at": NULL,
        // OpenRouter says -1, which a published client refuses to read.
        "rate_limit": object! { "requests": 1000, "interval": "10s", "note": "deprecated" },
    }))
}

/// `GET /activity?date=`, a row per day, model and provider of all keys together. The filters by key,
/// user and workspace are not simulated.
pub(crate) fn activity(world: &World, request: &Request) -> Page {
    let records = world.records();
    let date = request.query("date");
    let lag_days = records.scenario.activity_lag_days;
    let activity = records.till.activity();
    Ok(data(&activity.rows(request.now, lag_days, date.as_deref())))
}

/// `GET /generation?id=`, 404 until the scenario's delay is over.
pub(crate) fn generation(world: &World, request: &Request) -> Page {
    let id = request.query("id").unwrap_or_default();
    world
        .records()
        .generation(&id)
        .map(|body| data(&body))
        .ok_or(NoPage::Generation(id))
}

/// A page, or what there is not.
pub(crate) type Page = Result<Object, NoPage>;

/// What was asked for and is not there, or cannot be done.
#[derive(Debug)]
pub(crate) enum NoPage {
    Model(String),
    Generation(String),
    ProviderKey(String),
    /// The request is a bad one.
    Invalid(String),
}

/// Turns a page into a performance, with the faults of its route.
pub(crate) fn show(
    world: &World,
    request: &Request,
    route: &str,
    page: fn(&World, &Request) -> Page,
) -> Performance {
    let fault = match request_fault(world, request, route) {
        Ok(fault) => fault.unwrap_or_default(),
        Err(message) => return refuse_plainly(world, request, message),
    };
    let scene = Scene::of(request);
    if fault.refuses() {
        return refuse(
            world,
            request,
            &fault,
            &fault_refusal(&fault, &scene),
            Form::Whole,
            None,
        );
    }
    world.note(request.ticket, |seen| seen.fault.clone_from(&fault.label));
    let script = match page(world, request) {
        Ok(body) => Script::json(status(request), &body, 0),
        Err(missing) => {
            let refusal = missing.refusal(request);
            Script::json(
                refusal.status,
                &request.dialect.refusal(&request.id, &refusal),
                0,
            )
        }
    };
    effects::apply(&fault, script).into()
}

impl NoPage {
    /// A direct provider has words of its own for a model that it does not serve.
    fn refusal(&self, request: &Request) -> Refusal {
        let row = refusal::for_status(match self {
            Self::Invalid(_) => 400,
            Self::Model(_) | Self::Generation(_) | Self::ProviderKey(_) => 404,
        });
        let refusal = Refusal::new(row, &Scene::of(request));
        match (self, request.host.words(row.name)) {
            (Self::Model(model), Some(words)) => refusal.with_message(words.about(model)),
            _ => refusal.with_message(self.message()),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Model(name) => format!("Model {name} not found"),
            Self::Generation(id) => format!("Generation {id} not found"),
            Self::ProviderKey(id) => format!("BYOK key {id} not found"),
            Self::Invalid(reason) => format!("Invalid request: {reason}"),
        }
    }
}

/// What is made anew is “created”.
fn status(request: &Request) -> u16 {
    if request.parts.method == Method::POST {
        201
    } else {
        200
    }
}

fn model_list(world: &World, request: &Request, filter: &Filter) -> Object {
    let all: Vec<&Model> = world
        .catalog
        .models()
        .iter()
        .map(AsRef::as_ref)
        .filter(|model| filter.wants(model))
        .collect();
    let limit = filter.limit.unwrap_or(all.len());
    let rows = all.iter().skip(filter.offset).take(limit);
    let rows: Vec<_> = rows.map(|model| &model.row).collect();
    let end = filter.offset.saturating_add(limit);
    let next = (end < all.len()).then(|| next(request, end, limit));
    object! { "data": rows, "total_count": all.len(), "links": object! { "next": next } }
}

/// The link to the next part of a list: the same query, but for the part.
fn next(request: &Request, offset: usize, limit: usize) -> String {
    let mut link = format!("{}?offset={offset}&limit={limit}", request.path());
    let pairs = request.parts.uri.query().unwrap_or_default().split('&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or(pair);
        if !matches!(name, "offset" | "limit") {
            link.push('&');
            link.push_str(pair);
        }
    }
    link
}

/// The model in a path, which may hold an escaped slash or colon.
fn named(request: &Request, suffix: &str) -> String {
    let path = crate::request::decode(request.parts.uri.path());
    let name = ["/models/", "/model/"]
        .into_iter()
        .find_map(|prefix| path.split_once(prefix))
        .map_or("", |(_, name)| name);
    name.strip_suffix(suffix).unwrap_or(name).to_owned()
}

fn masked(key: &str) -> String {
    let visible: String = key.chars().take(12).collect();
    format!("{visible}...")
}

fn data(value: &(impl Serialize + ?Sized)) -> Object {
    object! { "data": raw(value) }
}
