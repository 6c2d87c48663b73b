//! How long an upstream asks to wait, in every form in which upstreams say it.

use std::time::Duration;

use http::HeaderMap;
use tollgate_core::Timestamp;
use tollgate_wire::{ErrorBody, Object};

use crate::{duration, http_date};

/// The longest delay that is believed. A daily reset is hours away: that is a reason to go
/// elsewhere, not to wait.
pub const LONGEST: Duration = Duration::from_secs(600);

/// A value longer than this is no delay.
const LONGEST_TEXT: usize = 64;

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
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let repeated = |name: &str| body.and_then(|body| body.metadata_header(name));
    milliseconds(header("retry-after-ms"))
        .or_else(|| milliseconds(header("x-ms-retry-after-ms")))
        .or_else(|| delay_or_date(header("retry-after")?, now))
        .or_else(|| in_body(body?))
        .or_else(|| delay_or_date(&repeated("retry-after")?, now))
        .or_else(|| exhausted(&header, now))
        .or_else(|| {
            reset(
                header("x-ratelimit-reset")?,
                header("x-ratelimit-remaining"),
                now,
            )
        })
        .or_else(|| {
            let remaining = repeated("x-ratelimit-remaining");
            reset(&repeated("x-ratelimit-reset")?, remaining.as_deref(), now)
        })
        .map(|delay| delay.min(LONGEST))
}

fn milliseconds(text: Option<&str>) -> Option<Duration> {
    positive(duration::decimal(short(text?)?)? / 1000.0)
}

/// `7`, `6.5`, or an HTTP date.
fn delay_or_date(text: &str, now: Timestamp) -> Option<Duration> {
    let text = short(text)?;
    match duration::decimal(text) {
        Some(seconds) => positive(seconds),
        None => until(http_date::parse(text, now)?, now),
    }
}

/// `error.availability.retry_after`, `error.metadata.retry_after_seconds`, Google's `RetryInfo`.
fn in_body(body: &ErrorBody) -> Option<Duration> {
    let error: Option<Object> = body
        .body()
        .and_then(|body| body.read("error").ok().flatten());
    let availability = || error.as_ref()?.read::<Object>("availability").ok()?;
    let seconds = |object: &Object, key| object.read::<f64>(key).ok().flatten().and_then(positive);
    let metadata = || {
        let metadata = body.metadata.as_ref()?;
        // The exact figure where there is one; the other is the same, rounded.
        [
            "retry_after_seconds_raw",
            "retry_after_seconds",
            "retry_after",
        ]
        .iter()
        .find_map(|key| seconds(metadata, key))
    };
    let retry_info = || {
        let details: Vec<Object> = error.as_ref()?.read("details").ok()??;
        details.iter().find_map(|detail| {
            let text: String = detail.read("retryDelay").ok()??;
            duration::parse(short(&text)?).filter(|delay| !delay.is_zero())
        })
    };
    availability()
        .and_then(|object| seconds(&object, "retry_after"))
        .or_else(metadata)
        .or_else(retry_info)
}

/// Headers that count one limit each: what is left of it, and when it is whole again.
const LIMITS: &[(&str, &str)] = &[
    (
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    (
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ),
    (
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ),
    (
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-reset",
    ),
    (
        "anthropic-ratelimit-output-tokens-remaining",
        "anthropic-ratelimit-output-tokens-reset",
    ),
];

/// The reset of the limit that has nothing left; of several, the last to come back.
fn exhausted<'a>(header: &impl Fn(&str) -> Option<&'a str>, now: Timestamp) -> Option<Duration> {
    LIMITS
        .iter()
        .filter(|(remaining, _)| header(remaining).is_some_and(|left| left.trim() == "0"))
        .filter_map(|(_, reset)| {
            let text = short(header(reset)?)?;
            let delay = duration::parse(text).or_else(|| positive(duration::decimal(text)?));
            delay
                .filter(|delay| !delay.is_zero())
                .or_else(|| until(http_date::parse_rfc_3339(text)?, now))
        })
        .max()
}

/// A bare number whose size tells what it is: seconds from now, or seconds or milliseconds since
/// 1970.
fn reset(text: &str, remaining: Option<&str>, now: Timestamp) -> Option<Duration> {
    if remaining.is_some_and(|left| left.trim() != "0") {
        return None;
    }
    let number = duration::decimal(short(text)?)?;
    match number {
        ..1e7 => positive(number),
        1e9..=1e11 => until(Timestamp::from_millis((number * 1000.0) as i64), now),
        1e12..1e15 => until(Timestamp::from_millis(number as i64), now),
        _ => None,
    }
}

fn short(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| text.len() <= LONGEST_TEXT)
}

fn positive(seconds: f64) -> Option<Duration> {
    let capped = seconds.min(LONGEST.as_secs_f64());
    Duration::try_from_secs_f64(capped)
        .ok()
        .filter(|delay| !delay.is_zero())
}

fn until(moment: Timestamp, now: Timestamp) -> Option<Duration> {
    Some(moment.since(now)).filter(|delay| !delay.is_zero())
}

#[cfg(test)]
mod tests;
