//! What a failure says. Never the upstream's own words: they may quote the prompt.

use tollgate_core::FailureKind;

/// What the caller reads.
pub(crate) fn message(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::InvalidRequest => "the upstream does not accept the request",
        FailureKind::NotFound => {
            "the upstream has no endpoint for the model that can serve the request"
        }
        FailureKind::ContextLength => "the request does not fit into the model's context window",
        FailureKind::ContentPolicy => "a content policy refuses the request",
        FailureKind::Auth => "the upstream does not accept the gateway's key",
        FailureKind::Payment => "the account at the upstream has no money or no allowance left",
        FailureKind::RateLimited => "the upstream limits the rate of requests",
        FailureKind::BadReply => "the upstream answered with an error instead of an answer",
        _ => "the upstream failed",
    }
}

/// What the reader can do about it.
pub(crate) fn hint(kind: FailureKind) -> Option<&'static str> {
    Some(match kind {
        FailureKind::InvalidRequest => "its reason is in the log at debug level",
        FailureKind::NotFound => "check the model id, and what the request asks of a provider",
        FailureKind::ContextLength => "shorten it, or choose a model with a larger window",
        FailureKind::Auth => "check api_key of this lane, and what the key is allowed to do",
        FailureKind::Payment => "add credits, raise the limit, or lower max_tokens",
        _ => return None,
    })
}
