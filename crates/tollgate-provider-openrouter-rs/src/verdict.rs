//! What an error is evidence of, as far as the client still tells. Tables, first match wins; the
//! words of a body go before its status.

use serde_json::Value;
use tollgate_core::FailureKind::{
    self, Auth, BadReply, ContentPolicy, ContextLength, InvalidRequest, NotFound, Payment,
    RateLimited, Upstream,
};
use tollgate_core::{Failure, Scope};

/// An error's kind, and where that departs from the kind's standing rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) kind: FailureKind,
    scope: Option<Scope>,
    not_here: bool,
}

const fn is(kind: FailureKind) -> Verdict {
    Verdict {
        kind,
        scope: None,
        not_here: false,
    }
}

impl Verdict {
    const fn of(self, scope: Scope) -> Self {
        Self {
            scope: Some(scope),
            ..self
        }
    }

    const fn not_here(self) -> Self {
        Self {
            not_here: true,
            ..self
        }
    }

    /// Applies what departs from the rule.
    pub(crate) fn applied(self, failure: Failure) -> Failure {
        let failure = match self.scope {
            Some(scope) => failure.with_scope(scope),
            None => failure,
        };
        match self.not_here {
            true => failure.not_here(),
            false => failure,
        }
    }
}

/// A limit on one model, not on the key.
const LIMITED: Verdict = is(RateLimited).of(Scope::KeyModel);

/// Endpoints are there, and what the request asks for leaves none of them.
const FILTERED: Verdict = is(NotFound).of(Scope::None);

/// Values of `reason`, `limit_source` and `error_type` in the metadata.
#[rustfmt::skip]
const WORDS: &[(&str, Verdict)] = &[
    ("weight_exceeds_budget",         is(Payment).of(Scope::None)),
    // Money held by requests that are still running: it comes back.
    ("in_flight_budget_exhausted",    is(RateLimited).of(Scope::Account)),
    ("openrouter_in_flight_budget",   is(RateLimited).of(Scope::Account)),
    ("openrouter_credits",            is(Payment)),
    ("openrouter_key_limit",          is(Payment)),
    ("openrouter_guardrail_budget",   is(Payment)),
    ("openrouter_workspace_budget",   is(Payment)),
    // Resets at midnight; paid models still serve.
    ("openrouter_free_tier_daily",    LIMITED.not_here()),
    ("openrouter_shared_capacity",    LIMITED),
    ("upstream_provider_shared_pool", LIMITED),
    ("context_length_exceeded",       is(ContextLength)),
    ("max_tokens_exceeded",           is(ContextLength)),
    ("content_policy_violation",      is(ContentPolicy)),
    ("refusal",                       is(ContentPolicy)),
    ("not_found",                     is(NotFound)),
    ("model_not_found",               is(NotFound)),
    ("constraint_filtered",           FILTERED),
    ("privacy_restricted",            FILTERED),
    ("invalid_request",               is(InvalidRequest)),
    ("authentication",                is(Auth)),
    ("permission_denied",             is(Auth).of(Scope::KeyModel)),
    ("payment_required",              is(Payment)),
    ("rate_limit_exceeded",           is(RateLimited)),
    ("provider_overloaded",           is(Upstream)),
    ("provider_unavailable",          is(Upstream)),
    ("server",                        is(Upstream)),
    ("timeout",                       is(Upstream)),
];

/// Members of the metadata that only one kind of error has.
const MEMBERS: &[(&str, Verdict)] = &[
    ("flagged_input", is(ContentPolicy)),
    ("reasons", is(ContentPolicy)),
    ("patterns", is(ContentPolicy)),
    ("limit_usd", is(Payment)),
    ("routing_funnel", FILTERED),
    ("ineligibility_reasons", FILTERED),
];

/// The status, by ranges; later rows are the rest.
#[rustfmt::skip]
const STATUSES: &[(u16, u16, Verdict)] = &[
    (401, 401, is(Auth)),
    (402, 402, is(Payment)),
    (403, 403, is(Auth).of(Scope::KeyModel)),
    (404, 405, is(NotFound)),
    (408, 409, is(Upstream)),
    (410, 410, is(NotFound)),
    (425, 425, is(Upstream)),
    (429, 429, is(RateLimited)),
    (451, 451, is(NotFound)),
    (499, 499, is(Upstream)),
    (400, 498, is(InvalidRequest)),
    (300, 399, is(Upstream)),
    (500, 599, is(Upstream)),
];

/// Looks through the metadata, whose members `get` gives.
pub(crate) fn by_metadata<'a>(get: impl Fn(&str) -> Option<&'a Value>) -> Option<Verdict> {
    let has = |member: &str| get(member).is_some_and(|value| !value.is_null());
    let look_up = |member: &str| find(get(member)?.as_str()?);
    let by_member = || MEMBERS.iter().find(|(member, _)| has(member));
    look_up("reason")
        .or_else(|| look_up("limit_source"))
        .or_else(|| by_member().map(|(_, verdict)| *verdict))
        .or_else(|| look_up("error_type"))
}

/// What a status means; none of an error is a bad reply.
pub(crate) fn by_status(status: u16) -> Verdict {
    STATUSES
        .iter()
        .find(|(low, high, _)| (*low..=*high).contains(&status))
        .map_or(is(BadReply), |(_, _, verdict)| *verdict)
}

/// The input was flagged: the client has a kind of its own for that.
pub(crate) const MODERATED: Verdict = is(ContentPolicy);

fn find(word: &str) -> Option<Verdict> {
    WORDS
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, verdict)| *verdict)
}
