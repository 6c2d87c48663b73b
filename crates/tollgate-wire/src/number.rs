//! Decimal numbers kept as their text, so that money never passes through a float.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::ParseError;

/// A decimal number exactly as it stood on the wire, as a JSON number or as a string that holds one.
///
/// The text follows the grammar of JSON numbers: `0.000003`, `-1`, `3.6e-7`. Equality is of the text and of the form:
/// `1.0` is not `1.00`, and a number is not a string. Convert to money with a parser of decimal text, exponent included.
///
/// ```
/// use tollgate_wire::Decimal;
/// let cost: Decimal = serde_json::from_str("3.6e-07")?;
/// assert_eq!(cost.as_str(), "3.6e-07");
/// assert_eq!(serde_json::to_string(&Decimal::quoted("0.10")?)?, "\"0.10\"");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    text: Box<str>,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    Number,
    String,
}

impl Decimal {
    /// A decimal that is written as a JSON number.
    ///
    /// # Errors
    /// When the text does not follow the grammar of JSON numbers.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::in_form(text, Form::Number)
    }

    /// A decimal that is written as a JSON string, as OpenRouter writes prices.
    ///
    /// # Errors
    /// When the text does not follow the grammar of JSON numbers.
    pub fn quoted(text: &str) -> Result<Self, ParseError> {
        Self::in_form(text, Form::String)
    }

    /// The digits as they came, without quotes.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the value is zero, in whatever spelling: `0`, `-0.00`, `0e5`.
    pub fn is_zero(&self) -> bool {
        let mantissa = self.text.split(['e', 'E']).next().unwrap_or_default();
        mantissa
            .bytes()
            .all(|byte| !byte.is_ascii_digit() || byte == b'0')
    }

    /// Whether the value is below zero, such as the `-1` of a router's price.
    pub fn is_negative(&self) -> bool {
        self.text.starts_with('-') && !self.is_zero()
    }

    pub(crate) fn from_raw(raw: &RawValue) -> Result<Self, ParseError> {
        let text = raw.get();
        if text.starts_with('"') {
            return Self::quoted(&serde_json::from_str::<String>(text)?);
        }
        Self::parse(text)
    }

    fn in_form(text: &str, form: Form) -> Result<Self, ParseError> {
        if !is_json_number(text) {
            let start: String = text.chars().take(40).collect();
            return Err(ParseError::new(format!(
                "expected a decimal number such as 0.25 or 3e-7, found {start:?}"
            )));
        }
        Ok(Self {
            text: text.into(),
            form,
        })
    }
}

/// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn is_json_number(text: &str) -> bool {
    let bytes = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let integer = digits(bytes);
    if integer == 0 || (integer > 1 && bytes[0] == b'0') {
        return false;
    }
    let mut rest = &bytes[integer..];
    if let [b'.', fraction @ ..] = rest {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', unsigned @ ..] => unsigned,
            unsigned => unsigned,
        };
        let length = digits(exponent);
        if length == 0 {
            return false;
        }
        rest = &exponent[length..];
    }
    rest.is_empty()
}

fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Decimal {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.form {
            Form::String => serializer.serialize_str(&self.text),
            Form::Number => serde_json::from_str::<&RawValue>(&self.text)
                .expect("the text was checked against the grammar of numbers")
                .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_raw(&Box::<RawValue>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
