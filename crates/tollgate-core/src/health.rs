use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::{Lane, LaneId, ModelId};

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

/// What has a health of its own. A candidate stands on four spots, and needs
/// all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "scope")]
pub enum Spot {
    /// A host.
    Authority {
        /// Its name, as lanes give it.
        authority: Arc<str>,
    },
    /// An account, which has money or not.
    Account {
        /// Its name, as lanes give it.
        account: Arc<str>,
    },
    /// A key, which is a lane's own.
    Key {
        /// The lane.
        lane: LaneId,
    },
    /// A model on a lane, as that lane's key gets it.
    Endpoint {
        /// The lane.
        lane: LaneId,
        /// The model.
        model: ModelId,
    },
}

impl Spot {
    /// The spots on which a model on a lane stands, the widest first.
    pub fn of(lane: &Lane, model: &ModelId) -> [Self; 4] {
        [
            Self::Authority {
                authority: lane.authority.clone(),
            },
            Self::Account {
                account: lane.account.clone(),
            },
            Self::Key {
                lane: lane.key.clone(),
            },
            Self::Endpoint {
                lane: lane.key.clone(),
                model: model.clone(),
            },
        ]
    }

    /// Whether everything on that lane stands on it.
    pub fn carries(&self, lane: &Lane) -> bool {
        match self {
            Self::Authority { authority } => *authority == lane.authority,
            Self::Account { account } => *account == lane.account,
            Self::Key { lane: id } => *id == lane.key,
            Self::Endpoint { .. } => false,
        }
    }

    /// The kind of spot, as it is called in logs, metrics and tables.
    pub const fn scope(&self) -> &'static str {
        match self {
            Self::Authority { .. } => "authority",
            Self::Account { .. } => "account",
            Self::Key { .. } => "key",
            Self::Endpoint { .. } => "endpoint",
        }
    }
}

/// `key openrouter`, `endpoint openrouter author/slug`.
impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = self.scope();
        match self {
            Self::Authority { authority: name } | Self::Account { account: name } => {
                write!(f, "{scope} {name}")
            }
            Self::Key { lane } => write!(f, "{scope} {lane}"),
            Self::Endpoint { lane, model } => write!(f, "{scope} {lane} {model}"),
        }
    }
}

/// What was seen of one spot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// What it is the health of.
    #[serde(flatten)]
    pub spot: Spot,
    /// Whether traffic flows.
    pub breaker: Breaker,
    /// Smoothed share of failed attempts, 0 to 1.
    pub failure_share: f32,
    /// Smoothed time to the first token in milliseconds, when something was measured.
    pub first_token_ms: Option<f32>,
    /// Attempts seen in the window.
    pub attempts: u32,
    /// Attempts that are running.
    pub in_flight: u32,
    /// Milliseconds until an open breaker lets a probe through.
    pub opens_in_ms: u64,
    /// The last failure, in words.
    pub last_failure: Option<String>,
    /// What a person should look at, in words.
    pub alarm: Option<String>,
}

impl Health {
    /// A spot of which nothing was seen yet.
    pub fn unseen(spot: Spot) -> Self {
        Self {
            spot,
            breaker: Breaker::Closed,
            failure_share: 0.0,
            first_token_ms: None,
            attempts: 0,
            in_flight: 0,
            opens_in_ms: 0,
            last_failure: None,
            alarm: None,
        }
    }
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
