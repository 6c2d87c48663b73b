//! The one place that turns failures into HTTP answers.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tollgate::{CallId, Error, Failure, FailureKind, Surface};

use crate::disclose;

/// What callers wait at least before they try again, when nobody knows how long
/// it will take: without a word they would come back at once.
const LATER: Duration = Duration::from_secs(1);

/// The key under which a failure says why no target was tried.
const WHY: &str = "last_failure";

/// A failure on its way to a caller.
pub(crate) struct Refusal {
    failure: Failure,
    attempts: usize,
    // In place of the failure's own, for what only HTTP knows.
    status: Option<StatusCode>,
    surface: Surface,
    call: Option<CallId>,
}

impl Refusal {
    /// A request that HTTP alone has a status for.
    pub(crate) fn of_http(status: StatusCode, message: &str) -> Self {
        Self {
            status: Some(status),
            ..Failure::new(FailureKind::InvalidRequest, message).into()
        }
    }

    /// Says it in the words of a surface.
    pub(crate) fn in_words_of(mut self, surface: Surface) -> Self {
        self.surface = surface;
        self
    }

    /// Adds what the caller can do about it.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.failure = self.failure.with_hint(hint);
        self
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            attempts: 0,
            status: None,
            surface: Surface::Chat,
            call: None,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let receipt = error.receipt();
        let attempts = receipt.map_or(0, |receipt| receipt.attempts.len());
        let call = receipt.map(|receipt| receipt.facts.call);
        Self {
            attempts,
            call,
            ..error.into_failure().into()
        }
    }
}

/// The body of an error with that status, in the words of a surface.
pub(crate) fn body(surface: Surface, failure: &Failure, status: u16) -> Value {
    match surface {
        Surface::Messages => anthropics(failure, status),
        _ => openrouters(failure, status),
    }
}

/// OpenRouter's shape, whose code is a number. OpenAI's clients read it as well.
fn openrouters(failure: &Failure, status: u16) -> Value {
    let mut metadata = json!({ "error_type": failure.rule().name });
    if let Some(hint) = failure.hint() {
        metadata["remedy_hint"] = hint.into();
    }
    if let Some(after) = failure.retry_after() {
        metadata["retry_after_seconds"] = seconds(after).into();
    }
    if let Some((key, why)) = failure.context().iter().find(|(key, _)| *key == WHY) {
        metadata[*key] = why.as_str().into();
    }
    json!({ "error": { "code": status, "message": failure.to_string(), "metadata": metadata } })
}

/// Anthropic's shape, whose readers look at the word.
fn anthropics(failure: &Failure, status: u16) -> Value {
    let kind = ANTHROPICS_WORDS
        .iter()
        .find(|(known, _)| *known == status)
        .map_or("api_error", |(_, word)| word);
    let mut error = json!({
        "type": kind,
        "message": failure.to_string(),
        "error_type": failure.rule().name,
    });
    if let Some(hint) = failure.hint() {
        error["remedy_hint"] = hint.into();
    }
    json!({ "type": "error", "error": error, "request_id": null })
}

/// Anthropic's kinds of errors by status; any other is an `api_error`.
const ANTHROPICS_WORDS: &[(u16, &str)] = &[
    (400, "invalid_request_error"),
    (401, "authentication_error"),
    (402, "billing_error"),
    (403, "permission_error"),
    (404, "not_found_error"),
    (405, "invalid_request_error"),
    (408, "timeout_error"),
    (409, "invalid_request_error"),
    (413, "request_too_large"),
    (415, "invalid_request_error"),
    (422, "invalid_request_error"),
    (429, "rate_limit_error"),
    (503, "overloaded_error"),
    (504, "timeout_error"),
    (529, "overloaded_error"),
];

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let of_failure = || {
            let status = StatusCode::from_u16(self.failure.rule().status);
            status.unwrap_or(StatusCode::BAD_GATEWAY)
        };
        let status = self.status.unwrap_or_else(of_failure);
        let mut body = body(self.surface, &self.failure, status.as_u16());
        if let (Some(call), Some(id)) = (self.call, body.get_mut("request_id")) {
            *id = call.to_string().into();
        }
        let mut response = (status, Json(body)).into_response();
        // For whoever counts: the status alone does not tell.
        response.extensions_mut().insert(self.failure.kind());
        let headers = response.headers_mut();
        if let Some(call) = self.call {
            headers.extend(disclose::call(call));
        }
        let later = is_for_a_while(status).then_some(LATER);
        if let Some(after) = self.failure.retry_after().or(later) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(after)));
        }
        // We have tried in the caller's place; a client that tries again
        // multiplies our attempts.
        if self.attempts > 1 {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        response
    }
}

/// Whether the same request may be answered later.
fn is_for_a_while(status: StatusCode) -> bool {
    [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ]
    .contains(&status)
}

/// Whole seconds, never fewer than it takes.
fn seconds(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0)
}

pub(crate) async fn no_such_path() -> Refusal {
    Failure::new(FailureKind::NotFound, "there is no such path")
        .with_hint("chats go to /v1/chat/completions")
        .into()
}

pub(crate) async fn wrong_method() -> Refusal {
    Refusal::of_http(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not take that method",
    )
}
