//! The last while, in ten exact buckets.

use std::time::Duration;

use tokio::time::Instant;

const BUCKETS: usize = 10;

/// Something counted over the last while. Buckets rather than an average that
/// decays, because a burst must weigh the same as a trickle.
#[derive(Debug, Clone)]
pub(crate) struct Window<T> {
    origin: Instant,
    width: Duration,
    // Number of the bucket since `origin`, and what was counted in it.
    buckets: [(u64, T); BUCKETS],
}

impl<T: Copy + Default> Window<T> {
    /// An empty window over `span`, from `now` on.
    pub(crate) fn new(now: Instant, span: Duration) -> Self {
        let width = (span / BUCKETS as u32).max(Duration::from_millis(1));
        Self {
            origin: now,
            width,
            buckets: [(0, T::default()); BUCKETS],
        }
    }

    /// The bucket of this moment, emptied if it held something older.
    pub(crate) fn at(&mut self, now: Instant) -> &mut T {
        let number = self.number(now);
        let (held, value) = &mut self.buckets[number as usize % BUCKETS];
        if *held != number {
            *held = number;
            *value = T::default();
        }
        value
    }

    /// The buckets that are still in the window at this moment.
    pub(crate) fn recent(&self, now: Instant) -> impl Iterator<Item = T> {
        let newest = self.number(now);
        let oldest = newest.saturating_sub(BUCKETS as u64 - 1);
        self.buckets
            .iter()
            .filter(move |(number, _)| (oldest..=newest).contains(number))
            .map(|(_, value)| *value)
    }

    fn number(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.origin);
        u64::try_from(passed.as_nanos() / self.width.as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn counts_leave_the_window_bucket_by_bucket() {
        let start = Instant::now();
        let mut window = Window::<u32>::new(start, Duration::from_secs(30));
        let at = |secs| start + Duration::from_secs(secs);
        *window.at(at(0)) += 1;
        *window.at(at(4)) += 2;
        *window.at(at(29)) += 4;
        let sum = |secs| window.recent(at(secs)).sum::<u32>();
        assert_eq!([29, 30, 33, 56, 57, 1000].map(sum), [7, 6, 4, 4, 0, 0]);
    }
}
