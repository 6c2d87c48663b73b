//! How fast a key may call.

mod gate;
mod purse;
mod refusal;
mod window;

mod memory;
mod shared;
mod store;

pub use self::gate::{Admitted, Gate, Permit, Taken};
pub use self::memory::MemoryLimits;
pub use self::refusal::LimitRefusal;
pub use self::shared::SharedLimits;
pub use self::store::{EndedSlice, LimitStore, SLICE_FOR, SLICE_WINDOW, SliceAsk, SliceGrant};
pub use self::window::WINDOW;

use crate::config::KeyConfig;

/// What a key is limited to; as much as comes where there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Limits {
    /// Requests in any [`WINDOW`].
    pub requests: Option<u32>,
    /// Tokens in any [`WINDOW`].
    pub tokens: Option<u64>,
    /// Requests at the same time.
    pub concurrent: Option<u32>,
}

impl Limits {
    pub(crate) fn of(config: &KeyConfig) -> Self {
        Self {
            requests: config.requests_per_minute,
            tokens: config.tokens_per_minute,
            concurrent: config.max_concurrent,
        }
    }

    /// Whether anything is counted by time.
    pub(crate) fn has_rates(&self) -> bool {
        self.requests.is_some() || self.tokens.is_some()
    }

    /// The most of both in a window.
    pub(crate) fn most(&self) -> Amount {
        Amount {
            requests: self.requests.map_or(u64::MAX, u64::from),
            tokens: self.tokens.unwrap_or(u64::MAX),
        }
    }
}

/// So many requests and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amount {
    pub(crate) requests: u64,
    pub(crate) tokens: u64,
}

impl Amount {
    /// One request of so many tokens.
    pub(crate) fn one(tokens: u64) -> Self {
        Self {
            requests: 1,
            tokens,
        }
    }

    pub(crate) fn fits(self, room: Self) -> bool {
        self.requests <= room.requests && self.tokens <= room.tokens
    }
}

/// Both by themselves; at its ends it stays where it is.
impl std::ops::Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }
}

impl std::ops::Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(other.requests),
            tokens: self.tokens.saturating_sub(other.tokens),
        }
    }
}
