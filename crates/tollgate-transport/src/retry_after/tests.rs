use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_786_190_400); // 2026-08-08T12:00:00Z

fn read(headers: &[(&str, &str)], body: Option<&str>) -> Option<Duration> {
    let headers = headers
        .iter()
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect();
    let body = body.map(|body| ErrorBody::parse(body.as_bytes()).unwrap());
    retry_after(&headers, body.as_ref(), NOW)
}

#[test]
fn seven_seconds_in_every_encoding() {
    let headers: &[&[(&str, &str)]] = &[
        &[("retry-after-ms", "7000")],
        &[("x-ms-retry-after-ms", "7000")],
        &[("retry-after", "7")],
        &[("retry-after", "7.0")],
        &[("retry-after", "Sat, 08 Aug 2026 12:00:07 GMT")],
        &[("retry-after", "Saturday, 08-Aug-26 12:00:07 GMT")],
        &[("retry-after", "Sat Aug  8 12:00:07 2026")],
        &[
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "7s"),
        ],
        &[
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "0m7s"),
        ],
        &[
            ("anthropic-ratelimit-tokens-remaining", "0"),
            ("anthropic-ratelimit-tokens-reset", "2026-08-08T12:00:07Z"),
        ],
        &[("x-ratelimit-reset", "7")],
        &[("x-ratelimit-reset", "1786190407")],
        &[("x-ratelimit-reset", "1786190407000")],
    ];
    for headers in headers {
        assert_eq!(
            read(headers, None),
            Some(Duration::from_secs(7)),
            "{headers:?}"
        );
    }
    for body in [
        r#"{"error":{"message":"","availability":{"retry_after":7}}}"#,
        r#"{"error":{"message":"","metadata":{"retry_after_seconds":7}}}"#,
        r#"{"error":{"message":"","metadata":{"headers":{"Retry-After":"7"}}}}"#,
        r#"{"error":{"message":"","metadata":{"headers":{"X-RateLimit-Reset":"1786190407000"}}}}"#,
        r#"{"error":{"message":"","details":[{"@type":"a"},{"@type":"b","retryDelay":"7s"}]}}"#,
    ] {
        assert_eq!(
            read(&[], Some(body)),
            Some(Duration::from_secs(7)),
            "{body}"
        );
    }
}

#[test]
fn bogus_values_and_the_past_say_nothing() {
    let long = "7".repeat(65);
    for value in [
        "",
        "0",
        "-7",
        "NaN",
        "inf",
        "1e3",
        "soon",
        "7 s",
        "7,5",
        "0x7",
        "Sat, 08 Aug 2026 11:59:59 GMT",
        "Sat, 31 Feb 2026 12:00:07 GMT",
        "2026-08-08T12:00:07Z",
        long.as_str(),
    ] {
        assert_eq!(read(&[("retry-after", value)], None), None, "{value}");
        assert_eq!(read(&[("retry-after-ms", value)], None), None, "{value}");
    }
    for value in [
        "50000000",
        "200000000000",
        "99999999999999999",
        "1786190399",
        "1786190399000",
    ] {
        assert_eq!(read(&[("x-ratelimit-reset", value)], None), None, "{value}");
    }
}

#[test]
fn the_first_valid_form_wins() {
    let body = r#"{"error":{"message":"","metadata":{"retry_after_seconds":17,"retry_after_seconds_raw":16.4}}}"#;
    assert_eq!(
        read(
            &[("retry-after-ms", "250"), ("retry-after", "9")],
            Some(body)
        ),
        Some(Duration::from_millis(250))
    );
    assert_eq!(
        read(&[("retry-after-ms", "x"), ("retry-after", "9")], Some(body)),
        Some(Duration::from_secs(9))
    );
    assert_eq!(
        read(&[("retry-after", "0")], Some(body)),
        Some(Duration::from_millis(16_400))
    );
}

#[test]
fn limits_that_are_not_exhausted_do_not_count() {
    let headers = [
        ("x-ratelimit-remaining-requests", "12"),
        ("x-ratelimit-reset-requests", "6m0s"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "17ms"),
    ];
    assert_eq!(read(&headers, None), Some(Duration::from_millis(17)));
    assert_eq!(
        read(
            &[("x-ratelimit-remaining", "3"), ("x-ratelimit-reset", "7")],
            None
        ),
        None
    );
}

#[test]
fn hours_become_ten_minutes() {
    for value in [
        "86400",
        "99999999999999999999999999",
        "Sun, 09 Aug 2026 12:00:00 GMT",
    ] {
        assert_eq!(
            read(&[("retry-after", value)], None),
            Some(LONGEST),
            "{value}"
        );
    }
}

proptest! {
    // Digits, points, signs and the letters of dates: what a parser of delays could stumble over.
    #[test]
    fn whatever_comes_is_within_bounds(value in "[0-9.eE+\\-a-zA-Z:, ]{0,70}") {
        for name in ["retry-after-ms", "retry-after", "x-ratelimit-reset"] {
            let delay = read(&[(name, &value)], None);
            prop_assert!(delay.is_none_or(|delay| !delay.is_zero() && delay <= LONGEST));
        }
    }

    #[test]
    fn seconds_and_milliseconds_agree(millis in 1_u64..600_000) {
        let seconds = format!("{}.{:03}", millis / 1000, millis % 1000);
        let expected = Some(Duration::from_millis(millis));
        prop_assert_eq!(read(&[("retry-after-ms", &millis.to_string())], None), expected);
        let read = read(&[("retry-after", &seconds)], None);
        prop_assert!(read.is_some_and(|read| read.abs_diff(Duration::from_millis(millis)) < Duration::from_micros(1)));
    }
}
