use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tollgate_core::ModelId;

/// One line of a list of models: an id, or all of an author, `author/*`. The
/// virtual models of policies have the author `tollgate`.
///
/// An id is that id alone: `a/one` is not `a/one:free`, and `a/*` is both.
///
/// ```
/// use tollgate_keys::ModelPattern;
/// let pattern: ModelPattern = "tollgate/*".parse()?;
/// assert!(pattern.matches("tollgate/balanced:code"));
/// assert!(!pattern.matches("a/one"));
/// # Ok::<(), tollgate_keys::InvalidPattern>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelPattern {
    /// One model.
    Exact(ModelId),
    /// Every model whose id begins with this, `author/`.
    Author(Box<str>),
}

/// A text that is no pattern of models.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names no models; write an id (author/slug), all of an author (author/*), or all virtual \
     models (tollgate/*)"
)]
pub struct InvalidPattern(String);

impl ModelPattern {
    /// Whether the model, as a caller names it, is meant.
    pub fn matches(&self, model: &str) -> bool {
        match self {
            Self::Exact(id) => id.as_str() == model,
            Self::Author(author) => {
                model.len() > author.len() && model.starts_with(author.as_ref())
            }
        }
    }
}

impl FromStr for ModelPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let wrong = || InvalidPattern(text.chars().take(40).collect());
        let id = ModelId::new(text).map_err(|_| wrong())?;
        let Some(author) = text.strip_suffix('*') else {
            return match text.contains('*') {
                true => Err(wrong()),
                false => Ok(Self::Exact(id)),
            };
        };
        let name = author.strip_suffix('/').filter(|name| !name.is_empty());
        match name {
            Some(name) if !name.contains(['*', '/']) => Ok(Self::Author(author.into())),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(id) => fmt::Display::fmt(id, f),
            Self::Author(author) => write!(f, "{author}*"),
        }
    }
}

impl Serialize for ModelPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_one_model_or_all_of_an_author() {
        let check = |pattern: &str, model: &str, expected: bool| {
            let read: ModelPattern = pattern.parse().unwrap();
            assert_eq!(read.matches(model), expected, "{pattern} {model}");
            assert_eq!(read.to_string(), pattern);
        };
        check("a/one", "a/one", true);
        check("a/one", "a/one:free", false);
        check("a/one", "a/one-more", false);
        check("a/one:free", "a/one:free", true);
        check("a/*", "a/one", true);
        check("a/*", "a/one:free", true);
        check("a/*", "a/", false);
        check("a/*", "ab/one", false);
        check("a/*", "b/a/one", false);
        check("tollgate/*", "tollgate/auto", true);
        check("tollgate/auto", "tollgate/quality", false);
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_what_is_one() {
        for text in [
            "", "*", "/*", "a*", "a/o*", "*/one", "a/*/b", "a/b/*", "a b",
        ] {
            let message = text.parse::<ModelPattern>().unwrap_err().to_string();
            assert!(message.contains("author/*"), "{message}");
        }
    }
}
