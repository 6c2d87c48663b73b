use std::fmt;
use std::str::FromStr;

use serde::de::{Error, MapAccess};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tollgate_core::Timestamp;

/// When a key ends: from that moment on it is not good any more.
///
/// Written as a date, which is its beginning in UTC, or as a moment with its
/// offset, in quotes or without.
///
/// ```
/// use tollgate_keys::Expiry;
/// let day: Expiry = "2027-01-01".parse()?;
/// let moment: Expiry = "2027-01-01T01:00:00+01:00".parse()?;
/// assert_eq!(day, moment);
/// assert_eq!(moment.to_string(), "2027-01-01T00:00:00Z");
/// # Ok::<(), tollgate_keys::InvalidExpiry>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry(pub Timestamp);

/// A text that names no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no date and no moment; write a date (2027-01-01), which is its beginning in UTC, or \
     a moment with its offset (2027-01-01T08:30:00Z)"
)]
pub struct InvalidExpiry(String);

impl FromStr for Expiry {
    type Err = InvalidExpiry;

    fn from_str(text: &str) -> Result<Self, InvalidExpiry> {
        let text = text.trim();
        let moment = || {
            let moment: jiff::Timestamp = text.parse().ok()?;
            Some(Timestamp::from_millis(moment.as_millisecond()))
        };
        Timestamp::parse_date(text)
            .or_else(moment)
            .map(Self)
            .ok_or_else(|| InvalidExpiry(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Expiry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Expiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Expiry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date or a moment, such as \"2027-01-01\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Expiry, E> {
                text.parse().map_err(E::custom)
            }
            // TOML hands its own dates over as a map of one text.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expiry, A::Error> {
                match map.next_entry::<String, String>()? {
                    Some((_, text)) => text.parse().map_err(A::Error::custom),
                    None => Err(A::Error::custom("an empty table is no moment")),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, Serialize)]
    struct Table {
        expires: Expiry,
    }

    #[test]
    fn dates_and_moments_are_read_with_and_without_quotes() {
        for (text, expected) in [
            ("2027-01-01", "2027-01-01T00:00:00Z"),
            ("2027-01-01T08:30:00Z", "2027-01-01T08:30:00Z"),
            ("2027-01-01T08:30:00+02:00", "2027-01-01T06:30:00Z"),
        ] {
            for toml in [format!("expires = {text}"), format!("expires = {text:?}")] {
                let table: Table = toml::from_str(&toml).unwrap();
                assert_eq!(table.expires.to_string(), expected, "{toml}");
                let again: Table = toml::from_str(&toml::to_string(&table).unwrap()).unwrap();
                assert_eq!(again.expires, table.expires);
            }
        }
    }

    #[test]
    fn what_names_no_moment_is_refused_with_what_does() {
        for text in ["", "soon", "2027-02-29", "2027-01-01T08:30:00", "30d"] {
            let message = text.parse::<Expiry>().unwrap_err().to_string();
            assert!(message.contains("write a date (2027-01-01)"), "{message}");
        }
    }
}
