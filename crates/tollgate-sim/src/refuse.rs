//! From a fault, or from nothing but the request, to an error.

use crate::complaint::Complaint;
use crate::dialect::Frame;
use crate::effects;
use crate::fault::{Fault, Place};
use crate::fault_table;
use crate::json::Object;
use crate::performance::Performance;
use crate::refusal::{self, Refusal, Scene};
use crate::reply::{Form, error_inside};
use crate::request::Request;
use crate::rule::Target;
use crate::script::Script;
use crate::world::World;

/// The fault that the request's header or a rule for all models asks for.
///
/// # Errors
/// The message for a 400 when the header names no fault.
pub(crate) fn request_fault(
    world: &World,
    request: &Request,
    route: &str,
) -> Result<Option<Fault>, String> {
    if let Some(name) = request.header("x-sim-fault") {
        return fault_table::find(name)
            .map(Some)
            .map_err(|error| error.to_string());
    }
    Ok(world.strike(&Target {
        route,
        key: &request.key,
        model: None,
        provider: None,
        is_byok: false,
    }))
}

/// The error that a fault stands for.
pub(crate) fn fault_refusal(fault: &Fault, scene: &Scene<'_>) -> Refusal {
    let row = match (&fault.error, fault.status) {
        (Some(name), _) => refusal::find(name).unwrap_or_else(|_| refusal::for_status(500)),
        (None, Some(status)) => refusal::for_status(status),
        (None, None) => refusal::for_status(502),
    };
    let mut refusal = Refusal::new(row, scene);
    if let Some(status) = fault.status {
        refusal = refusal.with_status(status);
    }
    match &fault.retry_after {
        Some(retry_after) => refusal.with_retry_after(retry_after, scene.now),
        None => refusal,
    }
}

/// Sends an error that no fault asked for.
pub(crate) fn refuse_plainly(
    world: &World,
    request: &Request,
    complaint: impl Into<Complaint>,
) -> Performance {
    let refusal = Refusal::of(complaint.into(), &Scene::of(request));
    refuse(
        world,
        request,
        &Fault::default(),
        &refusal,
        Form::Whole,
        None,
    )
}

/// Sends an error in the place that the fault wants it.
pub(crate) fn refuse(
    world: &World,
    request: &Request,
    fault: &Fault,
    refusal: &Refusal,
    form: Form,
    trail: Option<Object>,
) -> Performance {
    let refusal = Refusal {
        trail,
        ..refusal.clone()
    };
    let id = world.generation_id(request);
    note_fault(world, request, fault);
    let own_body = refusal.body.filter(|_| fault.place == Place::Status);
    let body = fault.body.clone().or(own_body.map(str::to_owned));
    let mut script = match (body, fault.place) {
        (Some(body), _) => Script::body(refusal.status, "application/json", body, 0),
        (None, Place::Status) if !refusal.is_block() => {
            let id = if request.host.is_direct() {
                &request.id
            } else {
                &id
            };
            Script::json(refusal.status, &request.dialect.refusal(id, &refusal), 0)
        }
        (None, _) => {
            let frame = Frame {
                id: &id,
                host: request.host,
                request_id: &request.id,
                created: request.now,
                completed: request.now,
                model: "",
                provider: "",
                metadata: refusal.trail.as_ref(),
                fault,
                asked: &request.fields().unwrap_or_default(),
                scenario: &world.scenario(),
                charge: None,
            };
            error_inside(request, &frame, &refusal, form)
        }
    };
    if let Some(head) = script.head_mut() {
        for (name, value) in &refusal.headers {
            head.set(name, value);
        }
    }
    effects::apply(fault, script).into()
}

/// Notes in the log what the client is about to see.
pub(crate) fn note_fault(world: &World, request: &Request, fault: &Fault) {
    if *fault != Fault::default() {
        let label = fault.label.clone().unwrap_or_else(|| "unnamed".to_owned());
        world.note(request.ticket, |seen| seen.fault = Some(label));
    }
}
