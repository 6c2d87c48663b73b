//! A request for text, in any dialect: from request to script, in the order of the steps.

use serde_json::{Map, Value};

use crate::account::{Account, AnswerKind};
use crate::answer::{Answer, Length};
use crate::ask::Ask;
use crate::bill::Charge;
use crate::dialect::Frame;
use crate::draw::Draw;
use crate::effects;
use crate::fault::{Part, Place};
use crate::metadata;
use crate::performance::Performance;
use crate::pricing::Tokens;
use crate::refusal::Scene;
use crate::refuse::{fault_refusal, note_fault, refuse, refuse_plainly, request_fault};
use crate::reply::{self, Form};
use crate::request::Request;
use crate::scenario::Scenario;
use crate::script::Script;
use crate::select::{Refused, Selection, select};
use crate::speed::speed;
use crate::world::World;

/// Answers a request for text.
pub(crate) fn infer(world: &World, request: &Request) -> Performance {
    let scenario = world.scenario();
    let fields = match request.fields() {
        Ok(fields) => fields,
        Err(message) => return refuse_plainly(world, request, message),
    };
    let fields = match request.dialect.check(world, request, fields) {
        Ok(fields) => fields,
        Err(complaint) => return refuse_plainly(world, request, complaint),
    };
    let ask = match request.dialect.read(&fields) {
        Ok(ask) => ask.in_session(request.header("x-session-id")),
        Err(message) => return refuse_plainly(world, request, message),
    };
    let form = ask.form;
    world.note(request.ticket, |seen| {
        seen.requested_model = ask.models.first().cloned()
    });

    let fault = match request_fault(world, request, request.dialect.route()) {
        Ok(fault) => fault,
        Err(message) => return refuse_plainly(world, request, message),
    };
    if let Some(fault) = fault.as_ref().filter(|fault| fault.refuses()) {
        let scene = Scene {
            model: &ask.models[0],
            ..Scene::of(request)
        };
        return refuse(
            world,
            request,
            fault,
            &fault_refusal(fault, &scene),
            form,
            None,
        );
    }
    match select(world, &scenario, request, &ask) {
        Err(refused) => {
            let Refused {
                fault,
                refusal,
                attempts,
            } = *refused;
            let trail = request
                .wants_metadata()
                .then(|| metadata::refused(&ask, &attempts));
            world.note(request.ticket, |seen| seen.attempts = attempts);
            refuse(world, request, &fault, &refusal, form, trail)
        }
        Ok(mut selection) => {
            // What was asked for in the header or for everybody comes on top.
            if let Some(fault) = fault {
                selection.fault = fault;
            }
            serve(world, &scenario, request, &fields, &ask, selection)
        }
    }
}

/// Answers, with whatever fault the selection brings.
fn serve(
    world: &World,
    scenario: &Scenario,
    request: &Request,
    fields: &Map<String, Value>,
    ask: &Ask,
    selection: Selection,
) -> Performance {
    note_fault(world, request, &selection.fault);
    let id = world.generation_id(request);
    let seed_parts: [&[u8]; 3] = [b"answer", &ask.essence, selection.model.id.as_bytes()];
    let mut draw = Draw::new(world.seed, &seed_parts);
    let answer = make_answer(scenario, request, ask, &selection, &mut draw);
    let charge = whole_charge(world, request, ask, &selection, &answer);
    let speed = speed(scenario, &selection.endpoint);
    let total = speed.total(answer.tokens());
    let metadata = request
        .wants_metadata()
        .then(|| metadata::answered(ask, &selection, total));
    let frame = Frame {
        id: &id,
        host: request.host,
        request_id: &request.id,
        created: request.now,
        completed: request.now + total.as_secs(),
        model: &selection.served_name(request.host),
        provider: selection.endpoint.provider.name,
        metadata: metadata.as_ref(),
        fault: &selection.fault,
        asked: fields,
        scenario,
        charge: Some(&charge).filter(|_| !selection.fault.omits(Part::Usage)),
    };
    let dialect = request.dialect;
    let script = match ask.form {
        Form::Stream => {
            let events = dialect.events(&frame, &answer, &mut draw);
            reply::stream(request.host, &events, scenario.comments, speed)
        }
        Form::Whole => {
            let body = dialect.whole(&frame, &answer);
            reply::whole(request.host, &body, answer.tokens(), speed)
        }
    };
    let script = late_error(request, &selection, &frame, script, ask.form);
    let script = effects::apply(&selection.fault, with_id(request, script, &id));
    note_selection(world, request, &selection, &id);
    let provider = selection.endpoint.provider;
    let streamed = ask.form == Form::Stream;
    let account = Account {
        host: request.host,
        ticket: request.ticket,
        id,
        key: request.key.clone(),
        planned: script.tokens(),
        bill_anyway: selection.fault.bill_anyway,
        stops_with_client: streamed && scenario.stops(provider.name, provider.slug),
        streamed,
        charge,
        finish: answer.finish,
        first_token: speed.first_token,
        generation_time: total,
        session: ask.session.clone(),
        origin: request
            .header("http-referer")
            .unwrap_or_default()
            .to_owned(),
        user_agent: request.header("user-agent").map(str::to_owned),
        asked_at: request.now,
        kind: AnswerKind::Text,
        selection,
    };
    Performance {
        script,
        account: Some(account),
    }
}

/// OpenRouter names the answer in a header too.
pub(crate) fn with_id(request: &Request, script: Script, id: &str) -> Script {
    match request.host.is_direct() {
        true => script,
        false => script.with_header("x-generation-id", id),
    }
}

/// The charge if the client gets all of it.
fn whole_charge(
    world: &World,
    request: &Request,
    ask: &Ask,
    selection: &Selection,
    answer: &Answer,
) -> Charge {
    let tokens = Tokens {
        prompt: ask.prompt_tokens(),
        cached: cached_tokens(world, request, ask, selection),
        completion: answer.tokens(),
        reasoning: answer.reasoning.len() as u64,
    };
    let fee = selection
        .is_byok
        .then(|| world.records().byok_fee(request.now));
    let charge = Charge::new(tokens, &selection.endpoint.pricing, request.now, fee);
    if tokens.completion == 0 {
        charge.waived()
    } else {
        charge
    }
}

/// The script with the error that the fault has for after the first token, if it has one.
/// Without a stream there is no “after”, so the error is in the choice.
fn late_error(
    request: &Request,
    selection: &Selection,
    frame: &Frame<'_>,
    script: Script,
    form: Form,
) -> Script {
    if !selection.fault.is_error() {
        return script;
    }
    let scene = Scene {
        model: &selection.model.id,
        provider: Some(frame.provider),
        is_byok: selection.is_byok,
        ..Scene::of(request)
    };
    let refusal = fault_refusal(&selection.fault, &scene);
    if form == Form::Stream {
        return reply::break_off(request.dialect, frame, script, &refusal);
    }
    let fault = selection.fault.clone().at(Place::Choice);
    let frame = Frame {
        fault: &fault,
        ..frame.clone()
    };
    reply::error_inside(request, &frame, &refusal, Form::Whole)
}

/// Notes in the log who answers.
pub(crate) fn note_selection(world: &World, request: &Request, selection: &Selection, id: &str) {
    world.note(request.ticket, |seen| {
        seen.model = Some(selection.model.id.clone());
        seen.provider = Some(selection.endpoint.provider.name.to_owned());
        seen.generation = Some(id.to_owned());
        seen.attempts.clone_from(&selection.attempts);
    });
}

fn make_answer(
    scenario: &Scenario,
    request: &Request,
    ask: &Ask,
    selection: &Selection,
    draw: &mut Draw,
) -> Answer {
    let Selection { model, fault, .. } = selection;
    if fault.omits(Part::Content) {
        return Answer::empty();
    }
    let wanted = request
        .header("x-sim-output-tokens")
        .and_then(|value| value.parse().ok());
    let limits = [ask.limit, model.top_provider.max_completion_tokens];
    let limit = limits
        .into_iter()
        .flatten()
        .min()
        .filter(|_| !fault.ignore_max_tokens);
    let mut answer = Answer::new(
        ask,
        model,
        Length {
            exact: wanted.or(scenario.output_tokens),
            limit,
        },
        draw,
    );
    if let Some(bytes) = fault.big_event {
        answer.content.push("x".repeat(bytes));
    }
    if fault.omits(Part::Finish) {
        answer.finish = None;
    }
    answer
}

/// Only where cached input is cheaper is there anything to remember.
fn cached_tokens(world: &World, request: &Request, ask: &Ask, selection: &Selection) -> u64 {
    if !selection.endpoint.pricing.has("input_cache_read") {
        return 0;
    }
    let place = [
        &request.key,
        ask.session.as_deref().unwrap_or_default(),
        &selection.model.id,
        selection.endpoint.provider.slug,
    ];
    world.records().cached_tokens(&place, &ask.prompt)
}
