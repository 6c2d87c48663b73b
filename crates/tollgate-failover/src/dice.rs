//! Seeded randomness for jitter.

use crate::sync::{AtomicU64, Ordering};

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

/// Whether something of that chance, in percent, happens.
pub(crate) fn happens(percent: u64, roll: u64) -> bool {
    (u128::from(roll) * 100) >> 64 < u128::from(percent)
}
