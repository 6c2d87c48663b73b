use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::{ModelId, Task};

/// Who says of an answer whether it was good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FeedbackSource {
    /// Its caller, or somebody whom the caller has asked.
    Rating,
    /// Whether it is JSON, where a JSON schema was asked for.
    Schema,
    /// Whether the arguments of its tool calls are JSON.
    ToolCall,
    /// That its caller has asked the same again soon.
    Retry,
    /// Whether it came to its own end, rather than to a limit or a filter.
    Finish,
}

/// Name, and weight in thousandths, in the order of the sources.
///
/// A rating is about what was wanted; the others are signs of it, the surer
/// ones heavier. All that is seen of one call together weighs about as much as
/// one rating.
const TABLE: [(&str, u32); FeedbackSource::ALL.len()] = [
    ("rating", 1_000),
    ("schema", 500),
    ("tool_call", 500),
    ("retry", 300),
    ("finish", 100),
];

impl FeedbackSource {
    /// All sources, in order.
    pub const ALL: [Self; 5] = [
        Self::Rating,
        Self::Schema,
        Self::ToolCall,
        Self::Retry,
        Self::Finish,
    ];

    /// The name used in stores and reports.
    pub fn as_str(self) -> &'static str {
        TABLE[self as usize].0
    }

    /// What one observation weighs, in thousandths of a rating.
    pub fn weight(self) -> u32 {
        TABLE[self as usize].1
    }

    /// Whether the gateway sees it by itself.
    pub fn is_automatic(self) -> bool {
        self != Self::Rating
    }
}

impl fmt::Display for FeedbackSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for FeedbackSource {
    type Err = UnknownFeedbackSource;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|source| source.as_str() == text)
            .ok_or_else(|| UnknownFeedbackSource(text.chars().take(40).collect()))
    }
}

/// The name of a source that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown source of feedback {0:?}")]
pub struct UnknownFeedbackSource(String);

/// What one source said of one model at one task on one day, summed. Integers,
/// so that sums do not depend on the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FeedbackRow {
    /// UTC day of the calls, in days since 1970-01-01.
    pub day: i64,
    /// The model that answered, by the catalog's id without a variant.
    pub model: ModelId,
    /// What the calls were about.
    pub task: Task,
    /// Who said it.
    pub source: FeedbackSource,
    /// Sum of the weights, in thousandths; 0 in a row that corrects a score.
    pub weight: i64,
    /// Sum of scores from 0 to 1 times their weights, in thousandths.
    pub sum: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_sources() {
        for source in FeedbackSource::ALL {
            assert_eq!(serde_json::json!(source), source.as_str());
            assert_eq!(source.as_str().parse(), Ok(source));
        }
        assert!("stars".parse::<FeedbackSource>().is_err());
    }
}
