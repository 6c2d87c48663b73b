use std::ops::RangeInclusive;

/// A value of [`FailoverConfig`](crate::FailoverConfig) that is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failover.{key} is {value}; it must be from {} to {}", range.start(), range.end())]
pub struct InvalidConfig {
    /// The key, below `failover`.
    pub key: &'static str,
    /// The value that was given.
    pub value: u64,
    /// The values that make sense.
    pub range: RangeInclusive<u64>,
}
