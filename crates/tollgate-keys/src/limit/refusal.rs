use std::time::Duration;

use tollgate_core::{Failure, FailureKind, Origin, Scope};

use super::{Amount, Limits};

/// Which limit of a key has no room for a request. Nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitRefusal {
    /// As many requests as may run at the same time do.
    #[error("the key has {limit} requests under way, which is as many as it may")]
    Concurrent {
        /// The limit.
        limit: u32,
    },
    /// There were as many requests as there may be.
    #[error("the key may make {limit} requests per minute, and has made them")]
    Requests {
        /// The limit.
        limit: u32,
        /// When there is room for the request.
        retry_after: Duration,
    },
    /// There were so many tokens that these do not fit.
    #[error("the key may use {limit} tokens per minute, and {asked} more do not fit")]
    Tokens {
        /// The limit.
        limit: u64,
        /// What the request may come to.
        asked: u64,
        /// When there is room for the request.
        retry_after: Duration,
    },
    /// No minute has room for the request.
    #[error("the key may use {limit} tokens per minute, and the request could use {asked}")]
    TooLarge {
        /// The limit.
        limit: u64,
        /// What the request may come to.
        asked: u64,
    },
    /// The database that nodes share limits through does not answer, and what
    /// this node had of the limit is used up or too old.
    #[error(
        "the limits of the key are shared with other nodes, and their database does not answer"
    )]
    StoreGone,
}

impl LimitRefusal {
    /// Names requests when these are what is missing, and tokens otherwise.
    pub(super) fn of(
        ask: Amount,
        requests_are_missing: bool,
        limits: &Limits,
        retry_after: Duration,
    ) -> Self {
        match (limits.requests, limits.tokens) {
            (Some(limit), tokens) if requests_are_missing || tokens.is_none() => {
                Self::Requests { limit, retry_after }
            }
            (_, tokens) => Self::Tokens {
                limit: tokens.unwrap_or(u64::MAX),
                asked: ask.tokens,
                retry_after,
            },
        }
    }
}

/// When to ask again for what may be there at any moment.
const SOON: Duration = Duration::from_secs(1);

impl From<LimitRefusal> for Failure {
    /// `RateLimited` (429) with the time to wait; `InvalidRequest` (400) for a
    /// request that no waiting helps; `LedgerUnavailable` (503) without the
    /// database. The caller's own limit is no target's health.
    fn from(refusal: LimitRefusal) -> Self {
        use LimitRefusal::{Concurrent, Requests, StoreGone, Tokens, TooLarge};
        // A rate limit is an upstream's unless somebody says otherwise.
        let (kind, origin, after, hint) = match refusal {
            Concurrent { .. } => (
                FailureKind::RateLimited,
                Origin::Caller,
                Some(SOON),
                "wait until one of them has ended, or ask the operator for a higher max_concurrent",
            ),
            Requests { retry_after, .. } => (
                FailureKind::RateLimited,
                Origin::Caller,
                Some(retry_after),
                "wait, or ask the operator for a higher requests_per_minute",
            ),
            Tokens { retry_after, .. } => (
                FailureKind::RateLimited,
                Origin::Caller,
                Some(retry_after),
                "wait, set a smaller max_tokens, or ask the operator for a higher tokens_per_minute",
            ),
            TooLarge { .. } => (
                FailureKind::InvalidRequest,
                Origin::Caller,
                None,
                "set a smaller max_tokens, send less, or ask the operator for a higher \
                 tokens_per_minute",
            ),
            StoreGone => (
                FailureKind::LedgerUnavailable,
                Origin::Gateway,
                Some(SOON),
                "try again in a while; the operator finds the reason in the log",
            ),
        };
        let failure = Self::new(kind, refusal.to_string())
            .with_hint(hint)
            .with_origin(origin)
            .with_scope(Scope::None);
        match after {
            Some(after) => failure.with_retry_after(after).stop(),
            None => failure.stop(),
        }
    }
}
