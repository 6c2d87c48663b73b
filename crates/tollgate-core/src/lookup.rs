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

/// Asks an upstream, for free, whether a lane can be used again.
///
/// # Contract
/// It spends nothing, and sends at most one request. A failure is classified
/// like that of an attempt; `Configuration` means that this lane cannot be
/// asked, and never will be.
#[async_trait]
pub trait LaneCheck: Send + Sync {
    /// What the upstream says of the lane's key and account.
    async fn check(&self, lane: &LaneId) -> Result<Standing, Failure>;
}

/// What an upstream says of a key that it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Whether there is money to spend; `None` when the upstream does not say.
    pub can_pay: Option<bool>,
}
