#![doc = include_str!("../README.md")]

mod config;
mod error;

mod tracker;

mod cover;
mod recovery;
mod reload;

mod admission;
mod budget;
mod books;
mod recorder;

mod queue;
mod writer;

mod memory;
mod sqlite;
mod verify;

pub use crate::books::Totals;
pub use crate::budget::{BudgetConfig, BudgetUse, OnSoft, Per, Period, budget_uses};
pub use crate::config::{Durability, InvalidConfig, LedgerConfig, StoreKind};
pub use crate::error::OpenError;
pub use crate::memory::MemoryStore;
pub use crate::recovery::Recovered;
pub use crate::reload::NewBudgets;
pub use crate::sqlite::SqliteStore;
pub use crate::tracker::UsageTracker;
pub use crate::verify::{Difference, Verified};
