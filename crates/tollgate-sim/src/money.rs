//! The simulator's own money: attos to multiply in, nanos to charge.

use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// Attos (10⁻¹⁸ US dollars) in one nano.
const ATTO_PER_NANO: i128 = 1_000_000_000;

/// Decimal places of an atto.
const ATTO_PLACES: i32 = 18;

/// An amount of US dollars, counted in nano-dollars (10⁻⁹).
///
/// Prints and serialises as the exact decimal number of dollars: never as a
/// float, never with an exponent.
///
/// ```
/// use tollgate_sim::NanoUsd;
///
/// assert_eq!(NanoUsd::new(1_234_000).to_string(), "0.001234");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(i64);

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount from its number of nano-dollars.
    #[must_use]
    pub const fn new(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The number of nano-dollars.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Reads a decimal number of dollars (`0.05`, `1e-7`); `None` when it is none or finer than a nano.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let atto = parse_atto(text)?;
        let exact = atto % ATTO_PER_NANO == 0;
        i64::try_from(atto / ATTO_PER_NANO)
            .ok()
            .filter(|_| exact)
            .map(Self)
    }

    /// Rounds half to even, the only rounding there is here.
    pub(crate) fn round_half_even(atto: i128) -> Self {
        let nanos = divide_half_even(atto, ATTO_PER_NANO);
        Self(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }

    /// The number of attos.
    pub(crate) fn attos(self) -> i128 {
        i128::from(self.0) * ATTO_PER_NANO
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for NanoUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::add)
    }
}

impl fmt::Display for NanoUsd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&decimal(i128::from(self.0), 9))
    }
}

impl Serialize for NanoUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for NanoUsd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is not an amount of dollars such as \"0.05\""
            ))
        })
    }
}

/// Reads a decimal number (`0.00000003`, `-1`, `3e-8`) as attos; `None` when it is no number.
///
/// The recorded catalog has prices with 22 places (thirds); those are rounded
/// half to even, which is less than a nano for a thousand million tokens.
pub(crate) fn parse_atto(text: &str) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = ATTO_PLACES
        .checked_add(exponent)?
        .checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let scale = 10_i128.checked_pow(places.unsigned_abs())?;
    if places >= 0 {
        digits.checked_mul(scale)
    } else {
        Some(divide_half_even(digits, scale))
    }
}

fn divide_half_even(number: i128, divisor: i128) -> i128 {
    let whole = number.div_euclid(divisor);
    let rest = number.rem_euclid(divisor);
    let up = match rest.cmp(&(divisor - rest)) {
        Ordering::Less => false,
        Ordering::Equal => whole % 2 != 0,
        Ordering::Greater => true,
    };
    whole + i128::from(up)
}

/// The decimal text of attos, as the catalog writes its prices.
pub(crate) fn atto_text(atto: i128) -> String {
    decimal(atto, 18)
}

fn decimal(number: i128, places: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{NanoUsd, atto_text, parse_atto};

    #[test]
    fn prices_are_read_exactly() {
        for (text, atto) in [
            ("0", Some(0)),
            ("-1", Some(-1_000_000_000_000_000_000)),
            ("0.00000003", Some(30_000_000_000)),
            ("3e-8", Some(30_000_000_000)),
            ("1.5E2", Some(150_000_000_000_000_000_000)),
            ("0.0000000833333333333333", Some(83_333_333_333)),
            ("0.0000000000000000015", Some(2)),
            ("1.x", None),
            ("", None),
            ("1e99", None),
        ] {
            assert_eq!(parse_atto(text), atto, "{text}");
        }
        assert_eq!(atto_text(30_000_000_000), "0.00000003");
    }

    #[test]
    fn amounts_finer_than_a_nano_are_refused() {
        assert_eq!(NanoUsd::parse("0.05"), Some(NanoUsd::new(50_000_000)));
        assert_eq!(NanoUsd::parse("0.0000000001"), None);
    }

    #[test]
    fn rounding_is_half_to_even_and_printing_is_exact() {
        for (atto, text) in [
            (500_000_000, "0"),
            (1_500_000_000, "0.000000002"),
            (2_500_000_000, "0.000000002"),
            (2_500_000_001, "0.000000003"),
            (-1_500_000_000, "-0.000000002"),
            (1_000_000_000_000_000_000, "1"),
        ] {
            assert_eq!(NanoUsd::round_half_even(atto).to_string(), text, "{atto}");
        }
    }
}
