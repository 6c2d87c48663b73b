//! Dates as servers write them in headers. Own and strict, since they come from outside.

use tollgate_core::Timestamp;

use crate::duration;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LONG_DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Reads the three forms of an HTTP date. `now` decides the century of the form with two digits.
///
/// `Sun, 06 Nov 1994 08:49:37 GMT` · `Sunday, 06-Nov-94 08:49:37 GMT` · `Sun Nov  6 08:49:37 1994`
pub(crate) fn parse(text: &str, now: Timestamp) -> Option<Timestamp> {
    imf(text)
        .or_else(|| rfc_850(text, now))
        .or_else(|| asctime(text))
}

/// Reads an RFC 3339 moment: `2026-11-24T12:00:07Z`, with a fraction or an offset if need be.
/// Parts of a millisecond are rounded up: such a moment is one to wait for.
pub(crate) fn parse_rfc_3339(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let day = Timestamp::parse_date(date).filter(|_| date.len() == 10)?;
    let time = seconds(rest.get(..8)?)?;
    let rest = rest.get(8..)?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let millis = match &rest[..zone] {
        "" => 0,
        fraction => thousandths(fraction.strip_prefix('.')?)?,
    };
    let seconds = day.secs() + time - offset(&rest[zone..])?;
    Some(Timestamp::from_millis(seconds * 1000 + millis))
}

/// The digits after a point as thousandths, rounded up.
fn thousandths(digits: &str) -> Option<i64> {
    let fraction = duration::decimal(&format!("0.{digits}"))?;
    Some((fraction * 1000.0).ceil() as i64)
}

/// Reads the form that all servers write today: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn imf(text: &str) -> Option<Timestamp> {
    let (day_name, rest) = text.split_once(", ")?;
    let rest = rest
        .strip_suffix(" GMT")
        .filter(|_| DAYS.contains(&day_name))?;
    let [day, month, year, time] = fields(rest, ' ')?;
    moment(number(year, 4)?, month, number(day, 2)?, time)
}

fn rfc_850(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (day_name, rest) = text.split_once(", ")?;
    let rest = rest
        .strip_suffix(" GMT")
        .filter(|_| LONG_DAYS.contains(&day_name))?;
    let (date, time) = rest.split_once(' ')?;
    let [day, month, year] = fields(date, '-')?;
    let this_year = now.date().0;
    let mut year = this_year - this_year.rem_euclid(100) + number(year, 2)?;
    // More than fifty years ahead means the last century.
    if year > this_year + 50 {
        year -= 100;
    }
    moment(year, month, number(day, 2)?, time)
}

fn asctime(text: &str) -> Option<Timestamp> {
    let day_name = text.get(..3).filter(|day| DAYS.contains(day))?;
    let rest = text.strip_prefix(day_name)?.strip_prefix(' ')?;
    let (month, rest) = (rest.get(..3)?, rest.get(3..)?.strip_prefix(' ')?);
    let day = rest.get(..2)?;
    let [time, year] = fields(rest.get(2..)?.strip_prefix(' ')?, ' ')?;
    let day = day
        .strip_prefix(' ')
        .map_or_else(|| number(day, 2), |digit| number(digit, 1))?;
    moment(number(year, 4)?, month, day, time)
}

fn moment(year: i64, month: &str, day: i64, time: &str) -> Option<Timestamp> {
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let day = Timestamp::from_date(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)?;
    Some(Timestamp::from_secs(day.secs() + seconds(time)?))
}

/// `HH:MM:SS` in seconds; 60 is a leap second.
fn seconds(time: &str) -> Option<i64> {
    let [hour, minute, second] = fields(time, ':')?;
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// `Z` or `±HH:MM` in seconds east.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let [hours, minutes] = fields(text.get(1..)?, ':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn fields<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    text.split(separator).collect::<Vec<_>>().try_into().ok()
}

fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_786_190_400); // 2026-08-08T12:00:00Z

    #[test]
    fn all_three_forms_are_the_same_moment() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(
                parse(text, NOW).map(Timestamp::secs),
                Some(784_111_777),
                "{text}"
            );
        }
        assert_eq!(
            parse("Sat, 08 Aug 2026 12:00:07 GMT", NOW).map(Timestamp::secs),
            Some(NOW.secs() + 7)
        );
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "Sun",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 2026 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Xxx, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun Nov 06 08:49:37 94",
            "Sün, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(text, NOW), None, "{text}");
        }
    }

    #[test]
    fn rfc_3339_knows_fractions_and_offsets() {
        for (text, millis) in [
            ("2026-08-08T12:00:00Z", 0),
            ("2026-08-08T12:00:00.123456789Z", 124),
            ("2026-08-08 12:00:00.25z", 250),
            ("2026-08-08T12:00:00.9999Z", 1000),
            ("2026-08-08T14:30:00+02:30", 0),
            ("2026-08-08t11:00:00.5-01:00", 500),
        ] {
            let read = parse_rfc_3339(text).map(|moment| moment.millis() - NOW.millis());
            assert_eq!(read, Some(millis), "{text}");
        }
        for text in [
            "2026-08-08",
            "2026-08-08T12:00Z",
            "2026-8-08T12:00:00Z",
            "2026-08-08T12:00:00",
            "2026-08-08T12:00:00.Z",
            "2026-08-08T12:00:00,5Z",
            "2026-08-08T12:00:00.5e3Z",
            "2026-08-08T12:00:00+1",
        ] {
            assert_eq!(parse_rfc_3339(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,70}") {
            let _ = (parse(&text, NOW), parse_rfc_3339(&text));
        }
    }
}
