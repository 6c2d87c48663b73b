//! The one place that turns failures into HTTP answers.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tollgate::{Error, Failure, FailureKind};

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
}

impl Refusal {
    /// A request that HTTP alone has a status for.
    pub(crate) fn of_http(status: StatusCode, message: &str) -> Self {
        Self {
            status: Some(status),
            ..Failure::new(FailureKind::InvalidRequest, message).into()
        }
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
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let attempts = error.receipt().map_or(0, |receipt| receipt.attempts.len());
        Self {
            failure: error.into_failure(),
            attempts,
            status: None,
        }
    }
}

/// The body of an error, in OpenRouter's shape.
pub(crate) fn body(failure: &Failure) -> Value {
    let rule = failure.rule();
    let mut metadata = json!({ "error_type": rule.name });
    if let Some(hint) = failure.hint() {
        metadata["remedy_hint"] = hint.into();
    }
    if let Some(after) = failure.retry_after() {
        metadata["retry_after_seconds"] = seconds(after).into();
    }
    if let Some((key, why)) = failure.context().iter().find(|(key, _)| *key == WHY) {
        metadata[*key] = why.as_str().into();
    }
    json!({ "error": { "code": rule.status, "message": failure.to_string(), "metadata": metadata } })
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = body(&self.failure);
        let status = match self.status {
            Some(status) => {
                body["error"]["code"] = status.as_u16().into();
                status
            }
            None => {
                StatusCode::from_u16(self.failure.rule().status).unwrap_or(StatusCode::BAD_GATEWAY)
            }
        };
        let mut response = (status, Json(body)).into_response();
        // For whoever counts: the status alone does not tell.
        response.extensions_mut().insert(self.failure.kind());
        let headers = response.headers_mut();
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
