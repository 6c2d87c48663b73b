//! Health, found by offer: only what has carried traffic is listed, so the few
//! entries are looked up in the catalog rather than each offer in the entries.

use tollgate_core::{
    Breaker, CatalogView, Health, HealthView, LaneId, LaneIndex, ModelId, OfferIndex, Spot,
};

/// Share of failed attempts before any was seen: one failure in twenty calls
/// as prior knowledge, `(0 + 1) / (0 + 20)`.
const PRIOR_FAILURE_SHARE: f32 = 0.05;

/// What health says of one offer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Condition {
    pub(crate) is_open: bool,
    pub(crate) failure_share: f32,
    pub(crate) first_token_ms: Option<f32>,
}

const UNKNOWN: Condition = Condition {
    is_open: false,
    failure_share: PRIOR_FAILURE_SHARE,
    first_token_ms: None,
};

/// The entries of a health view by offer and by lane, reused between plans.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    /// Those of offers, in their order.
    offers: Vec<(OfferIndex, Condition)>,
    /// Those of all lanes.
    lanes: Vec<Condition>,
}

impl Overlay {
    pub(crate) fn fill(&mut self, view: &CatalogView, health: &HealthView) {
        let entries = health.entries();
        self.lanes.clear();
        self.lanes.extend(view.lanes().iter().map(|lane| {
            let spots = entries.iter().filter(|entry| entry.spot.carries(lane));
            spots.map(condition).reduce(together).unwrap_or(UNKNOWN)
        }));
        self.offers.clear();
        self.offers.extend(entries.iter().filter_map(|entry| {
            let Spot::Endpoint { lane, model } = &entry.spot else {
                return None;
            };
            Some((find(view, lane, model)?, condition(entry)))
        }));
        self.offers.sort_by_key(|(offer, _)| *offer);
    }

    /// The condition of an offer: its own, else its lane's; a lane that is out
    /// of service takes all its offers with it.
    pub(crate) fn of(&self, offer: OfferIndex, lane: LaneIndex) -> Condition {
        let on_lane = self.lanes[usize::from(lane.0)];
        match self.offers.binary_search_by_key(&offer, |(of, _)| *of) {
            Ok(at) => Condition {
                is_open: self.offers[at].1.is_open || on_lane.is_open,
                ..self.offers[at].1
            },
            Err(_) => on_lane,
        }
    }

    /// The first offer from there on that has a condition of its own.
    pub(crate) fn next(&self, begin: OfferIndex) -> Option<OfferIndex> {
        let passed = self.offers.partition_point(|(of, _)| *of < begin);
        self.offers.get(passed).map(|(offer, _)| *offer)
    }

    /// The conditions of all lanes, which are those of their other offers.
    pub(crate) fn lanes(&self) -> &[Condition] {
        &self.lanes
    }
}

/// The condition of a lane that stands on two spots: it is out of service with
/// either of them, and fails as often as the worse.
fn together(one: Condition, other: Condition) -> Condition {
    Condition {
        is_open: one.is_open || other.is_open,
        failure_share: one.failure_share.max(other.failure_share),
        first_token_ms: one.first_token_ms.or(other.first_token_ms),
    }
}

pub(crate) fn find(view: &CatalogView, lane: &LaneId, model: &ModelId) -> Option<OfferIndex> {
    let mut offers = view.offers_of(view.find_served(model)?);
    offers.find(|offer| view.lane(view.offer(*offer).lane).id == *lane)
}

fn condition(entry: &Health) -> Condition {
    Condition {
        is_open: entry.breaker == Breaker::Open,
        failure_share: entry.failure_share.clamp(0.0, 1.0),
        first_token_ms: entry.first_token_ms,
    }
}
