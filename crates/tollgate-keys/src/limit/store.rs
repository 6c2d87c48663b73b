use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tollgate_core::StoreError;

/// How long a node may use a slice, from the moment at which it asked for it.
/// Short, since it is longer in the count by as much; long enough that a
/// database is asked once for many requests.
pub const SLICE_FOR: Duration = Duration::from_secs(5);

/// How long a slice counts: the minute that any use of it is counted in, after
/// the last moment at which it can be used, and a second for a request that has
/// read the clock and was not run for a while.
pub const SLICE_WINDOW: Duration = Duration::from_secs(66);

/// Where nodes share the limits of keys.
///
/// # Contract
/// - At every moment, the slices of a key that were granted in the last
///   [`SLICE_WINDOW`] by the store's own clock are together within the limit
///   that was asked with, each with what it ended with if that was reported.
/// - What ended is taken back before anything is granted. To report a slice
///   again replaces what was reported; to do so twice is to do it once.
/// - An ask is granted in part when there is not enough left, and with nothing
///   when there is nothing left. Asks of one call see each other.
/// - A grant whose answer is lost is lost: it ends with its window.
/// - A future that is dropped leaves nothing half done.
#[async_trait]
pub trait LimitStore: Send + Sync + fmt::Debug {
    /// Takes reports of slices that have ended and grants new ones, all in one
    /// go. Returns an answer to each ask, in their order.
    async fn lease(
        &self,
        ended: &[EndedSlice],
        asks: &[SliceAsk],
    ) -> Result<Vec<SliceGrant>, StoreError>;
}

/// A slice that its node does not use any more, and what was used of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedSlice {
    /// The slice.
    pub id: u64,
    /// Requests that were made by it.
    pub requests: u64,
    /// Tokens that they came to, as far as it is known; can be more than the
    /// slice had.
    pub tokens: u64,
}

/// What a node wants of one key's minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceAsk {
    /// Name of the key.
    pub key: Arc<str>,
    /// Most requests in a minute, as this node is configured.
    pub most_requests: u64,
    /// Most tokens in a minute.
    pub most_tokens: u64,
    /// How many requests to take.
    pub requests: u64,
    /// How many tokens to take.
    pub tokens: u64,
}

/// The answer to one ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceGrant {
    /// By what the slice is reported when it has ended.
    pub id: u64,
    /// Requests granted; at most what was asked for.
    pub requests: u64,
    /// Tokens granted; at most what was asked for.
    pub tokens: u64,
    /// When the oldest slice that counts against the key will not any more.
    pub frees_in: Duration,
}
