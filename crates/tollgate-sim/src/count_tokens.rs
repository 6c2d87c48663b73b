//! `POST /messages/count_tokens` and Google's `:countTokens`: what a request would count, for nothing.

use crate::ask::Ask;
use crate::complaint::Complaint;
use crate::effects;
use crate::host::Host;
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
    let ask = match read(world, request) {
        Ok(ask) => ask,
        Err(complaint) => return refuse_plainly(world, request, complaint),
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
            ..Scene::of(request)
        };
        let refusal = fault_refusal(&fault, &scene);
        return refuse(world, request, &fault, &refusal, Form::Whole, None);
    }
    if request.host.find(&world.catalog, model).is_none() {
        return refuse_plainly(world, request, unknown(request.host, model));
    }
    note_fault(world, request, &fault);
    let body = request.dialect.count(ask.prompt_tokens());
    effects::apply(&fault, Script::json(200, &body, 0)).into()
}

fn read(world: &World, request: &Request) -> Result<Ask, Complaint> {
    let fields = request.dialect.check(world, request, request.fields()?)?;
    Ok(request.dialect.read(&fields)?)
}

fn unknown(host: Host, model: &str) -> Complaint {
    let ours = || format!("{model} is not a valid model ID").into();
    host.unknown_model(model).unwrap_or_else(ours)
}
