#![doc = include_str!("../README.md")]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_core::{CallProfile, Candidate, Ranking, RoutingPolicy, Task};

/// The quality floor.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheapestConfig {
    /// Least quality, 0 to 1, per task. Default 0: any.
    pub quality_floor: QualityFloor,
    /// Standard errors that are taken off an uncertain quality before it is
    /// held against the floor. Default 0.
    pub z: f32,
}

impl CheapestConfig {
    /// The first figure that makes no sense, and what is wrong with it.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let QualityFloor {
            chat,
            code,
            reasoning,
        } = self.quality_floor;
        let floors = [
            ("quality_floor.chat", chat),
            ("quality_floor.code", code),
            ("quality_floor.reasoning", reasoning),
        ];
        let wrong = floors.into_iter().find(|(_, it)| !(0.0..=1.0).contains(it));
        if let Some((key, value)) = wrong {
            return Some((key, format!("{value} is not between 0 and 1")));
        }
        let is_sound = self.z.is_finite() && self.z >= 0.0;
        (!is_sound).then(|| ("z", format!("{} is no number of at least 0", self.z)))
    }
}

/// Least quality, 0 to 1, per task.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QualityFloor {
    /// For conversation.
    pub chat: f32,
    /// For programs.
    pub code: f32,
    /// For answers that need steps.
    pub reasoning: f32,
}

impl QualityFloor {
    /// The floor of a task.
    pub fn of(&self, task: Task) -> f32 {
        match task {
            Task::Chat => self.chat,
            Task::Code => self.code,
            Task::Reasoning => self.reasoning,
        }
    }
}

/// The least expected cost above a quality floor.
#[derive(Debug, Clone, Default)]
pub struct Cheapest {
    config: CheapestConfig,
}

impl Cheapest {
    /// The policy with this floor.
    pub fn new(config: CheapestConfig) -> Self {
        Self { config }
    }

    fn quality(&self, candidate: &Candidate) -> f32 {
        candidate.quality.mean - self.config.z * candidate.quality.error
    }
}

impl RoutingPolicy for Cheapest {
    fn rank(&self, call: &CallProfile, candidates: &[Candidate]) -> Ranking {
        let floor = self.config.quality_floor.of(call.task);
        let thrift = |candidate: &Candidate| {
            let quality = self.quality(candidate);
            let is_too_bad = floor > 0.0 && quality < floor;
            let score = share_of_tie(quality) - octaves(cost(candidate));
            (!is_too_bad).then_some((score, [speed(candidate), 0.0]))
        };
        let ranking = Ranking::by_score_then(candidates, thrift);
        if ranking.as_slice().is_empty() {
            return self.nearest_to(floor, candidates);
        }
        ranking.with_terms(candidates, |candidate| {
            [
                ("dollars", dollars(candidate)),
                ("quality", self.quality(candidate)),
                ("seconds", candidate.latency_ms / 1_000.0),
                ("failures", candidate.failure_share),
            ]
        })
    }
}

impl Cheapest {
    /// Nothing reaches the floor: the nearest to it is better than no answer, and
    /// of those as near the cheaper, then the faster.
    fn nearest_to(&self, floor: f32, candidates: &[Candidate]) -> Ranking {
        let nearness = |candidate: &Candidate| {
            let quality = f64::from(self.quality(candidate));
            Some((quality, [-cost(candidate), speed(candidate)]))
        };
        let ranking = Ranking::by_score_then(candidates, nearness);
        ranking.with_terms(candidates, |candidate| {
            [
                ("below_floor", floor - self.quality(candidate)),
                ("dollars", dollars(candidate)),
                ("seconds", candidate.latency_ms / 1_000.0),
                ("", 0.0),
            ]
        })
    }
}

fn dollars(candidate: &Candidate) -> f32 {
    candidate.expected.nanos() as f32 / 1e9
}

/// More for less time to a complete answer.
fn speed(candidate: &Candidate) -> f64 {
    -f64::from(candidate.latency_ms)
}

/// Expected cost in nano-dollars, with what failed attempts cost on the way.
fn cost(candidate: &Candidate) -> f64 {
    let success = (1.0 - f64::from(candidate.failure_share)).max(0.01);
    candidate.expected.nanos().max(0) as f64 / success
}

/// Steps to a doubling of the cost; costs within one step are a tie.
const STEPS: u32 = 64;

/// The cost as a number of doublings of a nano-dollar, in steps of 0.8 to 1.6 %.
///
/// A fixed grid, not a margin around the cheapest: so the order of two
/// candidates does not depend on a third. The top bits of a float are such a
/// grid, linear within each doubling.
fn octaves(nanos: f64) -> f64 {
    let bits = (nanos + 1.0).to_bits() >> (52 - STEPS.ilog2());
    bits as f64 / f64::from(STEPS) - 1_023.0
}

/// Quality as less than one step of the cost.
fn share_of_tie(quality: f32) -> f64 {
    f64::from(quality.clamp(0.0, 1.0)) / f64::from(STEPS) * 0.999
}
