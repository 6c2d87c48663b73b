//! What became of a call, afterwards.

use axum::Json;
use axum::extract::{Query, State};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tollgate::{
    AttemptEnd, AttemptRecord, Billing, Cost, Ended, Failure, FailureKind, Gateway, PastCall,
    Receipt, Usd,
};
use tollgate_wire::Object;

use crate::pages::caller::Caller;
use crate::pages::dollars::Dollars;
use crate::pages::members::{Data, Defaults, fill, put};
use crate::reply::Refusal;

/// Everything that OpenRouter's record has. What nobody but OpenRouter can
/// know is null without its record.
const RECORD: Defaults = &[
    ("api_type", "null"),
    ("app_id", "null"),
    ("cache_discount", "null"),
    ("cancelled", "null"),
    ("data_region", "\"global\""),
    ("external_user", "null"),
    ("finish_reason", "null"),
    ("generation_time", "null"),
    ("http_referer", "null"),
    ("is_byok", "false"),
    ("latency", "null"),
    ("moderation_latency", "null"),
    ("native_finish_reason", "null"),
    ("native_tokens_cached", "null"),
    ("native_tokens_completion", "null"),
    ("native_tokens_completion_images", "null"),
    ("native_tokens_prompt", "null"),
    ("native_tokens_reasoning", "null"),
    ("num_fetches", "null"),
    ("num_input_audio_prompt", "null"),
    ("num_media_completion", "null"),
    ("num_media_prompt", "null"),
    ("num_search_results", "null"),
    ("origin", "\"\""),
    ("preset_id", "null"),
    ("provider_name", "null"),
    ("provider_responses", "null"),
    ("request_id", "null"),
    ("response_cache_source_id", "null"),
    ("router", "null"),
    ("service_tier", "null"),
    ("session_id", "null"),
    ("streamed", "null"),
    ("tokens_completion", "null"),
    ("tokens_prompt", "null"),
    ("total_cost", "0"),
    ("upstream_id", "null"),
    ("upstream_inference_cost", "null"),
    ("usage", "0"),
    ("user_agent", "null"),
    ("web_search_engine", "null"),
    ("workspace_id", "null"),
];

/// What OpenRouter's record says of the operator's account, which is not the
/// caller's business.
const THE_OPERATORS: [&str; 6] = [
    "app_id",
    "external_user",
    "http_referer",
    "origin",
    "user_agent",
    "workspace_id",
];

/// `GET /v1/generation?id=`: OpenRouter's record of one of the caller's own
/// calls, or what the receipt says when there is none. The id is the answer's
/// `x-generation-id`, or its `x-request-id`.
pub(crate) async fn one(
    State(gateway): State<Gateway>,
    caller: Caller,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Data<Object>>, Refusal> {
    let id = pairs
        .iter()
        .find(|(name, _)| name == "id")
        .map(|(_, id)| id.trim());
    let id = id.filter(|id| !id.is_empty()).ok_or_else(|| {
        Failure::new(
            FailureKind::InvalidRequest,
            "the query parameter id is missing",
        )
        .with_hint("ask for /v1/generation?id=…, with the x-generation-id of an answer")
    })?;
    let past = gateway.past_call(&caller.id, id).await?;
    let past = past.ok_or_else(|| unknown(id))?;
    Ok(Json(Data {
        data: record(id, &past),
    }))
}

fn unknown(id: &str) -> Failure {
    let id: String = id.chars().take(100).collect();
    Failure::new(FailureKind::NotFound, "there is no such generation")
        .with("id", id)
        .with_hint(
            "calls are known once they have ended, each to its caller alone, by the x-generation-id \
             or the x-request-id of their answers; a ledger in memory knows the last 4096",
        )
}

fn record(id: &str, past: &PastCall) -> Object {
    let receipt = &past.receipt;
    let mut object = match &past.record {
        Some(record) => record.to_object(),
        None => by_receipt(id, receipt),
    };
    for key in THE_OPERATORS {
        object.remove(key);
    }
    omit_nulls_in_trail(&mut object);
    put(&mut object, "request_id", &receipt.facts.call);
    put(&mut object, "tollgate", &ours(receipt));
    fill(&mut object, RECORD);
    object
}

/// Of the trail, clients bear members that are not there, but no nulls, except
/// for the status.
fn omit_nulls_in_trail(object: &mut Object) {
    const TRAIL: &str = "provider_responses";
    let Ok(Some(mut trail)) = object.read::<Vec<Object>>(TRAIL) else {
        return;
    };
    for response in &mut trail {
        let is_null = |(key, value): &(&str, &RawValue)| *key != "status" && value.get() == "null";
        let nulls: Vec<String> = response
            .iter()
            .filter(is_null)
            .map(|(key, _)| key.to_owned())
            .collect();
        for key in &nulls {
            response.remove(key);
        }
        fill(response, &[("status", "null")]);
    }
    put(object, TRAIL, &trail);
}

/// The record of a call that OpenRouter knows nothing of, or not yet.
fn by_receipt(id: &str, receipt: &Receipt) -> Object {
    let mut object = Object::new();
    let served = receipt.served();
    let last = served.or(receipt.attempts.last());
    let generation = last.and_then(AttemptRecord::generation);
    put(
        &mut object,
        "id",
        generation.map_or(id, |generation| generation.as_str()),
    );
    put(&mut object, "created_at", &receipt.facts.at.to_string());
    put(
        &mut object,
        "cancelled",
        &(receipt.ended == Ended::Abandoned),
    );
    let cost = last.and_then(|last| last.cost);
    let of = |part: fn(&Cost) -> Usd| Dollars(cost.as_ref().map_or(Usd::ZERO, part));
    // By OpenRouter's rule: credits, and apart what a provider bills itself.
    let is_byok = last.is_some_and(|last| last.billing == Billing::Byok);
    let charged = of(if is_byok {
        |cost| cost.credits
    } else {
        Cost::amount
    });
    put(&mut object, "total_cost", &charged);
    put(&mut object, "usage", &charged);
    put(&mut object, "is_byok", &is_byok);
    if is_byok {
        put(
            &mut object,
            "upstream_inference_cost",
            &of(|cost| cost.provider),
        );
    }
    match last {
        Some(last) => put_attempt(&mut object, last),
        None => put(&mut object, "model", &receipt.facts.requested),
    }
    let trail: Vec<_> = receipt.attempts.iter().map(response).collect();
    put(&mut object, "provider_responses", &trail);
    object
}

fn put_attempt(object: &mut Object, attempt: &AttemptRecord) {
    let tokens = &attempt.tokens;
    let output = tokens.output_total();
    put(object, "model", attempt.model());
    put(object, "provider_name", provider(attempt));
    put(object, "latency", &attempt.first_token_ms);
    put(object, "generation_time", &attempt.took_ms);
    let finish = match &attempt.end {
        AttemptEnd::Complete => None,
        AttemptEnd::Failed { .. } | AttemptEnd::Cut { .. } => Some("error"),
        AttemptEnd::Abandoned | AttemptEnd::Outrun | AttemptEnd::Rejected { .. } => None,
    };
    put(object, "finish_reason", &finish);
    let counts = [
        ("tokens_prompt", tokens.prompt_total()),
        ("tokens_completion", output),
        ("native_tokens_prompt", tokens.prompt_total()),
        ("native_tokens_completion", output),
        ("native_tokens_reasoning", tokens.reasoning),
        ("native_tokens_cached", tokens.cache_read),
        ("native_tokens_completion_images", tokens.image_output),
        ("num_search_results", tokens.web_searches),
    ];
    for (key, count) in counts {
        put(object, key, &count);
    }
}

fn response(attempt: &AttemptRecord) -> Value {
    let status = match &attempt.end {
        AttemptEnd::Failed { status, .. } => *status,
        _ => Some(200),
    };
    json!({
        "status": status,
        "provider_name": provider(attempt),
        "model_permaslug": attempt.model(),
        "id": attempt.generation(),
        "latency": attempt.first_token_ms,
        "is_byok": attempt.billing == Billing::Byok,
    })
}

/// Who served, as far as known: the lane otherwise.
fn provider(attempt: &AttemptRecord) -> &str {
    attempt
        .provider()
        .map_or(attempt.lane.as_str(), |provider| provider.as_str())
}

/// What the gateway itself knows of the call: all of its attempts, and what
/// they cost together.
fn ours(receipt: &Receipt) -> Value {
    let cost = receipt.cost();
    let attempts = receipt.attempts.iter().map(|attempt| {
        let (end, failure, status, _) = attempt.end.columns();
        json!({
            "number": attempt.number,
            "lane": attempt.lane,
            "model": attempt.model(),
            "provider": attempt.provider(),
            "generation": attempt.generation(),
            "end": end,
            "failure": failure,
            "status": status,
            "first_token_ms": attempt.first_token_ms,
            "took_ms": attempt.took_ms,
            "cost": attempt.cost.map(|cost| cost.amount()),
            "cost_source": attempt.cost.map(|cost| cost.source),
        })
    });
    json!({
        "call": receipt.facts.call,
        "requested": receipt.facts.requested,
        "task": receipt.facts.task,
        "policy": receipt.facts.policy,
        "ended": receipt.ended.as_str(),
        "took_ms": receipt.took_ms,
        "failovers": receipt.failovers(),
        "cost": cost.map(|cost| cost.amount()),
        "cost_source": cost.map(|cost| cost.source),
        "unresolved": receipt.unresolved(),
        "attempts": attempts.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use tollgate::TokenUsage;
    use tollgate_testkit::builders::record;

    use super::*;

    #[test]
    fn counts_that_cannot_be_summed_come_to_the_most_there_is() {
        let mut attempt = record(1, "a/one", 1);
        attempt.tokens = TokenUsage {
            output: u64::MAX,
            image_output: 1,
            ..TokenUsage::default()
        };
        let mut object = Object::new();
        put_attempt(&mut object, &attempt);
        let completion = object.get("tokens_completion").unwrap().get();
        assert_eq!(completion, u64::MAX.to_string());
    }
}
