//! Intervals by resampling rows, the same rows for what is compared.

use crate::chance::Chance;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// The figure on all rows.
    pub value: f64,
    /// 2.5 % of the resampled figures are below.
    pub low: f64,
    /// 2.5 % of the resampled figures are above.
    pub high: f64,
    /// Standard deviation of the resampled figures.
    pub error: f64,
}

/// Draws rows with repetition `times` times, and gives each figure that
/// `figures` reads off how often every row was drawn. Figures of one draw are
/// of the same rows, so that differences between them are paired.
pub(crate) fn bootstrap<const COUNT: usize>(
    rows: usize,
    times: usize,
    seed: u64,
    figures: impl Fn(&[f64]) -> [f64; COUNT],
) -> [Interval; COUNT] {
    let values = figures(&vec![1.0; rows]);
    let mut drawn: [Vec<f64>; COUNT] = std::array::from_fn(|_| Vec::with_capacity(times));
    let mut chance = Chance::new(seed);
    let mut weights = vec![0.0; rows];
    for _ in 0..times {
        weights.fill(0.0);
        for _ in 0..rows {
            weights[chance.below(rows)] += 1.0;
        }
        for (drawn, figure) in drawn.iter_mut().zip(figures(&weights)) {
            drawn.push(figure);
        }
    }
    std::array::from_fn(|place| interval(values[place], &mut drawn[place]))
}

fn interval(value: f64, drawn: &mut [f64]) -> Interval {
    drawn.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| match drawn.len() {
        0 => value,
        count => drawn[((count - 1) as f64 * share).round() as usize],
    };
    Interval {
        value,
        low: at(0.025),
        high: at(0.975),
        error: deviation(drawn),
    }
}

fn deviation(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::bootstrap;

    #[test]
    fn the_interval_of_a_mean_is_two_standard_errors_wide() {
        let values: Vec<f64> = (0..400).map(|row| f64::from(row % 2)).collect();
        let [mean] = bootstrap(400, 1_000, 7, |weights| {
            let sum: f64 = weights
                .iter()
                .zip(&values)
                .map(|(weight, value)| weight * value)
                .sum();
            [sum / 400.0]
        });
        assert_eq!(mean.value, 0.5);
        // One standard error is 0.025.
        assert!((mean.high - mean.low - 0.098).abs() < 0.015, "{mean:?}");
        assert!((mean.error - 0.025).abs() < 0.002, "{mean:?}");
    }
}
