//! Health, found by offer: only what has carried traffic is listed, so the few
//! entries are looked up in the catalog rather than each offer in the entries.

use tollgate_core::{Breaker, CatalogView, Health, HealthView, LaneIndex, OfferIndex};

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
            let lanes = (0_u16..).zip(view.lanes());
            let Some((lane, _)) = lanes.into_iter().find(|(_, lane)| lane.id == entry.lane) else {
                continue;
            };
            let lane = LaneIndex(lane);
            match &entry.model {
                None => self.lanes.push((lane, condition(entry))),
                Some(model) => {
                    let Some(model) = view.find_served(model) else {
                        continue;
                    };
                    let mut offers = view.offers_of(model);
                    if let Some(offer) = offers.find(|offer| view.offer(*offer).lane == lane) {
                        self.offers.push((offer, condition(entry)));
                    }
                }
            }
        }
        self.offers.sort_by_key(|(offer, _)| *offer);
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

fn condition(entry: &Health) -> Condition {
    Condition {
        is_open: entry.breaker == Breaker::Open,
        failure_share: entry.failure_share.clamp(0.0, 1.0),
        first_token_ms: entry.first_token_ms,
    }
}
