use std::time::Duration;

/// Times of many requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// The time that `per_cent` of the requests were not slower than, in
    /// microseconds; `None` without any.
    pub(crate) fn quantile(&mut self, per_cent: usize) -> Option<f64> {
        self.0.sort_unstable();
        let rank = (self.0.len() * per_cent).div_ceil(100).saturating_sub(1);
        self.0.get(rank).map(|time| micros(*time))
    }
}

/// Microseconds.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(times: &[u64], per_cent: usize, expected: Option<f64>) {
        let mut times = Times(times.iter().copied().map(Duration::from_millis).collect());
        assert_eq!(
            times.quantile(per_cent),
            expected.map(|millis| millis * 1e3)
        );
    }

    #[test]
    fn a_quantile_is_the_nearest_rank() {
        check(&[], 50, None);
        check(&[7], 99, Some(7.0));
        check(&[3, 1, 2], 50, Some(2.0));
        check(&[4, 3, 2, 1], 50, Some(2.0));
        let hundred: Vec<u64> = (1..=100).rev().collect();
        check(&hundred, 99, Some(99.0));
    }
}
