//! Behaviours of the whole gateway, against the simulator.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod accounting;
mod budgets;
mod config;
mod doubts;
mod dropped;
mod guides;
mod feedback;
mod learned;
mod left;
mod onward;
mod openrouter_integration;
mod own_lane;
mod planning;
mod recorded_costs;
mod rejoin;
mod reload;
mod replay;
mod resume;
mod rig;
mod spans;
mod storm;
mod support;
mod walker;
mod whole;
