use std::collections::{BTreeMap, HashSet};

use tollgate_core::{Capabilities, Lane, ModelId, Price};

use crate::CatalogError;

/// A lane and the models that it carries.
#[derive(Debug, Clone)]
pub struct LaneSpec {
    /// The lane.
    pub lane: Lane,
    /// What it carries.
    pub serves: Serves,
}

/// What a lane carries.
#[derive(Debug, Clone)]
pub enum Serves {
    /// Every listed model, under its own id, at the listed price.
    All,
    /// These models only, by the id that callers use.
    Map(BTreeMap<ModelId, Served>),
}

/// One model on a direct lane.
#[derive(Debug, Clone)]
pub struct Served {
    /// The model's name on this lane.
    pub upstream_id: ModelId,
    /// What it costs here. The list's price is another seller's: without one of its own the price is unknown.
    pub price: Option<Price>,
    /// Context window in tokens; the listed one when absent.
    pub context: Option<u32>,
    /// Most output tokens; the listed limit when absent.
    pub max_output: Option<u32>,
    /// What it can do here; the listed capabilities when absent, and text only for a model that is not listed.
    pub can: Option<Capabilities>,
}

impl Served {
    /// A model under that name, everything else as listed and the price unknown.
    pub fn new(upstream_id: ModelId) -> Self {
        Self {
            upstream_id,
            price: None,
            context: None,
            max_output: None,
            can: None,
        }
    }
}

pub(crate) fn check(lanes: &[LaneSpec]) -> Result<(), CatalogError> {
    if lanes.is_empty() {
        return Err(CatalogError::NoLane);
    }
    let mut seen = HashSet::new();
    match lanes.iter().find(|spec| !seen.insert(&spec.lane.id)) {
        Some(twice) => Err(CatalogError::DuplicateLane(twice.lane.id.clone())),
        None => Ok(()),
    }
}
