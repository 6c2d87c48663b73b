//! The forms in which servers say when to come back.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::clock::{http_date, iso_date};
use crate::host::Host;

/// One form of “come back later”; in a scenario file `retry_after = { seconds = 7 }`.
///
/// Dates and resets are counted from the simulator's [`Clock`](crate::Clock).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RetryAfter {
    /// `Retry-After: 7`, repeated in the metadata as OpenRouter does.
    Seconds(u64),
    /// `Retry-After` as an HTTP date.
    Date(u64),
    /// `Retry-After-Ms`, in milliseconds.
    Milliseconds(u64),
    /// Only `error.metadata.retry_after_seconds`.
    Body(u64),
    /// Only `error.metadata.headers["Retry-After"]`.
    Nested(u64),
    /// `X-RateLimit-Reset` as epoch milliseconds, header and metadata.
    ResetMs(u64),
    /// `x-ratelimit-reset-requests: 7s`, with no requests remaining.
    ResetDuration(u64),
    /// `anthropic-ratelimit-requests-reset` as an RFC 3339 date.
    ResetDate(u64),
    /// `error.availability.retry_after`.
    Availability(u64),
    /// `Retry-After` with exactly this text, however wrong.
    Text(String),
}

/// What a form adds to an answer.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) availability: Option<Value>,
    /// Seconds, where a direct host tells them in the body.
    pub(crate) delay: Option<u64>,
}

impl RetryAfter {
    /// The headers and body fields of this form at `now` (seconds since 1970), as a host has it
    /// beside an error of this status.
    pub(crate) fn hints(&self, host: Host, status: u16, now: u64) -> Hints {
        match (self, host) {
            (_, Host::OpenRouter) => self.of_openrouter(now),
            (Self::Seconds(seconds) | Self::ResetMs(seconds), _) => {
                limited(host, status, *seconds, now)
            }
            // There is no such place in the bodies of others, only the sentence.
            (Self::Body(seconds) | Self::Nested(seconds) | Self::Availability(seconds), _) => {
                Hints {
                    delay: Some(*seconds),
                    ..Hints::default()
                }
            }
            _ => self.of_openrouter(now),
        }
    }

    fn of_openrouter(&self, now: u64) -> Hints {
        let header = |name, value: String| Hints {
            headers: vec![(name, value)],
            ..Hints::default()
        };
        match self {
            Self::Seconds(seconds) => Hints {
                headers: vec![("retry-after", seconds.to_string())],
                metadata: fields(json!({
                    "retry_after_seconds": seconds, "headers": {"Retry-After": seconds.to_string()},
                })),
                ..Hints::default()
            },
            Self::Date(seconds) => header("retry-after", http_date(now + seconds)),
            Self::Milliseconds(seconds) => header("retry-after-ms", (seconds * 1_000).to_string()),
            Self::Body(seconds) => Hints {
                metadata: fields(json!({"retry_after_seconds": seconds})),
                ..Hints::default()
            },
            Self::Nested(seconds) => Hints {
                metadata: fields(json!({"headers": {"Retry-After": seconds.to_string()}})),
                ..Hints::default()
            },
            Self::ResetMs(seconds) => reset((now + seconds) * 1_000),
            Self::ResetDuration(seconds) => Hints {
                headers: vec![
                    ("x-ratelimit-remaining-requests", "0".into()),
                    (
                        "x-ratelimit-reset-requests",
                        format!("{}m{}s", seconds / 60, seconds % 60),
                    ),
                ],
                ..Hints::default()
            },
            Self::ResetDate(seconds) => Hints {
                headers: vec![
                    ("anthropic-ratelimit-requests-remaining", "0".into()),
                    (
                        "anthropic-ratelimit-requests-reset",
                        iso_date(now + seconds),
                    ),
                ],
                ..Hints::default()
            },
            Self::Availability(seconds) => Hints {
                availability: Some(
                    json!({"code": "capacity_exhausted", "retryable": true, "retry_after": seconds}),
                ),
                ..Hints::default()
            },
            Self::Text(text) => header("retry-after", text.clone()),
        }
    }
}

/// A limit that OpenRouter itself keeps: three headers, repeated as strings in the body.
fn reset(epoch_ms: u64) -> Hints {
    let headers = [
        ("x-ratelimit-limit", "20".to_owned()),
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-reset", epoch_ms.to_string()),
    ];
    Hints {
        metadata: fields(json!({"headers": {
            "X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": epoch_ms.to_string(),
        }})),
        headers: headers.into(),
        ..Hints::default()
    }
}

/// “In so many seconds” as a direct host usually says it; only with 429 is a limit reached.
fn limited(host: Host, status: u16, seconds: u64, now: u64) -> Hints {
    let after = ("retry-after", seconds.to_string());
    let limits: Vec<(&str, String)> = match host {
        Host::OpenAi => vec![
            ("x-ratelimit-limit-requests", "500".into()),
            ("x-ratelimit-remaining-requests", "0".into()),
            ("x-ratelimit-reset-requests", duration(seconds)),
            ("x-ratelimit-limit-tokens", "200000".into()),
            ("x-ratelimit-remaining-tokens", "199000".into()),
            ("x-ratelimit-reset-tokens", "300ms".into()),
        ],
        Host::Anthropic => vec![
            ("anthropic-ratelimit-requests-limit", "50".into()),
            ("anthropic-ratelimit-requests-remaining", "0".into()),
            (
                "anthropic-ratelimit-requests-reset",
                iso_date(now + seconds),
            ),
            ("anthropic-ratelimit-tokens-limit", "400000".into()),
            ("anthropic-ratelimit-tokens-remaining", "399000".into()),
            ("anthropic-ratelimit-tokens-reset", iso_date(now + 1)),
        ],
        Host::OpenRouter | Host::Gemini => Vec::new(),
    };
    let is_limit = |_: &(&str, String)| status == 429;
    match host {
        // Google tells it in the body, and has no header for it.
        Host::Gemini => Hints {
            delay: Some(seconds),
            ..Hints::default()
        },
        _ => Hints {
            headers: [after]
                .into_iter()
                .chain(limits.into_iter().filter(is_limit))
                .collect(),
            delay: (host == Host::OpenAi && status == 429).then_some(seconds),
            ..Hints::default()
        },
    }
}

/// `12h0m0s`, with the larger units only where there are any.
fn duration(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
