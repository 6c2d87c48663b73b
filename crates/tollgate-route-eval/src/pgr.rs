//! Two models, weak and strong: how much of the gap is won with how many calls
//! of the strong one.

use serde::Serialize;

use crate::bootstrap::{Interval, bootstrap};
use crate::forecast::Forecast;
use crate::score::ScoreConfig;

/// Average performance gap recovered, and calls that recover a part.
#[derive(Debug, Clone, Serialize)]
pub struct Pgr {
    /// Name of the method.
    pub method: &'static str,
    /// Area under gap recovered against share of strong calls; random is 0.5.
    pub apgr: Interval,
    /// Share of strong calls that first recovers half of the gap.
    pub cpt50: f64,
    /// Share of strong calls that first recovers 80 % of the gap.
    pub cpt80: f64,
}

/// Gap recovered by the learned router and its floors; empty unless there are
/// two models of different quality.
pub fn gap_recovered(forecast: &Forecast, config: &ScoreConfig) -> Vec<Pgr> {
    let [first, second] = forecast.quality.means()[..] else {
        return Vec::new();
    };
    if first == second {
        return Vec::new();
    }
    let (weak, strong) = if first < second { (0, 1) } else { (1, 0) };
    let gap = |grid: &crate::Grid| -> Vec<f64> {
        (0..grid.rows())
            .map(|row| grid.row(row)[strong] - grid.row(row)[weak])
            .collect()
    };
    let bytes = forecast.bytes.iter().map(|bytes| *bytes as f64).collect();
    let scores: [(&'static str, Vec<f64>); 4] = [
        ("prompt length", bytes),
        (forecast.label.name, gap(&forecast.label.quality)),
        (forecast.learned.name, gap(&forecast.learned.quality)),
        (forecast.oracle.name, gap(&forecast.quality)),
    ];
    let truth = gap(&forecast.quality);
    scores
        .iter()
        .map(|(method, scores)| of_scores(method, scores, &truth, config))
        .collect()
}

fn of_scores(method: &'static str, scores: &[f64], gains: &[f64], config: &ScoreConfig) -> Pgr {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|left, right| scores[*right].total_cmp(&scores[*left]));
    let [apgr] = bootstrap(scores.len(), config.resamples, config.seed, |weights| {
        [area(&recovered(&order, gains, weights))]
    });
    let curve = recovered(&order, gains, &vec![1.0; gains.len()]);
    Pgr {
        method,
        apgr,
        cpt50: calls_for(&curve, 0.5),
        cpt80: calls_for(&curve, 0.8),
    }
}

/// Steps of the share of strong calls.
const STEPS: usize = 100;

/// Gap recovered at each hundredth of strong calls, highest scores first.
fn recovered(order: &[usize], gains: &[f64], weights: &[f64]) -> Vec<f64> {
    let rows: f64 = weights.iter().sum();
    let all: f64 = gains
        .iter()
        .zip(weights)
        .map(|(gain, weight)| gain * weight)
        .sum();
    let mut curve = vec![0.0];
    let (mut seen, mut won) = (0.0, 0.0);
    for row in order {
        seen += weights[*row];
        won += gains[*row] * weights[*row];
        while seen >= rows * curve.len() as f64 / STEPS as f64 && curve.len() <= STEPS {
            curve.push(won / all);
        }
    }
    curve
}

/// The trapezoid rule over tenths, as RouteLLM's evaluation has it.
fn area(curve: &[f64]) -> f64 {
    let tenths: Vec<f64> = curve.iter().step_by(STEPS / 10).copied().collect();
    tenths
        .windows(2)
        .map(|pair| (pair[0] + pair[1]) / 20.0)
        .sum()
}

fn calls_for(curve: &[f64], part: f64) -> f64 {
    let place = curve.iter().position(|recovered| *recovered >= part);
    place.unwrap_or(STEPS) as f64 / STEPS as f64
}

#[cfg(test)]
mod tests {
    use super::{ScoreConfig, of_scores};

    #[test]
    fn scores_that_know_the_gains_recover_the_gap_with_the_fewest_calls() {
        let config = ScoreConfig {
            resamples: 50,
            ..ScoreConfig::default()
        };
        let gains: Vec<f64> = (0..1_000)
            .map(|row| f64::from(u8::from(row % 10 == 0)))
            .collect();
        let known = of_scores("known", &gains, &gains, &config);
        assert_eq!((known.cpt50, known.cpt80), (0.05, 0.08));
        assert!((known.apgr.value - 0.95).abs() < 1e-9);
        let flat: Vec<f64> = vec![0.0; 1_000];
        let flat = of_scores("flat", &flat, &gains, &config);
        assert!(
            (flat.apgr.value - 0.5).abs() < 0.01 && flat.cpt50 == 0.5,
            "{flat:?}"
        );
    }
}
