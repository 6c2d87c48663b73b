//! What may be refused first when there is too much to do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much a call matters when not all calls can be served.
///
/// The order is that in which calls are refused: the least comes first. A
/// server that is asked for more than it was set to hold refuses `Sheddable`
/// calls while there is still room for others, and keeps the last of its room
/// for `Critical` ones.
///
/// ```
/// use tollgate_core::Criticality;
/// assert!(Criticality::Sheddable < Criticality::Default);
/// assert_eq!("critical".parse(), Ok(Criticality::Critical));
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Nobody waits for it: batches, evaluations, prefetching. It can be sent
    /// again later.
    Sheddable,
    /// Somebody waits for it.
    #[default]
    Default,
    /// Something breaks without it.
    Critical,
}

impl Criticality {
    /// All of them, from the first to be refused to the last.
    pub const ALL: [Self; 3] = [Self::Sheddable, Self::Default, Self::Critical];

    /// The name used in configuration, headers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sheddable => "sheddable",
            Self::Default => "default",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Criticality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no criticality.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown criticality {0:?}; it is sheddable, default or critical")]
pub struct UnknownCriticality(String);

impl FromStr for Criticality {
    type Err = UnknownCriticality;

    fn from_str(word: &str) -> Result<Self, UnknownCriticality> {
        Self::ALL
            .into_iter()
            .find(|one| one.as_str() == word)
            .ok_or_else(|| UnknownCriticality(word.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_no_other_does() {
        for one in Criticality::ALL {
            assert_eq!(one.to_string().parse(), Ok(one));
        }
        for word in ["", "Critical", "urgent"] {
            let error = word.parse::<Criticality>().unwrap_err();
            assert!(error.to_string().contains("sheddable, default or critical"));
        }
    }
}
