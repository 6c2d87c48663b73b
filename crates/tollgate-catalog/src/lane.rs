use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use tollgate_core::{Capabilities, Lane, ModelId, Price, Timestamp};

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
    /// What a known provider serves, by the price table and the names in it,
    /// resolved anew for each list of models.
    Provider(ProviderModels),
}

/// The models of a provider that the price table knows.
///
/// ```
/// use tollgate_catalog::{ProviderModels, Serves};
/// let serves = Serves::Provider(ProviderModels::of("openai"));
/// ```
#[derive(Debug, Clone)]
pub struct ProviderModels {
    /// The provider, as the price table calls it.
    pub provider: Arc<str>,
    /// Only these of its models; all without.
    pub only: Option<BTreeSet<ModelId>>,
    /// The user's word on what models are called here; it counts before the
    /// table's, and adds models that the table does not know.
    pub models: BTreeMap<ModelId, ModelId>,
    /// The user's word on what models cost here; it counts before the table's.
    /// A price of zero is one that the user has given.
    pub prices: BTreeMap<ModelId, Price>,
}

impl ProviderModels {
    /// All that the table knows of the provider, at the table's prices.
    pub fn of(provider: impl Into<Arc<str>>) -> Self {
        Self {
            provider: provider.into(),
            only: None,
            models: BTreeMap::new(),
            prices: BTreeMap::new(),
        }
    }
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
    /// The moment from which it is not served here any more; the listed one when that is earlier.
    pub expires: Option<Timestamp>,
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
            expires: None,
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
