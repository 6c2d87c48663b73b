use serde::ser::{Error, Serialize, Serializer};
use serde_json::value::RawValue;
use tollgate::Usd;

/// An amount as OpenRouter writes it: a JSON number of dollars, with every
/// digit. (Elsewhere amounts are texts, since not all readers keep the digits
/// of numbers.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dollars(pub(crate) Usd);

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = RawValue::from_string(self.0.to_string()).map_err(S::Error::custom)?;
        digits.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_numbers_with_all_their_digits() {
        for (nanos, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (12_500_000_000, "12.5"),
            (-1_500_000_000, "-1.5"),
            (i64::MAX, "9223372036.854775807"),
        ] {
            let dollars = Dollars(Usd::from_nanos(nanos));
            assert_eq!(serde_json::to_string(&dollars).unwrap(), text);
        }
    }
}
