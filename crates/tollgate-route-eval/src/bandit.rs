//! A stream of prompts whose outcomes are seen only of the model that answered:
//! what feedback adds to noisy published scores.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_router_learned::OutcomeRow;

use crate::chance::Chance;
use crate::priced::Priced;

/// What quality is traded against: a thousandth of a dollar a request.
const PER_MILLI_DOLLAR: f64 = 0.3;
/// Standard deviation of what a published score is off.
const SCORE_NOISE: f64 = 0.08;
/// What an observation keeps of its weight with each later one.
const KEEP: f64 = 0.999;

/// Mean reward of each way to choose, over all seeds.
#[derive(Debug, Clone, Serialize)]
pub struct Bandit {
    /// Requests in the stream.
    pub steps: usize,
    /// Seeds.
    pub seeds: u64,
    /// The best single model, which nobody knew before.
    pub best_fixed: f64,
    /// The best model of each kind of task, which nobody knew before either.
    pub best_by_kind: f64,
    /// A model at random.
    pub random: f64,
    /// The published scores alone.
    pub scores: f64,
    /// Thompson sampling, by how many answers a score counts as.
    pub thompson: Vec<(f64, f64)>,
}

/// Answers that a published score counts as, in what is tried.
const PRIORS: [f64; 3] = [2.0, 20.0, 60.0];

/// Plays the stream for seeds 1 to `seeds`.
pub fn bandit(table: &Priced, seeds: u64) -> Bandit {
    let rewards = Rewards::of(table);
    let mean = |play: &dyn Fn(u64) -> f64| (1..=seeds).map(play).sum::<f64>() / seeds as f64;
    Bandit {
        steps: rewards.rows.len(),
        seeds,
        best_fixed: rewards.best(|_| ""),
        best_by_kind: rewards.best(|kind| kind),
        random: mean(&|seed| rewards.random(seed)),
        scores: mean(&|seed| rewards.play(seed, f64::INFINITY)),
        thompson: PRIORS
            .map(|prior| (prior, mean(&|seed| rewards.play(seed, prior))))
            .to_vec(),
    }
}

struct Rewards<'a> {
    width: usize,
    rows: Vec<&'a OutcomeRow>,
    costs: Vec<Vec<f64>>,
}

/// Good and bad answers of a model to one kind of task.
#[derive(Clone, Copy)]
struct Evidence {
    good: f64,
    bad: f64,
}

impl<'a> Rewards<'a> {
    fn of(table: &'a Priced) -> Self {
        let width = table.outcomes.models.len();
        let rows: Vec<&OutcomeRow> = table.outcomes.rows.iter().collect();
        let cost = |row: &OutcomeRow, model| PER_MILLI_DOLLAR * 1e3 * table.cost(row, model);
        let costs = rows
            .iter()
            .map(|row| (0..width).map(|model| cost(row, model)).collect())
            .collect();
        Self { width, rows, costs }
    }

    fn reward(&self, row: usize, model: usize) -> f64 {
        quality(self.rows[row], model) - self.costs[row][model]
    }

    /// The mean reward of the best model of each key.
    fn best(&self, key: impl Fn(&'a str) -> &'a str) -> f64 {
        let mut sums: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (place, row) in self.rows.iter().enumerate() {
            let sums = sums
                .entry(key(&row.kind))
                .or_insert_with(|| vec![0.0; self.width]);
            for (model, sum) in sums.iter_mut().enumerate() {
                *sum += self.reward(place, model);
            }
        }
        let best = sums
            .values()
            .map(|sums| sums.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        best.sum::<f64>() / self.rows.len() as f64
    }

    fn random(&self, seed: u64) -> f64 {
        let mut chance = Chance::new(seed);
        let rewards = (0..self.rows.len()).map(|row| self.reward(row, chance.below(self.width)));
        rewards.sum::<f64>() / self.rows.len() as f64
    }

    /// Thompson sampling; a prior that counts as infinitely many answers never learns.
    fn play(&self, seed: u64, prior: f64) -> f64 {
        let mut chance = Chance::new(seed);
        let scores = self.scores(&mut chance);
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, chance.below(place + 1));
        }
        let mut evidence: BTreeMap<(&str, usize), Evidence> = BTreeMap::new();
        let mut sum = 0.0;
        for row in order {
            let kind = self.rows[row].kind.as_str();
            let mut chosen = (f64::NEG_INFINITY, 0);
            for (model, score) in scores.iter().enumerate() {
                let start = Evidence {
                    good: score * prior,
                    bad: (1.0 - score) * prior,
                };
                let drawn = match prior.is_finite() {
                    true => evidence
                        .get(&(kind, model))
                        .unwrap_or(&start)
                        .draw(&mut chance),
                    false => *score,
                };
                let worth = drawn - self.costs[row][model];
                if worth > chosen.0 {
                    chosen = (worth, model);
                }
            }
            let (_, model) = chosen;
            sum += self.reward(row, model);
            let start = Evidence {
                good: scores[model] * prior,
                bad: (1.0 - scores[model]) * prior,
            };
            let known = evidence.entry((kind, model)).or_insert(start);
            known.learn(quality(self.rows[row], model), &start);
        }
        sum / self.rows.len() as f64
    }

    /// What is published: the truth with noise.
    fn scores(&self, chance: &mut Chance) -> Vec<f64> {
        let rows = self.rows.len() as f64;
        (0..self.width)
            .map(|model| {
                let mean = self.rows.iter().map(|row| quality(row, model)).sum::<f64>() / rows;
                (mean + SCORE_NOISE * chance.normal()).clamp(0.02, 0.98)
            })
            .collect()
    }
}

impl Evidence {
    /// Draws from the Beta distribution.
    fn draw(self, chance: &mut Chance) -> f64 {
        let (good, bad) = (gamma(self.good, chance), gamma(self.bad, chance));
        good / (good + bad).max(1e-300)
    }

    /// Older answers fade, and the score comes back in their place.
    fn learn(&mut self, quality: f64, start: &Self) {
        self.good = start.good + KEEP * (self.good - start.good) + quality;
        self.bad = start.bad + KEEP * (self.bad - start.bad) + 1.0 - quality;
    }
}

/// Draws from the Gamma distribution with scale 1, as Marsaglia and Tsang do.
fn gamma(shape: f64, chance: &mut Chance) -> f64 {
    if shape < 1.0 {
        let lift = (1.0 - chance.unit()).powf(1.0 / shape.max(1e-6));
        return gamma(shape + 1.0, chance) * lift;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = chance.normal();
        let v = (1.0 + c * x).powi(3);
        let u = 1.0 - chance.unit();
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

fn quality(row: &OutcomeRow, model: usize) -> f64 {
    f64::from(row.q[model].unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::{Chance, gamma};

    #[test]
    fn gamma_has_its_shape_as_mean_and_variance() {
        let mut chance = Chance::new(3);
        for shape in [0.5, 2.0, 40.0] {
            let drawn: Vec<f64> = (0..20_000).map(|_| gamma(shape, &mut chance)).collect();
            let mean = drawn.iter().sum::<f64>() / 20_000.0;
            let variance = drawn
                .iter()
                .map(|value| (value - mean).powi(2))
                .sum::<f64>()
                / 20_000.0;
            assert!((mean / shape - 1.0).abs() < 0.05, "{shape}: {mean}");
            assert!((variance / shape - 1.0).abs() < 0.1, "{shape}: {variance}");
        }
    }
}
