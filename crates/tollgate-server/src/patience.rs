//! How long a caller says that it waits.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use tollgate::{Failure, FailureKind};

/// A caller's own word, in milliseconds.
const OURS: &str = "x-request-timeout-ms";
/// What OpenAI's clients send unasked: their read timeout, in seconds.
const STAINLESS: &str = "x-stainless-read-timeout";

/// The time after which the caller is gone, if it says so. Nothing is worth
/// being paid for longer.
///
/// # Errors
/// `InvalidRequest` when the caller's own word is no number of milliseconds.
/// A client's habit is not its caller's fault, and is ignored.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let ours = headers
        .get(OURS)
        .map(|value| milliseconds(value).ok_or_else(no_milliseconds))
        .transpose()?;
    let habit = headers.get(STAINLESS).and_then(seconds);
    Ok(ours.into_iter().chain(habit).min())
}

fn milliseconds(value: &HeaderValue) -> Option<Duration> {
    let millis: u64 = value.to_str().ok()?.trim().parse().ok()?;
    (millis > 0).then(|| Duration::from_millis(millis))
}

fn seconds(value: &HeaderValue) -> Option<Duration> {
    let seconds: f64 = value.to_str().ok()?.trim().parse().ok()?;
    let wait = Duration::try_from_secs_f64(seconds).ok()?;
    (!wait.is_zero()).then_some(wait)
}

fn no_milliseconds() -> Failure {
    Failure::new(
        FailureKind::InvalidRequest,
        format!("header {OURS}: is a whole number of milliseconds, at least 1"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &'static str)], expected: Option<u64>) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect();
        let read = read(&headers).unwrap();
        assert_eq!(read, expected.map(Duration::from_millis), "{headers:?}");
    }

    #[test]
    fn the_shortest_of_what_callers_and_clients_say_counts() {
        check(&[], None);
        check(&[(OURS, "2500")], Some(2_500));
        check(&[(STAINLESS, "600")], Some(600_000));
        check(&[(STAINLESS, "0.5")], Some(500));
        check(&[(OURS, "9000"), (STAINLESS, "3.0")], Some(3_000));
        check(&[(OURS, "900"), (STAINLESS, "3.0")], Some(900));
    }

    #[test]
    fn nonsense_of_a_client_is_ignored() {
        for value in ["None", "NaN", "inf", "-1", "0", "1e300", ""] {
            check(&[(STAINLESS, value)], None);
        }
    }

    #[test]
    fn nonsense_of_a_caller_is_refused() {
        for value in ["", "0", "-5", "1.5", "soon", "99999999999999999999"] {
            let headers =
                HeaderMap::from_iter([(OURS.parse().unwrap(), HeaderValue::from_static(value))]);
            let failure = read(&headers).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::InvalidRequest, "{value:?}");
        }
    }
}
