use std::sync::Arc;

use serde::Serialize;

use crate::{LaneId, ModelId};

/// State of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Breaker {
    /// Traffic flows.
    #[default]
    Closed,
    /// Traffic is refused.
    Open,
    /// A few calls are let through to see whether it works again.
    Probing,
}

impl Breaker {
    /// The name used in logs, metrics and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
        }
    }
}

/// What was seen of one model on one lane, or of a whole lane.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// The lane.
    pub lane: LaneId,
    /// The model; `None` for the lane as a whole.
    pub model: Option<ModelId>,
    /// Whether traffic flows.
    pub breaker: Breaker,
    /// Smoothed share of failed attempts, 0 to 1.
    pub failure_share: f32,
    /// Smoothed time to the first token in milliseconds, when something was measured.
    pub first_token_ms: Option<f32>,
    /// Attempts seen in the window.
    pub attempts: u32,
    /// Milliseconds until an open breaker lets a probe through.
    pub opens_in_ms: u64,
    /// The last failure, in words.
    pub last_failure: Option<String>,
}

/// Health at one moment, as policies and people may see it. Only what has
/// carried traffic is listed; what is not listed is healthy as far as known.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct HealthView(Arc<[Health]>);

impl HealthView {
    /// A view of those entries.
    pub fn new(entries: Vec<Health>) -> Self {
        Self(entries.into())
    }

    /// All entries, in no particular order.
    pub fn entries(&self) -> &[Health] {
        &self.0
    }
}
