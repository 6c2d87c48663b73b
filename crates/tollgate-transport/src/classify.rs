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

impl Verdict {
    const fn of(self, scope: Scope) -> Self {
        Self {
            scope: Some(scope),
            ..self
        }
    }

    fn given(self, constraints: Constraints) -> Self {
        match constraints {
            Constraints::Given if self.by_constraints => self.of(Scope::None),
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
    ("openrouter_free_tier_daily",    is(RateLimited).not_here()),
    ("openrouter_shared_capacity",    is(RateLimited)),
    ("upstream_provider_shared_pool", is(RateLimited)),
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

/// The error's name for itself: `error_type`, `availability.code`, `code`, `type`, in the words
/// of several dialects.
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
];

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
pub(crate) fn classify(
    error: &ErrorBody,
    status: Option<u16>,
    constraints: Constraints,
) -> Verdict {
    let status = status_of(error, status);
    by_limit(error)
        .or_else(|| by_member(error))
        .or_else(|| by_word(error))
        .or_else(|| by_status(status?))
        .unwrap_or(is(BadReply))
        .given(constraints)
}

/// The status that an error means: its own code when that is one, else the answer's when that is
/// not a success.
pub(crate) fn status_of(error: &ErrorBody, status: Option<u16>) -> Option<u16> {
    let code = error.code.and_then(|code| u16::try_from(code).ok());
    code.filter(|code| (300..600).contains(code))
        .or(status.filter(|status| *status >= 300))
}

fn by_limit(error: &ErrorBody) -> Option<Verdict> {
    let metadata = error.metadata.as_ref();
    let reason = metadata.and_then(|metadata| metadata.read::<String>("reason").ok().flatten());
    let source = error.limit_source();
    let words = [
        reason.as_deref(),
        source.as_ref().map(|source| source.as_str()),
    ];
    words
        .into_iter()
        .flatten()
        .find_map(|word| look_up(LIMITS, word))
}

fn by_member(error: &ErrorBody) -> Option<Verdict> {
    let metadata = error.metadata.as_ref()?;
    MEMBERS
        .iter()
        .find(|(member, _)| metadata.has_value(member))
        .map(|(_, verdict)| *verdict)
}

fn by_word(error: &ErrorBody) -> Option<Verdict> {
    let error_type = error.error_type();
    let availability = availability_code(error);
    let words = [
        error_type.as_ref().map(|word| word.as_str()),
        availability.as_deref(),
        error.code_text.as_deref(),
        error.kind.as_deref(),
    ];
    words
        .into_iter()
        .flatten()
        .find_map(|word| look_up(WORDS, word))
}

fn availability_code(error: &ErrorBody) -> Option<String> {
    let inner: Object = error.body()?.read("error").ok()??;
    let availability: Object = inner.read("availability").ok()??;
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
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, status: u16, kind: FailureKind, scope: Option<Scope>) {
        check_given(Constraints::None, body, status, kind, scope);
    }

    #[track_caller]
    fn check_given(
        constraints: Constraints,
        body: &str,
        status: u16,
        kind: FailureKind,
        scope: Option<Scope>,
    ) {
        let error = ErrorBody::lossy(body.as_bytes());
        let verdict = classify(&error, Some(status), constraints);
        assert_eq!(
            (verdict.kind, verdict.scope),
            (kind, scope),
            "{status} {body}"
        );
    }

    fn metadata(members: &str) -> String {
        format!(r#"{{"error":{{"code":0,"message":"","metadata":{{{members}}}}}}}"#)
    }

    #[test]
    fn a_402_is_several_things() {
        let account = Some(Scope::Account);
        check("{}", 402, Payment, None);
        check(
            &metadata(r#""limit_source":"openrouter_in_flight_budget""#),
            402,
            RateLimited,
            account,
        );
        check(
            &metadata(r#""reason":"in_flight_budget_exhausted""#),
            402,
            RateLimited,
            account,
        );
        check(
            &metadata(r#""limit_source":"openrouter_credits""#),
            402,
            Payment,
            None,
        );
        check(
            &metadata(r#""limit_source":"openrouter_key_limit""#),
            403,
            Payment,
            None,
        );
        check(
            &metadata(r#""limit_source":"openrouter_credits","reason":"weight_exceeds_budget""#),
            402,
            Payment,
            Some(Scope::None),
        );
    }

    #[test]
    fn a_429_tells_whose_limit_it_was() {
        check("slow down", 429, RateLimited, None);
        check(
            &metadata(r#""limit_source":"openrouter_free_tier_daily""#),
            429,
            RateLimited,
            None,
        );
        check(
            &metadata(r#""limit_source":"upstream_provider_shared_pool""#),
            429,
            RateLimited,
            None,
        );
        check(
            r#"{"error":{"message":"","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            429,
            Payment,
            None,
        );
    }

    #[test]
    fn a_403_is_policy_or_the_key() {
        check("{}", 401, Auth, None);
        check("{}", 403, Auth, Some(Scope::KeyModel));
        check(&metadata(r#""patterns":["a"]"#), 403, ContentPolicy, None);
        check(
            &metadata(r#""reasons":["violence"]"#),
            403,
            ContentPolicy,
            None,
        );
        check(
            &metadata(r#""error_type":"refusal""#),
            400,
            ContentPolicy,
            None,
        );
        check(&metadata(r#""limit_usd":5"#), 403, Payment, None);
    }

    #[test]
    fn words_go_before_the_status() {
        check(
            r#"{"error":{"message":"","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            400,
            ContextLength,
            None,
        );
        check(
            r#"{"error":{"message":"","type":"invalid_request_error"}}"#,
            404,
            NotFound,
            None,
        );
        check(
            r#"{"type":"error","error":{"type":"overloaded_error","message":""}}"#,
            529,
            Upstream,
            None,
        );
        check(
            r#"{"error":{"message":"","availability":{"code":"no_endpoints"}}}"#,
            400,
            NotFound,
            None,
        );
    }

    #[test]
    fn what_a_request_asks_for_is_evidence_of_nobodys_health() {
        let nobody = Some(Scope::None);
        for members in [
            r#""routing_funnel":[{"step":"Filter by tool support"}]"#,
            r#""ineligibility_reasons":[{"reason":"data_policy"}]"#,
            r#""error_type":"constraint_filtered""#,
            r#""error_type":"privacy_restricted""#,
        ] {
            for constraints in [Constraints::None, Constraints::Given] {
                check_given(constraints, &metadata(members), 404, NotFound, nobody);
            }
        }
        // Without a word on why, it depends on whether the request constrains anything.
        for body in [
            "{}".to_owned(),
            r#"{"error":{"code":404,"message":"No endpoints found"}}"#.to_owned(),
            r#"{"error":{"message":"","availability":{"code":"no_endpoints"}}}"#.to_owned(),
            metadata(r#""error_type":"not_found""#),
        ] {
            check_given(Constraints::None, &body, 404, NotFound, None);
            check_given(Constraints::Given, &body, 404, NotFound, nobody);
        }
        // A word on the model, or no 404 at all, says the same in either case.
        let gone = metadata(r#""error_type":"model_deprecated""#);
        check_given(Constraints::Given, &gone, 404, NotFound, None);
        check_given(Constraints::Given, "{}", 410, NotFound, None);
        check_given(Constraints::Given, "{}", 502, Upstream, None);
    }

    #[test]
    fn every_status_has_a_kind_and_a_code_in_the_body_goes_first() {
        for (status, kind) in [
            (307, Upstream),
            (400, InvalidRequest),
            (401, Auth),
            (404, NotFound),
            (408, Upstream),
            (409, Upstream),
            (410, NotFound),
            (412, InvalidRequest),
            (413, InvalidRequest),
            (422, InvalidRequest),
            (425, Upstream),
            (500, Upstream),
            (502, Upstream),
            (503, Upstream),
            (504, Upstream),
            (520, Upstream),
            (524, Upstream),
            (529, Upstream),
            (200, BadReply),
        ] {
            check("<html>", status, kind, None);
        }
        check(
            r#"{"error":{"code":502,"message":""}}"#,
            200,
            Upstream,
            None,
        );
        check(
            r#"{"error":{"code":"429","message":""}}"#,
            200,
            RateLimited,
            None,
        );
        check(r#"{"error":{"code":7,"message":""}}"#, 200, BadReply, None);
    }
}
