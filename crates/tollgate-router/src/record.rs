//! Who listens while a plan is made: counters for `plan`, a list for `explain`.

use tollgate_core::{CatalogView, DropCounts, DropReason, OfferIndex};

/// Hears of every offer that was left out, each once.
pub(crate) trait Recorder {
    fn dropped(&mut self, offer: OfferIndex, reason: DropReason);

    /// Hears of the offers that were never looked at, all but `seen`.
    fn not_listed(&mut self, view: &CatalogView, seen: &[OfferIndex]);
}

/// Counts, without remembering which.
impl Recorder for DropCounts {
    fn dropped(&mut self, _: OfferIndex, reason: DropReason) {
        self.count(reason);
    }

    fn not_listed(&mut self, view: &CatalogView, seen: &[OfferIndex]) {
        for _ in seen.len()..view.offers().len() {
            self.count(DropReason::NotInList);
        }
    }
}

/// Remembers every offer and why.
#[derive(Debug, Default)]
pub(crate) struct Collected(pub(crate) Vec<(OfferIndex, DropReason)>);

impl Recorder for Collected {
    fn dropped(&mut self, offer: OfferIndex, reason: DropReason) {
        self.0.push((offer, reason));
    }

    fn not_listed(&mut self, view: &CatalogView, seen: &[OfferIndex]) {
        let all = (0_u32..)
            .zip(view.offers())
            .map(|(number, _)| OfferIndex(number));
        let unseen = all.filter(|offer| !seen.contains(offer));
        self.0
            .extend(unseen.map(|offer| (offer, DropReason::NotInList)));
    }
}
