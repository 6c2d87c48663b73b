//! Decisions, and what became of them.

use std::time::Duration;

use serde::Serialize;
use tollgate_core::{Endpoint, Rates};

use super::choose::Way;
use super::series::{LoadMoment, LoadSeries};
use crate::Interval;
use crate::bootstrap::bootstrap;

/// Samples further apart for each one that is passed are of two runs: nothing is
/// decided between them.
const NEXT: Duration = Duration::from_secs(7 * 60);
/// The cost, relative to price alone, up to which less time is a gain.
const FAIR_PRICE: f64 = 1.1;

/// The call that is replayed, and how figures are taken.
#[derive(Debug, Clone, Copy)]
pub struct LoadConfig {
    /// Tokens of its prompt.
    pub prompt_tokens: u32,
    /// Tokens of its answer.
    pub output_tokens: u32,
    /// By which later sample a decision is judged, 1 for the next. Where times
    /// are taken over half an hour, the sixth is the first that shares no call
    /// with what was known.
    pub ahead: u8,
    /// Draws of the bootstrap.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for LoadConfig {
    /// A prompt of 1,000 tokens, and an answer of 465: the mean of a month of
    /// public traffic.
    fn default() -> Self {
        Self {
            prompt_tokens: 1_000,
            output_tokens: 465,
            ahead: 1,
            resamples: 1_000,
            seed: 1,
        }
    }
}

impl LoadConfig {
    /// Dollars that the call costs there.
    pub(super) fn cost(&self, endpoint: &Endpoint) -> f64 {
        let dollars = |attos: u64, tokens: u32| attos as f64 / 1e18 * f64::from(tokens);
        let Rates { input, output, .. } = endpoint.price.base;
        dollars(input.attos(), self.prompt_tokens) + dollars(output.attos(), self.output_tokens)
    }

    /// Seconds to its complete answer, by medians.
    pub(super) fn seconds(&self, endpoint: &Endpoint) -> f64 {
        self.answered_after(endpoint, endpoint.first_token_ms)
    }

    fn answered_after(&self, endpoint: &Endpoint, first_token_ms: Option<f32>) -> f64 {
        let per_second = endpoint.tokens_per_second.unwrap_or(f32::MIN_POSITIVE);
        f64::from(first_token_ms.unwrap_or(0.0)) / 1e3
            + f64::from(self.output_tokens) / f64::from(per_second)
    }

    /// The same after a first token as late as that of the slowest tenth.
    fn late_seconds(&self, endpoint: &Endpoint) -> f64 {
        let late = endpoint.first_token_p90_ms.or(endpoint.first_token_ms);
        self.answered_after(endpoint, late)
    }
}

/// What ways to choose have given.
#[derive(Debug, Clone, Serialize)]
pub struct LoadReport {
    /// Models with a choice.
    pub models: usize,
    /// Decisions, each by every way.
    pub decisions: usize,
    /// By way to choose; the first is price alone.
    pub scores: Vec<LoadScore>,
}

/// What one way to choose has given, on average over all decisions. Intervals
/// are 95 %, by resampling models.
#[derive(Debug, Clone, Serialize)]
pub struct LoadScore {
    /// The way.
    pub name: &'static str,
    /// Whether the gateway's own function chose.
    pub is_ours: bool,
    /// Seconds to a complete answer, by medians.
    pub seconds: Interval,
    /// The same with a first token as late as in one call of ten.
    pub late_seconds: Interval,
    /// Seconds to the first token, by medians.
    pub first_token: Interval,
    /// Mean time, as a share of that of price alone.
    pub time_ratio: Interval,
    /// Mean over all decisions of the cost as a share of that of price alone.
    pub cost_ratio: Interval,
    /// Share of calls to deranked endpoints, where another was there.
    pub deranked: f64,
    /// Share of calls to endpoints that were deranked by the later sample, where
    /// another was there.
    pub deranked_next: f64,
}

impl LoadReport {
    /// Where the gateway's choice is by more than chance no faster than price
    /// alone or too dear for that, or takes what is deranked. Beyond chance is
    /// what the whole interval of a figure is beyond.
    pub fn violations(&self) -> Vec<String> {
        let ours = self.scores.iter().filter(|score| score.is_ours);
        let broken = ours.flat_map(|score| {
            // The least that they may be: more than chance is beyond both.
            let (time, cost) = (score.time_ratio.low, score.cost_ratio.low);
            [
                (time >= 1.0)
                    .then(|| format!("{}: takes at least {time:.3} of the time", score.name)),
                (cost > FAIR_PRICE).then(|| format!("{}: costs at least {cost:.3}", score.name)),
                (score.deranked > 0.0).then(|| format!("{}: takes deranked endpoints", score.name)),
            ]
        });
        broken.flatten().collect()
    }
}

/// Replays the choice among endpoints: at each sample but the last of a run,
/// for each model with two endpoints or more, every way decides by that sample,
/// and is judged by a later one. What that one does not tell is taken to
/// have stayed as it was.
pub fn replay_load(series: &[LoadSeries], config: &LoadConfig) -> LoadReport {
    let sums: Vec<Sums> = series
        .iter()
        .map(|series| Sums::of(series, config))
        .filter(|sums| sums.decisions > 0.0)
        .collect();
    let score = |(place, (name, way)): (usize, (&'static str, Way))| {
        let figures = bootstrap(sums.len(), config.resamples, config.seed, |weights| {
            let sum = |figure: &dyn Fn(&Sums) -> f64| -> f64 {
                sums.iter()
                    .zip(weights)
                    .map(|(sums, w)| w * figure(sums))
                    .sum()
            };
            let decisions = sum(&|sums| sums.decisions);
            let mean =
                |figure: fn(&Sum) -> f64| sum(&|sums| figure(&sums.by_way[place])) / decisions;
            let base = sum(&|sums| sums.by_way[0].seconds) / decisions;
            let seconds = mean(|sum| sum.seconds);
            [
                seconds,
                mean(|sum| sum.late_seconds),
                mean(|sum| sum.first_token),
                seconds / base,
                mean(|sum| sum.cost_ratio),
                mean(|sum| sum.deranked),
                mean(|sum| sum.deranked_next),
            ]
        });
        let [
            seconds,
            late_seconds,
            first_token,
            time_ratio,
            cost_ratio,
            deranked,
            next,
        ] = figures;
        LoadScore {
            name,
            is_ours: way.is_ours(),
            seconds,
            late_seconds,
            first_token,
            time_ratio,
            cost_ratio,
            deranked: deranked.value,
            deranked_next: next.value,
        }
    };
    LoadReport {
        models: sums.len(),
        decisions: sums.iter().map(|sums| sums.decisions as usize).sum(),
        scores: Way::ALL.into_iter().enumerate().map(score).collect(),
    }
}

/// Sums over the decisions of one model.
#[derive(Default)]
struct Sums {
    decisions: f64,
    by_way: [Sum; Way::ALL.len()],
}

#[derive(Default, Clone, Copy)]
struct Sum {
    seconds: f64,
    late_seconds: f64,
    first_token: f64,
    cost_ratio: f64,
    deranked: f64,
    deranked_next: f64,
}

impl Sums {
    fn of(series: &LoadSeries, config: &LoadConfig) -> Self {
        let mut sums = Self::default();
        let ahead = config.ahead.max(1);
        for span in series.moments.windows(usize::from(ahead) + 1) {
            let [known, .., next] = span else { continue };
            let is_free = |told: &super::Told| config.cost(&told.endpoint) <= 0.0;
            let is_choice = known.endpoints.len() >= 2 && !known.endpoints.iter().any(is_free);
            if is_choice && next.at.since(known.at) <= NEXT * u32::from(ahead) {
                sums.add(known, &after(known, next), config);
            }
        }
        sums
    }

    fn add(&mut self, known: &LoadMoment, after: &[&Endpoint], config: &LoadConfig) {
        self.decisions += 1.0;
        let mut base_cost = None;
        for (sum, (_, way)) in self.by_way.iter_mut().zip(Way::ALL) {
            let shares = way.shares(known, config);
            let mean = |figure: &dyn Fn(&Endpoint) -> f64| -> f64 {
                shares
                    .iter()
                    .zip(after)
                    .map(|(share, one)| share * figure(one))
                    .sum()
            };
            let cost = mean(&|one| config.cost(one));
            sum.seconds += mean(&|one| config.seconds(one));
            sum.late_seconds += mean(&|one| config.late_seconds(one));
            sum.first_token += mean(&|one| f64::from(one.first_token_ms.unwrap_or(0.0)) / 1e3);
            sum.cost_ratio += cost / *base_cost.get_or_insert(cost);
            let known = known.endpoints.iter().map(|told| &told.endpoint);
            sum.deranked += avoidable(&shares, known);
            sum.deranked_next += avoidable(&shares, after.iter().copied());
        }
    }
}

/// The endpoints as the next sample tells them, else as they were known.
fn after<'a>(known: &'a LoadMoment, next: &'a LoadMoment) -> Vec<&'a Endpoint> {
    let found = known.endpoints.iter().map(|told| {
        let mut next = next.endpoints.iter();
        let same = next.find(|next| next.id == told.id);
        same.map_or(&told.endpoint, |next| &next.endpoint)
    });
    found.collect()
}

/// Share of calls to deranked endpoints; none where all are.
fn avoidable<'a>(shares: &[f64], endpoints: impl Iterator<Item = &'a Endpoint> + Clone) -> f64 {
    if endpoints.clone().all(Endpoint::is_deranked) {
        return 0.0;
    }
    let deranked = shares.iter().zip(endpoints);
    let deranked = deranked.filter(|(_, endpoint)| endpoint.is_deranked());
    deranked.map(|(share, _)| share).sum()
}
