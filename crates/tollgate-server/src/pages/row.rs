//! A model as lists show it: the upstream's own row, with what clients insist
//! on and what the gateway knows better.

use std::collections::HashMap;

use serde_json::json;
use tollgate::{
    Capabilities, CatalogView, Gateway, LaneId, ModelIndex, OPENROUTER_LANE, OfferIndex, Pricing,
};
use tollgate_wire::{Model, Object};

use crate::pages::members::{Defaults, fill, fill_under, put};

const ROW: Defaults = &[
    ("object", "\"model\""),
    ("hugging_face_id", "null"),
    ("context_length", "null"),
    ("per_request_limits", "null"),
    ("supported_parameters", "[]"),
    ("default_parameters", "null"),
    ("supported_voices", "null"),
];
pub(crate) const ARCHITECTURE: Defaults = &[
    ("modality", "null"),
    ("input_modalities", "[]"),
    ("output_modalities", "[]"),
    ("tokenizer", "\"Other\""),
    ("instruct_type", "null"),
];
/// `-1` says that the price depends on the call.
pub(crate) const PRICING: Defaults = &[("prompt", "\"-1\""), ("completion", "\"-1\"")];
const TOP_PROVIDER: Defaults = &[
    ("context_length", "null"),
    ("max_completion_tokens", "null"),
    ("is_moderated", "false"),
];

/// Rows of the upstream's list by id, for models that its lane offers.
pub(crate) struct Listed<'a>(HashMap<&'a str, &'a Model>);

impl<'a> Listed<'a> {
    pub(crate) fn of(rows: &'a [Model]) -> Self {
        Self(rows.iter().map(|row| (row.id.as_str(), row)).collect())
    }
}

/// All models that some lane offers.
pub(crate) fn all(gateway: &Gateway) -> Vec<Model> {
    let view = gateway.catalog().view();
    let rows = gateway.models().map(|models| models.rows());
    let listed = Listed::of(rows.as_deref().unwrap_or_default());
    (0..)
        .zip(view.models())
        .filter_map(|(place, _)| of(&view, ModelIndex(place), &listed))
        .collect()
}

/// The model of that id or canonical name.
pub(crate) fn find(gateway: &Gateway, id: &str) -> Option<Model> {
    let view = gateway.catalog().view();
    let place = view.find(id)?;
    let id = &view.model(place).id;
    let row = gateway.models().and_then(|models| models.row(id));
    of(&view, place, &Listed::of(row.as_slice()))
}

/// The row of a model; `None` when no lane offers it.
fn of(view: &CatalogView, place: ModelIndex, listed: &Listed<'_>) -> Option<Model> {
    let facts = view.model(place);
    let lane = |offer| &view.lane(view.offer(offer).lane).id;
    let lanes: Vec<&LaneId> = view.offers_of(place).map(lane).collect();
    let first = view.offers_of(place).next()?;
    let row = listed.0.get(facts.id.as_str());
    let mut object = row.map(|row| row.kept().clone()).unwrap_or_default();
    if let Some(row) = row {
        // The one field that is changed after a list was read: a price that
        // jumped is not believed at once.
        put(&mut object, "pricing", &row.pricing);
    }
    put(&mut object, "id", &facts.id);
    let is_the_upstreams = lanes.iter().any(|lane| lane.as_str() == OPENROUTER_LANE);
    if row.is_none() || !is_the_upstreams {
        // What the list says of prices and limits is true of another seller.
        put_offer(&mut object, view, first);
    }
    if row.is_none() {
        put(
            &mut object,
            "architecture",
            &architecture(view.offer(first).can),
        );
    }
    if !object.has_value("canonical_slug") {
        put(&mut object, "canonical_slug", &facts.canonical);
    }
    if !object.has_value("name") {
        put(&mut object, "name", &facts.name);
    }
    if !object.has_value("created") {
        put(&mut object, "created", &facts.created.secs());
    }
    put(
        &mut object,
        "owned_by",
        facts.id.author().unwrap_or("local"),
    );
    let can = view.offers_of(place).map(|offer| view.offer(offer).can);
    let can = can.fold(Capabilities::NONE, Capabilities::union);
    put(
        &mut object,
        "tollgate",
        &json!({ "lanes": lanes, "capabilities": can }),
    );
    finish(object)
}

/// A row with all that clients insist on; what it [keeps](Model::kept) is what
/// is shown.
pub(crate) fn finish(mut object: Object) -> Option<Model> {
    let details = object.read::<String>("id").ok().flatten()?;
    fill(&mut object, ROW);
    fill_under(&mut object, "architecture", ARCHITECTURE);
    fill_under(&mut object, "pricing", PRICING);
    fill_under(&mut object, "top_provider", TOP_PROVIDER);
    if !object.has_value("links") {
        let details = format!("/api/v1/models/{details}/endpoints");
        put(&mut object, "links", &json!({ "details": details }));
    }
    Model::from_object(object).ok()
}

/// What is known of an offer, in the words of the list.
fn put_offer(object: &mut Object, view: &CatalogView, place: OfferIndex) {
    let offer = view.offer(place);
    let known = |tokens: u32| (tokens > 0).then_some(tokens);
    let limits = json!({
        "context_length": known(offer.context),
        "max_completion_tokens": known(offer.max_output),
        "is_moderated": false,
    });
    put(object, "context_length", &known(offer.context));
    put(object, "top_provider", &limits);
    put(object, "pricing", &pricing(view.pricing(place)));
    put(object, "supported_parameters", &parameters(offer.can));
}

/// Prices as lists write them: texts, in dollars for one unit.
pub(crate) fn pricing(pricing: &Pricing) -> Object {
    let mut object = Object::new();
    match pricing {
        Pricing::Known(price) => {
            let rates = &price.base;
            let optional = [
                ("input_cache_read", rates.cache_read),
                ("input_cache_write", rates.cache_write),
                ("input_cache_write_1h", rates.cache_write_1h),
                ("audio", rates.audio_input),
                ("audio_output", rates.audio_output),
                ("image", rates.image),
                ("internal_reasoning", rates.reasoning),
                ("request", rates.request),
                ("web_search", rates.web_search),
            ];
            put(&mut object, "prompt", &rates.input);
            put(&mut object, "completion", &rates.output);
            for (key, rate) in optional {
                if let Some(rate) = rate {
                    put(&mut object, key, &rate);
                }
            }
        }
        Pricing::Free => {
            put(&mut object, "prompt", "0");
            put(&mut object, "completion", "0");
        }
        _ => fill(&mut object, PRICING),
    }
    object
}

/// Parameters that prove a capability.
const PARAMETERS: &[(Capabilities, &str)] = &[
    (Capabilities::TEXT_OUTPUT, "max_tokens"),
    (Capabilities::TOOLS, "tools"),
    (Capabilities::TOOL_CHOICE, "tool_choice"),
    (Capabilities::STRUCTURED_OUTPUT, "structured_outputs"),
    (Capabilities::RESPONSE_FORMAT, "response_format"),
    (Capabilities::REASONING, "reasoning"),
    (Capabilities::REASONING, "include_reasoning"),
    (Capabilities::LOGPROBS, "logprobs"),
    (Capabilities::SEED, "seed"),
    (Capabilities::STOP, "stop"),
];

const INPUTS: &[(Capabilities, &str)] = &[
    (Capabilities::NONE, "text"),
    (Capabilities::IMAGE_INPUT, "image"),
    (Capabilities::FILE_INPUT, "file"),
    (Capabilities::AUDIO_INPUT, "audio"),
    (Capabilities::VIDEO_INPUT, "video"),
];

const OUTPUTS: &[(Capabilities, &str)] = &[
    (Capabilities::TEXT_OUTPUT, "text"),
    (Capabilities::IMAGE_OUTPUT, "image"),
    (Capabilities::AUDIO_OUTPUT, "audio"),
    (Capabilities::EMBEDDINGS_OUTPUT, "embeddings"),
];

/// The parameters that capabilities come from.
pub(crate) fn parameters(can: Capabilities) -> Vec<&'static str> {
    words(can, PARAMETERS)
}

/// The architecture that capabilities come from.
pub(crate) fn architecture(can: Capabilities) -> Object {
    let (input, output) = (words(can, INPUTS), words(can, OUTPUTS));
    let modality = format!("{}->{}", input.join("+"), output.join("+"));
    let mut object = Object::new();
    put(&mut object, "modality", &modality);
    put(&mut object, "input_modalities", &input);
    put(&mut object, "output_modalities", &output);
    fill(&mut object, ARCHITECTURE);
    object
}

fn words(can: Capabilities, table: &[(Capabilities, &'static str)]) -> Vec<&'static str> {
    let held = table
        .iter()
        .filter(|(capability, _)| can.contains(*capability));
    held.map(|(_, word)| *word).collect()
}
