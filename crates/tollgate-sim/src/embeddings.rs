//! `POST /embeddings`: the same text gets the same vector; like texts do not get like ones.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::account::{Account, AnswerKind};
use crate::ask::count_tokens;
use crate::base64::encode;
use crate::bill::Charge;
use crate::byok::{Lane, lanes};
use crate::complaint::Complaint;
use crate::dialect::check_embeddings;
use crate::draw::Draw;
use crate::effects;
use crate::endpoint::endpoints;
use crate::fault::Fault;
use crate::host::Host;
use crate::infer::{note_selection, with_id};
use crate::json::{Object, object, raw};
use crate::log::Attempt;
use crate::performance::Performance;
use crate::pricing::Tokens;
use crate::refusal::Scene;
use crate::refuse::{fault_refusal, note_fault, refuse, refuse_plainly, request_fault};
use crate::reply::Form;
use crate::request::Request;
use crate::script::Script;
use crate::select::Selection;
use crate::world::World;

/// The name that rules use.
pub(crate) const ROUTE: &str = "embeddings";

/// The length of a vector unless `dimensions` says otherwise.
const DIMENSIONS: u64 = 64;

/// The most that can be asked for.
const MAX_DIMENSIONS: u64 = 4_096;

/// What is read of the request.
struct Ask {
    model: String,
    texts: Vec<String>,
    dimensions: u64,
    as_base64: bool,
}

/// Answers an embeddings request.
pub(crate) fn embeddings(world: &World, request: &Request) -> Performance {
    if let Err(complaint) = check_embeddings(request) {
        return refuse_plainly(world, request, complaint);
    }
    let ask = match Ask::parse(request) {
        Ok(ask) => ask,
        Err(message) => return refuse_plainly(world, request, message),
    };
    world.note(request.ticket, |seen| {
        seen.requested_model = Some(ask.model.clone())
    });
    let fault = match request_fault(world, request, ROUTE) {
        Ok(fault) => fault.unwrap_or_default(),
        Err(message) => return refuse_plainly(world, request, message),
    };
    if fault.refuses() {
        let scene = Scene {
            model: &ask.model,
            ..Scene::of(request)
        };
        return refuse(
            world,
            request,
            &fault,
            &fault_refusal(&fault, &scene),
            Form::Whole,
            None,
        );
    }
    match request
        .host
        .find(&world.catalog, &ask.model)
        .filter(|found| found.model.writes("embeddings"))
    {
        Some(found) => match Selection::of_first_lane(world, &found.model, fault, request) {
            Some(selection) => serve(world, request, &ask, selection),
            None => refuse_plainly(world, request, Complaint::usual("no-endpoints")),
        },
        None => refuse_plainly(world, request, unknown(request.host, &ask.model)),
    }
}

fn serve(world: &World, request: &Request, ask: &Ask, selection: Selection) -> Performance {
    let prompt = ask.texts.iter().map(|text| count_tokens(text)).sum();
    let tokens = Tokens {
        prompt,
        ..Tokens::default()
    };
    let now = request.now;
    let fee = selection.is_byok.then(|| world.records().byok_fee(now));
    let charge = Charge::new(tokens, &selection.endpoint.pricing, now, fee);
    let id = world.generation_id(request);
    let rows: Vec<Object> = ask
        .texts
        .iter()
        .enumerate()
        .map(|(index, text)| ask.row(world.seed, index, text))
        .collect();
    let usage = object! { "prompt_tokens": prompt, "total_tokens": prompt };
    let body = object! {
        "object": "list",
        "model": selection.served_name(request.host),
        "data": rows,
    };
    let body = match request.host.is_direct() {
        true => body.with("usage", &usage),
        false => object! { "id": id }
            .and(body)
            .with("usage", &usage.and(cost(&charge))),
    };
    let script = with_id(request, Script::json(200, &body, 0), &id);
    let script = effects::apply(&selection.fault, script);
    note_fault(world, request, &selection.fault);
    note_selection(world, request, &selection, &id);
    let account = Account {
        host: request.host,
        ticket: request.ticket,
        id,
        key: request.key.clone(),
        charge,
        planned: 0,
        bill_anyway: selection.fault.bill_anyway,
        stops_with_client: false,
        streamed: false,
        finish: None,
        asked_at: now,
        first_token: std::time::Duration::ZERO,
        generation_time: std::time::Duration::ZERO,
        session: None,
        origin: request
            .header("http-referer")
            .unwrap_or_default()
            .to_owned(),
        user_agent: request.header("user-agent").map(str::to_owned),
        kind: AnswerKind::Embedding,
        selection,
    };
    Performance {
        script,
        account: Some(account),
    }
}

/// What OpenRouter tells beside the tokens; its clients insist on both parts of the cost.
fn cost(charge: &Charge) -> Object {
    object! {
        "cost": charge.cost(),
        "is_byok": charge.byok.is_some(),
        "cost_details": object! {
            "upstream_inference_cost": charge.price.total,
            "upstream_inference_prompt_cost": charge.price.prompt,
            "upstream_inference_completions_cost": charge.price.completion,
        },
    }
}

fn unknown(host: Host, model: &str) -> Complaint {
    let ours = || format!("{model} is not a valid embeddings model ID").into();
    host.unknown_model(model).unwrap_or_else(ours)
}

impl Ask {
    fn parse(request: &Request) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(&request.body)
            .map_err(|error| format!("Invalid JSON in request body: {error}"))?;
        let model = body
            .get("model")
            .and_then(Value::as_str)
            .ok_or("Invalid request: model is required")?
            .to_owned();
        let usual = request.host.dimensions(&model).unwrap_or(DIMENSIONS);
        let dimensions = body
            .get("dimensions")
            .filter(|count| !count.is_null())
            .map_or(Some(usual), Value::as_u64);
        Ok(Self {
            model,
            texts: texts(body.get("input"))?,
            dimensions: dimensions
                .filter(|count| (1..=MAX_DIMENSIONS).contains(count))
                .ok_or("Invalid request: dimensions must be a positive integer")?,
            as_base64: body.get("encoding_format").and_then(Value::as_str) == Some("base64"),
        })
    }

    fn row(&self, seed: u64, index: usize, text: &str) -> Object {
        let mut draw = Draw::new(seed, &[b"embedding", text.as_bytes()]);
        // Multiples of 1/128 in [-1, 1) are exact in a float and short in decimal.
        let vector: Vec<f32> = (0..self.dimensions)
            .map(|_| (draw.below(256) as f32 - 128.0) / 128.0)
            .collect();
        let embedding: Box<RawValue> = if self.as_base64 {
            raw(&encode(
                &vector
                    .iter()
                    .flat_map(|number| number.to_le_bytes())
                    .collect::<Vec<u8>>(),
            ))
        } else {
            raw(&vector)
        };
        object! { "object": "embedding", "index": index, "embedding": embedding }
    }
}

impl Selection {
    /// The first endpoint of a model, without a choice; none where its provider's key is for other
    /// models only.
    fn of_first_lane(
        world: &World,
        model: &std::sync::Arc<crate::catalog::Model>,
        fault: Fault,
        request: &Request,
    ) -> Option<Self> {
        let Lane { endpoint, is_byok } = match request.host.endpoint(model, world.seed) {
            Some(endpoint) => Lane {
                endpoint,
                is_byok: false,
            },
            None => {
                let records = world.records();
                let all = endpoints(model, world.seed, 0);
                let first = lanes(&records.provider_keys, &model.id, all);
                first.into_iter().next()?
            }
        };
        let is_byok = is_byok || world.scenario().is_byok(request.host, &request.key);
        let attempt = Attempt {
            is_byok,
            provider: endpoint.provider.name.to_owned(),
            model: model.canonical_slug.clone(),
            status: 200,
        };
        Some(Self {
            model: std::sync::Arc::clone(model),
            endpoint,
            fault,
            attempts: vec![attempt],
            strategy: "direct",
            is_byok,
        })
    }
}

/// The texts to embed; lists of token ids count as one text each.
fn texts(input: Option<&Value>) -> Result<Vec<String>, String> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    match input {
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(values)) if values.is_empty() => {
            Err("Invalid request: input must not be empty".into())
        }
        Some(Value::Array(values)) if values.iter().all(Value::is_number) => {
            Ok(vec![text(&Value::Array(values.clone()))])
        }
        Some(Value::Array(values)) => Ok(values.iter().map(text).collect()),
        _ => Err("Invalid request: input is required".into()),
    }
}
