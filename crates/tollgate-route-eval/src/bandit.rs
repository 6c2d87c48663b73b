//! A stream of prompts whose outcomes are seen only of the model that answered:
//! what feedback adds to noisy published scores.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use tollgate_router_learned::OutcomeRow;

use crate::chance::Chance;
use crate::priced::Priced;

/// What quality is traded against: a thousandth of a dollar a request.
const PER_MILLI_DOLLAR: f64 = 0.3;
/// Standard deviation of what a published score is off, and known to be.
const SCORE_NOISE: f64 = 0.08;
/// What an observation keeps of its weight with each later one.
const KEEP: f64 = 0.999;

/// Answers that a published score counts as, in what is tried.
const PRIORS: [f64; 3] = [2.0, 20.0, 60.0];
/// Parts of the error that are drawn with, in what is tried: none is greedy, all
/// of it is Thompson sampling proper.
const DARINGS: [f64; 3] = [0.0, 0.5, 1.0];

/// Mean reward of each way to choose.
#[derive(Debug, Clone, Serialize)]
pub struct Bandit {
    /// Requests in the stream.
    pub steps: usize,
    /// Seeds: of the published scores, the order of the stream, and the draws.
    pub seeds: u64,
    /// The best single model, which nobody knew before.
    pub best_fixed: f64,
    /// The best model of each kind of task, which nobody knew before either.
    pub best_by_kind: f64,
    /// A model at random.
    pub random: Reward,
    /// The published scores alone.
    pub scores: Reward,
    /// Thompson sampling, by daring and then by prior.
    pub thompson: Vec<Thompson>,
}

/// Mean reward over the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reward {
    /// The mean.
    pub mean: f64,
    /// Its standard error over the seeds; 0 of one. Thompson sampling meets
    /// the same scores and the same order at each setting, so differences tend to
    /// be surer than this says.
    pub error: f64,
}

/// Thompson sampling at one setting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Thompson {
    /// The part of the posterior's error that is drawn with; 0 is greedy.
    pub daring: f64,
    /// How many answers a published score counts as.
    pub prior: f64,
    /// What came of it.
    pub reward: Reward,
}

/// Plays the stream for seeds 1 to `seeds`.
pub fn bandit(table: &Priced, seeds: u64) -> Bandit {
    let stream = Stream::of(table);
    let over_seeds =
        |play: &dyn Fn(u64) -> f64| Reward::of(&(1..=seeds).map(play).collect::<Vec<_>>());
    let settings = DARINGS.map(|daring| PRIORS.map(|prior| (daring, prior)));
    let thompson = |(daring, prior)| Thompson {
        daring,
        prior,
        reward: over_seeds(&|seed| stream.thompson(seed, daring, prior)),
    };
    Bandit {
        steps: stream.rows.len(),
        seeds,
        best_fixed: stream.best(|_| ""),
        best_by_kind: stream.best(|row| &row.kind),
        random: over_seeds(&|seed| stream.random(seed)),
        scores: over_seeds(&|seed| stream.by_scores(seed)),
        thompson: settings.into_iter().flatten().map(thompson).collect(),
    }
}

// === impl Reward ===

impl Reward {
    fn of(rewards: &[f64]) -> Self {
        let count = rewards.len() as f64;
        let mean = rewards.iter().sum::<f64>() / count;
        let squares: f64 = rewards.iter().map(|reward| (reward - mean).powi(2)).sum();
        Self {
            mean,
            error: (squares / (count - 1.0).max(1.0) / count).sqrt(),
        }
    }
}

impl fmt::Display for Reward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} ± {:.4}", self.mean, self.error)
    }
}

// === impl Stream ===

struct Stream<'a> {
    width: usize,
    rows: &'a [OutcomeRow],
    costs: Vec<Vec<f64>>,
}

impl<'a> Stream<'a> {
    fn of(table: &'a Priced) -> Self {
        let width = table.outcomes.models.len();
        let rows = table.outcomes.rows.as_slice();
        let cost = |row: &OutcomeRow, model| PER_MILLI_DOLLAR * 1e3 * table.cost(row, model);
        let costs = |row| (0..width).map(|model| cost(row, model)).collect();
        Self {
            width,
            rows,
            costs: rows.iter().map(costs).collect(),
        }
    }

    fn quality(&self, row: usize, model: usize) -> f64 {
        f64::from(self.rows[row].q[model].unwrap_or(0.0))
    }

    fn reward(&self, row: usize, model: usize) -> f64 {
        self.quality(row, model) - self.costs[row][model]
    }

    fn mean(&self, reward: impl FnMut(usize) -> f64) -> f64 {
        (0..self.rows.len()).map(reward).sum::<f64>() / self.rows.len() as f64
    }

    /// The mean reward of the best model of each key.
    fn best(&self, key: impl Fn(&'a OutcomeRow) -> &'a str) -> f64 {
        let mut sums: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (place, row) in self.rows.iter().enumerate() {
            let sums = sums
                .entry(key(row))
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
        self.mean(|row| self.reward(row, chance.below(self.width)))
    }

    fn by_scores(&self, seed: u64) -> f64 {
        let scores = self.scores(&mut Chance::new(seed));
        self.mean(|row| self.reward(row, self.choose(row, |model| scores[model])))
    }

    /// Chooses by a draw from what is known of each model, and learns from what
    /// is seen of the chosen one.
    fn thompson(&self, seed: u64, daring: f64, prior: f64) -> f64 {
        let mut chance = Chance::new(seed);
        let scores = self.scores(&mut chance);
        let known = |score: f64| Known::published(score, prior);
        let unseen: Vec<Known> = scores.into_iter().map(known).collect();
        let mut by_kind: BTreeMap<&str, Vec<Known>> = BTreeMap::new();
        let mut sum = 0.0;
        for row in self.order(&mut chance) {
            let of_kind = by_kind
                .entry(&self.rows[row].kind)
                .or_insert_with(|| unseen.clone());
            let model = self.choose(row, |model| of_kind[model].draw(daring, &mut chance));
            of_kind[model].learn(self.quality(row, model));
            sum += self.reward(row, model);
        }
        sum / self.rows.len() as f64
    }

    /// The model that is worth most at a row, if the qualities are these.
    fn choose(&self, row: usize, mut quality: impl FnMut(usize) -> f64) -> usize {
        let mut best = (f64::NEG_INFINITY, 0);
        for (model, cost) in self.costs[row].iter().enumerate() {
            let worth = quality(model) - cost;
            if worth > best.0 {
                best = (worth, model);
            }
        }
        best.1
    }

    /// What is published: the truth with noise.
    fn scores(&self, chance: &mut Chance) -> Vec<f64> {
        (0..self.width)
            .map(|model| {
                let mean = self.mean(|row| self.quality(row, model));
                (mean + SCORE_NOISE * chance.normal()).clamp(0.02, 0.98)
            })
            .collect()
    }

    /// The rows in the order in which they come.
    fn order(&self, chance: &mut Chance) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, chance.below(place + 1));
        }
        order
    }
}

// === impl Known ===

/// What is known of a model at one kind of task, as the gateway knows it by ratings:
/// the posterior, and its error where that of the published score is not smaller.
/// That error is the truth here; the gateway knows what is said of it.
#[derive(Clone, Copy)]
struct Known {
    score: f64,
    prior: f64,
    /// How many answers were seen, and how good they were in all, both faded.
    seen: f64,
    good: f64,
}

impl Known {
    fn published(score: f64, prior: f64) -> Self {
        Self {
            score,
            prior,
            seen: 0.0,
            good: 0.0,
        }
    }

    /// Draws a quality with that part of the error.
    fn draw(self, daring: f64, chance: &mut Chance) -> f64 {
        let weight = self.prior + self.seen;
        let mean = ((self.score * self.prior + self.good) / weight).clamp(0.01, 0.99);
        let error = (mean * (1.0 - mean) / (weight + 1.0))
            .sqrt()
            .min(SCORE_NOISE);
        (mean + daring * error * chance.normal()).clamp(0.0, 1.0)
    }

    /// Older answers fade, and the score comes back in their place.
    fn learn(&mut self, quality: f64) {
        self.seen = KEEP * self.seen + 1.0;
        self.good = KEEP * self.good + quality;
    }
}

#[cfg(test)]
mod tests {
    use super::{Chance, Known, Reward, SCORE_NOISE};

    /// Mean and standard deviation of 20,000 draws.
    fn drawn(known: Known, daring: f64) -> [f64; 2] {
        let mut chance = Chance::new(3);
        let drawn: Vec<f64> = (0..20_000)
            .map(|_| known.draw(daring, &mut chance))
            .collect();
        let Reward { mean, error } = Reward::of(&drawn);
        [mean, error * 20_000_f64.sqrt()]
    }

    #[test]
    fn draws_spread_by_the_daring_part_of_the_error() {
        // The error of 99 answers half of which are good is 0.05; of 9 it is 0.16, but
        // the score is surer.
        for (prior, daring, spread) in [
            (99.0, 1.0, 0.05),
            (99.0, 0.5, 0.025),
            (99.0, 0.0, 0.0),
            (9.0, 1.0, SCORE_NOISE),
        ] {
            let [mean, deviation] = drawn(Known::published(0.5, prior), daring);
            assert!((mean - 0.5).abs() < 0.003, "{daring}: {mean}");
            assert!((deviation - spread).abs() < 0.002, "{daring}: {deviation}");
        }
    }

    #[test]
    fn what_is_seen_outweighs_the_score_and_fades() {
        let mut known = Known::published(0.9, 10.0);
        for _ in 0..10 {
            known.learn(0.1);
        }
        assert!((drawn(known, 0.0)[0] - 0.5).abs() < 0.002);
        for _ in 0..20_000 {
            known.learn(0.1);
        }
        // No more than a thousand answers are remembered.
        assert!((known.seen - 1_000.0).abs() < 1.0, "{}", known.seen);
    }

    #[test]
    fn the_error_is_that_of_a_mean_over_seeds() {
        let reward = Reward::of(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(reward.mean, 2.5);
        // The deviation is √(5/3), and there are four.
        assert!((reward.error - 0.6455).abs() < 1e-4, "{reward}");
        assert_eq!(Reward::of(&[0.4]).error, 0.0);
    }
}
