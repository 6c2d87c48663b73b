//! How long to wait. Pure: the randomness is an argument.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A seeded source of randomness that many calls share without a lock.
///
/// It is SplitMix64: a counter with a fixed stride, and a mixing of its bits.
/// Good enough for jitter, useless for secrets.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next roll, uniform over all of `u64`.
    pub(crate) fn roll(&self) -> u64 {
        let state = self
            .0
            .fetch_add(Self::STRIDE, Ordering::Relaxed)
            .wrapping_add(Self::STRIDE);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// `base · 2ⁿ`, at most `cap`.
pub(crate) fn doubled(base: Duration, n: u32, cap: Duration) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(n)).min(cap)
}

/// Full jitter: anything from nothing to `most`.
pub(crate) fn full_jitter(most: Duration, roll: u64) -> Duration {
    // The product of a 64-bit fraction and the span; its upper half is the share.
    let nanos = (most.as_nanos().min(u128::from(u64::MAX)) * u128::from(roll)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Equal jitter: from half of `span` to all of it.
pub(crate) fn equal_jitter(span: Duration, roll: u64) -> Duration {
    span / 2 + full_jitter(span / 2, roll)
}

/// Upward jitter: from `least` to a quarter more. For delays that somebody
/// asked for, which must not be undercut.
pub(crate) fn upward_jitter(least: Duration, roll: u64) -> Duration {
    least.saturating_add(full_jitter(least / 4, roll))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(8);

    #[test]
    fn jitters_stay_within_their_bounds_at_both_ends() {
        assert_eq!(full_jitter(SPAN, 0), Duration::ZERO);
        assert_eq!(full_jitter(SPAN, u64::MAX), SPAN - Duration::from_nanos(1));
        assert_eq!(equal_jitter(SPAN, 0), SPAN / 2);
        assert!(equal_jitter(SPAN, u64::MAX) <= SPAN);
        assert_eq!(upward_jitter(SPAN, 0), SPAN);
        assert!(upward_jitter(SPAN, u64::MAX) <= SPAN * 5 / 4);
    }

    #[test]
    fn doubling_saturates_at_the_cap() {
        let base = Duration::from_millis(250);
        let waits: Vec<_> = (0..8).map(|n| doubled(base, n, SPAN).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(doubled(base, u32::MAX, SPAN), SPAN);
    }

    #[test]
    fn the_same_seed_rolls_the_same_and_the_mean_is_in_the_middle() {
        let rolls = |seed| {
            let dice = Dice::new(seed);
            (0..1000).map(|_| dice.roll()).collect::<Vec<_>>()
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
        let total: Duration = rolls(7)
            .into_iter()
            .map(|roll| full_jitter(SPAN, roll))
            .sum();
        let mean = total / 1000;
        assert!(
            (Duration::from_millis(3700)..Duration::from_millis(4300)).contains(&mean),
            "{mean:?}"
        );
    }
}
