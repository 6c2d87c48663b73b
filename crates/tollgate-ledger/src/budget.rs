//! What may be spent in a while, and by whom.

mod config;
pub use self::config::{BudgetConfig, OnSoft, Per, Period};

mod calendar;
mod rule;
pub(crate) use self::rule::{Rule, What, Who};

mod book;
mod purse;
mod refusal;
pub(crate) use self::book::{Budgets, Move};

mod change;
pub(crate) use self::change::{Late, Spent};

mod leaser;
pub(crate) use self::leaser::Leaser;

mod read;
pub use self::read::{BudgetUse, budget_uses};
pub(crate) use self::read::{Counted, carry, reported};
