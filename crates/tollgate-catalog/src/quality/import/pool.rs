//! What several sources say of one model at one task, as one figure.

/// What one source says.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) mean: f64,
    pub(super) error: f64,
    pub(super) from: String,
}

/// Least error of a part: no benchmark measures our tasks to less than a point.
const LEAST: f64 = 0.01;

/// The largest error that a scores file takes.
const MOST: f64 = 0.5;

/// The mean by inverse variance. Its error also holds how far the parts lie
/// apart: sources that disagree leave more doubt than each has of itself.
pub(super) fn pool(parts: &[Part]) -> (f64, f64) {
    if let [only] = parts {
        return (only.mean, only.error.clamp(LEAST, MOST));
    }
    let weight = |part: &Part| part.error.max(LEAST).powi(-2);
    let total: f64 = parts.iter().map(weight).sum();
    let mean = parts
        .iter()
        .map(|part| weight(part) * part.mean)
        .sum::<f64>()
        / total;
    let apart = |part: &Part| weight(part) * (part.mean - mean).powi(2);
    let between = parts.iter().map(apart).sum::<f64>() / total;
    (mean, (1.0 / total + between).sqrt().min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(mean: f64, error: f64) -> Part {
        Part {
            mean,
            error,
            from: "x".to_owned(),
        }
    }

    #[test]
    fn one_source_stands_as_it_is_but_for_too_small_an_error() {
        assert_eq!(pool(&[part(0.4, 0.02)]), (0.4, 0.02));
        assert_eq!(pool(&[part(0.4, 0.0)]), (0.4, 0.01));
    }

    #[test]
    fn sources_that_agree_are_surer_together() {
        let (mean, error) = pool(&[part(0.5, 0.04), part(0.5, 0.04)]);
        assert!((mean - 0.5).abs() < 1e-12);
        assert!((error - 0.04 / 2_f64.sqrt()).abs() < 1e-12, "{error}");
    }

    #[test]
    fn sources_that_disagree_leave_more_doubt_than_each() {
        let (mean, error) = pool(&[part(0.3, 0.02), part(0.7, 0.04)]);
        assert!((mean - 0.38).abs() < 1e-9, "{mean}");
        assert!(error > 0.15, "{error}");
    }
}
