use std::fmt;

use serde::{Deserialize, Deserializer};

/// A key that opens an account. It has no `Display` and no `Serialize`, and its
/// `Debug` shows nothing of it.
///
/// ```
/// use tollgate_core::ApiKey;
/// let key = ApiKey::new("sk-or-v1-0123456789");
/// assert_eq!(format!("{key:?}"), "ApiKey(***)");
/// ```
///
/// ```compile_fail
/// let key = tollgate_core::ApiKey::new("secret");
/// println!("{key}");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Box<str>);

impl ApiKey {
    /// Takes a key; white space around it is removed.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().trim().into())
    }

    /// The key itself, for the header that carries it and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(***)")
    }
}

impl<'de> Deserialize<'de> for ApiKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An environment layer turns all-digit keys into numbers.
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = ApiKey;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key as text")
            }
            fn visit_str<E>(self, text: &str) -> Result<ApiKey, E> {
                Ok(ApiKey::new(text))
            }
            fn visit_u64<E>(self, number: u64) -> Result<ApiKey, E> {
                Ok(ApiKey::new(number.to_string()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<ApiKey, E> {
                Ok(ApiKey::new(number.to_string()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
