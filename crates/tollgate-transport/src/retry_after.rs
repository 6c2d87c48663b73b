//! How long an upstream asks to wait, in every form in which upstreams say it.

use std::time::Duration;

use http::HeaderMap;
use tollgate_core::Timestamp;
use tollgate_wire::{ErrorBody, Object};

use crate::delay::{milliseconds, reset_in, seconds, seconds_or_date, with_units};
use crate::evidence::header_text;
use crate::limits::{OF_MODEL, PLAIN, count};

/// The delay that an upstream asked for, at most ten minutes. A pure function of the answer and
/// the time.
///
/// The first valid form wins: `retry-after-ms` · `Retry-After` (seconds or a date) · the body's
/// own fields · the reset of whichever limit is exhausted · `X-RateLimit-Reset`. A delay of zero
/// and a moment in the past say nothing, so the caller's own back-off applies: `None`.
///
/// ```
/// use tollgate_transport::retry_after;
/// use tollgate_core::Timestamp;
/// let mut headers = http::HeaderMap::new();
/// headers.insert("retry-after", "Sat, 08 Aug 2026 12:00:07 GMT".parse()?);
/// let now = Timestamp::from_secs(1_786_190_400);
/// assert_eq!(retry_after(&headers, None, now), Some(std::time::Duration::from_secs(7)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn retry_after(
    headers: &HeaderMap,
    body: Option<&ErrorBody>,
    now: Timestamp,
) -> Option<Duration> {
    let header = |name: &str| header_text(headers, name);
    let repeated = |name: &str| body.and_then(|body| body.metadata_header(name));
    header("retry-after-ms")
        .and_then(milliseconds)
        .or_else(|| milliseconds(header("x-ms-retry-after-ms")?))
        .or_else(|| seconds_or_date(header("retry-after")?, now))
        .or_else(|| in_body(body?))
        .or_else(|| seconds_or_date(&repeated("retry-after")?, now))
        .or_else(|| exhausted(headers, now))
        .or_else(|| reset(header(PLAIN.reset)?, header(PLAIN.remaining), now))
        .or_else(|| {
            let remaining = repeated(PLAIN.remaining);
            reset(&repeated(PLAIN.reset)?, remaining.as_deref(), now)
        })
}

/// `error.availability.retry_after`, `error.metadata.retry_after_seconds`, Google's `RetryInfo`.
fn in_body(body: &ErrorBody) -> Option<Duration> {
    let error: Option<Object> = body
        .body()
        .and_then(|body| body.read("error").ok().flatten());
    let number = |object: &Object, key| object.read::<f64>(key).ok().flatten().and_then(seconds);
    let availability = || {
        let availability: Object = error.as_ref()?.read("availability").ok()??;
        number(&availability, "retry_after")
    };
    let metadata = || {
        let metadata = body.metadata.as_ref()?;
        // The exact figure where there is one; the other is the same, rounded.
        [
            "retry_after_seconds_raw",
            "retry_after_seconds",
            "retry_after",
        ]
        .iter()
        .find_map(|key| number(metadata, key))
    };
    let retry_info = || {
        let details: Vec<Object> = error.as_ref()?.read("details").ok()??;
        let delay = |detail: &Object| with_units(&detail.read::<String>("retryDelay").ok()??);
        details.iter().find_map(delay)
    };
    availability().or_else(metadata).or_else(retry_info)
}

/// The reset of the limit that has nothing left; of several, the last to come back.
fn exhausted(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    OF_MODEL
        .iter()
        .filter(|limit| header_text(headers, limit.remaining).is_some_and(is_nothing))
        .filter_map(|limit| reset_in(header_text(headers, limit.reset)?, now))
        .max()
}

/// The reset of a limit that may not say what is left of it.
fn reset(text: &str, remaining: Option<&str>, now: Timestamp) -> Option<Duration> {
    if remaining.is_some_and(|left| !is_nothing(left)) {
        return None;
    }
    reset_in(text, now)
}

fn is_nothing(remaining: &str) -> bool {
    count(remaining) == Some(0)
}

#[cfg(test)]
mod tests;
