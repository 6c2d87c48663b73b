use async_trait::async_trait;

use crate::{Cost, Failure, GenerationId, LaneId, Served, TokenUsage};

/// Asks an upstream afterwards what a generation cost.
///
/// # Contract
/// `Ok(None)` means *not known yet*: ask again later. An `Err` that is not
/// retryable means that it never will be.
#[async_trait]
pub trait CostLookup: Send + Sync {
    /// What the generation cost and used.
    async fn look_up(
        &self,
        lane: &LaneId,
        generation: &GenerationId,
    ) -> Result<Option<Reconciled>, Failure>;
}

/// What an upstream says afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciled {
    /// The cost, with source `reconciled`.
    pub cost: Cost,
    /// The tokens.
    pub tokens: TokenUsage,
    /// Who served it.
    pub served: Served,
}
