//! How long a caller says that it waits.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use tollgate::{Failure, FailureKind, StreamMode};

/// A caller's own word, in milliseconds.
const OURS: &str = "x-request-timeout-ms";
/// What OpenAI's clients send unasked: their read timeout, in seconds.
const STAINLESS: &str = "x-stainless-read-timeout";

/// No silence has to be shorter, or comments would be most of a stream.
const SHORTEST_SILENCE: Duration = Duration::from_millis(250);

/// How long a caller waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// For all of an answer.
    whole: Option<Duration>,
    /// For the next byte of it: clients measure it anew after each.
    byte: Option<Duration>,
}

impl Patience {
    /// Reads what the headers of a request say of it.
    ///
    /// # Errors
    /// `InvalidRequest` when the caller's own word is no number of milliseconds.
    /// A client's habit is not its caller's fault, and is ignored.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Failure> {
        let ours = headers
            .get(OURS)
            .map(|value| milliseconds(value).ok_or_else(no_milliseconds))
            .transpose()?;
        Ok(Self {
            whole: ours,
            byte: headers.get(STAINLESS).and_then(seconds),
        })
    }

    /// The time after which the caller is gone, if it says so. Nothing is worth
    /// being paid for longer. An answer in one piece has its first byte when
    /// all of it is there; a stream may go on for as long as it likes.
    pub(crate) fn total(self, mode: StreamMode) -> Option<Duration> {
        let silent = match mode {
            StreamMode::Stream => None,
            StreamMode::Whole => self.byte,
        };
        self.whole.into_iter().chain(silent).min()
    }

    /// How long a stream may send nothing at most, if its client says so: half
    /// of what the client would bear, since bytes take their time as well.
    pub(crate) fn silence(self) -> Option<Duration> {
        self.byte.map(|byte| (byte / 2).max(SHORTEST_SILENCE))
    }
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

    fn read(headers: &[(&'static str, &'static str)]) -> Result<Patience, Failure> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        Patience::read(&headers.collect())
    }

    /// Checks the total times of answers in one piece and of streams.
    fn check(headers: &[(&'static str, &'static str)], whole: Option<u64>, stream: Option<u64>) {
        let patience = read(headers).unwrap();
        let total = |mode| patience.total(mode).map(|total| total.as_millis() as u64);
        let found = (total(StreamMode::Whole), total(StreamMode::Stream));
        assert_eq!(found, (whole, stream), "{headers:?}");
    }

    #[test]
    fn the_shortest_of_what_callers_and_clients_say_counts() {
        check(&[], None, None);
        check(&[(OURS, "2500")], Some(2_500), Some(2_500));
        check(&[(STAINLESS, "600")], Some(600_000), None);
        check(&[(STAINLESS, "0.5")], Some(500), None);
        let both = |ours| [(OURS, ours), (STAINLESS, "3.0")];
        check(&both("9000"), Some(3_000), Some(9_000));
        check(&both("900"), Some(900), Some(900));
    }

    #[test]
    fn a_stream_is_never_silent_for_as_long_as_its_client_bears() {
        let silence = |value| {
            let silence = read(&[(STAINLESS, value)]).unwrap().silence();
            silence.map(|silence| silence.as_millis())
        };
        assert_eq!(silence("20"), Some(10_000));
        assert_eq!(silence("0.001"), Some(250));
        assert_eq!(silence("None"), None);
    }

    #[test]
    fn nonsense_of_a_client_is_ignored() {
        for value in ["None", "NaN", "inf", "-1", "0", "1e300", ""] {
            check(&[(STAINLESS, value)], None, None);
        }
    }

    #[test]
    fn nonsense_of_a_caller_is_refused() {
        for value in ["", "0", "-5", "1.5", "soon", "99999999999999999999"] {
            let failure = read(&[(OURS, value)]).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::InvalidRequest, "{value:?}");
        }
    }
}
