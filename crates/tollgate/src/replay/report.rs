//! What a replay comes to.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::Serialize;
use tollgate_core::{CatalogView, LaneId, ModelId, Timestamp, Usd};

use super::{Compared, Verdict};
use crate::record::CallRecord;

/// Recorded calls under another policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayReport {
    /// The policy.
    pub policy: String,
    /// When the catalog was true that decided and priced anew.
    pub catalog_as_of: Timestamp,
    /// Calls that were recorded.
    pub calls: u64,
    /// Of them, those that got no answer, or one of unknown cost.
    pub unanswered: u64,
    /// Of them, those that the policy could not have served, by reason, most
    /// first.
    pub unserved: Vec<Unserved>,
    /// All others: what they cost, and what they would cost.
    pub compared: Sums,
    /// How many of those were for a model that the caller or the configuration
    /// named.
    pub named: u64,
    /// How many had been given to a model that today's catalog does not have.
    pub retired: u64,
    /// How many would go to another model or lane.
    pub moved: u64,
    /// How many were decided without a look at the prompt, since another learned
    /// router than the one in use has read it, or none has.
    pub unlooked: u64,
    /// Which would go where; what saves or costs most comes first.
    pub moves: Vec<Move>,
    /// Quality of the models, where it has been measured.
    pub quality: Option<Shift>,
    /// Expected milliseconds to a complete answer, with everything healthy,
    /// where today's catalog has published speeds of both choices.
    pub latency_ms: Option<Shift>,
}

/// Money before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Sums {
    /// How many calls.
    pub calls: u64,
    /// What they cost.
    pub actual: Usd,
    /// What they would cost.
    pub replayed: Usd,
    /// Where the difference comes from.
    pub difference: Difference,
}

/// What leads from what calls cost to what they would cost; below zero is
/// cheaper. The parts add up exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Difference {
    /// From what was paid to the published prices of the first choice: failing
    /// over to a dearer target, and bills that differ from published prices.
    pub serving: Usd,
    /// From the first choice's prices at the time to its prices now.
    pub prices: Usd,
    /// From the old choice to the new one, at today's prices, and from what
    /// rejected answers cost to nothing.
    pub choice: Usd,
}

impl Difference {
    /// All parts together.
    pub fn total(&self) -> Usd {
        self.serving + self.prices + self.choice
    }
}

impl AddAssign for Difference {
    fn add_assign(&mut self, other: Self) {
        self.serving += other.serving;
        self.prices += other.prices;
        self.choice += other.choice;
    }
}

/// From one choice to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Route {
    /// The model that was chosen.
    pub from: ModelId,
    /// Its lane.
    pub from_lane: LaneId,
    /// The model that would be.
    pub to: ModelId,
    /// Its lane.
    pub to_lane: LaneId,
}

impl Route {
    /// Whether it leads anywhere else.
    pub fn moves(&self) -> bool {
        (&self.from, &self.from_lane) != (&self.to, &self.to_lane)
    }
}

/// Calls that would go from one model to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// From where to where.
    #[serde(flatten)]
    pub route: Route,
    /// How many calls.
    pub calls: u64,
    /// What the other choice saves, at today's prices; below zero is dearer.
    pub saved: Usd,
}

/// Calls that the policy could not have served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unserved {
    /// Why.
    pub reason: String,
    /// How many calls.
    pub calls: u64,
    /// What they cost; in no other sum.
    pub actual: Usd,
}

/// Two means over the same calls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shift {
    /// How many calls.
    pub calls: u64,
    /// With the old choices.
    pub old: f64,
    /// With the new choices.
    pub new: f64,
}

/// A report in the making.
#[derive(Debug)]
pub(super) struct Tally {
    report: ReplayReport,
    unserved: BTreeMap<String, Unserved>,
    moves: BTreeMap<Route, Move>,
    quality: Means,
    latency_ms: Means,
}

impl Tally {
    pub(super) fn new(policy: &str, view: &CatalogView) -> Self {
        Self {
            report: ReplayReport {
                policy: policy.to_owned(),
                catalog_as_of: view.as_of(),
                calls: 0,
                unanswered: 0,
                unserved: Vec::new(),
                compared: Sums::default(),
                named: 0,
                retired: 0,
                moved: 0,
                unlooked: 0,
                moves: Vec::new(),
                quality: None,
                latency_ms: None,
            },
            unserved: BTreeMap::new(),
            moves: BTreeMap::new(),
            quality: Means::default(),
            latency_ms: Means::default(),
        }
    }

    pub(super) fn add(&mut self, record: &CallRecord, verdict: &Verdict, is_named: bool) {
        self.report.calls += 1;
        match verdict {
            Verdict::Unanswered => self.report.unanswered += 1,
            Verdict::Unserved(reason) => self.add_unserved(reason, record.cost()),
            Verdict::Compared(compared) => {
                self.report.named += u64::from(is_named);
                self.add_compared(compared);
            }
        }
    }

    pub(super) fn add_unlooked(&mut self) {
        self.report.unlooked += 1;
    }

    pub(super) fn finish(self) -> ReplayReport {
        let mut unserved: Vec<_> = self.unserved.into_values().collect();
        unserved.sort_by_key(|one| std::cmp::Reverse(one.calls));
        let mut moves: Vec<_> = self.moves.into_values().collect();
        moves.sort_by_key(|one| std::cmp::Reverse(one.saved.nanos().unsigned_abs()));
        ReplayReport {
            unserved,
            moves,
            quality: self.quality.shift(),
            latency_ms: self.latency_ms.shift(),
            ..self.report
        }
    }

    fn add_unserved(&mut self, reason: &str, actual: Usd) {
        let of_reason = self.unserved.entry(reason.to_owned());
        let unserved = of_reason.or_insert_with(|| Unserved {
            reason: reason.to_owned(),
            calls: 0,
            actual: Usd::ZERO,
        });
        unserved.calls += 1;
        unserved.actual += actual;
    }

    fn add_compared(&mut self, compared: &Compared) {
        let sums = &mut self.report.compared;
        sums.calls += 1;
        sums.actual += compared.actual;
        sums.replayed += compared.replayed;
        sums.difference += compared.difference;
        self.report.retired += u64::from(compared.retired);
        if let Some([old, new]) = compared.quality {
            self.quality.add(old.into(), new.into());
        }
        if let Some([old, new]) = compared.latency_ms {
            self.latency_ms.add(old.into(), new.into());
        }
        if compared.route.moves() {
            self.report.moved += 1;
            self.add_move(compared);
        }
    }

    fn add_move(&mut self, compared: &Compared) {
        let on_route = self.moves.entry(compared.route.clone());
        let moved = on_route.or_insert_with(|| Move {
            route: compared.route.clone(),
            calls: 0,
            saved: Usd::ZERO,
        });
        moved.calls += 1;
        moved.saved -= compared.difference.choice;
    }
}

#[derive(Debug, Default)]
struct Means {
    calls: u32,
    old: f64,
    new: f64,
}

impl Means {
    fn add(&mut self, old: f64, new: f64) {
        self.calls = self.calls.saturating_add(1);
        self.old += old;
        self.new += new;
    }

    fn shift(&self) -> Option<Shift> {
        let calls = f64::from(self.calls);
        (self.calls > 0).then(|| Shift {
            calls: self.calls.into(),
            old: self.old / calls,
            new: self.new / calls,
        })
    }
}
