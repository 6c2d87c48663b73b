use std::f64::consts::PI;

use tollgate_core::HabitSums;

/// The longest answer that is expected, in tokens; more than any model writes.
const LONGEST: f64 = 1e6;

/// How long answers are: log-normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerLength {
    /// Mean of the natural logarithm of the tokens.
    pub log_mean: f64,
    /// Standard deviation of that logarithm.
    pub sigma: f64,
}

impl AnswerLength {
    /// Expected tokens of an answer, `exp(μ + σ²/2)`, at least 1.
    pub fn mean(&self) -> f64 {
        let log = self.log_mean + self.sigma.powi(2) / 2.0;
        log.exp().clamp(1.0, LONGEST)
    }

    /// An answer that came to its own end after so many tokens.
    pub fn seen(tokens: f64) -> HabitSums {
        let log = tokens.max(1.0).ln();
        one_answer(log, log.powi(2))
    }

    /// An answer that a limit has cut after so many tokens: it counts for what
    /// it would have been, so that limits do not make models look terse.
    ///
    /// That is the mean of what is longer than the cut,
    /// `μ + σ·φ(α) / (1 − Φ(α))` with `α = (ln tokens − μ) / σ`, with the
    /// spread that is expected of any answer.
    pub fn cut(&self, tokens: f64) -> HabitSums {
        let alpha = (tokens.max(1.0).ln() - self.log_mean) / self.sigma;
        let log = self.log_mean + self.sigma * mills(alpha);
        one_answer(log, log.powi(2) + self.sigma.powi(2))
    }
}

fn one_answer(log: f64, square: f64) -> HabitSums {
    HabitSums {
        answers: 1,
        log_tokens: (log * 1_000.0).round() as i64,
        log_tokens_squared: (square * 1_000.0).round() as i64,
        ..HabitSums::default()
    }
}

/// How far above its mean a standard normal is that is above `alpha`.
fn mills(alpha: f64) -> f64 {
    // Beyond, a ratio of two tiny numbers; there its asymptotic series is
    // closer than that.
    if alpha > 4.5 {
        return alpha + 1.0 / alpha - 2.0 / alpha.powi(3);
    }
    density(alpha) / above(alpha)
}

fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / (2.0 * PI).sqrt()
}

/// The share of a standard normal that is above `x`: Abramowitz and Stegun,
/// 26.2.17, off by less than 7.5e-8.
fn above(x: f64) -> f64 {
    if x < 0.0 {
        return 1.0 - above(-x);
    }
    let t = 1.0 / (1.0 + 0.231_641_9 * x);
    let terms = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    density(x) * t * terms.iter().rev().fold(0.0, |sum, term| sum * t + term)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_tail_is_that_of_tables() {
        for (x, expected) in [
            (-1.0, 0.841_344_7),
            (0.0, 0.5),
            (1.0, 0.158_655_3),
            (3.0, 0.001_349_9),
        ] {
            assert!((above(x) - expected).abs() < 1e-6, "{x}: {}", above(x));
        }
    }

    #[test]
    fn the_mean_above_a_point_has_no_step_and_is_above_it() {
        assert!((mills(0.0) - (2.0 / PI).sqrt()).abs() < 1e-6);
        assert!(mills(-8.0) < 1e-10);
        let mut before = 0.0;
        for tenths in -80..100 {
            let alpha = f64::from(tenths) / 10.0;
            let mean = mills(alpha);
            assert!(mean > alpha && mean >= before, "{alpha}: {mean}");
            assert!(mean - before < 0.11, "{alpha}: {mean} after {before}");
            before = mean;
        }
    }
}
