//! Prices as whole atto-dollars, from the text of a number and back.

use std::fmt;

/// Decimal places that the gateway's own rates have.
const PLACES: i32 = 18;

/// Atto-dollars (10⁻¹⁸) per unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attos(pub(super) u128);

impl Attos {
    /// Reads the text of a JSON number times ten to the power of `shift`. What
    /// is finer than an atto-dollar is rounded up.
    pub(super) fn parse(text: &str, shift: i32) -> Result<Self, String> {
        let bad = || format!("{text} is no price");
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().map_err(|_| bad())?),
            None => (text, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad());
        }
        let mantissa: u128 = all.parse().map_err(|_| bad())?;
        let places = i32::try_from(fraction.len()).map_err(|_| bad())?;
        let power = exponent
            .checked_add(shift + PLACES - places)
            .ok_or_else(bad)?;
        let attos = match u32::try_from(power) {
            Ok(up) => 10_u128
                .checked_pow(up)
                .and_then(|ten| mantissa.checked_mul(ten)),
            Err(_) => 10_u128
                .checked_pow(power.unsigned_abs())
                .map(|ten| mantissa.div_ceil(ten)),
        };
        attos.map(Self).ok_or_else(bad)
    }
}

/// A plain decimal without a trailing zero.
impl fmt::Display for Attos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ONE: u128 = 10_u128.pow(PLACES.unsigned_abs());
        let fraction = format!("{:018}", self.0 % ONE);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{}", self.0 / ONE),
            fraction => write!(f, "{}.{fraction}", self.0 / ONE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Attos;

    fn read(text: &str, shift: i32) -> Result<String, String> {
        Attos::parse(text, shift).map(|price| price.to_string())
    }

    #[test]
    fn numbers_are_read_from_their_text() {
        for (text, shift, price) in [
            ("1.5e-07", 0, "0.00000015"),
            ("0.000168", 0, "0.000168"),
            ("1E-5", 0, "0.00001"),
            ("3.75", -6, "0.00000375"),
            ("12", -3, "0.012"),
            ("0", 0, "0"),
            ("0.0", -6, "0"),
            // What a float made of a third is rounded up, not cut.
            ("8.333333333333334e-08", 0, "0.000000083333333334"),
        ] {
            assert_eq!(read(text, shift), Ok(price.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in ["", "-1", "null", "\"1\"", "1e", "1e99", "0x1", "NaN"] {
            assert!(read(text, 0).is_err(), "{text}");
        }
    }
}
