#![doc = include_str!("../README.md")]

mod config;
mod expiry;
mod hash;
mod pattern;
mod secret;

mod book;
mod entry;
mod error;
mod refusal;

mod limit;

mod store;

pub use crate::book::{KeyBook, KeyTable};
pub use crate::config::{InvalidBudget, KeyBudget, KeyConfig};
pub use crate::entry::KeyEntry;
pub use crate::error::{InvalidKey, InvalidKeys};
pub use crate::expiry::{Expiry, InvalidExpiry};
pub use crate::hash::{InvalidHash, KeyDigest, KeyHash, Pepper};
pub use crate::limit::{
    Admitted, EndedSlice, Gate, LimitRefusal, LimitStore, Limits, MemoryLimits, Permit, SLICE_FOR,
    SLICE_WINDOW, SharedLimits, SliceAsk, SliceGrant, Taken, WINDOW,
};
pub use crate::pattern::{InvalidPattern, ModelPattern};
pub use crate::refusal::KeyRefusal;
pub use crate::secret::{Malformed, NewKey, NoRandomness, PREFIX_LEN, Prefix, TEXT_LEN};
pub use crate::store::{FileKeys, KeyStore, KeyStoreError};
