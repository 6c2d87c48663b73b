/// Turns the points of an index into the chance of a good answer: a logistic
/// curve with the list's median at 0.5 and its 95th percentile at 0.9. An
/// index over 100 is no chance, and its range moves as models improve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    median: f64,
    slope: f64,
}

impl Scale {
    /// Fewest figures that make a scale.
    const FEWEST: usize = 8;

    pub(super) fn fit(mut points: Vec<f64>) -> Option<Self> {
        points.sort_by(f64::total_cmp);
        let median = quantile(&points, 0.5)?;
        let high = quantile(&points, 0.95)?;
        (points.len() >= Self::FEWEST && high > median).then(|| Self {
            median,
            slope: 9_f64.ln() / (high - median),
        })
    }

    /// Log odds of a good answer.
    pub(super) fn logit(&self, points: f64) -> f64 {
        (points - self.median) * self.slope
    }
}

/// The chance that belongs to log odds, kept off certainty.
pub(super) fn chance(logit: f64) -> f64 {
    (1.0 / (1.0 + (-logit).exp())).clamp(0.01, 0.99)
}

/// Linear interpolation between the two nearest figures.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let low = place.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    Some(sorted[low] + (sorted[high] - sorted[low]) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_even_odds_and_the_top_twentieth_is_nine_in_ten() {
        let scale = Scale::fit((0..=100).map(f64::from).collect()).unwrap();
        assert!((chance(scale.logit(50.0)) - 0.5).abs() < 1e-9);
        assert!((chance(scale.logit(95.0)) - 0.9).abs() < 1e-9);
        assert!(chance(scale.logit(1e9)) < 1.0);
    }

    #[test]
    fn too_few_or_equal_figures_make_no_scale() {
        assert_eq!(Scale::fit(vec![1.0; 100]), None);
        assert_eq!(Scale::fit(vec![]), None);
        assert_eq!(Scale::fit(vec![1.0, 2.0, 3.0]), None);
    }
}
