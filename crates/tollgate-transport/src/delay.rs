//! Texts that say how long to wait, each at most ten minutes. What says nothing is `None`: a
//! delay of zero, a moment in the past, and whatever is no delay at all.

use std::time::Duration;

use tollgate_core::Timestamp;

use crate::{duration, http_date};

/// The longest delay that is believed. A daily reset is hours away: that is a reason to go
/// elsewhere, not to wait.
pub const LONGEST: Duration = Duration::from_secs(600);

/// A value longer than this is no delay.
const LONGEST_TEXT: usize = 64;

/// `250`, in milliseconds.
pub(crate) fn milliseconds(text: &str) -> Option<Duration> {
    seconds(duration::decimal(short(text)?)? / 1000.0)
}

/// `7`, `6.5`, or an HTTP date.
pub(crate) fn seconds_or_date(text: &str, now: Timestamp) -> Option<Duration> {
    let text = short(text)?;
    match duration::decimal(text) {
        Some(number) => seconds(number),
        None => until(http_date::parse(text, now)?, now),
    }
}

/// `6m0s`, `34.5s`.
pub(crate) fn with_units(text: &str) -> Option<Duration> {
    capped(duration::parse(short(text)?)?)
}

/// When a limit is whole again: `6m0s`, an RFC 3339 moment, or a bare number.
pub(crate) fn reset_in(text: &str, now: Timestamp) -> Option<Duration> {
    let text = short(text)?;
    match duration::decimal(text) {
        Some(number) => by_size(number, now),
        None => with_units(text).or_else(|| until(http_date::parse_rfc_3339(text)?, now)),
    }
}

/// The size of a bare number tells what it is: seconds from now, or seconds or milliseconds since
/// 1970.
fn by_size(number: f64, now: Timestamp) -> Option<Duration> {
    let millis = match number {
        ..1e7 => return seconds(number),
        1e9..=1e11 => number * 1000.0,
        1e12..1e15 => number,
        _ => return None,
    };
    // Rounded up, never to be early.
    until(Timestamp::from_millis(millis.ceil() as i64), now)
}

pub(crate) fn seconds(number: f64) -> Option<Duration> {
    let limited = number.min(LONGEST.as_secs_f64());
    capped(Duration::try_from_secs_f64(limited).ok()?)
}

fn until(moment: Timestamp, now: Timestamp) -> Option<Duration> {
    capped(moment.since(now))
}

fn capped(delay: Duration) -> Option<Duration> {
    Some(delay.min(LONGEST)).filter(|delay| !delay.is_zero())
}

/// The text, unless it is too long to be a value.
pub(crate) fn short(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| text.len() <= LONGEST_TEXT)
}
