//! Integer money: amounts in nano-dollars, rates in atto-dollars, one rounding.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const ATTO_PER_NANO: i128 = 1_000_000_000;

/// Why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMoney {
    /// Not a decimal number.
    #[error("not a decimal number: {0:?}")]
    NotDecimal(String),
    /// More decimal places than the type holds.
    #[error("{0} has more than {1} decimal places")]
    TooFine(String, u32),
    /// Larger than the type holds.
    #[error("{0} is too large")]
    TooLarge(String),
    /// A negative number where money cannot be negative.
    #[error("{0} is negative")]
    Negative(String),
}

/// An amount of US dollars, in whole nano-dollars (10⁻⁹).
///
/// The text form is a plain decimal. Sums saturate at ±9.2 thousand million
/// dollars, far above any amount that is let in.
///
/// ```
/// use tollgate_core::Usd;
/// let cost: Usd = "0.000123".parse()?;
/// assert_eq!(cost.nanos(), 123_000);
/// assert_eq!((cost + cost).to_string(), "0.000246");
/// assert!("0.0000000001".parse::<Usd>().is_err());
/// # Ok::<(), tollgate_core::InvalidMoney>(())
/// ```
///
/// Money is not a float:
///
/// ```compile_fail
/// let cost: tollgate_core::Usd = 0.1_f64.into();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(i64);

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(i64::MAX);

    /// That many nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// That many nano-dollars, or the end of the type when they are beyond it:
    /// for sums that were made in a wider type.
    ///
    /// ```
    /// use tollgate_core::Usd;
    /// assert_eq!(Usd::from_nanos_i128(5), Usd::from_nanos(5));
    /// assert_eq!(Usd::from_nanos_i128(i128::MAX), Usd::MAX);
    /// assert!(Usd::from_nanos_i128(i128::MIN).is_negative());
    /// ```
    pub fn from_nanos_i128(nanos: i128) -> Self {
        Self(clamp_i64(nanos))
    }

    /// The amount in nano-dollars.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Parses a decimal with any number of places and rounds it once, half to
    /// even, to whole nano-dollars: for figures that others computed.
    ///
    /// # Errors
    /// [`InvalidMoney`] when the text is no decimal number or too large.
    pub fn parse_rounded(text: &str) -> Result<Self, InvalidMoney> {
        let (mantissa, exponent) = decimal(text)?;
        let nanos = match exponent + 9 {
            shift @ 0.. => scale_up(mantissa, shift, text)?,
            shift => round_half_even_pow10(mantissa, places_of(shift)),
        };
        i64::try_from(nanos)
            .map(Self)
            .map_err(|_| InvalidMoney::TooLarge(text.into()))
    }

    /// Whether this is less than nothing.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The share `part / whole` of this amount, rounded up; `None` when `whole` is 0.
    pub fn share_ceil(self, part: u64, whole: u64) -> Option<Self> {
        if whole == 0 {
            return None;
        }
        let product = i128::from(self.0) * i128::from(part);
        let whole = i128::from(whole);
        let quotient = product.div_euclid(whole) + i128::from(product.rem_euclid(whole) != 0);
        Some(Self(clamp_i64(quotient)))
    }
}

/// A price per unit (token, image, request), in whole atto-dollars (10⁻¹⁸).
/// Published prices are exact in it, but for the thirds that some providers
/// print to twenty-two places; see [`parse_ceil`](Self::parse_ceil).
///
/// ```
/// use tollgate_core::{Rate, Tally};
/// let rate: Rate = "0.00000025".parse()?;
/// assert_eq!(rate.per_million().to_string(), "0.25");
/// let mut tally = Tally::default();
/// tally.add(rate, 3);
/// assert_eq!(tally.half_even().nanos(), 750);
/// # Ok::<(), tollgate_core::InvalidMoney>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rate(u64);

impl Rate {
    /// Nothing per unit.
    pub const ZERO: Self = Self(0);

    /// That many atto-dollars per unit.
    pub const fn from_attos(attos: u64) -> Self {
        Self(attos)
    }

    /// Atto-dollars per unit.
    pub const fn attos(self) -> u64 {
        self.0
    }

    /// Parses a published price with any number of places. One that is finer
    /// than 10⁻¹⁸ is rounded up, so that no hold is too small.
    ///
    /// ```
    /// use tollgate_core::Rate;
    /// let third = Rate::parse_ceil("0.0000000833333333333333")?;
    /// assert_eq!(third.attos(), 83_333_333_334);
    /// # Ok::<(), tollgate_core::InvalidMoney>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidMoney`] when the text is no decimal number, negative, or too large.
    pub fn parse_ceil(text: &str) -> Result<Self, InvalidMoney> {
        let (mantissa, exponent) = decimal(text)?;
        if mantissa < 0 {
            return Err(InvalidMoney::Negative(text.into()));
        }
        let attos = match exponent + 18 {
            shift @ 0.. => scale_up(mantissa, shift, text)?,
            shift => match 10_i128.checked_pow(places_of(shift)) {
                Some(divisor) => mantissa / divisor + i128::from(mantissa % divisor != 0),
                None => i128::from(mantissa != 0),
            },
        };
        u64::try_from(attos)
            .map(Self)
            .map_err(|_| InvalidMoney::TooLarge(text.into()))
    }

    /// Dollars per million units, for people; rounded up to the nano-dollar.
    pub fn per_million(self) -> Usd {
        let mut tally = Tally::default();
        tally.add(self, 1_000_000);
        tally.ceil()
    }
}

/// A sum of rate × units, exact, before its one rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[must_use]
pub struct Tally(i128);

impl Tally {
    /// Adds `units` at `rate`.
    pub fn add(&mut self, rate: Rate, units: u64) {
        self.0 = self
            .0
            .saturating_add(i128::from(rate.0).saturating_mul(i128::from(units)));
    }

    /// Adds a share of the sum, in basis points (1/10,000), such as a platform fee.
    pub fn add_basis_points(&mut self, basis_points: u32) {
        let fee = self.0.saturating_mul(i128::from(basis_points)) / 10_000;
        self.0 = self.0.saturating_add(fee);
    }

    /// Rounded up: for holds and limits.
    pub fn ceil(self) -> Usd {
        let up = i128::from(self.0.rem_euclid(ATTO_PER_NANO) != 0);
        Usd(clamp_i64(self.0.div_euclid(ATTO_PER_NANO) + up))
    }

    /// Rounded half to even: for settlements.
    pub fn half_even(self) -> Usd {
        Usd(clamp_i64(round_half_even_pow10(self.0, 9)))
    }
}

// === text ===

/// Digits of a number that are read as they are, from the first that is not zero.
/// Of what fits into an amount or a rate, those beyond are too fine for it: it
/// matters only whether one of them is not zero.
const DIGITS: u32 = 37;

/// Mantissa and decimal exponent of a JSON-like decimal number. Whatever follows
/// its first [`DIGITS`] and is not zero stands as one more digit, a 1: that is
/// never half, and never nothing.
fn decimal(text: &str) -> Result<(i128, i64), InvalidMoney> {
    const ENOUGH: i128 = 10_i128.pow(DIGITS - 1);
    let bad = || InvalidMoney::NotDecimal(text.chars().take(40).collect());
    let trimmed = text.trim();
    let (unsigned, negative) = match trimmed.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (trimmed, false),
    };
    let (digits, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().map_err(|_| bad())?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || (digits.contains('.') && fraction.is_empty()) {
        return Err(bad());
    }
    let mut mantissa: i128 = 0;
    let mut exponent = i64::from(exponent);
    let mut more = false;
    for (place, byte) in whole.bytes().chain(fraction.bytes()).enumerate() {
        if !byte.is_ascii_digit() {
            return Err(bad());
        }
        let is_read = mantissa < ENOUGH;
        if is_read {
            mantissa = mantissa * 10 + i128::from(byte - b'0');
        } else {
            more |= byte != b'0';
        }
        let is_whole = place < whole.len();
        exponent += i64::from(is_whole) - i64::from(is_read);
    }
    if more {
        mantissa = mantissa * 10 + 1;
        exponent -= 1;
    }
    Ok((if negative { -mantissa } else { mantissa }, exponent))
}

/// How many places finer than the type a number is, for a shift below zero.
fn places_of(shift: i64) -> u32 {
    u32::try_from(shift.unsigned_abs()).unwrap_or(u32::MAX)
}

/// `mantissa × 10^exponent` in units of `10^-places`, exactly.
fn exact(text: &str, places: u32) -> Result<i128, InvalidMoney> {
    let (mut mantissa, mut exponent) = decimal(text)?;
    if mantissa == 0 {
        return Ok(0);
    }
    while mantissa % 10 == 0 {
        mantissa /= 10;
        exponent += 1;
    }
    match exponent + i64::from(places) {
        shift @ 0.. => scale_up(mantissa, shift, text),
        _ => Err(InvalidMoney::TooFine(text.into(), places)),
    }
}

fn scale_up(mantissa: i128, shift: i64, text: &str) -> Result<i128, InvalidMoney> {
    if mantissa == 0 {
        return Ok(0);
    }
    u32::try_from(shift)
        .ok()
        .and_then(|shift| 10_i128.checked_pow(shift))
        .and_then(|factor| mantissa.checked_mul(factor))
        .ok_or_else(|| InvalidMoney::TooLarge(text.into()))
}

fn round_half_even_pow10(value: i128, places: u32) -> i128 {
    let Some(divisor) = 10_i128.checked_pow(places) else {
        return 0;
    };
    let (quotient, rest) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    let twice = rest.saturating_mul(2);
    let up = twice > divisor || (twice == divisor && quotient % 2 != 0);
    quotient + i128::from(up)
}

fn clamp_i64(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// Prints `value × 10^-places` without trailing zeros.
fn print(f: &mut fmt::Formatter<'_>, value: i128, places: u32) -> fmt::Result {
    let unit = 10_i128.pow(places);
    let (whole, fraction) = (value.abs() / unit, value.abs() % unit);
    let sign = if value < 0 { "-" } else { "" };
    if fraction == 0 {
        return f.pad(&format!("{sign}{whole}"));
    }
    let digits = format!("{fraction:0width$}", width = places as usize);
    f.pad(&format!("{sign}{whole}.{}", digits.trim_end_matches('0')))
}

impl FromStr for Usd {
    type Err = InvalidMoney;
    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let nanos = exact(text, 9)?;
        i64::try_from(nanos)
            .map(Self)
            .map_err(|_| InvalidMoney::TooLarge(text.into()))
    }
}

impl FromStr for Rate {
    type Err = InvalidMoney;
    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let attos = exact(text, 18)?;
        if attos < 0 {
            return Err(InvalidMoney::Negative(text.into()));
        }
        u64::try_from(attos)
            .map(Self)
            .map_err(|_| InvalidMoney::TooLarge(text.into()))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, i128::from(self.0), 9)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, i128::from(self.0), 18)
    }
}

macro_rules! text_serde {
    ($($type:ident),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = DecimalText::deserialize(deserializer)?;
                text.0.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
text_serde!(Usd, Rate);

/// A decimal given as text, or as a number in a format (TOML) whose numbers
/// are short enough to print back exactly.
struct DecimalText(String);

impl<'de> Deserialize<'de> for DecimalText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = DecimalText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of US dollars, such as 0.10 or \"0.10\"")
            }
            fn visit_str<E>(self, text: &str) -> Result<DecimalText, E> {
                Ok(DecimalText(text.into()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<DecimalText, E> {
                Ok(DecimalText(number.to_string()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<DecimalText, E> {
                Ok(DecimalText(number.to_string()))
            }
            // The shortest text that reads back as the same float is what the user typed.
            fn visit_f64<E>(self, number: f64) -> Result<DecimalText, E> {
                Ok(DecimalText(number.to_string()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Usd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Usd {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl<'a> Sum<&'a Self> for Usd {
    fn sum<I: Iterator<Item = &'a Self>>(amounts: I) -> Self {
        amounts.copied().sum()
    }
}

#[cfg(test)]
mod tests;
