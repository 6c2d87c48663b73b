//! Headers of requests and answers.

use serde_json::{Map, Value, json};

use crate::hints::{KNOWN, PREFIX};

/// What requests may carry beside the hints.
const TIMEOUT: (&str, &str) = (
    "x-request-timeout-ms",
    "how long the caller waits, in milliseconds; nothing is paid for longer",
);

/// Headers of answers, and when they are there.
const ANSWER: &[(&str, &str)] = &[
    ("x-request-id", "the call, under which the ledger has it"),
    ("x-generation-id", "the upstream's own id of the answer"),
    ("x-tollgate-model", "the model that answers"),
    ("x-tollgate-provider", "the provider that serves it"),
    (
        "x-tollgate-max-tokens",
        "a limit of the output that the gateway set",
    ),
    (
        "x-tollgate-dropped",
        "fields that the request lost on its way",
    ),
    ("x-tollgate-warning", "what the caller should know"),
    (
        "x-tollgate-cost",
        "what the call cost, in dollars; with a whole answer",
    ),
    (
        "x-tollgate-cost-source",
        "where that figure comes from; with a whole answer",
    ),
    (
        "x-tollgate-attempts",
        "how many attempts it took; with a whole answer",
    ),
];

/// The headers of requests, by the names that [`references`] have.
pub(crate) fn components() -> Value {
    let hints = KNOWN.iter().map(|known| {
        let header = json!({
            "name": format!("{PREFIX}{}", known.name),
            "in": "header",
            "description": known.what,
            "schema": { "type": "string" },
            "example": known.example,
        });
        (known.name.to_owned(), header)
    });
    let (name, what) = TIMEOUT;
    let timeout = json!({
        "name": name, "in": "header", "description": what,
        "schema": { "type": "integer", "minimum": 1 },
    });
    let all: Map<_, _> = hints.chain([("timeout".to_owned(), timeout)]).collect();
    Value::Object(all)
}

pub(crate) fn references() -> impl Iterator<Item = Value> {
    let names = KNOWN.iter().map(|known| known.name).chain(["timeout"]);
    names.map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }))
}

/// The headers of answers.
pub(crate) fn answer_headers() -> Value {
    let headers = ANSWER.iter().map(|(name, what)| {
        let header = json!({ "description": what, "schema": { "type": "string" } });
        ((*name).to_owned(), header)
    });
    Value::Object(headers.collect())
}

pub(crate) fn answer_header_references() -> Value {
    let references = ANSWER.iter().map(|(name, _)| {
        let reference = json!({ "$ref": format!("#/components/headers/{name}") });
        ((*name).to_owned(), reference)
    });
    Value::Object(references.collect())
}
