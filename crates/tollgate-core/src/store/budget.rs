use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;

use super::StoreError;
use crate::{Timestamp, Usd};

/// One window of a budget for one of its keys: what money is counted in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct BudgetWindow {
    /// Name of the budget.
    pub budget: Arc<str>,
    /// Whose share it is, such as a caller; empty when all share one.
    pub key: Arc<str>,
    /// When the window began.
    pub start: Timestamp,
}

/// The windows that an attempt counts in: all of them, or none.
pub type BudgetWindows = Arc<[BudgetWindow]>;

impl fmt::Display for BudgetWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.key {
            "" => write!(f, "{} since {}", self.budget, self.start),
            key => write!(f, "{} of {key:?} since {}", self.budget, self.start),
        }
    }
}

/// What a store has counted in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowSums {
    /// The window.
    pub window: BudgetWindow,
    /// All that was spent.
    pub spent: Usd,
    /// The part of it that was [carried](crate::LedgerEvent::Carried) there.
    pub carried: Usd,
}

/// Shares budgets between the nodes that spend from them.
///
/// A node may admit only what it has leased; what it settles is taken off its
/// lease by the store, in the transaction that appends the settlement. So
/// `spent + leased <= limit` holds at every moment, and so does
/// `spent + held <= limit`.
///
/// # Contract
/// - An ask is granted in part when there is not enough left, and with nothing
///   when there is nothing left.
/// - A lease ends when its node has not [renewed](Self::renew) for too long.
///   What is not held for attempts under way goes back to the budget, and the
///   node's epoch ends: dispatches of an ended epoch are refused by the store.
/// - After an ask without an answer nobody knows what is leased: the node
///   [begins](Self::begin) anew.
#[async_trait]
pub trait BudgetLeases: Send + Sync + fmt::Debug {
    /// Takes from budgets and gives back to them, all in one go.
    async fn lease(&self, asks: &[LeaseAsk]) -> Result<Leased, StoreError>;

    /// Keeps this node's leases for another while, and ends those of nodes
    /// that are gone. Returns the epoch that this node's leases belong to now:
    /// when it is another than before, all earlier leases have ended.
    async fn renew(&self) -> Result<u64, StoreError>;

    /// Ends this node's leases but for what is held for attempts under way, and
    /// begins a new epoch. For a node that does not know what it has leased.
    async fn begin(&self) -> Result<u64, StoreError>;
}

/// What a node wants of one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseAsk {
    /// The window.
    pub window: BudgetWindow,
    /// The budget's limit, as this node is configured.
    pub limit: Usd,
    /// How much more to lease; not negative.
    pub take: Usd,
    /// How much of the lease to give back; not negative.
    pub give: Usd,
}

/// What was leased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The epoch that the leases belong to.
    pub epoch: u64,
    /// An answer to each ask, in their order.
    pub grants: Vec<Grant>,
}

/// The answer to one ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grant {
    /// How much was leased; at most what was asked for.
    pub granted: Usd,
    /// What all nodes have spent in the window.
    pub spent: Usd,
    /// How many nodes hold leases of the window, this one included.
    pub nodes: u32,
}
