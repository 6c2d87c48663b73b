//! The one place that turns failures into HTTP answers.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tollgate::{CallId, Error, Failure, FailureKind, Surface};

use crate::disclose;
use crate::words::Told;

/// What callers wait at least before they try again, when nobody knows how long
/// it will take: without a word they would come back at once.
const LATER: Duration = Duration::from_secs(1);

/// How a caller shows who it is, for whoever asks by HTTP's own rules.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"tollgate\"");

/// A failure on its way to a caller.
pub(crate) struct Refusal {
    failure: Failure,
    repeat: Option<Repeat>,
    // In place of the failure's own, for what only HTTP knows.
    status: Option<StatusCode>,
    call: Option<CallId>,
    connection: Connection,
}

/// Whether clients should send the same again by themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Yes,
    /// We have tried in the caller's place; a client that tries again
    /// multiplies our attempts.
    No,
}

/// What becomes of the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Connection {
    Kept,
    /// It ends with the answer, since the rest of its request was not read.
    Closed,
}

/// What a request is called in errors and metrics that was refused by a status
/// of HTTP alone.
const HTTP_NAMES: [(StatusCode, &str); 8] = [
    (StatusCode::UNAUTHORIZED, "unauthorized"),
    (StatusCode::FORBIDDEN, "forbidden"),
    (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
    (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
    (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large"),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
    (
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "headers_too_large",
    ),
    (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
];

/// What a refused request is called; for whoever counts.
#[derive(Clone, Copy)]
pub(crate) struct RefusedAs(pub(crate) &'static str);

impl Refusal {
    /// A request that HTTP alone has a status for.
    pub(crate) fn of_http(status: StatusCode, message: &str) -> Self {
        Self {
            status: Some(status),
            ..Failure::new(FailureKind::InvalidRequest, message).into()
        }
    }

    /// Says that clients may send the same again by themselves: nothing was
    /// tried.
    pub(crate) fn worth_repeating(mut self) -> Self {
        self.repeat = Some(Repeat::Yes);
        self
    }

    /// Ends the connection with the answer.
    pub(crate) fn closing(mut self) -> Self {
        self.connection = Connection::Closed;
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
            repeat: None,
            status: None,
            call: None,
            connection: Connection::Kept,
        }
    }
}

/// A failure that several callers share: each is told of it, and what was
/// behind it stays here.
impl From<Arc<Failure>> for Refusal {
    fn from(shared: Arc<Failure>) -> Self {
        let mut failure = Failure::new(shared.kind(), shared.message().to_owned());
        if let Some(hint) = shared.hint() {
            failure = failure.with_hint(hint.to_owned());
        }
        if let Some(after) = shared.retry_after() {
            failure = failure.with_retry_after(after);
        }
        failure.with_source(shared).into()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let receipt = error.receipt();
        let attempts = receipt.map_or(0, |receipt| receipt.attempts.len());
        let call = receipt.map(|receipt| receipt.facts.call);
        Self {
            call,
            repeat: (attempts > 1).then_some(Repeat::No),
            ..error.into_failure().into()
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let rule = self.failure.rule();
        let name = self.status.and_then(http_name).unwrap_or(rule.name);
        let status = self
            .status
            .or_else(|| StatusCode::from_u16(rule.status).ok())
            .unwrap_or(StatusCode::BAD_GATEWAY);
        let told = Told::of(&self.failure)
            .under(status.as_u16(), name)
            .about(self.call);
        let mut response = (status, Json(told.body(Surface::Chat))).into_response();
        // The status alone does not tell.
        response.extensions_mut().insert(RefusedAs(name));
        response.extensions_mut().insert(told);
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, CHALLENGE);
        }
        if let Some(call) = self.call {
            headers.extend(disclose::call(call));
        }
        let later = is_for_a_while(status).then_some(LATER);
        if let Some(after) = self.failure.retry_after().or(later) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(after)));
        }
        if let Some(repeat) = self.repeat {
            let repeat = HeaderValue::from_static(match repeat {
                Repeat::Yes => "true",
                Repeat::No => "false",
            });
            headers.insert("x-should-retry", repeat);
        }
        if self.connection == Connection::Closed {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

fn http_name(status: StatusCode) -> Option<&'static str> {
    let (_, name) = HTTP_NAMES.iter().find(|(known, _)| *known == status)?;
    Some(name)
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
pub(crate) fn seconds(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0)
}

pub(crate) async fn wrong_method() -> Refusal {
    Refusal::of_http(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not take that method",
    )
}
