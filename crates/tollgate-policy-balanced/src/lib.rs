#![doc = include_str!("../README.md")]

mod log2;

use fearless_simd::{Level, Simd, dispatch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_core::{CallProfile, Candidate, Ranking, RoutingPolicy};

use crate::log2::log2;

const ABREAST: usize = Ranking::ABREAST;

/// Weights and reference points; the defaults are those of the formula in the
/// crate's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BalancedConfig {
    /// Weight of quality. Default 1.
    pub w_quality: f32,
    /// Weight of cost. Default 0.35.
    pub w_cost: f32,
    /// Weight of the time to a complete answer. Default 0.10.
    pub w_latency: f32,
    /// Weight of the share of failed attempts. Default 0.5.
    pub w_failure: f32,
    /// The user's dial from quality (0) to cost (1): `w_cost` is multiplied by
    /// `2^(6·dial − 3)`. Default 0.5, which leaves it as it is.
    pub dial: f32,
    /// Standard errors that are taken off an uncertain quality. Default 0.5.
    pub z: f32,
    /// Cost below which differences hardly matter, in US dollars. Default 0.00001.
    pub c0: f32,
    /// Cost that counts as 1, in US dollars. Default 0.05.
    pub c_ref: f32,
    /// What quality from 0 to 1 is worth, in US dollars for one call. With it,
    /// cost counts as dollars and not by its logarithm, and `w_cost`, `c0` and
    /// `c_ref` do not matter. Default: none.
    pub dollars_per_quality: Option<f32>,
    /// Time below which differences hardly matter, in seconds. Default 0.2.
    pub l0: f32,
    /// Time that counts as 1, in seconds. Default 30.
    pub l_ref: f32,
}

impl Default for BalancedConfig {
    fn default() -> Self {
        Self {
            w_quality: 1.0,
            w_cost: 0.35,
            w_latency: 0.10,
            w_failure: 0.5,
            dial: 0.5,
            z: 0.5,
            c0: 1e-5,
            c_ref: 0.05,
            dollars_per_quality: None,
            l0: 0.2,
            l_ref: 30.0,
        }
    }
}

impl BalancedConfig {
    /// The first figure by which nothing can be ranked, and what is wrong with it.
    ///
    /// ```
    /// use tollgate_policy_balanced::BalancedConfig;
    ///
    /// let config = BalancedConfig { c0: 0.0, ..BalancedConfig::default() };
    /// assert_eq!(config.problem(), Some(("c0", "0 is no number above 0".into())));
    /// assert_eq!(BalancedConfig::default().problem(), None);
    /// ```
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if !(0.0..=1.0).contains(&self.dial) {
            return Some(("dial", format!("{} is not between 0 and 1", self.dial)));
        }
        let references = [
            ("c0", Some(self.c0)),
            ("c_ref", Some(self.c_ref)),
            ("dollars_per_quality", self.dollars_per_quality),
            ("l0", Some(self.l0)),
            ("l_ref", Some(self.l_ref)),
        ];
        for (key, value) in references {
            if let Some(value) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
                return Some((key, format!("{value} is no number above 0")));
            }
        }
        let weights = [
            ("w_quality", self.w_quality),
            ("w_cost", self.w_cost),
            ("w_latency", self.w_latency),
            ("w_failure", self.w_failure),
            ("z", self.z),
        ];
        let wrong = weights
            .into_iter()
            .find(|(_, value)| !(value.is_finite() && *value >= 0.0));
        wrong.map(|(key, value)| (key, format!("{value} is no number of at least 0")))
    }
}

/// The knee between quality and cost, with speed and health as lesser terms.
#[derive(Debug, Clone)]
pub struct Balanced {
    config: BalancedConfig,
    cost: LogScale,
    /// Weight of a nano-dollar, where cost counts as dollars.
    per_nano: f32,
    latency: LogScale,
}

impl Balanced {
    /// The policy with these weights.
    pub fn new(config: BalancedConfig) -> Self {
        let dial = (6.0 * config.dial.clamp(0.0, 1.0) - 3.0).exp2();
        let (w_cost, per_nano) = match config.dollars_per_quality {
            None => (config.w_cost * dial, 0.0),
            Some(dollars) => (0.0, config.w_quality * dial / (dollars.max(1e-6) * 1e9)),
        };
        Self {
            config,
            cost: LogScale::new(config.c0 * 1e9, config.c_ref * 1e9, w_cost),
            per_nano,
            latency: LogScale::new(config.l0 * 1e3, config.l_ref * 1e3, config.w_latency),
        }
    }
}

impl Default for Balanced {
    fn default() -> Self {
        Self::new(BalancedConfig::default())
    }
}

impl RoutingPolicy for Balanced {
    fn rank(&self, _: &CallProfile, candidates: &[Candidate]) -> Ranking {
        let ranking = dispatch!(Level::new(), simd => self.by_utility(simd, candidates));
        ranking.with_terms(candidates, |candidate| {
            let [quality, cost, time, failures] = self.parts(figures(candidate));
            [
                ("quality", quality),
                ("cost", -cost),
                ("time", -time),
                ("failures", -failures),
            ]
        })
    }
}

impl Balanced {
    /// Inlined, with all that it runs, so that the compiler makes it of the vectors
    /// that were chosen.
    #[inline(always)]
    fn by_utility<S: Simd>(&self, _: S, candidates: &[Candidate]) -> Ranking {
        Ranking::by_scores(candidates, |group| self.utilities(group))
    }

    /// The utilities of candidates side by side. Figures are put into columns
    /// first: a loop over those is worked out for many at a time.
    #[inline(always)]
    fn utilities(&self, candidates: &[Candidate; ABREAST]) -> [f64; ABREAST] {
        let mut columns = [[0.0; ABREAST]; 5];
        for (at, candidate) in candidates.iter().enumerate() {
            for (column, figure) in columns.iter_mut().zip(figures(candidate)) {
                column[at] = figure;
            }
        }
        let [means, errors, nanos, latencies, failures] = &columns;
        let mut utilities = [0.0_f32; ABREAST];
        for (at, utility) in utilities.iter_mut().enumerate() {
            let figures = [
                means[at],
                errors[at],
                nanos[at],
                latencies[at],
                failures[at],
            ];
            let [quality, cost, time, failures] = self.parts(figures);
            *utility = quality - cost - time - failures;
        }
        utilities.map(f64::from)
    }

    /// Weighted quality, cost, time and failures.
    #[inline(always)]
    fn parts(&self, [mean, error, nanos, latency_ms, failure_share]: [f32; 5]) -> [f32; 4] {
        let config = &self.config;
        [
            config.w_quality * (mean - config.z * error),
            self.cost.of(nanos) + self.per_nano * nanos,
            self.latency.of(latency_ms),
            config.w_failure * failure_share,
        ]
    }
}

/// What counts of a candidate: quality, its error, cost in nano-dollars, time to
/// a complete answer and share of failures.
#[inline(always)]
fn figures(candidate: &Candidate) -> [f32; 5] {
    [
        candidate.quality.mean,
        candidate.quality.error,
        candidate.expected.nanos() as f32,
        candidate.latency_ms,
        candidate.failure_share,
    ]
}

/// `weight · log(1 + x/origin) / log(1 + reference/origin)`: absolute, so that
/// the value of a candidate does not depend on which others compete.
#[derive(Debug, Clone, Copy)]
struct LogScale {
    per_origin: f32,
    factor: f32,
}

impl LogScale {
    fn new(origin: f32, reference: f32, weight: f32) -> Self {
        Self {
            per_origin: 1.0 / origin,
            factor: weight / (1.0 + reference / origin).log2(),
        }
    }

    // What is not a number stays one, and `log2` makes it dear.
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        self.factor * log2(1.0 + x.clamp(0.0, f32::MAX) * self.per_origin)
    }
}
