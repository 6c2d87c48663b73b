//! From when to when: dates, moments, and spans before now.

use std::time::Duration;

use tollgate::{Timestamp, UsageQuery};

use crate::exit::{Trouble, code};

const DAY_MS: i64 = 86_400_000;

/// Units of spans, in seconds.
const UNITS: [(char, u64); 5] = [
    ('s', 1),
    ('m', 60),
    ('h', 3_600),
    ('d', 86_400),
    ('w', 604_800),
];

/// A question about that period, without a breakdown.
pub(crate) fn period(
    since: Option<&str>,
    until: Option<&str>,
    now: Timestamp,
) -> Result<UsageQuery, Trouble> {
    let read = |text: Option<&str>| text.map(|text| moment(text, now)).transpose();
    let (since, until) = (read(since)?, read(until)?);
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(Trouble::new(
            code::USAGE,
            format!("no time is since {since} and before {until}"),
        )
        .with_hint(
            "a date is its beginning: `--since 2026-11-01 --until 2026-12-01` is November",
        ));
    }
    Ok(UsageQuery {
        since,
        until,
        ..UsageQuery::default()
    })
}

/// The moment that much earlier.
pub(super) fn before(moment: Timestamp, span: Duration) -> Timestamp {
    let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(moment.millis().saturating_sub(millis))
}

fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Trouble> {
    let text = text.trim();
    let found = Timestamp::parse_date(text)
        .or_else(|| rfc3339(text))
        .or_else(|| span(text).map(|span| before(now, span)));
    found.ok_or_else(|| {
        Trouble::new(
            code::USAGE,
            format!("{text:?} is no date, no moment and no time span"),
        )
        .with_hint(
            "write a date (2026-11-01), a moment (2026-11-01T08:30:00Z), or a span before now in \
             s, m, h, d or w (90m, 24h, 7d)",
        )
    })
}

fn span(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
    count.checked_mul(*seconds).map(Duration::from_secs)
}

/// A moment as RFC 3339 has it; parts of a second are dropped beyond the third place.
pub(crate) fn rfc3339(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.split_once(['T', 't', ' '])?;
    let (time, ahead_ms) = match clock.strip_suffix(['Z', 'z']) {
        Some(time) => (time, 0),
        None => {
            let (time, offset) = clock.split_at(clock.rfind(['+', '-'])?);
            (time, offset_ms(offset)?)
        }
    };
    let day = Timestamp::parse_date(date)?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let millis = day.millis() + clock_ms(whole)? + fraction_ms(fraction)? - ahead_ms;
    Some(Timestamp::from_millis(millis))
}

/// `HH:MM:SS`.
fn clock_ms(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours = two_digits(parts.next()?, 23)?;
    let minutes = two_digits(parts.next()?, 59)?;
    let seconds = two_digits(parts.next()?, 60)?;
    let millis = ((hours * 60 + minutes) * 60 + seconds) * 1_000;
    (parts.next().is_none() && millis <= DAY_MS).then_some(millis)
}

fn fraction_ms(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<3}")[..3].parse().ok()
}

/// `+HH:MM` or `-HH:MM`.
fn offset_ms(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let minutes = two_digits(hours, 23)? * 60 + two_digits(minutes, 59)?;
    Some(sign * minutes * 60_000)
}

fn two_digits(text: &str, most: i64) -> Option<i64> {
    let digits = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit());
    let number: i64 = text.parse().ok().filter(|_| digits)?;
    (number <= most).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_786_190_400); // 2026-08-08T12:00:00Z

    fn check(text: &str, expected: &str) {
        let found = moment(text, NOW).map(|moment| moment.to_string());
        assert_eq!(found.expect("a moment"), expected, "{text}");
    }

    #[test]
    fn dates_moments_and_spans_are_read() {
        check("2026-08-01", "2026-08-01T00:00:00Z");
        check("2026-08-01T08:30:15Z", "2026-08-01T08:30:15Z");
        check("2026-08-01t08:30:15.987654z", "2026-08-01T08:30:15Z");
        check("2026-08-01 00:30:00+02:00", "2026-07-31T22:30:00Z");
        check("2026-08-01T23:30:00-05:30", "2026-08-02T05:00:00Z");
        check("90s", "2026-08-08T11:58:30Z");
        check("90m", "2026-08-08T10:30:00Z");
        check("24h", "2026-08-07T12:00:00Z");
        check(" 7d ", "2026-08-01T12:00:00Z");
        check("2w", "2026-07-25T12:00:00Z");
        let moment = rfc3339("2026-08-01T00:00:00.0079Z");
        assert_eq!(moment.map(|at| at.millis() % 1_000), Some(7));
    }

    #[test]
    fn what_is_none_of_them_is_explained() {
        for text in [
            "",
            "d",
            "7",
            "7 d",
            "7y",
            "-7d",
            "+",
            "yesterday",
            "2026-02-30",
            "2026-13-01",
            "2026-08-01T25:00:00Z",
            "2026-08-01T08:30:00",
            "2026-08-01T08:30Z",
            "2026-08-01T08:30:00.Z",
            "2026-08-01T08:30:00.+1Z",
            "2026-08-01T08:30:00+2",
            "2026-08-01T08:30:00+02:60",
            "2026-08-01T08:30:00é",
            "99999999999999999999d",
            "18446744073709551615w",
        ] {
            let trouble = moment(text, NOW).expect_err(text);
            assert_eq!(trouble.code, code::USAGE);
            assert!(trouble.hint.is_some_and(|hint| hint.contains("24h")));
        }
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_refused() {
        let trouble = period(Some("2026-08-02"), Some("2026-08-01"), NOW).expect_err("no time");
        assert!(
            trouble.message.contains("2026-08-02T00:00:00Z"),
            "{}",
            trouble.message
        );
        assert!(period(Some("24h"), Some("24h"), NOW).is_err());
        assert!(period(Some("24h"), Some("1h"), NOW).is_ok());
    }
}
