//! Behaviours of the whole gateway, against the simulator.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod accounting;
mod budgets;
mod cascade;
mod config;
mod doubts;
mod dropped;
mod guides;
mod endpoints;
mod feedback;
mod habits;
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
mod sessions;
mod spans;
mod storm;
mod support;
mod trial;
mod upstream;
mod walker;
mod whole;
