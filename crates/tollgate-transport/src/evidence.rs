//! What was seen of one exchange, and the failures that can be made of it.

use std::sync::Arc;

use http::response::Parts;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;
use tollgate_core::{
    ApiKey, Billed, Failure, FailureKind, GenerationId, LimitLeft, ModelId, Scope, Timestamp,
};
use tollgate_wire::ErrorBody;

use crate::classify::{Beside, Constraints, Verdict, classify, status_of};
use crate::http_date;
use crate::incoming::Gone;
use crate::limits::{self, PLAIN};
use crate::retry_after::retry_after;
use crate::upstream::Upstream;
use crate::wording::{hint, message};

/// Bytes of an upstream's body that are kept for the log.
const DETAIL: usize = 2048;

/// One exchange with an upstream, as far as failures need to know.
#[derive(Debug)]
pub(crate) struct Evidence {
    upstream: Arc<Upstream>,
    status: StatusCode,
    headers: HeaderMap,
    asked: Asked,
    seen: Instant,
}

/// What was asked, as far as failures need to know; by default a resource without a model.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) model: Option<ModelId>,
    pub(crate) insured: Insured,
    pub(crate) constraints: Constraints,
    /// Whose rate limit the head tells of when it names no unit.
    pub(crate) plain_limit: Scope,
    /// How many answers (`n`).
    pub(crate) answers: u32,
    /// The key that was shown in place of the upstream's own.
    pub(crate) key: Option<ApiKey>,
    /// Whether the gateway wrote part of the request.
    pub(crate) rewritten: bool,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            model: None,
            insured: Insured::No,
            constraints: Constraints::None,
            plain_limit: Scope::Key,
            answers: 1,
            key: None,
            rewritten: false,
        }
    }
}

/// Whether an answer that fails before its first token costs no tokens, by the upstream's word.
///
/// OpenRouter promises so for credits. The promise does not cover the caller's own provider
/// keys, nor searches and other server tools that have already run: then nothing is promised,
/// and the attempt is asked about afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insured {
    Yes,
    No,
}

/// How far an answer had come when it failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Events seen, comments not counted.
    pub(crate) events: u64,
    /// Whether one of them was semantic.
    pub(crate) semantic: bool,
}

impl Progress {
    fn seen(self) -> Option<String> {
        (self.events > 0).then(|| self.events.to_string())
    }
}

impl Evidence {
    pub(crate) fn new(upstream: Arc<Upstream>, parts: Parts, asked: Asked) -> Self {
        Self {
            upstream,
            status: parts.status,
            headers: parts.headers,
            asked,
            seen: Instant::now(),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// How many answers were asked for.
    pub(crate) fn answers(&self) -> u32 {
        self.asked.answers
    }

    /// The upstream answered with a status that is no success.
    pub(crate) fn refused(&self, body: &[u8]) -> Failure {
        self.error(&ErrorBody::lossy(body), body, Progress::default())
    }

    /// The upstream sent an error, as a body or as an event.
    pub(crate) fn error(&self, error: &ErrorBody, body: &[u8], progress: Progress) -> Failure {
        let beside = Beside {
            constraints: self.asked.constraints,
            limit_of: self.limit_of(error),
        };
        let said = classify(error, Some(self.status.as_u16()), beside);
        let verdict = if self.asked.rewritten {
            said.of_rewritten()
        } else {
            said
        };
        let status = status_of(error, Some(self.status.as_u16()));
        // The caller reads what the upstream has said, whatever follows from it.
        let mut failure = self
            .failure(verdict.kind, message(said.kind))
            .with_detail(self.detail(body));
        failure = applying(failure, verdict);
        if let Some(hint) = hint(said.kind) {
            failure = failure.with_hint(hint);
        }
        if let Some(status) = status {
            failure = failure.with_status(status);
        }
        failure = of_generation(failure, error.id.as_deref());
        let context = [
            ("status", status.map(|status| status.to_string())),
            ("provider", error.provider_name()),
            ("limit", error.limit_source().map(|limit| limit.to_string())),
            ("events", progress.seen()),
        ];
        for (key, value) in context {
            if let Some(value) = value {
                failure = failure.with(key, value);
            }
        }
        if let Some(delay) = retry_after(&self.headers, Some(error), self.now()) {
            failure = failure.with_retry_after(delay);
        }
        if self.is_free_of_charge(error, progress) {
            failure.with_billed(Billed::No)
        } else {
            failure
        }
    }

    /// The upstream answered 200 with something that is no answer.
    pub(crate) fn bad_reply(&self, what: &str, body: &[u8], progress: Progress) -> Failure {
        let failure = self
            .failure(FailureKind::BadReply, what)
            .with_status(self.status.as_u16());
        let failure = if body.is_empty() {
            failure
        } else {
            failure.with_detail(self.detail(body))
        };
        match progress.seen() {
            Some(events) => failure.with("events", events),
            None => failure,
        }
    }

    /// The answer ended or stopped before its end. Whether that may be tried elsewhere depends
    /// on what was seen.
    pub(crate) fn cut(&self, gone: Option<Gone>, progress: Progress) -> Failure {
        use FailureKind::{BadReply, Interrupted, Silent, Truncated};
        let (before, message) = match &gone {
            None => (
                BadReply,
                "the upstream ended its answer before the end".to_owned(),
            ),
            Some(Gone::Idle(idle)) => (Silent, format!("the upstream sent nothing for {idle:?}")),
            Some(Gone::Broken(_)) => (
                Interrupted,
                "the connection to the upstream broke".to_owned(),
            ),
            Some(Gone::TooLong(limit)) => (
                BadReply,
                format!("the upstream's answer is longer than {limit} bytes"),
            ),
        };
        let kind = if progress.semantic { Truncated } else { before };
        let failure = self.failure(kind, message).with("events", progress.events);
        match gone {
            Some(Gone::Broken(error)) => failure.with_source(error),
            _ => failure,
        }
    }

    /// Any other failure of this exchange, with the generation that its head names.
    pub(crate) fn failure(&self, kind: FailureKind, message: impl Into<String>) -> Failure {
        let failure = Failure::new(kind, message).with("upstream", self.upstream.host());
        let failure = match &self.asked.model {
            Some(model) => failure.with("model", model),
            None => failure,
        };
        of_generation(failure, header_text(&self.headers, GENERATION))
    }

    /// What the head says is left of the rate limits.
    pub(crate) fn limits(&self) -> Vec<LimitLeft> {
        limits::left(&self.headers, self.asked.plain_limit, self.now())
    }

    /// Whose rate limit the head or the body repeats, unless it is that of a provider behind the
    /// upstream.
    fn limit_of(&self, error: &ErrorBody) -> Option<Scope> {
        let told = self.headers.contains_key(PLAIN.reset)
            || self.headers.contains_key(PLAIN.remaining)
            || error.metadata_header(PLAIN.reset).is_some();
        (told && error.provider_name().is_none()).then_some(self.asked.plain_limit)
    }

    /// Whether the upstream's promise covers an answer without any tokens.
    pub(crate) fn insured(&self) -> bool {
        self.asked.insured == Insured::Yes
    }

    /// OpenRouter's own envelope, before any token: the insurance holds. An error page of
    /// whatever stands in between promises nothing, nor does one with usage in it.
    fn is_free_of_charge(&self, error: &ErrorBody, progress: Progress) -> bool {
        let own_envelope =
            error.code.is_some() && error.body().is_some_and(|body| !body.has_value("usage"));
        let own_key = error
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.read("is_byok").ok().flatten())
            .unwrap_or(false);
        self.insured()
            && own_envelope
            && !own_key
            && !progress.semantic
            && error.partial_content.is_none()
    }

    /// The time by the given clock, else by the answer's own date, which knows no skew. With
    /// neither, moments in the answer say nothing, as if all were past.
    fn now(&self) -> Timestamp {
        if let Some(clock) = &self.upstream.clock {
            return clock.now();
        }
        let date = self
            .headers
            .get(http::header::DATE)
            .and_then(|date| http_date::imf(date.to_str().ok()?));
        date.map_or(Timestamp::from_millis(i64::MAX), |date| {
            date.plus(self.seen.elapsed())
        })
    }

    /// When the upstream answered, in seconds since 1970; 0 when nothing tells.
    pub(crate) fn answered(&self) -> u64 {
        let now = Some(self.now()).filter(|now| now.millis() != i64::MAX);
        now.and_then(|now| u64::try_from(now.secs()).ok())
            .unwrap_or(0)
    }

    /// The start of a body for the log. Upstreams have been seen to repeat the key that they
    /// refuse.
    fn detail(&self, body: &[u8]) -> String {
        self.upstream.excerpt(body, DETAIL, self.asked.key.as_ref())
    }
}

/// The header that names the generation.
pub(crate) const GENERATION: &str = "x-generation-id";

/// A header's value, when it is text.
pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Adds the generation by an answer's word for it, unless a better one is known or the word
/// cannot be an id. Heads go before bodies.
pub(crate) fn of_generation(failure: Failure, said: Option<&str>) -> Failure {
    match said.and_then(|id| GenerationId::new(id).ok()) {
        Some(id) if failure.generation().is_none() => failure.with_generation(id),
        _ => failure,
    }
}

fn applying(failure: Failure, verdict: Verdict) -> Failure {
    let failure = match verdict.scope {
        Some(scope) => failure.with_scope(scope),
        None => failure,
    };
    if verdict.not_here {
        failure.not_here()
    } else {
        failure
    }
}
