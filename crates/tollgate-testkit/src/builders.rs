//! Calls, profiles, plans, attempts and records with sensible defaults, to be changed
//! field by field.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{
    Attempt, AttemptEnd, AttemptRecord, Billing, Call, CallFacts, CallId, CallProfile, CallerId,
    CallerKeys, Candidate, Capabilities, Cost, CostSource, Delivery, Endpoint, EndpointPreferences,
    Hints, Lane, LaneId, ModelId, Place, Plan, Planned, Price, Pricing, Quote, Rate, Rates, Served,
    Task, TaskSource, Terms, Timestamp, TokenBounds, TokenUsage, Usd,
};
use tollgate_wire::ChatRequest;

/// A moment that all builders use: 2026-08-08T12:00:00Z.
pub const NOON: Timestamp = Timestamp::from_secs(1_786_190_400);

/// A model id from a literal.
///
/// # Panics
/// When the text is no valid id.
pub fn model(id: &str) -> ModelId {
    ModelId::new(id).expect("a literal in a test is a valid id")
}

/// A lane id from a literal.
///
/// # Panics
/// When the text is no valid id.
pub fn lane_id(id: &str) -> LaneId {
    LaneId::new(id).expect("a literal in a test is a valid id")
}

/// A request that says hello to `model`.
///
/// # Panics
/// Never, as the text is valid JSON.
pub fn request(model: &str) -> ChatRequest {
    let text =
        format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"Say hello."}}]}}"#);
    ChatRequest::parse(text.as_bytes()).expect("a literal request is valid")
}

/// A call for `model` with number `n`.
pub fn call(n: u128, model: &str) -> Call {
    Call {
        id: CallId::from_parts(NOON, n),
        caller: CallerId::local(),
        at: NOON,
        timeout: Duration::from_secs(600),
        delivery: Delivery::Stream,
        hints: Hints::default(),
        request: Arc::new(request(model).into()),
        keys: CallerKeys::default(),
    }
}

/// A profile of a short chat.
pub fn profile() -> CallProfile {
    let prompt = TokenBounds {
        low: 8,
        likely: 10,
        high: 40,
    };
    CallProfile {
        task_source: TaskSource::Profiled,
        ..CallProfile::new(NOON, Task::Chat, prompt)
    }
}

/// A host of a model at so many dollars per million tokens, in good standing,
/// with 50 tokens a second.
pub fn endpoint(tag: &str, dollars: f64, first_token_ms: f32) -> Endpoint {
    let rate = Rate::from_attos((dollars * 1e12) as u64);
    Endpoint {
        tag: tag.into(),
        price: Price {
            base: Rates {
                input: rate,
                output: rate,
                ..Rates::default()
            },
            ..Price::default()
        },
        can: Capabilities::NONE,
        context: 0,
        max_output: 0,
        status: 0,
        uptime: None,
        first_token_ms: Some(first_token_ms),
        first_token_p90_ms: None,
        tokens_per_second: Some(50.0),
        quantization: None,
    }
}

/// A lane paid in credits that takes model lists when it is `openrouter`.
pub fn lane(id: &str) -> Lane {
    let billing = match id {
        "openrouter" => Billing::Credits,
        _ => Billing::Direct,
    };
    Lane {
        takes_model_lists: id == "openrouter",
        ..Lane::new(lane_id(id), billing)
    }
}

/// A candidate for `model` on `lane` at 1 and 2 dollars per million tokens,
/// with a worst case of one cent: the longest prompt of [`profile`] and answers
/// of 4,980 tokens.
pub fn planned(id: &str, on: &str) -> Planned {
    let rates = Rates {
        input: Rate::from_attos(1_000_000_000_000),
        output: Rate::from_attos(2_000_000_000_000),
        ..Rates::default()
    };
    let quote = Quote {
        fixed: u128::from(rates.input.attos()) * u128::from(profile().prompt.high),
        per_token: rates.output,
        answers: 1,
        fee_basis_points: 0,
    };
    let mut candidate = Candidate::neutral(0);
    candidate.worst = quote.at(4_980);
    Planned {
        candidate,
        model: model(id),
        upstream_id: model(id),
        lane: lane(on).into(),
        pricing: Pricing::Known(Price {
            base: rates,
            overrides: Vec::new(),
        }),
        quote,
        reasons: false,
        window: 128_000,
        endpoints: None,
        place: Place::Ranked,
        score: 0.0,
        terms: Terms::default(),
    }
}

/// A plan over these candidates.
///
/// # Panics
/// When there is none.
pub fn plan(candidates: Vec<Planned>) -> Plan {
    Plan::new(candidates, "balanced".into(), Arc::new(profile()), 1)
        .expect("a plan has at least one candidate")
}

/// The first attempt of [`call`] `n`, for a model on a lane: a stream without
/// limits, at no cost.
pub fn attempt(n: u128, id: &str, on: &str) -> Attempt {
    let call = call(n, id);
    Attempt {
        call: call.id,
        number: 1,
        lane: lane_id(on),
        models: vec![model(id)],
        planned: vec![model(id)],
        request: call.request,
        delivery: call.delivery,
        strict: false,
        session: None,
        max_output: None,
        max_price: None,
        endpoints: EndpointPreferences::default(),
        worst: Usd::ZERO,
        key: None,
    }
}

/// Facts of call `n`.
pub fn facts(n: u128) -> CallFacts {
    CallFacts {
        call: CallId::from_parts(NOON, n),
        caller: CallerId::local(),
        at: NOON,
        requested: "tollgate/auto".into(),
        task: Task::Chat,
        policy: "balanced".into(),
        tags: Vec::new(),
    }
}

/// The record of a complete attempt of `model` that cost `nanos` in credits.
pub fn record(number: u32, id: &str, nanos: i64) -> AttemptRecord {
    AttemptRecord {
        number,
        lane: lane_id("openrouter"),
        billing: Billing::Credits,
        requested: model(id),
        served: Served {
            model: Some(model(id)),
            provider: None,
            generation: None,
        },
        started_ms: 0,
        first_token_ms: Some(200),
        took_ms: 900,
        end: AttemptEnd::Complete,
        tokens: TokenUsage {
            input: 10,
            output: 20,
            ..TokenUsage::default()
        },
        cost: Some(Cost::paid_by(
            Billing::Credits,
            Usd::from_nanos(nanos),
            CostSource::Reported,
        )),
    }
}
