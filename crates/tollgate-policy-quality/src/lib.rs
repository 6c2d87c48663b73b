#![doc = include_str!("../README.md")]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_core::{CallProfile, Candidate, Ranking, RoutingPolicy};

/// Caution and tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QualityConfig {
    /// Standard errors that are taken off an uncertain quality. Default 0.5.
    pub z: f32,
    /// Candidates within this much of the best are equally good; the cheapest
    /// of them wins. Default 0.01.
    pub tolerance: f32,
}

impl Default for QualityConfig {
    fn default() -> Self {
        Self {
            z: 0.5,
            tolerance: 0.01,
        }
    }
}

impl QualityConfig {
    /// The first figure that makes no sense, and what is wrong with it.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if !(0.0..=1.0).contains(&self.tolerance) {
            return Some((
                "tolerance",
                format!("{} is not between 0 and 1", self.tolerance),
            ));
        }
        let is_sound = self.z.is_finite() && self.z >= 0.0;
        (!is_sound).then(|| ("z", format!("{} is no number of at least 0", self.z)))
    }
}

/// The best quality, and the cheapest of those that are as good.
#[derive(Debug, Clone, Default)]
pub struct BestQuality {
    config: QualityConfig,
}

impl BestQuality {
    /// The policy with this caution and tolerance.
    pub fn new(config: QualityConfig) -> Self {
        Self { config }
    }

    /// The quality that the candidate has with some certainty; what is not a
    /// number is the worst.
    fn bound(&self, candidate: &Candidate) -> f32 {
        let bound = candidate.quality.mean - self.config.z * candidate.quality.error;
        if bound.is_nan() {
            f32::NEG_INFINITY
        } else {
            bound
        }
    }
}

impl RoutingPolicy for BestQuality {
    fn rank(&self, _: &CallProfile, candidates: &[Candidate]) -> Ranking {
        let best = candidates
            .iter()
            .map(|candidate| self.bound(candidate))
            .fold(f32::NEG_INFINITY, f32::max);
        let equal = best - self.config.tolerance;
        Ranking::by_score(candidates, |candidate| {
            let bound = self.bound(candidate);
            // As good as the best: the best's quality, and the thrift beyond.
            if bound >= equal {
                f64::from(best) + thrift(candidate)
            } else {
                f64::from(bound)
            }
        })
        .with_terms(candidates, |candidate| {
            let bound = self.bound(candidate);
            let behind = if bound < best { best - bound } else { 0.0 };
            [
                ("behind_best", behind),
                ("tolerance", self.config.tolerance),
                ("quality", candidate.quality.mean),
                ("uncertainty", candidate.quality.error),
            ]
        })
    }
}

/// 1 when free, half at one cent, towards 0 the dearer.
fn thrift(candidate: &Candidate) -> f64 {
    const CENT: f64 = 1e7;
    CENT / (CENT + candidate.expected.nanos().max(0) as f64)
}
