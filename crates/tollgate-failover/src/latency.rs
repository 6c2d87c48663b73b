//! How soon a target begins to answer. Pure: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// The times to the first token of one target.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    peak: Option<Peak>,
    recent: Recent<Duration>,
}

impl Latency {
    pub(crate) fn note(&mut self, sample: Duration, now: Instant) {
        self.peak = Some(Peak::after(self.peak, sample, now));
        self.recent.push(sample);
    }

    /// What is left of the recent peak, in milliseconds: while nothing new is
    /// seen it is forgotten, or one slow answer would keep traffic away for ever.
    pub(crate) fn peak_ms(&self, now: Instant) -> Option<f64> {
        self.peak.map(|peak| peak.at(now))
    }

    /// The recent peak or, once that is forgotten, the median, in milliseconds.
    pub(crate) fn usual_ms(&self, now: Instant) -> Option<f64> {
        let median = self.recent.percentile(50, 1)?.as_secs_f64() * 1000.0;
        self.peak_ms(now).map(|peak| peak.max(median))
    }

    /// The time within which that many percent began, once `least` were seen.
    pub(crate) fn percentile(&self, percent: u32, least: usize) -> Option<Duration> {
        self.recent.percentile(percent, least)
    }
}

/// It follows a slow answer at once and forgets it over ten seconds, so that
/// trouble shows before it is over (peak EWMA, as in Finagle and Linkerd).
#[derive(Debug, Clone, Copy)]
struct Peak {
    ms: f64,
    at: Instant,
}

impl Peak {
    const DECAY: Duration = Duration::from_secs(10);

    /// What is left of it at that moment.
    fn at(self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.at);
        self.ms * (-age.as_secs_f64() / Self::DECAY.as_secs_f64()).exp()
    }

    fn after(earlier: Option<Self>, sample: Duration, now: Instant) -> Self {
        let sample = sample.as_secs_f64() * 1000.0;
        let ms = match earlier {
            Some(earlier) if earlier.ms > sample => {
                let age = now.saturating_duration_since(earlier.at);
                let kept = (-age.as_secs_f64() / Self::DECAY.as_secs_f64()).exp();
                sample + (earlier.ms - sample) * kept
            }
            _ => sample,
        };
        Self { ms, at: now }
    }
}

/// The last so many values, for medians and percentiles. These are asked for with every call, and
/// change with an answer, so the values are kept in order of size as well.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    values: Vec<T>,
    next: usize,
    sorted: Vec<T>,
}

impl<T> Recent<T> {
    const KEPT: usize = 64;
}

impl<T: Copy + Ord> Recent<T> {
    pub(crate) fn push(&mut self, value: T) {
        match self.values.get_mut(self.next) {
            Some(oldest) => {
                let place = self.sorted.partition_point(|other| *other < *oldest);
                self.sorted.remove(place);
                *oldest = value;
            }
            None => self.values.push(value),
        }
        let place = self.sorted.partition_point(|other| *other < value);
        self.sorted.insert(place, value);
        self.next = (self.next + 1) % Self::KEPT;
    }

    /// The value that so many percent do not exceed, once there are `least`.
    pub(crate) fn percentile(&self, percent: u32, least: usize) -> Option<T> {
        let count = self.sorted.len();
        if count == 0 || count < least {
            return None;
        }
        let place = (count * percent as usize).div_ceil(100).clamp(1, count);
        self.sorted.get(place - 1).copied()
    }
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            next: 0,
            sorted: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_token_time_rises_at_once_and_falls_slowly() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let slow = Peak::after(None, ms(900), start);
        let soon = Peak::after(Some(slow), ms(100), start);
        assert_eq!(soon.ms, 900.0);
        let later = Peak::after(Some(slow), ms(100), start + Peak::DECAY);
        assert!((later.ms - 394.3).abs() < 0.1, "{later:?}");
        assert_eq!(
            Peak::after(Some(later), ms(700), start + Peak::DECAY).ms,
            700.0
        );
    }

    #[test]
    fn percentiles_are_of_the_last_values_only() {
        let mut recent = Recent::default();
        assert_eq!(recent.percentile(50, 0), None);
        (1..=1000_u32).for_each(|value| recent.push(value));
        // What is left are 937 to 1000.
        assert_eq!(recent.percentile(50, 64), Some(968));
        assert_eq!(recent.percentile(95, 64), Some(997));
        assert_eq!(recent.percentile(100, 64), Some(1000));
        assert_eq!(recent.percentile(95, 65), None);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_values_whatever_their_order() {
        let mut recent = Recent::default();
        // A walk through 0 to 96 with repeats, more than twice as long as what is kept.
        let values: Vec<u32> = (0..150).map(|step| step * step % 97).collect();
        for (count, value) in values.iter().enumerate() {
            recent.push(*value);
            let mut last = values[(count + 1).saturating_sub(64)..=count].to_vec();
            last.sort_unstable();
            for percent in [1, 50, 95, 100] {
                let place = (last.len() * percent as usize).div_ceil(100).max(1) - 1;
                assert_eq!(recent.percentile(percent, 1), Some(last[place]));
            }
        }
    }
}
