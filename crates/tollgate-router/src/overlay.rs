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
    offers: Vec<(OfferIndex, Condition)>,
    lanes: Vec<(LaneIndex, Condition)>,
}

impl Overlay {
    pub(crate) fn fill(&mut self, view: &CatalogView, health: &HealthView) {
        self.offers.clear();
        self.lanes.clear();
        for entry in health.entries() {
            match &entry.spot {
                Spot::Endpoint { lane, model } => {
                    let offer = find(view, lane, model);
                    self.offers
                        .extend(offer.map(|offer| (offer, condition(entry))));
                }
                wide => self.carry(view, wide, condition(entry)),
            }
        }
        self.offers.sort_by_key(|(offer, _)| *offer);
    }

    /// Notes the condition of a spot on which whole lanes stand: a lane is out
    /// of service with any of its spots, and fails as often as the worst.
    fn carry(&mut self, view: &CatalogView, spot: &Spot, condition: Condition) {
        let lanes = (0_u16..).zip(view.lanes());
        for (index, _) in lanes.filter(|(_, lane)| spot.carries(lane)) {
            let index = LaneIndex(index);
            match self.lanes.iter_mut().find(|(lane, _)| *lane == index) {
                None => self.lanes.push((index, condition)),
                Some((_, known)) => {
                    known.is_open |= condition.is_open;
                    known.failure_share = known.failure_share.max(condition.failure_share);
                    known.first_token_ms = known.first_token_ms.or(condition.first_token_ms);
                }
            }
        }
    }

    /// The condition of an offer: its own, else its lane's; a lane that is out
    /// of service takes all its offers with it.
    #[inline]
    pub(crate) fn of(&self, offer: OfferIndex, lane: LaneIndex) -> Condition {
        if self.offers.is_empty() && self.lanes.is_empty() {
            return UNKNOWN;
        }
        let on_lane = self
            .lanes
            .iter()
            .find(|(of, _)| *of == lane)
            .map(|(_, condition)| *condition);
        let own = match self.offers.binary_search_by_key(&offer, |(of, _)| *of) {
            Ok(at) => Some(self.offers[at].1),
            Err(_) => None,
        };
        let condition = own.or(on_lane).unwrap_or(UNKNOWN);
        Condition {
            is_open: condition.is_open || on_lane.is_some_and(|lane| lane.is_open),
            ..condition
        }
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
