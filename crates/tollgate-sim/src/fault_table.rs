//! The faults by name: the one table behind the header, the model names, the
//! scenario files and the help.

use std::time::Duration;

use crate::error::Error;
use crate::fault::{Ending, Fault, Part, Place};
use crate::nearest::nearest;
use crate::retry_after::RetryAfter;

/// A row of the fault table; see [`faults`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NamedFault {
    /// How to ask for it: as the header `x-sim-fault`, the model `sim/NAME`, or `fault` in a rule.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub sentence: &'static str,
    /// What the number in `name=NUMBER` means, and the number taken when none is given.
    pub argument: Option<(&'static str, u64)>,
    make: Make,
}

#[derive(Clone, Copy, Debug)]
enum Make {
    Plain(fn() -> Fault),
    Counted(fn(u64) -> Fault),
}

/// All faults that have a name, in the order of the phases of an answer.
///
/// ```
/// for fault in tollgate_sim::faults() {
///     println!("{:20} {}", fault.name, fault.sentence);
/// }
/// ```
#[must_use]
pub fn faults() -> &'static [NamedFault] {
    FAULTS
}

/// Finds `name` or `name=number`.
pub(crate) fn find(text: &str) -> Result<Fault, Error> {
    let (name, number) = text
        .trim()
        .split_once('=')
        .map_or((text.trim(), None), |(name, number)| (name, Some(number)));
    let Some(row) = FAULTS.iter().find(|row| row.name == name) else {
        let closest = nearest(name, FAULTS.iter().map(|row| row.name));
        return Err(Error::scenario(format!(
            "there is no fault `{name}`; did you mean `{closest}`?"
        )));
    };
    let fault = match (row.make, number) {
        (Make::Plain(make), None) => make(),
        (Make::Plain(_), Some(_)) => {
            return Err(Error::scenario(format!("fault `{name}` takes no number")));
        }
        (Make::Counted(make), None) => make(row.argument.map_or(0, |(_, usual)| usual)),
        (Make::Counted(make), Some(number)) => make(number.parse().map_err(|_| {
            let meaning = row.argument.map_or("", |(meaning, _)| meaning);
            Error::scenario(format!(
                "`{number}` in `{text}` must be a whole number: the {meaning}"
            ))
        })?),
    };
    let fault = Fault {
        label: Some(name.to_owned()),
        ..fault
    };
    fault.check().map(|()| fault)
}

const FAULTS: &[NamedFault] = &[
    // === errors, as the host sends them ===
    with(
        "status",
        "Answers with any HTTP status and its usual body.",
        "status",
        500,
        |status| Fault::status(u16::try_from(status).unwrap_or(u16::MAX)),
    ),
    plain("bad-request", "400: the request is invalid.", || {
        error("bad-request")
    }),
    plain("validation", "400 in the validator's own envelope.", || {
        error("validation")
    }),
    plain(
        "context-length",
        "400: the request is longer than the context.",
        || error("context-length"),
    ),
    plain("unauthorized", "401: the key is not known.", || {
        error("unauthorized")
    }),
    plain("credits", "402: no credits left.", || error("credits")),
    plain(
        "affordable",
        "402: max_tokens is more than the credits can pay.",
        || error("affordable"),
    ),
    plain(
        "in-flight-budget",
        "402 that passes: other requests hold the budget; has Retry-After.",
        || error("in-flight-budget"),
    ),
    plain("moderation", "403: the input was flagged.", || {
        error("moderation")
    }),
    plain("guardrail", "403: a guardrail blocked the request.", || {
        error("guardrail")
    }),
    plain("key-limit", "403: the key's own limit is spent.", || {
        error("key-limit")
    }),
    plain("region", "403: not available in this region.", || {
        error("region")
    }),
    plain(
        "no-endpoints",
        "404: no endpoint can serve the request; with the routing funnel.",
        || error("no-endpoints"),
    ),
    plain("request-timeout", "408: the provider timed out.", || {
        error("request-timeout")
    }),
    plain("payload-too-large", "413: the body is too large.", || {
        error("payload-too-large")
    }),
    plain(
        "unprocessable",
        "422: the provider cannot process the request.",
        || error("unprocessable"),
    ),
    plain(
        "internal",
        "500: OpenRouter's own failure, details masked.",
        || error("internal"),
    ),
    plain("bad-gateway", "502: the provider failed.", || {
        error("bad-gateway")
    }),
    plain(
        "unavailable",
        "503: the provider is overloaded; has Retry-After.",
        || error("unavailable"),
    ),
    plain("gateway-timeout", "504: the provider timed out.", || {
        error("gateway-timeout")
    }),
    plain(
        "edge-timeout",
        "524 with a page of HTML, as the edge sends it.",
        || html(524),
    ),
    plain("overloaded", "529: the provider is overloaded.", || {
        error("overloaded")
    }),
    plain("html", "502 with a page of HTML.", || html(502)),
    plain("empty-body", "502 without a body.", || {
        Fault::status(502).with_body("")
    }),
    // === 429 in every form of “come back later” ===
    with(
        "rate-limited",
        "429 of a shared provider pool: Retry-After in seconds, header and metadata.",
        SECONDS,
        7,
        |seconds| limited(RetryAfter::Seconds(seconds)),
    ),
    plain(
        "free-daily-limit",
        "429 of the account's daily cap on free models; resets at midnight UTC.",
        || error("free-daily-limit"),
    ),
    plain(
        "free-minute-limit",
        "429 of the cap of 20 free requests a minute.",
        || error("free-minute-limit"),
    ),
    with(
        "retry-after-date",
        "429 with Retry-After as an HTTP date.",
        SECONDS,
        7,
        |seconds| limited(RetryAfter::Date(seconds)),
    ),
    with(
        "retry-after-ms",
        "429 with Retry-After-Ms.",
        SECONDS,
        7,
        |seconds| limited(RetryAfter::Milliseconds(seconds)),
    ),
    with(
        "retry-after-body",
        "429 with metadata.retry_after_seconds only.",
        SECONDS,
        7,
        |seconds| limited(RetryAfter::Body(seconds)),
    ),
    with(
        "retry-after-nested",
        "429 with metadata.headers only.",
        SECONDS,
        7,
        |seconds| limited(RetryAfter::Nested(seconds)),
    ),
    with(
        "retry-after-reset",
        "429 with X-RateLimit-Reset in epoch milliseconds.",
        SECONDS,
        7,
        |seconds| limited(RetryAfter::ResetMs(seconds)),
    ),
    with(
        "retry-after-duration",
        "429 with x-ratelimit-reset-requests as 0m7s.",
        SECONDS,
        7,
        |seconds| limited(RetryAfter::ResetDuration(seconds)),
    ),
    with(
        "retry-after-rfc3339",
        "429 with anthropic-ratelimit-requests-reset.",
        SECONDS,
        7,
        |seconds| limited(RetryAfter::ResetDate(seconds)),
    ),
    with(
        "retry-after-availability",
        "429 with error.availability.retry_after.",
        SECONDS,
        7,
        |seconds| limited(RetryAfter::Availability(seconds)),
    ),
    plain(
        "retry-after-bogus",
        "429 with a Retry-After that is no delay.",
        || limited(RetryAfter::Text("soon, NaN".into())),
    ),
    // === HTTP 200 that is not an answer ===
    plain(
        "error-200",
        "200 with an error instead of choices; in a stream, as the only event.",
        || error("bad-gateway").at(Place::Body),
    ),
    plain(
        "error-choice",
        "200 with an error inside the choice, beside some text.",
        || error("bad-gateway").at(Place::Choice),
    ),
    with(
        "error-mid-stream",
        "An error chunk with finish_reason error after some events.",
        EVENTS,
        3,
        |events| Fault {
            cut_event: Some(count(events)),
            ..error("bad-gateway").at(Place::Chunk)
        },
    ),
    with(
        "error-mid-stream-bare",
        "A bare error event after some events.",
        EVENTS,
        3,
        |events| Fault {
            cut_event: Some(count(events)),
            ..error("bad-gateway").at(Place::BareEvent)
        },
    ),
    plain(
        "empty-answer",
        "200 without content and with a null finish_reason; not charged.",
        || Fault {
            omit: vec![Part::Content, Part::Finish],
            ..Fault::default()
        },
    ),
    plain("html-200", "200 with a page of HTML.", || html(200)),
    // === time ===
    with(
        "delay-headers",
        "Waits before the status line.",
        MILLISECONDS,
        1_000,
        |delay| Fault::default().delay_headers(Duration::from_millis(delay)),
    ),
    with(
        "delay-first-token",
        "Waits between the status line and the first byte of the body.",
        MILLISECONDS,
        1_000,
        |delay| Fault::default().delay_first_token(Duration::from_millis(delay)),
    ),
    with(
        "delay-between",
        "Waits before each further event.",
        MILLISECONDS,
        100,
        |delay| Fault::default().delay_between(Duration::from_millis(delay)),
    ),
    plain(
        "no-headers",
        "Accepts the request and never says anything.",
        || Fault {
            no_headers: true,
            ..Fault::default()
        },
    ),
    with(
        "stall",
        "Sends the status line and some events, then nothing, and keeps the connection open.",
        EVENTS,
        0,
        |events| Fault::stall_after(count(events)),
    ),
    with(
        "comments",
        "Sends some events, then keep-alive comments for ever.",
        EVENTS,
        0,
        |events| Fault {
            comments_after: Some(count(events)),
            ..Fault::default()
        },
    ),
    // === broken connections ===
    plain(
        "reset",
        "Resets the connection before the status line; nothing is charged.",
        || Fault::default().ending(Ending::Reset),
    ),
    plain(
        "reset-billed",
        "Resets the connection before the status line, and charges the full answer.",
        || Fault::default().ending(Ending::Reset).billed(),
    ),
    with(
        "reset-event",
        "Resets the connection after some events.",
        EVENTS,
        3,
        |events| Fault::cut_after_events(count(events)).ending(Ending::Reset),
    ),
    with(
        "cut-event",
        "Closes the connection in the middle of the body, after some events.",
        EVENTS,
        3,
        |events| Fault::cut_after_events(count(events)),
    ),
    with(
        "cut-byte",
        "Closes the connection in the middle of the body, after some bytes.",
        "number of bytes",
        200,
        |bytes| Fault::cut_after_bytes(count(bytes)),
    ),
    with(
        "cut-clean",
        "Ends the stream as if it were whole, after some events.",
        EVENTS,
        3,
        |events| Fault::cut_after_events(count(events)).ending(Ending::Clean),
    ),
    // === malformed answers ===
    with(
        "malformed",
        "Makes one event (or the JSON body) something that is not JSON.",
        "number of the event",
        2,
        |event| Fault {
            malformed_event: Some(count(event)),
            ..Fault::default()
        },
    ),
    with(
        "big-event",
        "Adds an event with this much text.",
        "number of bytes",
        4 << 20,
        |bytes| Fault {
            big_event: Some(count(bytes)),
            ..Fault::default()
        },
    ),
    plain("no-usage", "Leaves the usage out.", || {
        Fault::without(Part::Usage)
    }),
    plain("no-done", "Leaves `[DONE]` out, or `message_stop`.", || {
        Fault::without(Part::Done)
    }),
    plain("no-finish", "Leaves the finish reason out.", || {
        Fault::without(Part::Finish)
    }),
    plain(
        "ignore-max-tokens",
        "Generates the natural length, whatever max_tokens says.",
        || Fault {
            ignore_max_tokens: true,
            ..Fault::default()
        },
    ),
];

const SECONDS: &str = "number of seconds";
const MILLISECONDS: &str = "number of milliseconds";
const EVENTS: &str = "number of events before it";

const fn plain(name: &'static str, sentence: &'static str, make: fn() -> Fault) -> NamedFault {
    NamedFault {
        name,
        sentence,
        argument: None,
        make: Make::Plain(make),
    }
}

const fn with(
    name: &'static str,
    sentence: &'static str,
    meaning: &'static str,
    usual: u64,
    make: fn(u64) -> Fault,
) -> NamedFault {
    NamedFault {
        name,
        sentence,
        argument: Some((meaning, usual)),
        make: Make::Counted(make),
    }
}

fn error(name: &str) -> Fault {
    Fault {
        error: Some(name.to_owned()),
        ..Fault::default()
    }
}

fn limited(retry_after: RetryAfter) -> Fault {
    error("rate-limited").with_retry_after(retry_after)
}

fn html(status: u16) -> Fault {
    Fault::status(status)
        .with_header("content-type", "text/html; charset=utf-8")
        .with_body(format!(
            "<html><head><title>{status}</title></head><body>Simulated page</body></html>\n"
        ))
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Fault, faults};

    #[test]
    fn every_fault_can_be_made_and_has_one_name_and_a_sentence() {
        let mut names = HashSet::new();
        for row in faults() {
            assert!(names.insert(row.name), "{} is there twice", row.name);
            assert!(row.sentence.ends_with('.'), "{}", row.name);
            let fault = Fault::named(row.name).unwrap();
            assert_ne!(
                Fault {
                    label: None,
                    ..fault
                },
                Fault::default(),
                "{} does nothing",
                row.name
            );
        }
    }

    #[test]
    fn numbers_go_where_they_have_a_meaning() {
        assert_eq!(Fault::named("cut-event=9").unwrap().cut_event, Some(9));
        for (text, part) in [
            ("no-done=1", "takes no number"),
            ("cut-event=x", "whole number"),
            ("cutevent", "did you mean `cut-event`"),
            ("status=99", "between 200 and 599"),
        ] {
            let message = Fault::named(text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
