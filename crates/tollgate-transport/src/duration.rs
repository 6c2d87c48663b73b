//! Durations as servers write them: `60s`, `6m0s`, `17ms`, `1.5h`.

use std::time::Duration;

const UNITS: &[(&str, f64)] = &[
    ("ms", 1e-3),
    ("us", 1e-6),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

/// Reads one or more pairs of number and unit; `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number = decimal(&rest[..digits])?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == &rest[..letters])?;
        rest = &rest[letters..];
        seconds += number * factor;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// Reads a plain decimal: digits with at most one point between them, no sign, no exponent.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(fraction))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up_and_anything_else_is_refused() {
        let millis = |text| parse(text).map(|duration| duration.as_millis());
        for (text, expected) in [
            ("6m0s", 360_000),
            ("17ms", 17),
            ("1.5s", 1500),
            ("1h2m3s", 3_723_000),
            (" 7s ", 7000),
        ] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
        for text in [
            "", "7", "s", "-7s", "7 s", "1e3s", "7x", "1..5s", ".5s", "NaNs", "infs",
        ] {
            assert_eq!(millis(text), None, "{text}");
        }
    }
}
