//! `POST /messages/count_tokens`: what a message request would count, for nothing.

use crate::effects;
use crate::json::object;
use crate::performance::Performance;
use crate::refusal::Scene;
use crate::refuse::{fault_refusal, note_fault, refuse, refuse_plainly, request_fault};
use crate::reply::Form;
use crate::request::Request;
use crate::script::Script;
use crate::world::World;

/// The name that rules use.
pub(crate) const ROUTE: &str = "count_tokens";

/// Counts a request.
pub(crate) fn count_tokens(world: &World, request: &Request) -> Performance {
    let read = request
        .fields()
        .and_then(|fields| request.dialect.read(&fields));
    let ask = match read {
        Ok(ask) => ask,
        Err(message) => return refuse_plainly(world, request, message),
    };
    let model = &ask.models[0];
    world.note(request.ticket, |seen| {
        seen.requested_model = Some(model.clone())
    });
    let fault = match request_fault(world, request, ROUTE) {
        Ok(fault) => fault.unwrap_or_default(),
        Err(message) => return refuse_plainly(world, request, message),
    };
    if fault.refuses() {
        let scene = Scene {
            model,
            ..Scene::bare(request.now)
        };
        let refusal = fault_refusal(&fault, &scene);
        return refuse(world, request, &fault, &refusal, Form::Whole, None);
    }
    if world.catalog.find(model).is_none() {
        return refuse_plainly(world, request, format!("{model} is not a valid model ID"));
    }
    note_fault(world, request, &fault);
    let body = object! { "input_tokens": ask.prompt_tokens() };
    effects::apply(&fault, Script::json(200, &body, 0)).into()
}
