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

mod leaser;
pub(crate) use self::leaser::Leaser;

mod read;
pub(crate) use self::read::carry;
pub use self::read::{BudgetUse, budget_uses};
