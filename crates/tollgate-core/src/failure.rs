//! What went wrong, decided once where the knowledge is, and obeyed everywhere else.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::GenerationId;

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// No connection: name resolution, refused, TLS, connect timeout. No byte was accepted.
    Connect,
    /// The connection broke or timed out after the request was sent, before headers.
    Interrupted,
    /// The request is malformed, or holds something the upstream refuses.
    InvalidRequest,
    /// The model or endpoint does not exist, or does not support what was asked.
    NotFound,
    /// The prompt does not fit into the model's context window.
    ContextLength,
    /// Moderation, guardrail, refusal or another policy said no.
    ContentPolicy,
    /// The upstream did not accept the key.
    Auth,
    /// The caller did not show a key of the gateway that is good.
    Unauthorized,
    /// The caller's key does not let it do that.
    Forbidden,
    /// The account behind the key has no money left, or a spending limit.
    Payment,
    /// Too many requests or tokens.
    RateLimited,
    /// The upstream is overloaded, failed, or timed out by its own word.
    Upstream,
    /// The upstream answered 200 with an error, nothing, or something unreadable.
    BadReply,
    /// No semantic event came in time.
    Silent,
    /// The stream ended or stalled after the caller had seen some of it.
    Truncated,
    /// The call's total time is over.
    Deadline,
    /// The running cost reached the call's ceiling.
    CostLimit,
    /// A budget has no room for the call.
    BudgetExceeded,
    /// No candidate can serve the call.
    NoCandidate,
    /// All that could serve the call are out of service for the moment.
    NoHealthyTarget,
    /// The ledger cannot record the call, so it is not made.
    LedgerUnavailable,
    /// The configuration does not fit the call.
    Configuration,
    /// The caller went away.
    Cancelled,
    /// A defect of the gateway.
    Internal,
}

/// Whose limit or fault a failure is evidence of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Nobody's: the target answered properly.
    None,
    /// The key that was used.
    Key,
    /// The account behind the key.
    Account,
    /// The key for this one model.
    KeyModel,
    /// The model on this lane.
    Endpoint,
    /// The whole host.
    Authority,
}

/// What is known of the money that a failed attempt cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billed {
    /// Nothing was billed; the hold can be released.
    No,
    /// Something may have been billed; the hold is kept and asked about.
    Unknown,
}

/// What the standing rule says about a kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// Whether the same target may be tried once more.
    pub same_target: bool,
    /// Whether another target may be tried.
    pub elsewhere: bool,
    /// Whose health it counts against.
    pub scope: Scope,
    /// Whether it counts as a failure of that scope's breaker by the row rule
    /// (rate limits count only in the rate rule).
    pub trips: bool,
    /// What is known about the money.
    pub billed: Billed,
    /// Whose fault it is, unless the failure says otherwise.
    pub origin: Origin,
    /// The HTTP status a caller of the gateway sees.
    pub status: u16,
    /// The name in error bodies, logs and metrics.
    pub name: &'static str,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The caller's.
    Caller,
    /// The gateway's own, or its configuration's.
    Gateway,
    /// The upstream's.
    Upstream,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Next {
    /// Give up.
    Stop,
    /// The same target may work, not before `after` has passed.
    Again {
        /// How long the upstream asked to wait, if it did.
        after: Option<Duration>,
    },
    /// Another target may work.
    Elsewhere,
}

impl FailureKind {
    /// All kinds.
    pub const ALL: [Self; 24] = [
        Self::Connect,
        Self::Interrupted,
        Self::InvalidRequest,
        Self::NotFound,
        Self::ContextLength,
        Self::ContentPolicy,
        Self::Auth,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Payment,
        Self::RateLimited,
        Self::Upstream,
        Self::BadReply,
        Self::Silent,
        Self::Truncated,
        Self::Deadline,
        Self::CostLimit,
        Self::BudgetExceeded,
        Self::NoCandidate,
        Self::NoHealthyTarget,
        Self::LedgerUnavailable,
        Self::Configuration,
        Self::Cancelled,
        Self::Internal,
    ];

    /// The kind whose rule has that name, as stores keep it.
    ///
    /// ```
    /// use tollgate_core::FailureKind;
    /// let kind = FailureKind::RateLimited;
    /// assert_eq!(FailureKind::named(kind.rule().name), Some(kind));
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.rule().name == name)
    }

    /// The rule of this kind. This table is the only place that knows.
    pub const fn rule(self) -> Rule {
        use Billed::{No, Unknown};
        use Origin::{Caller, Gateway, Upstream};
        #[rustfmt::skip]
        let (same_target, elsewhere, scope, trips, billed, origin, status, name) = match self {
            Self::Connect           => (true,  true,  Scope::Authority, true,  No,      Upstream, 502, "upstream_unreachable"),
            Self::Interrupted       => (false, true,  Scope::Endpoint,  true,  Unknown, Upstream, 502, "upstream_interrupted"),
            Self::InvalidRequest    => (false, false, Scope::None,      false, No,      Caller,   400, "invalid_request"),
            Self::NotFound          => (false, true,  Scope::Endpoint,  false, No,      Upstream, 404, "not_found"),
            Self::ContextLength     => (false, true,  Scope::None,      false, No,      Caller,   400, "context_length_exceeded"),
            Self::ContentPolicy     => (false, false, Scope::None,      false, Unknown, Caller,   403, "content_policy"),
            Self::Auth              => (false, true,  Scope::Key,       true,  No,      Gateway,  502, "upstream_auth"),
            Self::Unauthorized      => (false, false, Scope::None,      false, No,      Caller,   401, "unauthorized"),
            Self::Forbidden         => (false, false, Scope::None,      false, No,      Caller,   403, "forbidden"),
            Self::Payment           => (false, true,  Scope::Account,   true,  No,      Gateway,  502, "upstream_credit"),
            Self::RateLimited       => (true,  true,  Scope::KeyModel,  false, No,      Upstream, 429, "rate_limited"),
            Self::Upstream          => (true,  true,  Scope::Endpoint,  true,  Unknown, Upstream, 502, "upstream_error"),
            Self::BadReply          => (true,  true,  Scope::Endpoint,  true,  Unknown, Upstream, 502, "upstream_bad_reply"),
            Self::Silent            => (false, true,  Scope::Endpoint,  true,  Unknown, Upstream, 504, "upstream_timeout"),
            Self::Truncated         => (false, false, Scope::Endpoint,  true,  Unknown, Upstream, 502, "upstream_truncated"),
            Self::Deadline          => (false, false, Scope::None,      false, Unknown, Gateway,  504, "deadline_exceeded"),
            Self::CostLimit         => (false, false, Scope::None,      false, Unknown, Caller,   402, "cost_limit"),
            Self::BudgetExceeded    => (false, false, Scope::None,      false, No,      Caller,   402, "budget_exceeded"),
            Self::NoCandidate       => (false, false, Scope::None,      false, No,      Caller,   400, "no_candidate"),
            Self::NoHealthyTarget   => (false, false, Scope::None,      false, No,      Gateway,  503, "no_healthy_target"),
            Self::LedgerUnavailable => (false, false, Scope::None,      false, No,      Gateway,  503, "ledger_unavailable"),
            Self::Configuration     => (false, false, Scope::None,      false, No,      Gateway,  500, "configuration"),
            Self::Cancelled         => (false, false, Scope::None,      false, Unknown, Caller,   499, "cancelled"),
            Self::Internal          => (false, false, Scope::None,      false, Unknown, Gateway,  500, "internal"),
        };
        Rule {
            same_target,
            elsewhere,
            scope,
            trips,
            billed,
            origin,
            status,
            name,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.rule().name)
    }
}

/// A failure as it crosses the seams between crates.
///
/// ```
/// use tollgate_core::{Failure, FailureKind, Next};
/// use std::time::Duration;
/// let failure = Failure::new(FailureKind::RateLimited, "the provider limits this model")
///     .with("provider", "Alpha")
///     .with_retry_after(Duration::from_secs(7));
/// assert_eq!(failure.next(), Next::Again { after: Some(Duration::from_secs(7)) });
/// assert_eq!(failure.to_string(), "the provider limits this model (provider: Alpha)");
/// assert_eq!(failure.stop().next(), Next::Stop);
/// ```
pub struct Failure(Box<Inner>);

struct Inner {
    kind: FailureKind,
    rule: Rule,
    message: String,
    hint: Option<String>,
    detail: Option<String>,
    retry_after: Option<Duration>,
    status: Option<u16>,
    generation: Option<GenerationId>,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn Error + Send + Sync>>,
    stopped: bool,
}

/// A failure's result.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure of that kind. The message is for the caller: lower case, no
    /// full stop, without prompts, keys or upstream bodies.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            rule: kind.rule(),
            message: message.into(),
            hint: None,
            detail: None,
            retry_after: None,
            status: None,
            generation: None,
            context: Vec::new(),
            source: None,
            stopped: false,
        }))
    }

    /// Adds a key and value that say where it happened.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds text for the log at debug level only, such as the start of an upstream body.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the delay that the upstream asked for.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Adds the HTTP status that the upstream answered, or named in its body.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Adds the upstream's id of the generation that failed: the handle for
    /// asking what it cost. It is shown after the context.
    ///
    /// ```
    /// use tollgate_core::{Failure, FailureKind, GenerationId};
    /// let failure = Failure::new(FailureKind::Upstream, "the upstream failed")
    ///     .with("provider", "Alpha")
    ///     .with_generation(GenerationId::new("gen-1")?);
    /// assert_eq!(failure.generation().map(GenerationId::as_str), Some("gen-1"));
    /// assert_eq!(
    ///     failure.to_string(),
    ///     "the upstream failed (provider: Alpha, generation: gen-1)",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_generation(mut self, generation: GenerationId) -> Self {
        self.0.generation = Some(generation);
        self
    }

    /// Replaces whose health this counts against.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.0.rule.scope = scope;
        self
    }

    /// Replaces whose fault it is.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.0.rule.origin = origin;
        self
    }

    /// Replaces what is known of the money.
    #[must_use]
    pub fn with_billed(mut self, billed: Billed) -> Self {
        self.0.rule.billed = billed;
        self
    }

    /// Forbids trying the same target again; another target may still be tried.
    #[must_use]
    pub fn not_here(mut self) -> Self {
        self.0.rule.same_target = false;
        self
    }

    /// Forbids trying again anywhere: whoever gives up says so, and nobody
    /// outside tries once more.
    #[must_use]
    pub fn stop(mut self) -> Self {
        self.0.stopped = true;
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> FailureKind {
        self.0.kind
    }

    /// Whose fault it is.
    pub fn origin(&self) -> Origin {
        self.0.rule.origin
    }

    /// The rule in force for this failure.
    pub fn rule(&self) -> Rule {
        self.0.rule
    }

    /// What to do next.
    pub fn next(&self) -> Next {
        match (
            self.0.stopped,
            self.0.rule.same_target,
            self.0.rule.elsewhere,
        ) {
            (true, ..) | (false, false, false) => Next::Stop,
            (false, true, _) => Next::Again {
                after: self.0.retry_after,
            },
            (false, false, true) => Next::Elsewhere,
        }
    }

    /// Whether anything but giving up makes sense.
    pub fn is_retryable(&self) -> bool {
        self.next() != Next::Stop
    }

    /// The message for the caller, without context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Text for the log at debug level only.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The delay that the upstream asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The HTTP status that the upstream answered, or named in its body.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The upstream's id of the generation that failed, when it told one.
    pub fn generation(&self) -> Option<&GenerationId> {
        self.0.generation.as_ref()
    }

    /// Keys and values that say where it happened.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        let context = self.0.context.iter();
        let context = context.map(|(key, value)| (*key, value.as_str()));
        let generation = self.generation().map(|id| ("generation", id.as_str()));
        let mut before = " (";
        for (key, value) in context.chain(generation) {
            write!(f, "{before}{key}: {value}")?;
            before = ", ";
        }
        f.write_str(if before == ", " { ")" } else { "" })
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("status", &self.0.status)
            .field("retry_after", &self.0.retry_after)
            .field("generation", &self.0.generation)
            .field("context", &self.0.context)
            .field("source", &self.0.source)
            .field("stopped", &self.0.stopped)
            .finish_non_exhaustive()
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
