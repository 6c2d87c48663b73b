use tollgate_core::Billed;

use super::*;

/// What a failure of a kind leads to, beside whose health suffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Nobody tries again.
    Stop,
    /// Another target may.
    Elsewhere,
    /// The same target may, after a while, if there is no other.
    Again,
}

use Billed::{No, Unknown};
use Then::{Again, Elsewhere, Stop};

/// The signal; status and body (of its `error`, or a page); the kind, whose health, what then,
/// and the money.
type Row = (
    &'static str,
    u16,
    &'static str,
    FailureKind,
    Scope,
    Then,
    Billed,
);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("malformed",        400, "{}",                                                           InvalidRequest, Scope::None,     Stop,      No),
    ("malformed",        412, "{}",                                                           InvalidRequest, Scope::None,     Stop,      No),
    ("malformed",        413, "<html>",                                                       InvalidRequest, Scope::None,     Stop,      No),
    ("malformed",        422, r#"{"metadata":{"error_type":"unprocessable"}}"#,               InvalidRequest, Scope::None,     Stop,      No),
    ("malformed",        413, r#"{"type":"request_too_large"}"#,                              InvalidRequest, Scope::None,     Stop,      No),
    ("malformed",        404, r#"{"metadata":{"error_type":"image_not_found"}}"#,             InvalidRequest, Scope::None,     Stop,      No),

    ("no such model",    404, "{}",                                                           NotFound,       Scope::Endpoint, Elsewhere, No),
    ("no such model",    404, r#"{"code":"model_not_found"}"#,                                NotFound,       Scope::Endpoint, Elsewhere, No),
    ("no such model",    404, r#"{"type":"not_found_error"}"#,                                NotFound,       Scope::Endpoint, Elsewhere, No),
    ("no such model",    404, r#"{"type":"invalid_request_error"}"#,                          NotFound,       Scope::Endpoint, Elsewhere, No),
    ("no such model",    400, r#"{"availability":{"code":"no_endpoints"}}"#,                  NotFound,       Scope::Endpoint, Elsewhere, No),
    ("no such model",    405, "{}",                                                           NotFound,       Scope::Endpoint, Elsewhere, No),
    ("no such model",    410, "{}",                                                           NotFound,       Scope::Endpoint, Elsewhere, No),
    ("no such model",    400, r#"{"code":400,"message":"a/b is not a valid model ID"}"#,      NotFound,       Scope::None,     Elsewhere, No),
    ("unsupported",      400, r#"{"code":400,"message":"Reasoning is mandatory for this endpoint and cannot be disabled."}"#, NotFound, Scope::None, Elsewhere, No),
    ("unsupported",      400, r#"{"type":"invalid_request_error","code":"unsupported_parameter"}"#, NotFound, Scope::None,     Elsewhere, No),
    ("unsupported",      400, r#"{"type":"invalid_request_error","code":"unsupported_value"}"#, NotFound,     Scope::None,     Elsewhere, No),
    ("unsupported",      404, r#"{"metadata":{"routing_funnel":[{"step":"tools"}]}}"#,        NotFound,       Scope::None,     Elsewhere, No),

    ("context too long", 400, r#"{"type":"invalid_request_error","code":"context_length_exceeded"}"#, ContextLength, Scope::None, Elsewhere, No),
    ("context too long", 400, r#"{"metadata":{"error_type":"token_limit_exceeded"}}"#,        ContextLength,  Scope::None,     Elsewhere, No),
    ("context too long", 400, r#"{"type":"exceed_context_size_error"}"#,                      ContextLength,  Scope::None,     Elsewhere, No),

    ("content policy",   403, r#"{"metadata":{"reasons":["violence"]}}"#,                     ContentPolicy,  Scope::None,     Stop,      Unknown),
    ("content policy",   403, r#"{"metadata":{"patterns":["a"]}}"#,                           ContentPolicy,  Scope::None,     Stop,      Unknown),
    ("content policy",   400, r#"{"metadata":{"error_type":"refusal"}}"#,                     ContentPolicy,  Scope::None,     Stop,      Unknown),
    ("content policy",   400, r#"{"code":"content_filter"}"#,                                 ContentPolicy,  Scope::None,     Stop,      Unknown),

    ("key",              401, r#"{"code":401,"message":"User not found."}"#,                  Auth,           Scope::Key,      Elsewhere, No),
    ("key",              401, "<html>",                                                       Auth,           Scope::Key,      Elsewhere, No),
    ("key",              400, r#"{"code":"invalid_api_key"}"#,                                Auth,           Scope::Key,      Elsewhere, No),
    ("key, for this",    403, "{}",                                                           Auth,           Scope::KeyModel, Elsewhere, No),
    ("key, for this",    403, r#"{"type":"permission_error"}"#,                               Auth,           Scope::KeyModel, Elsewhere, No),

    ("money",            402, "{}",                                                           Payment,        Scope::Account,  Elsewhere, No),
    ("money",            402, r#"{"code":402,"message":"Insufficient credits"}"#,             Payment,        Scope::Account,  Elsewhere, No),
    ("money",            402, r#"{"metadata":{"limit_source":"openrouter_credits"}}"#,        Payment,        Scope::Account,  Elsewhere, No),
    ("money",            403, r#"{"metadata":{"limit_source":"openrouter_key_limit"}}"#,      Payment,        Scope::Account,  Elsewhere, No),
    ("money",            403, r#"{"metadata":{"limit_usd":5}}"#,                              Payment,        Scope::Account,  Elsewhere, No),
    ("money",            429, r#"{"type":"insufficient_quota"}"#,                             Payment,        Scope::Account,  Elsewhere, No),
    ("money",            429, r#"{"code":"billing_hard_limit_reached"}"#,                     Payment,        Scope::Account,  Elsewhere, No),
    ("money, for this",  402, r#"{"metadata":{"limit_source":"openrouter_credits","reason":"weight_exceeds_budget"}}"#, Payment, Scope::None, Elsewhere, No),
    ("money, for this",  402, r#"{"code":402,"message":"This request requires more credits, or fewer max_tokens. You requested up to 64000 tokens, but can only afford 5213."}"#, Payment, Scope::None, Elsewhere, No),
    ("money, for this",  402, r#"{"message":"… can only afford 7","metadata":{"limit_source":"openrouter_credits"}}"#, Payment, Scope::None, Elsewhere, No),
    ("money, for now",   402, r#"{"metadata":{"limit_source":"openrouter_in_flight_budget"}}"#, RateLimited,  Scope::Account,  Again,     No),
    ("money, for now",   402, r#"{"message":"… can only afford 7","metadata":{"reason":"in_flight_budget_exhausted"}}"#, RateLimited, Scope::Account, Again, No),

    ("money",            400, r#"{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."}"#, Payment, Scope::Account, Elsewhere, No),
    ("malformed",        400, r#"{"type":"invalid_request_error","message":"messages.0: it says: Your credit balance is too low"}"#, InvalidRequest, Scope::None, Stop, No),
    ("context too long", 400, r#"{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}"#, ContextLength, Scope::None, Elsewhere, No),
    ("overloaded",       529, r#"{"type":"overloaded_error","message":"Overloaded"}"#,        Upstream,       Scope::Endpoint, Again,     Unknown),
    ("broken",           500, r#"{"type":"api_error","message":"Internal server error"}"#,    Upstream,       Scope::Endpoint, Again,     Unknown),
    ("key",              401, r#"{"type":"authentication_error","message":"invalid x-api-key"}"#, Auth,       Scope::Key,      Elsewhere, No),

    ("key",              400, r#"{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}"#, Auth, Scope::Key, Elsewhere, No),
    ("key",              400, r#"{"code":400,"message":"Bad key","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}"#, Auth, Scope::Key, Elsewhere, No),
    ("key",              401, r#"{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}"#, Auth, Scope::Key, Elsewhere, No),
    ("key, for this",    403, r#"{"code":403,"message":"Permission denied","status":"PERMISSION_DENIED"}"#, Auth, Scope::KeyModel, Elsewhere, No),
    ("malformed",        400, r#"{"code":400,"message":"Invalid JSON payload received.","status":"INVALID_ARGUMENT"}"#, InvalidRequest, Scope::None, Stop, No),
    ("context too long", 400, r#"{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}"#, ContextLength, Scope::None, Elsewhere, No),
    ("unsigned",         400, r#"{"code":400,"message":"Function call is missing a thought_signature in functionCall parts.","status":"INVALID_ARGUMENT"}"#, NotFound, Scope::None, Elsewhere, No),
    ("rate",             429, r#"{"code":429,"message":"You exceeded your current quota.","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel"}]},{"retryDelay":"34s"}]}"#, RateLimited, Scope::KeyModel, Again, No),
    ("rate, for today",  429, r#"{"code":429,"message":"You exceeded your current quota.","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}"#, RateLimited, Scope::KeyModel, Elsewhere, No),
    ("no such model",    404, r#"{"code":404,"message":"models/x is not found for API version v1beta","status":"NOT_FOUND"}"#, NotFound, Scope::Endpoint, Elsewhere, No),
    ("overloaded",       503, r#"{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}"#, Upstream, Scope::Endpoint, Again, Unknown),
    ("too slow",         504, r#"{"code":504,"message":"Deadline expired","status":"DEADLINE_EXCEEDED"}"#, Upstream, Scope::Endpoint, Again, Unknown),

    ("rate",             429, "slow down",                                                    RateLimited,    Scope::KeyModel, Again,     No),
    ("rate",             429, r#"{"type":"rate_limit_error"}"#,                               RateLimited,    Scope::KeyModel, Again,     No),
    ("rate",             200, r#"{"code":"429"}"#,                                            RateLimited,    Scope::KeyModel, Again,     No),
    ("rate",             429, r#"{"metadata":{"limit_source":"upstream_provider_shared_pool"}}"#, RateLimited, Scope::KeyModel, Again,    No),
    ("rate",             429, r#"{"metadata":{"limit_source":"openrouter_shared_capacity"}}"#, RateLimited,   Scope::KeyModel, Again,     No),
    ("rate, for the day", 429, r#"{"metadata":{"limit_source":"openrouter_free_tier_daily"}}"#, RateLimited,  Scope::KeyModel, Elsewhere, No),

    ("upstream",         307, "",                                                             Upstream,       Scope::Endpoint, Again,     Unknown),
    ("upstream",         408, "{}",                                                           Upstream,       Scope::Endpoint, Again,     Unknown),
    ("upstream",         409, "{}",                                                           Upstream,       Scope::Endpoint, Again,     Unknown),
    ("upstream",         425, "{}",                                                           Upstream,       Scope::Endpoint, Again,     Unknown),
    ("upstream",         499, "{}",                                                           Upstream,       Scope::Endpoint, Again,     Unknown),
    ("upstream",         500, "{}",                                                           Upstream,       Scope::Endpoint, Again,     Unknown),
    ("upstream",         502, r#"{"message":"Provider returned error"}"#,                     Upstream,       Scope::Endpoint, Again,     Unknown),
    ("upstream",         503, "<html>",                                                       Upstream,       Scope::Endpoint, Again,     Unknown),
    ("upstream",         504, r#"{"type":"timeout_error"}"#,                                  Upstream,       Scope::Endpoint, Again,     Unknown),
    ("upstream",         520, "<html>",                                                       Upstream,       Scope::Endpoint, Again,     Unknown),
    ("upstream",         524, "<html>",                                                       Upstream,       Scope::Endpoint, Again,     Unknown),
    ("upstream",         529, r#"{"type":"overloaded_error"}"#,                               Upstream,       Scope::Endpoint, Again,     Unknown),
    ("error in a 200",   200, r#"{"code":502}"#,                                              Upstream,       Scope::Endpoint, Again,     Unknown),
    ("error in a 200",   200, r#"{"code":401}"#,                                              Auth,           Scope::Key,      Elsewhere, No),
    ("error in a 200",   200, r#"{"code":7}"#,                                                BadReply,       Scope::Endpoint, Again,     Unknown),
    ("page in a 200",    200, "<html>",                                                       BadReply,       Scope::Endpoint, Again,     Unknown),
];

#[test]
fn each_signal_means_what_the_table_says() {
    for (signal, status, body, kind, scope, then, billed) in ROWS {
        let verdict = judged(&whole(body), *status, NOTHING);
        let rule = verdict.kind.rule();
        let next = match (rule.same_target && !verdict.not_here, rule.elsewhere) {
            (true, _) => Again,
            (false, true) => Elsewhere,
            (false, false) => Stop,
        };
        let whose = verdict.scope.unwrap_or(rule.scope);
        assert_eq!(
            (verdict.kind, whose, next, rule.billed),
            (*kind, *scope, *then, *billed),
            "{signal}: {status} {body}"
        );
    }
}

const NOTHING: Beside = Beside {
    constraints: Constraints::None,
    limit_of: None,
};

const CONSTRAINED: Beside = Beside {
    constraints: Constraints::Given,
    ..NOTHING
};

/// The body with that `error`; a page is what it is.
fn whole(error: &str) -> String {
    if error.starts_with('{') {
        format!(r#"{{"error":{error}}}"#)
    } else {
        error.to_owned()
    }
}

fn judged(body: &str, status: u16, beside: Beside) -> Verdict {
    classify(&ErrorBody::lossy(body.as_bytes()), Some(status), beside)
}

#[track_caller]
fn check(error: &str, status: u16, beside: Beside, kind: FailureKind, scope: Option<Scope>) {
    let verdict = judged(&whole(error), status, beside);
    assert_eq!((verdict.kind, verdict.scope), (kind, scope), "{error}");
}

#[test]
fn what_a_request_asks_for_is_evidence_of_nobodys_health() {
    let nobody = Some(Scope::None);
    for error in [
        r#"{"metadata":{"routing_funnel":[{"step":"Filter by tool support"}]}}"#,
        r#"{"metadata":{"ineligibility_reasons":[{"reason":"data_policy"}]}}"#,
        r#"{"metadata":{"error_type":"constraint_filtered"}}"#,
        r#"{"metadata":{"error_type":"privacy_restricted"}}"#,
    ] {
        for beside in [NOTHING, CONSTRAINED] {
            check(error, 404, beside, NotFound, nobody);
        }
    }
    // Without a word on why, it depends on whether the request constrains anything.
    for error in [
        "{}",
        r#"{"code":404,"message":"No endpoints found"}"#,
        r#"{"availability":{"code":"no_endpoints"}}"#,
        r#"{"metadata":{"error_type":"not_found"}}"#,
    ] {
        check(error, 404, NOTHING, NotFound, None);
        check(error, 404, CONSTRAINED, NotFound, nobody);
    }
    // A word on the model, or no 404 at all, says the same in either case.
    let gone = r#"{"metadata":{"error_type":"model_deprecated"}}"#;
    check(gone, 404, CONSTRAINED, NotFound, None);
    check("{}", 410, CONSTRAINED, NotFound, None);
    check("{}", 502, CONSTRAINED, Upstream, None);
}

#[test]
fn a_limit_that_the_head_tells_of_is_believed_unless_the_body_names_another() {
    let of_key = Beside {
        limit_of: Some(Scope::Key),
        ..NOTHING
    };
    check("{}", 429, of_key, RateLimited, Some(Scope::Key));
    for source in [
        "openrouter_free_tier_daily",
        "upstream_provider_shared_pool",
    ] {
        let error = format!(r#"{{"metadata":{{"limit_source":"{source}"}}}}"#);
        check(&error, 429, of_key, RateLimited, Some(Scope::KeyModel));
    }
    check("{}", 502, of_key, Upstream, None);
    check("{}", 402, of_key, Payment, None);
}
