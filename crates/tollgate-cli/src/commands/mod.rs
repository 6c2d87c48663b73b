//! One file per command.

pub(crate) mod budgets;
pub(crate) mod byok;
pub(crate) mod chat;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod models;
pub(crate) mod plan;
pub(crate) mod prices;
pub(crate) mod quality;
pub(crate) mod reconcile;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod router;
pub(crate) mod serve;
pub(crate) mod sim;
pub(crate) mod usage;
