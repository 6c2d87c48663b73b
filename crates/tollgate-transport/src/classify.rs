//! What an upstream's error is evidence of. Tables, first match wins; the words of a body go
//! before its status.

use tollgate_core::{FailureKind, Scope};
use tollgate_wire::{ErrorBody, Object};

use FailureKind::{
    Auth, BadReply, ContentPolicy, ContextLength, InvalidRequest, NotFound, Payment, RateLimited,
    Upstream,
};

/// What an error is: its kind, and where that departs from the kind's standing rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) kind: FailureKind,
    /// Whose health it counts against, when not the rule's.
    pub(crate) scope: Option<Scope>,
    /// Whether waiting here is pointless although the rule allows it.
    pub(crate) not_here: bool,
    /// Whether the request's own constraints may be the reason, if it has any.
    by_constraints: bool,
}

/// What stands beside an error: what was asked, and what the head says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside {
    pub(crate) constraints: Constraints,
    /// Whose rate limit the head names, when it names one.
    pub(crate) limit_of: Option<Scope>,
}

/// Whether the caller said which endpoints may serve: the object `provider` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Constraints {
    Given,
    None,
}

const fn is(kind: FailureKind) -> Verdict {
    Verdict {
        kind,
        scope: None,
        not_here: false,
        by_constraints: false,
    }
}

/// There are endpoints, and what this request asks for leaves none of them. The next caller may
/// ask for less, so nobody's health suffers.
const FILTERED: Verdict = is(NotFound).of(Scope::None);

/// There is no endpoint, without a word on why: the model is gone, or this request's constraints
/// leave none.
const NO_ENDPOINT: Verdict = Verdict {
    by_constraints: true,
    ..is(NotFound)
};

/// The key works, but not for this: a model, a region, a feature. Other models on the lane may well answer.
const NOT_ALLOWED: Verdict = is(Auth).of(Scope::KeyModel);

/// A limit on one model, whatever limit the head tells of.
const LIMITED: Verdict = is(RateLimited).of(Scope::KeyModel);

impl Verdict {
    const fn of(self, scope: Scope) -> Self {
        Self {
            scope: Some(scope),
            ..self
        }
    }

    fn beside(self, beside: Beside) -> Self {
        if self.by_constraints && beside.constraints == Constraints::Given {
            return self.of(Scope::None);
        }
        match beside.limit_of {
            Some(scope) if self.kind == RateLimited && self.scope.is_none() => self.of(scope),
            _ => self,
        }
    }

    /// The verdict on a request that the gateway wrote in part. What is refused may be its own
    /// words, and another upstream gets others.
    pub(crate) fn of_rewritten(self) -> Self {
        match self.kind {
            InvalidRequest => FILTERED,
            _ => self,
        }
    }

    const fn not_here(self) -> Self {
        Self {
            not_here: true,
            ..self
        }
    }
}

/// Whose limit it was: `error.metadata.reason` and `.limit_source`.
#[rustfmt::skip]
const LIMITS: &[(&str, Verdict)] = &[
    // This one request is too dear for what is left; a smaller one may pass, so nobody's health
    // suffers.
    ("weight_exceeds_budget",         is(Payment).of(Scope::None)),
    // Money held by requests that are still running: it comes back.
    ("in_flight_budget_exhausted",    is(RateLimited).of(Scope::Account)),
    ("openrouter_in_flight_budget",   is(RateLimited).of(Scope::Account)),
    ("openrouter_credits",            is(Payment)),
    ("openrouter_key_limit",          is(Payment)),
    ("openrouter_guardrail_budget",   is(Payment)),
    ("openrouter_workspace_budget",   is(Payment)),
    // A cap on the account's `:free` models that resets at midnight UTC. Paid models of the same account still serve, so
    // it must not count against the account.
    ("openrouter_free_tier_daily",    LIMITED.not_here()),
    ("openrouter_shared_capacity",    LIMITED),
    ("upstream_provider_shared_pool", LIMITED),
];

/// Members of `error.metadata` that only one kind of error has.
#[rustfmt::skip]
const MEMBERS: &[(&str, Verdict)] = &[
    ("flagged_input",         is(ContentPolicy)),
    ("reasons",               is(ContentPolicy)),
    ("patterns",              is(ContentPolicy)),
    ("limit_usd",             is(Payment)),
    ("routing_funnel",        FILTERED),
    ("ineligibility_reasons", FILTERED),
];

/// Parts of messages, by status, where an upstream has no other word for it. Messages may quote the
/// caller, so a row must do no harm when it is wrong: it counts against nobody.
const SENTENCES: &[(u16, &str, Verdict)] = &[
    // "… You requested up to 64000 tokens, but can only afford 5213."
    (402, "can only afford", is(Payment).of(Scope::None)),
    // "No endpoints found that support tool use", "… matching your data policy": the next caller
    // may ask for less.
    (404, "No endpoints found that", FILTERED),
    (404, "matching your data policy", FILTERED),
    // "a/b is not a valid model ID": the gateway's list is older than the upstream's.
    (400, "is not a valid model ID", FILTERED),
    // Other models answer without thinking.
    (400, "Reasoning is mandatory", FILTERED),
];

/// How messages begin, by status, where an upstream has no other word for it. No message begins
/// with what it quotes, so a row may count against a key or an account.
#[rustfmt::skip]
const BEGINNINGS: &[(u16, &str, Verdict)] = &[
    (400, "Your credit balance is too low",               is(Payment)),
    (400, "You have reached your specified API usage",    is(Payment)),
    (400, "prompt is too long",                           is(ContextLength)),
    (400, "input length and `max_tokens` exceed",         is(ContextLength)),
    (400, "The input token count",                        is(ContextLength)),
    (400, "API key not valid",                            is(Auth)),
    (400, "API key expired",                              is(Auth)),
    (403, "Your API key was reported as leaked",          is(Auth)),
    (400, "User location is not supported",               is(NotFound)),
    // A loop of tools that another model has begun: it can go on where nobody asks for signatures.
    (400, "Function call is missing a thought_signature", FILTERED),
];

/// The error's name for itself: `error_type`, `availability.code`, `code`, `type`, Google's
/// `details[].reason` and `status`, in the words of several dialects.
#[rustfmt::skip]
const WORDS: &[(&str, Verdict)] = &[
    ("context_length_exceeded",    is(ContextLength)),
    ("max_tokens_exceeded",        is(ContextLength)),
    ("token_limit_exceeded",       is(ContextLength)),
    ("string_too_long",            is(ContextLength)),
    ("exceed_context_size_error",  is(ContextLength)),
    ("model_not_found",            is(NotFound)),
    ("not_found",                  NO_ENDPOINT),
    ("not_found_error",            NO_ENDPOINT),
    ("no_endpoints",               NO_ENDPOINT),
    ("model_deprecated",           is(NotFound)),
    ("model_unavailable_upstream", is(NotFound)),
    ("region_restricted",          is(NotFound)),
    ("privacy_restricted",         FILTERED),
    ("constraint_filtered",        FILTERED),
    ("free_variant_ended",         is(NotFound)),
    ("unsupported_parameter",      FILTERED),
    ("unsupported_value",          FILTERED),
    ("invalid_request",            is(InvalidRequest)),
    ("invalid_prompt",             is(InvalidRequest)),
    ("invalid_image",              is(InvalidRequest)),
    ("image_too_large",            is(InvalidRequest)),
    ("image_too_small",            is(InvalidRequest)),
    ("unsupported_image_format",   is(InvalidRequest)),
    ("image_download_failed",      is(InvalidRequest)),
    ("image_not_found",            is(InvalidRequest)),
    ("wrong_endpoint",             is(InvalidRequest)),
    ("precondition_failed",        is(InvalidRequest)),
    ("payload_too_large",          is(InvalidRequest)),
    ("request_too_large",          is(InvalidRequest)),
    ("unprocessable",              is(InvalidRequest)),
    ("ZodError",                   is(InvalidRequest)),
    ("authentication",             is(Auth)),
    ("authentication_error",       is(Auth)),
    ("invalid_api_key",            is(Auth)),
    ("permission_denied",          NOT_ALLOWED),
    ("permission_error",           NOT_ALLOWED),
    ("payment_required",           is(Payment)),
    ("insufficient_quota",         is(Payment)),
    ("billing_error",              is(Payment)),
    ("billing_hard_limit_reached", is(Payment)),
    ("content_policy_violation",   is(ContentPolicy)),
    ("content_filter",             is(ContentPolicy)),
    ("refusal",                    is(ContentPolicy)),
    ("rate_limit_exceeded",        is(RateLimited)),
    ("rate_limit_error",           is(RateLimited)),
    ("capacity_exhausted",         is(RateLimited)),
    ("server",                     is(Upstream)),
    ("server_error",               is(Upstream)),
    ("api_error",                  is(Upstream)),
    ("unmapped",                   is(Upstream)),
    ("provider_unavailable",       is(Upstream)),
    ("provider_overloaded",        is(Upstream)),
    ("overloaded_error",           is(Upstream)),
    ("temporarily_unavailable",    is(Upstream)),
    ("timeout",                    is(Upstream)),
    ("timeout_error",              is(Upstream)),
    ("API_KEY_INVALID",            is(Auth)),
    ("API_KEY_SERVICE_BLOCKED",    is(Auth)),
    ("ACCESS_TOKEN_EXPIRED",       is(Auth)),
    ("CONSUMER_SUSPENDED",         is(Auth)),
    ("SERVICE_DISABLED",           is(Auth)),
    ("BILLING_DISABLED",           is(Payment)),
    ("UNAUTHENTICATED",            is(Auth)),
    ("PERMISSION_DENIED",          NOT_ALLOWED),
    ("FAILED_PRECONDITION",        NOT_ALLOWED),
    ("NOT_FOUND",                  NO_ENDPOINT),
    ("INVALID_ARGUMENT",           is(InvalidRequest)),
    ("OUT_OF_RANGE",               is(InvalidRequest)),
    ("RESOURCE_EXHAUSTED",         is(RateLimited)),
    ("CANCELLED",                  is(Upstream)),
    ("ABORTED",                    is(Upstream)),
    ("INTERNAL",                   is(Upstream)),
    ("UNKNOWN",                    is(Upstream)),
    ("UNAVAILABLE",                is(Upstream)),
    ("DEADLINE_EXCEEDED",          is(Upstream)),
];

/// Parts of the ids of quotas that Google says are used up. Those of a day come back at midnight.
const QUOTAS: &[(&str, Verdict)] = &[("PerDay", LIMITED.not_here())];

/// The status, by ranges; later rows are the rest.
#[rustfmt::skip]
const STATUSES: &[(u16, u16, Verdict)] = &[
    (401, 401, is(Auth)),
    (402, 402, is(Payment)),
    (403, 403, NOT_ALLOWED),
    (404, 404, NO_ENDPOINT),
    (405, 405, is(NotFound)),
    (408, 409, is(Upstream)),
    (410, 410, is(NotFound)),
    (425, 425, is(Upstream)),
    (429, 429, is(RateLimited)),
    (451, 451, is(NotFound)),
    (499, 499, is(Upstream)),
    (400, 498, is(InvalidRequest)),
    // Redirects are not followed: they would carry the key to another host.
    (300, 399, is(Upstream)),
    (500, 599, is(Upstream)),
];

/// Judges an error by its body and status; the status inside the body goes before that of the
/// answer. What the request's own constraints may have caused counts against nobody.
pub(crate) fn classify(error: &ErrorBody, status: Option<u16>, beside: Beside) -> Verdict {
    let status = status_of(error, status);
    by_reason(error)
        .or_else(|| by_beginning(error, status?))
        .or_else(|| by_sentence(error, status?))
        .or_else(|| by_limit_source(error))
        .or_else(|| by_member(error))
        .or_else(|| by_quota(error))
        .or_else(|| by_word(error))
        .or_else(|| by_status(status?))
        .unwrap_or(is(BadReply))
        .beside(beside)
}

/// The status that an error means: its own code when that is one, else the answer's when that is
/// not a success.
pub(crate) fn status_of(error: &ErrorBody, status: Option<u16>) -> Option<u16> {
    let code = error.code.and_then(|code| u16::try_from(code).ok());
    code.filter(|code| (300..600).contains(code))
        .or(status.filter(|status| *status >= 300))
}

fn by_reason(error: &ErrorBody) -> Option<Verdict> {
    let reason: Option<String> = error.metadata.as_ref()?.read("reason").ok()?;
    look_up(LIMITS, &reason?)
}

fn by_limit_source(error: &ErrorBody) -> Option<Verdict> {
    look_up(LIMITS, error.limit_source()?.as_str())
}

fn by_member(error: &ErrorBody) -> Option<Verdict> {
    let metadata = error.metadata.as_ref()?;
    MEMBERS
        .iter()
        .find(|(member, _)| metadata.has_value(member))
        .map(|(_, verdict)| *verdict)
}

fn by_sentence(error: &ErrorBody, status: u16) -> Option<Verdict> {
    SENTENCES
        .iter()
        .find(|(of, part, _)| *of == status && error.message.contains(part))
        .map(|(_, _, verdict)| *verdict)
}

fn by_beginning(error: &ErrorBody, status: u16) -> Option<Verdict> {
    BEGINNINGS
        .iter()
        .find(|(of, beginning, _)| *of == status && error.message.starts_with(beginning))
        .map(|(_, _, verdict)| *verdict)
}

fn by_quota(error: &ErrorBody) -> Option<Verdict> {
    let violations =
        |detail: &Object| -> Option<Vec<Object>> { detail.read("violations").ok().flatten() };
    let details = details(error);
    let violations = details.iter().filter_map(violations).flatten();
    let ids: Vec<String> = violations
        .filter_map(|violation| violation.read("quotaId").ok().flatten())
        .collect();
    let is_used_up = |part: &str| ids.iter().any(|id| id.contains(part));
    QUOTAS
        .iter()
        .find(|(part, _)| is_used_up(part))
        .map(|(_, verdict)| *verdict)
}

/// Google's details of an error.
fn details(error: &ErrorBody) -> Vec<Object> {
    let details = || inner(error)?.read("details").ok().flatten();
    details().unwrap_or_default()
}

/// The error itself, as it came.
fn inner(error: &ErrorBody) -> Option<Object> {
    error.body()?.read("error").ok()?
}

fn by_word(error: &ErrorBody) -> Option<Verdict> {
    let error_type = error.error_type();
    let availability = availability_code(error);
    let details = details(error);
    let text = |object: &Object, key: &str| object.read::<String>(key).ok().flatten();
    let reason = details.iter().find_map(|detail| text(detail, "reason"));
    let status = inner(error).and_then(|inner| text(&inner, "status"));
    let words = [
        error_type.as_ref().map(|word| word.as_str()),
        availability.as_deref(),
        error.code_text.as_deref(),
        error.kind.as_deref(),
        reason.as_deref(),
        status.as_deref(),
    ];
    words
        .into_iter()
        .flatten()
        .find_map(|word| look_up(WORDS, word))
}

fn availability_code(error: &ErrorBody) -> Option<String> {
    let availability: Object = inner(error)?.read("availability").ok()??;
    availability.read("code").ok()?
}

fn by_status(status: u16) -> Option<Verdict> {
    STATUSES
        .iter()
        .find(|(low, high, _)| (*low..=*high).contains(&status))
        .map(|(_, _, verdict)| *verdict)
}

fn look_up(table: &[(&str, Verdict)], word: &str) -> Option<Verdict> {
    table
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, verdict)| *verdict)
}

#[cfg(test)]
mod tests;
