//! How long to wait. Pure: the randomness is an argument.

use std::time::Duration;

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

/// Downward jitter: from `shortest_percent` of the span to all of it. At half
/// it is what is called equal jitter.
pub(crate) fn jitter_down(span: Duration, shortest_percent: u32, roll: u64) -> Duration {
    let shortest = span * shortest_percent / 100;
    shortest + full_jitter(span - shortest, roll)
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
        assert_eq!(jitter_down(SPAN, 50, 0), SPAN / 2);
        assert_eq!(jitter_down(SPAN, 100, 0), SPAN);
        assert!(jitter_down(SPAN, 50, u64::MAX) <= SPAN);
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
}
