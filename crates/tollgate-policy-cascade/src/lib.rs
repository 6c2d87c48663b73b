#![doc = include_str!("../README.md")]

mod config;
mod schema;
mod signals;

use std::sync::Arc;

use tollgate_core::{CallProfile, Candidate, Judging, Ranked, Ranking, RoutingPolicy, Terms};

pub use crate::config::{CascadeConfig, Weights};
pub use crate::signals::Signals;

/// A cheap model first, on trial before the choice of another policy.
#[derive(Debug, Clone)]
pub struct Cascade {
    config: CascadeConfig,
    base: Arc<dyn RoutingPolicy>,
}

impl Cascade {
    /// The policy over `base`, which chooses the second model, and everything
    /// where no first one is worth a try.
    pub fn new(config: CascadeConfig, base: Arc<dyn RoutingPolicy>) -> Self {
        Self { config, base }
    }
}

impl RoutingPolicy for Cascade {
    fn rank(&self, call: &CallProfile, candidates: &[Candidate]) -> Ranking {
        let ranking = self.base.rank(call, candidates);
        let choice = ranking.as_slice().first();
        let Some(choice) = choice.and_then(|choice| candidates.get(choice.place as usize)) else {
            return ranking;
        };
        let Some(first) = self.first(call, choice, candidates) else {
            return ranking;
        };
        match (call.judging, self.config.buffer_streams) {
            (Judging::Ready, _) | (Judging::Delays, true) => ranking.with_trial(first),
            (Judging::Delays, false) => ranking.with_warning(NO_STREAMS),
            (Judging::Never, _) => ranking,
        }
    }
}

const NO_STREAMS: &str = "no cheaper model is tried first, as the answer is a stream: ask for it \
     in one piece, or let it be held back (`hold_back`, `policies.cascade.buffer_streams`)";

impl Cascade {
    /// The cheapest candidate that is worth a try before the choice, ties by
    /// acceptance, then by their order. Where the call has a limit of time, both
    /// together are within it.
    fn first(
        &self,
        call: &CallProfile,
        choice: &Candidate,
        candidates: &[Candidate],
    ) -> Option<Ranked> {
        let second = dollars(choice);
        let limit_ms = call
            .max_latency
            .map_or(f32::INFINITY, |limit| limit.as_secs_f32() * 1_000.0);
        let tries = (0_u32..).zip(candidates).filter_map(|(place, candidate)| {
            let acceptance = self.acceptance(candidate, choice);
            let first = dollars(candidate);
            let is_worth_it = candidate.model != choice.model
                && acceptance >= self.config.least_acceptance
                && first < f64::from(acceptance) * second
                && candidate.latency_ms + choice.latency_ms <= limit_ms;
            is_worth_it.then_some((first, acceptance, place))
        });
        let (first, acceptance, place) =
            tries.min_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)))?;
        Some(Ranked {
            place,
            score: 0.0,
            terms: terms(first, second, acceptance),
        })
    }

    /// The share of its answers that is expected to be accepted: of those that
    /// come, as many as its quality, with some certainty, is of the choice's.
    /// What is not a number is nothing to go by.
    fn acceptance(&self, candidate: &Candidate, choice: &Candidate) -> f32 {
        let quality = candidate.quality.mean - self.config.z * candidate.quality.error;
        share(quality / choice.quality.mean.max(0.0)) * share(1.0 - candidate.failure_share)
    }
}

/// A number from 0 to 1; 0 for what is none.
fn share(number: f32) -> f32 {
    if number > 0.0 { number.min(1.0) } else { 0.0 }
}

fn terms(first: f64, second: f64, acceptance: f32) -> Terms {
    let needed = (first / second) as f32;
    [
        ("acceptance", acceptance),
        ("needed", needed),
        ("saving", acceptance - needed),
        ("dollars", first as f32),
    ]
}

fn dollars(candidate: &Candidate) -> f64 {
    candidate.expected.nanos().max(0) as f64 / 1e9
}
