//! What answers say about themselves: in headers, and inside of streams, whose
//! headers come before their end is known.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Value, json};
use tollgate::{Answer, CallId, Receipt};

/// What is known when an answer begins: the upstream's headers that callers may
/// see, among them `x-tollgate-dropped`, and what the gateway did.
pub(crate) fn answer(answer: &Answer) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.head().headers {
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) if !is_of_this_hop(&name) && !REQUEST_IDS.contains(&name.as_str()) => {
                add(&mut headers, name, value)
            }
            _ => {}
        }
    }
    let served = answer.served();
    let facts = [
        ("x-tollgate-model", Some(answer.model().to_string())),
        (
            "x-tollgate-provider",
            served.provider.as_ref().map(ToString::to_string),
        ),
        (
            "x-generation-id",
            served.generation.as_ref().map(ToString::to_string),
        ),
        ("x-tollgate-dropped", dropped(answer)),
        (
            "x-tollgate-max-tokens",
            answer.output_limit().map(|limit| limit.to_string()),
        ),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            headers.remove(name);
            add(&mut headers, HeaderName::from_static(name), &value);
        }
    }
    headers.extend(call(answer.call()));
    for warning in answer.warnings() {
        let name = HeaderName::from_static("x-tollgate-warning");
        add(&mut headers, name, warning);
    }
    headers
}

/// The headers in which clients look for the id of a request. The upstream's
/// own is in `x-generation-id`.
const REQUEST_IDS: [&str; 2] = ["x-request-id", "request-id"];

/// The id of a call, under which the ledger has it.
pub(crate) fn call(id: CallId) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in REQUEST_IDS {
        add(&mut headers, HeaderName::from_static(name), &id.to_string());
    }
    headers
}

/// What is known when an answer has ended.
pub(crate) fn receipt(receipt: &Receipt) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let attempts = receipt.attempts.len().to_string();
    add(
        &mut headers,
        HeaderName::from_static("x-tollgate-attempts"),
        &attempts,
    );
    if let Some(cost) = receipt.cost() {
        let amount = cost.amount().to_string();
        let facts = [
            ("x-tollgate-cost", amount.as_str()),
            ("x-tollgate-cost-source", cost.source.as_str()),
        ];
        for (name, value) in facts {
            add(&mut headers, HeaderName::from_static(name), value);
        }
    }
    headers
}

/// What is known when a stream has ended, for its last event. What the headers
/// said is in it as well: they can be sent before there is an answer.
pub(crate) fn in_band(answer: &Answer, receipt: &Receipt) -> Value {
    let served = receipt.served();
    let cost = receipt.cost();
    let mut told = json!({
        "call": receipt.facts.call,
        "model": answer.model(),
        "provider": served.and_then(|attempt| attempt.provider()),
        "attempts": receipt.attempts.len(),
        "cost": cost.map(|cost| cost.amount()),
        "cost_source": cost.map(|cost| cost.source),
        "max_tokens": answer.output_limit(),
        "dropped": dropped(answer),
        "warnings": answer.warnings(),
    });
    if let Some(told) = told.as_object_mut() {
        told.retain(|_, value| !value.is_null() && *value != json!([]));
    }
    told
}

/// What was lost on the way.
fn dropped(answer: &Answer) -> Option<String> {
    let lost: Vec<&str> = answer.lost().collect();
    (!lost.is_empty()).then(|| lost.join(", "))
}

/// Headers that describe the bytes of one connection. The bytes that we send
/// are framed anew, whatever a provider of the program's own lets through.
fn is_of_this_hop(name: &HeaderName) -> bool {
    [
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
    ]
    .contains(name)
}

/// Adds a header; text that no header can hold, such as a line end, stays out.
fn add(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.append(name, value);
    }
}
