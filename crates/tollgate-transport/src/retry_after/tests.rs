use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::delay::LONGEST;

const NOW: Timestamp = Timestamp::from_secs(1_786_190_400); // 2026-08-08T12:00:00Z

type Headers<'a> = &'a [(&'a str, &'a str)];

fn read(headers: Headers<'_>, body: &str) -> Option<Duration> {
    let headers = headers.iter().map(|(name, value)| {
        let value = HeaderValue::from_str(value).unwrap();
        (name.parse::<HeaderName>().unwrap(), value)
    });
    let body = (!body.is_empty()).then(|| ErrorBody::parse(body.as_bytes()).unwrap());
    retry_after(&headers.collect(), body.as_ref(), NOW)
}

/// Headers; the body's `error`; milliseconds, 0 for none.
type Row<'a> = (Headers<'a>, &'a str, u64);

#[track_caller]
fn check(rows: &[Row<'_>]) {
    for (headers, error, millis) in rows {
        let body = match *error {
            "" => String::new(),
            error => format!(r#"{{"error":{error}}}"#),
        };
        let expected = (*millis > 0).then(|| Duration::from_millis(*millis));
        assert_eq!(read(headers, &body), expected, "{headers:?} {error}");
    }
}

#[test]
#[rustfmt::skip]
fn seven_seconds_in_every_encoding() {
    check(&[
        (&[("retry-after-ms", "7000")],                               "", 7000),
        (&[("x-ms-retry-after-ms", "7000")],                          "", 7000),
        (&[("retry-after", "7")],                                     "", 7000),
        (&[("retry-after", " 7.0 ")],                                 "", 7000),
        (&[("retry-after", "Sat, 08 Aug 2026 12:00:07 GMT")],         "", 7000),
        (&[("retry-after", "Saturday, 08-Aug-26 12:00:07 GMT")],      "", 7000),
        (&[("retry-after", "Sat Aug  8 12:00:07 2026")],              "", 7000),
        (&[], r#"{"availability":{"retry_after":7}}"#,                    7000),
        (&[], r#"{"metadata":{"retry_after_seconds":7}}"#,                7000),
        (&[], r#"{"details":[{"@type":"a"},{"@type":"b","retryDelay":"7s"}]}"#,       7000),
        (&[], r#"{"details":[{"retryDelay":"7.0s"}]}"#,           7000),
        (&[], r#"{"metadata":{"headers":{"Retry-After":"7"}}}"#,          7000),
        (&[], r#"{"metadata":{"headers":{"X-RateLimit-Remaining":"0","X-RateLimit-Reset":"1786190407000"}}}"#, 7000),
        (&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "7s")], "", 7000),
        (&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "7")],  "", 7000),
        (&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "0m7s")],   "", 7000),
        (&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "7000ms")], "", 7000),
        (&[("anthropic-ratelimit-tokens-remaining", "0"), ("anthropic-ratelimit-tokens-reset", "2026-08-08T12:00:07Z")], "", 7000),
        (&[("anthropic-ratelimit-requests-remaining", "0"), ("anthropic-ratelimit-requests-reset", "2026-08-08T14:00:07+02:00")], "", 7000),
        (&[("x-ratelimit-reset", "7")],                               "", 7000),
        (&[("x-ratelimit-reset", "1786190407")],                      "", 7000),
        (&[("x-ratelimit-reset", "1786190407000")],                   "", 7000),
        (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "7.0")], "", 7000),
    ]);
}

#[test]
fn fractions_are_never_early() {
    check(&[
        (&[("retry-after", "6.5")], "", 6500),
        (
            &[
                ("anthropic-ratelimit-tokens-remaining", "0"),
                (
                    "anthropic-ratelimit-tokens-reset",
                    "2026-08-08T12:00:06.9991Z",
                ),
            ],
            "",
            7000,
        ),
        (&[("x-ratelimit-reset", "1786190406.9999")], "", 7000),
        (&[("x-ratelimit-reset", "1786190406999.5")], "", 7000),
    ]);
}

#[test]
fn bogus_values_and_the_past_say_nothing() {
    let long = format!("{}7", "0".repeat(64));
    let values = [
        "",
        "0",
        "0.0",
        "-7",
        "+7",
        "NaN",
        "inf",
        "1e3",
        "soon",
        "7 s",
        "7,5",
        "0x7",
        ".5",
        "7.",
        "7;8",
        "Sat, 08 Aug 2026 11:59:59 GMT",
        "Sat, 31 Feb 2026 12:00:07 GMT",
        "Sat, 08 Aug 2026 12:00:07 +0000",
        long.as_str(),
    ];
    for value in values {
        for name in ["retry-after-ms", "x-ms-retry-after-ms", "retry-after"] {
            check(&[(&[(name, value)], "", 0)]);
        }
        let nothing_left = ("x-ratelimit-remaining-tokens", "0");
        check(&[
            (&[nothing_left, ("x-ratelimit-reset-tokens", value)], "", 0),
            (&[("x-ratelimit-reset", value)], "", 0),
        ]);
        for error in [
            format!(r#"{{"details":[{{"retryDelay":"{value}"}}]}}"#),
            format!(r#"{{"availability":{{"retry_after":"{value}"}}}}"#),
            format!(r#"{{"metadata":{{"headers":{{"Retry-After":"{value}"}}}}}}"#),
        ] {
            check(&[(&[], &error, 0)]);
        }
    }
    // Neither seconds from now nor an epoch, and epochs that are over.
    for value in [
        "50000000",
        "200000000000",
        "99999999999999999",
        "1786190399",
        "1786190400",
        "1786190399000",
    ] {
        check(&[(&[("x-ratelimit-reset", value)], "", 0)]);
    }
    for number in ["-7", "0", "1e999", "true", "null", "[7]"] {
        check(&[
            (
                &[],
                &format!(r#"{{"availability":{{"retry_after":{number}}}}}"#),
                0,
            ),
            (
                &[],
                &format!(r#"{{"metadata":{{"retry_after_seconds":{number}}}}}"#),
                0,
            ),
        ]);
    }
}

#[test]
fn the_first_valid_form_wins() {
    let error = r#"{"availability":{"retry_after":15},"metadata":{"retry_after_seconds":17,"retry_after_seconds_raw":16.4,
        "headers":{"Retry-After":"18","X-RateLimit-Reset":"1786190421000"}},"details":[{"retryDelay":"19s"}]}"#;
    // In the order of trust, each with all that are less trusted behind it.
    let headers = [
        ("retry-after-ms", "12000"),
        ("x-ms-retry-after-ms", "13000"),
        ("retry-after", "14"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "20s"),
        ("x-ratelimit-reset", "21"),
    ];
    check(&[
        (&headers, error, 12_000),
        (&headers[1..], error, 13_000),
        (&headers[2..], error, 14_000),
        (&headers[3..], error, 15_000),
        (&headers[3..], "", 20_000),
        (&headers[5..], "", 21_000),
    ]);
    let without = |keys: &[&str]| {
        let mut error = error.to_owned();
        for key in keys {
            error = error.replacen(&format!("\"{key}\""), "\"other\"", 1);
        }
        error
    };
    let metadata = without(&["availability"]);
    let details = without(&["availability", "metadata"]);
    let repeated = without(&[
        "availability",
        "retry_after_seconds",
        "retry_after_seconds_raw",
        "details",
    ]);
    check(&[
        // The figure with a fraction goes before the rounded one.
        (&headers[3..], &metadata, 16_400),
        (&headers[3..], &details, 19_000),
        (&headers[3..], &repeated, 18_000),
    ]);
    // What is no delay is passed over.
    check(&[
        (&[("retry-after-ms", "x"), ("retry-after", "9")], "", 9000),
        (&[("retry-after", "0")], &metadata, 16_400),
    ]);
}

#[test]
fn of_several_limits_the_exhausted_ones_count_and_of_these_the_last() {
    let headers = [
        ("x-ratelimit-remaining-requests", "12"),
        ("x-ratelimit-reset-requests", "6m0s"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "17ms"),
    ];
    check(&[
        (&headers, "", 17),
        (&headers[..2], "", 0),
        (
            &[("x-ratelimit-remaining", "3"), ("x-ratelimit-reset", "7")],
            "",
            0,
        ),
        (
            &[
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                (
                    "anthropic-ratelimit-input-tokens-reset",
                    "2026-08-08T12:00:09Z",
                ),
                ("anthropic-ratelimit-requests-remaining", "0.0"),
                ("anthropic-ratelimit-requests-reset", "2026-08-08T12:00:05Z"),
            ],
            "",
            9000,
        ),
    ]);
}

#[test]
fn hours_become_ten_minutes() {
    for value in [
        "86400",
        "99999999999999999999999999",
        "Sun, 09 Aug 2026 12:00:00 GMT",
    ] {
        check(&[(&[("retry-after", value)], "", 600_000)]);
    }
    check(&[
        (&[("x-ratelimit-reset", "1795046400000")], "", 600_000),
        (&[], r#"{"details":[{"retryDelay":"1000d"}]}"#, 600_000),
        (
            &[],
            r#"{"metadata":{"retry_after_seconds":1e300}}"#,
            600_000,
        ),
    ]);
}

/// Every header that is read.
fn names() -> Vec<&'static str> {
    let alone = ["retry-after-ms", "x-ms-retry-after-ms", "retry-after"];
    let limits = OF_MODEL.iter().chain([&PLAIN]);
    let pairs = limits.flat_map(|limit| [limit.remaining, limit.reset]);
    alone.into_iter().chain(pairs).collect()
}

/// Digits, points, signs and the letters of dates: what a parser of delays could stumble over.
const VALUE: &str = "[0-9.eE+\\-a-zA-Z:, ]{0,70}|[0-9]{1,20}(\\.[0-9]{1,9})?|0|20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{0,12})?Z";

proptest! {
    #[test]
    fn whatever_comes_is_within_bounds(
        headers in prop::collection::vec((prop::sample::select(names()), VALUE), 0..6),
        repeated in VALUE,
        number in prop::num::f64::NORMAL,
        now in any::<i64>(),
    ) {
        let headers = headers.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        let headers: HeaderMap = headers.collect();
        let error = serde_json::json!({"error": {
            "availability": {"retry_after": number}, "details": [{"retryDelay": &repeated}],
            "metadata": {"headers": {"Retry-After": &repeated, "X-RateLimit-Reset": repeated}},
        }});
        let body = ErrorBody::parse(error.to_string().as_bytes()).unwrap();
        for now in [NOW, Timestamp::from_millis(now)] {
            for body in [None, Some(&body)] {
                let delay = retry_after(&headers, body, now);
                prop_assert!(delay.is_none_or(|delay| !delay.is_zero() && delay <= LONGEST));
            }
        }
    }

    #[test]
    fn seconds_and_milliseconds_agree(millis in 1_u64..600_000) {
        let seconds = format!("{}.{:03}", millis / 1000, millis % 1000);
        let expected = Some(Duration::from_millis(millis));
        prop_assert_eq!(read(&[("retry-after-ms", &millis.to_string())], ""), expected);
        let read = read(&[("retry-after", &seconds)], "");
        prop_assert!(read.is_some_and(|read| read.abs_diff(Duration::from_millis(millis)) < Duration::from_micros(1)));
    }
}
