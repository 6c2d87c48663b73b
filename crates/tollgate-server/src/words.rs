//! What an error says, in the words of each surface.

use std::time::Duration;

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tollgate::{CallId, Failure, Surface};

use crate::reply::seconds;

/// The key under which a failure says why no target was tried.
const WHY: &str = "last_failure";

/// What an error says. Answers that are errors have it in their extensions.
#[derive(Clone)]
pub(crate) struct Told {
    status: u16,
    name: &'static str,
    message: String,
    hint: Option<String>,
    retry_after: Option<Duration>,
    why: Option<String>,
    call: Option<CallId>,
}

impl Told {
    /// What a failure says.
    pub(crate) fn of(failure: &Failure) -> Self {
        let mut context = failure.context().iter();
        Self {
            status: failure.rule().status,
            name: failure.rule().name,
            message: failure.to_string(),
            hint: failure.hint().map(str::to_owned),
            retry_after: failure.retry_after(),
            why: context
                .find(|(key, _)| *key == WHY)
                .map(|(_, why)| why.clone()),
            call: None,
        }
    }

    /// Says it under another status and name.
    pub(crate) fn under(mut self, status: u16, name: &'static str) -> Self {
        (self.status, self.name) = (status, name);
        self
    }

    /// Says which call it was.
    pub(crate) fn about(mut self, call: Option<CallId>) -> Self {
        self.call = call;
        self
    }

    /// The body in the words of a surface.
    pub(crate) fn body(&self, surface: Surface) -> Value {
        match surface {
            Surface::Messages => self.anthropics(),
            _ => self.openrouters(),
        }
    }

    /// OpenRouter's shape, whose code is a number. OpenAI's clients read it too.
    fn openrouters(&self) -> Value {
        let mut metadata = json!({ "error_type": self.name });
        if let Some(hint) = &self.hint {
            metadata["remedy_hint"] = hint.as_str().into();
        }
        if let Some(after) = self.retry_after {
            metadata["retry_after_seconds"] = seconds(after).into();
        }
        if let Some(why) = &self.why {
            metadata[WHY] = why.as_str().into();
        }
        json!({ "error": { "code": self.status, "message": self.message, "metadata": metadata } })
    }

    /// Anthropic's shape, whose readers look at the word.
    fn anthropics(&self) -> Value {
        let kind = ANTHROPICS_WORDS
            .iter()
            .find(|(known, _)| *known == self.status)
            .map_or("api_error", |(_, word)| word);
        let mut error = json!({
            "type": kind,
            "message": self.message,
            "error_type": self.name,
        });
        if let Some(hint) = &self.hint {
            error["remedy_hint"] = hint.as_str().into();
        }
        json!({ "type": "error", "error": error, "request_id": self.call })
    }
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

/// Says errors on the paths of Messages as their clients expect them, whoever
/// made them: many are made before anybody looks at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wording {
    Messages,
    /// As they are.
    Other,
}

impl Wording {
    /// What the clients of a path expect.
    pub(crate) fn of(path: &str) -> Self {
        let ends = ["/messages", "/messages/count_tokens"];
        match ends.iter().any(|end| path.ends_with(end)) {
            true => Self::Messages,
            false => Self::Other,
        }
    }

    /// An answer in those words, if it is an error.
    pub(crate) fn say(self, response: Response) -> Response {
        if self == Self::Other {
            return response;
        }
        let Some(told) = response.extensions().get::<Told>().cloned() else {
            return response;
        };
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        let body = Json(told.body(Surface::Messages));
        (parts.status, parts.headers, parts.extensions, body).into_response()
    }
}
