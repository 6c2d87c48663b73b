//! Now and then another model than the best by what is known, to learn whether
//! it is better: Thompson sampling, within a cost ratio and a daily budget.

use std::f64::consts::TAU;
use std::sync::{Mutex, PoisonError};

use tollgate_core::{Call, Candidate, Place, Plan, Quality, Ranking, Timestamp, Usd};
use tollgate_router::CostOptimizer;

use crate::config::Exploration;

/// The part of a quality's error that is drawn with. All of it asks models that
/// are nearly as good as the best too often: on streams of recorded outcomes in
/// which every call draws, and the error of scores is known, half of it earned more
/// on each of four tables (docs/routing-evaluation.md). None of it would be greedy,
/// and might never find a model that is published far too low.
const DARING: f64 = 0.5;

/// Decides which calls explore, and what they may cost more.
///
/// The draw depends on the call's id alone: the same call, plan and budget give
/// the same choice.
#[derive(Debug)]
pub(crate) struct Explorer {
    config: Exploration,
    spent: Mutex<Spent>,
}

/// What exploring was expected to cost more on one day.
#[derive(Debug, Default)]
struct Spent {
    day: i64,
    amount: Usd,
}

impl Explorer {
    pub(crate) fn new(config: Exploration) -> Self {
        Self {
            config,
            spent: Mutex::default(),
        }
    }

    /// Puts another candidate first, if this call is one that explores and the
    /// draw says so: one that the policy has ranked, that is within the cost
    /// ratio and not below the policy's quality floor. Where a model is on trial
    /// already, the policy itself tries something.
    pub(crate) fn explore(&self, call: &Call, plan: &mut Plan, optimizer: &CostOptimizer) {
        let seed = Draws::seed(call);
        let has_trial = plan.first().place == Place::OnTrial;
        if has_trial || Draws(seed).share() >= self.config.share {
            return;
        }
        let Some(place) = self.choose(seed, plan, optimizer) else {
            return;
        };
        let Some(chosen) = plan.get(place) else {
            return;
        };
        let first = plan.first().candidate;
        let more = (chosen.candidate.expected - first.expected).max(Usd::ZERO);
        if chosen.candidate.model != first.model && self.take(call.at, more) {
            plan.explore(place);
            let model = &plan.first().model;
            tracing::debug!(call = %call.id, %model, "explored");
        }
    }

    /// The place in the plan of the candidate that would be best if the
    /// qualities were as drawn.
    fn choose(&self, seed: u64, plan: &Plan, optimizer: &CostOptimizer) -> Option<usize> {
        let rank =
            |candidates: &[Candidate]| optimizer.rank(&plan.policy, &plan.profile, candidates);
        let limit = plan.first().candidate.expected.nanos() as f64 * self.config.max_cost_ratio;
        let (places, drawn): (Vec<usize>, Vec<Candidate>) = plan
            .candidates()
            .enumerate()
            .filter(|(_, planned)| planned.place == Place::Ranked)
            .map(|(place, planned)| (place, planned.candidate))
            .filter(|(_, candidate)| candidate.expected.nanos() as f64 <= limit)
            .filter(|(_, candidate)| !is_below_floor(*candidate, rank))
            .map(|(place, candidate)| (place, drawn(seed, candidate)))
            .unzip();
        // Who is on trial by the draw is no choice.
        let best = rank(&drawn)?.choices().first()?.place;
        places.get(best as usize).copied()
    }

    /// Takes an amount of the day's budget, if so much is left.
    fn take(&self, at: Timestamp, amount: Usd) -> bool {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        // A call that was admitted before midnight is of the new day.
        if at.day() > spent.day {
            *spent = Spent {
                day: at.day(),
                amount: Usd::ZERO,
            };
        }
        if spent.amount + amount > self.config.budget_per_day {
            return false;
        }
        spent.amount += amount;
        true
    }
}

/// Whether a policy leaves a candidate out beside one that is perfect, which a
/// floor alone makes it do. Beside nothing but others below the floor, it would
/// make do with them.
fn is_below_floor(candidate: Candidate, rank: impl Fn(&[Candidate]) -> Option<Ranking>) -> bool {
    let mut perfect = candidate;
    perfect.quality.mean = 1.0;
    perfect.quality.error = 0.0;
    let ranking = rank(&[perfect, candidate]);
    !ranking.is_some_and(|ranking| ranking.as_slice().iter().any(|ranked| ranked.place == 1))
}

/// The candidate with a quality that its model may well have, the same on all
/// lanes. Policies take nothing off it for doubt: the doubt is in the draw.
fn drawn(seed: u64, mut candidate: Candidate) -> Candidate {
    let own = u64::from(candidate.model.0).wrapping_add(1);
    let mut draws = Draws(seed ^ own.wrapping_mul(0xd6e8_feb8_6659_fd93));
    let Quality { mean, error, .. } = candidate.quality;
    let quality = f64::from(mean) + DARING * f64::from(error) * draws.normal();
    candidate.quality.mean = quality.clamp(0.0, 1.0) as f32;
    candidate.quality.error = 0.0;
    candidate
}

/// Numbers that follow from a seed (SplitMix64).
struct Draws(u64);

impl Draws {
    /// By the call's id.
    fn seed(call: &Call) -> u64 {
        let id = call.id.as_u128();
        (id >> 64) as u64 ^ (id as u64).rotate_left(32)
    }

    /// From 0 to below 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // As many bits as a float holds.
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// By Box and Muller; the posterior of some dozens of ratings is nearly
    /// normal.
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.share(), self.share());
        (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
    }
}

#[cfg(test)]
mod tests;
