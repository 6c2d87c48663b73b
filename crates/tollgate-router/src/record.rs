//! Who listens while a plan is made: counters for `plan`, lists for `explain`.

use tollgate_core::{CatalogView, DropCounts, DropReason, OfferIndex};

/// How a candidate came to its place in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Place in the caller's own list, from 0.
    Named { number: u32 },
    /// Place in the policy's ranking, from 0, and how many competed.
    Ranked { number: u32, of: u32 },
    /// Before the policy's choice, of how many that competed.
    OnTrial { of: u32 },
    /// Place in the fallback chain as configured, from 0.
    Chain { number: u32 },
    /// The best on a host that nothing else is on, and how many competed there.
    OtherHost { of: u32 },
    /// Out of service, behind everything else.
    LastResort,
}

/// Hears of every candidate in the order of the plan, and of every offer that
/// was left out, each once.
pub(crate) trait Recorder {
    fn planned(&mut self, standing: Standing);

    fn dropped(&mut self, offer: OfferIndex, reason: DropReason);

    /// Hears that an offer which was left out for its breaker joins the plan
    /// after all, behind everything else.
    fn last_resort(&mut self, offer: OfferIndex);

    /// Hears of the offers that the catalog bars from open competition, all
    /// but `except`, which is sorted and holds each once.
    fn barred(&mut self, view: &CatalogView, except: &[OfferIndex]);

    /// Hears of the offers that were never looked at, all but `seen`.
    fn not_listed(&mut self, view: &CatalogView, seen: &[OfferIndex]);
}

/// Counts, without remembering which.
impl Recorder for DropCounts {
    fn planned(&mut self, _: Standing) {}

    fn dropped(&mut self, _: OfferIndex, reason: DropReason) {
        self.count(reason);
    }

    fn last_resort(&mut self, _: OfferIndex) {
        self.uncount(DropReason::BreakerOpen);
    }

    fn barred(&mut self, view: &CatalogView, except: &[OfferIndex]) {
        self.add(view.barred_counts());
        for place in except {
            let found = view
                .barred()
                .binary_search_by_key(place, |(place, _)| *place);
            if let Ok(at) = found {
                self.uncount(view.barred()[at].1);
            }
        }
    }

    fn not_listed(&mut self, view: &CatalogView, seen: &[OfferIndex]) {
        for _ in seen.len()..view.offers().len() {
            self.count(DropReason::NotInList);
        }
    }
}

/// Remembers every offer and why.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) standings: Vec<Standing>,
    pub(crate) dropped: Vec<(OfferIndex, DropReason)>,
}

impl Recorder for Collected {
    fn planned(&mut self, standing: Standing) {
        self.standings.push(standing);
    }

    fn dropped(&mut self, offer: OfferIndex, reason: DropReason) {
        self.dropped.push((offer, reason));
    }

    fn last_resort(&mut self, offer: OfferIndex) {
        self.dropped.retain(|(dropped, _)| *dropped != offer);
        self.standings.push(Standing::LastResort);
    }

    fn barred(&mut self, view: &CatalogView, except: &[OfferIndex]) {
        let barred = view.barred().iter();
        self.dropped
            .extend(barred.filter(|(place, _)| except.binary_search(place).is_err()));
    }

    fn not_listed(&mut self, view: &CatalogView, seen: &[OfferIndex]) {
        let all = (0_u32..)
            .zip(view.offers())
            .map(|(number, _)| OfferIndex(number));
        let unseen = all.filter(|offer| !seen.contains(offer));
        self.dropped
            .extend(unseen.map(|offer| (offer, DropReason::NotInList)));
    }
}
