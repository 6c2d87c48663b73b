//! Failures from the client's errors.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use openrouter_rs::error::{
    ApiErrorContext, ApiErrorKind, HttpRequestError, HttpRequestErrorKind, OpenRouterError,
};
use openrouter_rs::types::completion::{Choice, CompletionsResponse};
use tollgate_core::{ApiKey, Failure, FailureKind};

use crate::provider::no_key;
use crate::verdict::{MODERATED, Verdict, by_metadata, by_status};

/// Characters of an upstream's message that are kept for the log.
const DETAIL: usize = 2048;

/// Whom the failures of a lane are of. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lane(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: String,
    key: Option<ApiKey>,
}

impl Lane {
    pub(crate) fn new(host: String, key: Option<ApiKey>) -> Self {
        Self(Arc::new(Inner { host, key }))
    }

    /// A failure of that kind here.
    pub(crate) fn failed(&self, kind: FailureKind, what: &str) -> Failure {
        Failure::new(kind, what).with("upstream", &self.0.host)
    }

    /// What an error of the client is, when nothing of the answer had come.
    pub(crate) fn failure(&self, error: OpenRouterError) -> Failure {
        match error {
            OpenRouterError::Api(error) => self.refused(&error),
            OpenRouterError::HttpRequest(error) => self.lost(error),
            OpenRouterError::Io(error) => self.broken(error),
            OpenRouterError::KeyNotConfigured => no_key(),
            OpenRouterError::Serialization(error) => self
                .failed(FailureKind::BadReply, "an event cannot be read")
                .with_source(error),
            // Its one use is an answer that cannot be read.
            error @ OpenRouterError::Unknown(_) => self
                .failed(FailureKind::BadReply, "the answer cannot be read")
                .with_source(error),
            error => self
                .failed(FailureKind::Configuration, "the client refuses the request")
                .with_source(error),
        }
    }

    /// The first error that stands in a choice, if one does.
    pub(crate) fn in_choice(&self, answer: &CompletionsResponse) -> Option<Failure> {
        let error = answer.choices.iter().find_map(Choice::error)?;
        let status = error.code.as_ref().and_then(|code| code.as_i64());
        let status = status.and_then(|code| u16::try_from(code).ok());
        let verdict = by_metadata(|member| error.metadata.as_ref()?.get(member))
            .unwrap_or(by_status(status.unwrap_or(0)));
        Some(self.classified(verdict, status, &error.message))
    }

    fn refused(&self, error: &ApiErrorContext) -> Failure {
        let status = error.status.as_u16();
        let verdict = match &error.kind {
            ApiErrorKind::Moderation { .. } => MODERATED,
            _ => by_metadata(|member| error.metadata.as_ref()?.get(member))
                .unwrap_or(by_status(status)),
        };
        let mut failure = self.classified(verdict, Some(status), &error.message);
        if let ApiErrorKind::Provider { provider_name, .. } = &error.kind {
            failure = failure.with("provider", provider_name);
        }
        match error.retry_after.or_else(|| stated_delay(error)) {
            Some(delay) => failure.with_retry_after(delay),
            None => failure,
        }
    }

    fn classified(&self, verdict: Verdict, status: Option<u16>, message: &str) -> Failure {
        let failure = self
            .failed(verdict.kind, wording(verdict.kind))
            .with_detail(self.excerpt(message));
        let failure = verdict.applied(failure);
        match status {
            Some(status) => failure.with_status(status),
            None => failure,
        }
    }

    /// Without a connection nothing was accepted; everything else is ambiguous. The client calls a
    /// connection that was not made in time a timeout, which tells less.
    fn lost(&self, error: HttpRequestError) -> Failure {
        let (kind, what) = match error.kind() {
            HttpRequestErrorKind::Connect => (FailureKind::Connect, "no connection"),
            HttpRequestErrorKind::Timeout => (FailureKind::Interrupted, "no answer in time"),
            _ => (FailureKind::Interrupted, "the connection broke"),
        };
        self.failed(kind, what).with_source(error)
    }

    fn broken(&self, error: io::Error) -> Failure {
        let inner = error.get_ref();
        let of_pool = inner.and_then(|inner| inner.downcast_ref::<HttpRequestError>());
        let (kind, what) = match of_pool.map(HttpRequestError::kind) {
            Some(HttpRequestErrorKind::Timeout) => {
                (FailureKind::Silent, "the upstream fell silent")
            }
            None if error.kind() == io::ErrorKind::InvalidData => {
                (FailureKind::BadReply, "the stream cannot be read")
            }
            _ => (FailureKind::Interrupted, "the connection broke"),
        };
        self.failed(kind, what).with_source(error)
    }

    /// The start of an upstream's message. Upstreams have been seen to repeat the key that they
    /// refuse.
    fn excerpt(&self, message: &str) -> String {
        let start: String = message.chars().take(DETAIL).collect();
        match &self.0.key {
            Some(key) => start.replace(key.reveal(), "***"),
            None => start,
        }
    }
}

/// The delay in the body, where the client has kept it.
fn stated_delay(error: &ApiErrorContext) -> Option<Duration> {
    let seconds = error.metadata.as_ref()?.get("retry_after_seconds")?;
    seconds.as_u64().map(Duration::from_secs)
}

/// What the caller reads: never the upstream's own words, which may quote the prompt.
fn wording(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::InvalidRequest => "the upstream does not accept the request",
        FailureKind::NotFound => "the upstream has no endpoint that can serve the request",
        FailureKind::ContextLength => "the request does not fit into the model's context window",
        FailureKind::ContentPolicy => "a content policy refuses the request",
        FailureKind::Auth => "the upstream does not accept the gateway's key",
        FailureKind::Payment => "the account at the upstream has no money or no allowance left",
        FailureKind::RateLimited => "the upstream limits the rate of requests",
        FailureKind::BadReply => "the upstream answered with an error instead of an answer",
        _ => "the upstream failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_of_the_connection_are_told_apart_as_far_as_the_client_does() {
        use HttpRequestErrorKind::{Body, Connect, Request, Timeout};
        let lane = Lane::new("example.com".to_owned(), None);
        let error = |kind| HttpRequestError::classified(kind, "words");
        let before = |kind| OpenRouterError::HttpRequest(error(kind));
        let within = |kind| OpenRouterError::Io(io::Error::other(error(kind)));
        let check = |error, expected| assert_eq!(lane.failure(error).kind(), expected);
        check(before(Connect), FailureKind::Connect);
        check(before(Request), FailureKind::Interrupted);
        // Also a connection that was not made in time.
        check(before(Timeout), FailureKind::Interrupted);
        check(within(Timeout), FailureKind::Silent);
        check(within(Body), FailureKind::Interrupted);
        let no_text = io::Error::from(io::ErrorKind::InvalidData);
        check(OpenRouterError::Io(no_text), FailureKind::BadReply);
    }
}
