//! Which prompts were seen before, as a cache that forgets the oldest ones.

use std::collections::HashSet;

/// Hashes that were seen lately: at least the latest [`MOST`], at most twice as many.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    young: HashSet<u64>,
    old: HashSet<u64>,
}

/// A few megabytes.
const MOST: usize = 100_000;

impl Remembered {
    /// Remembers a hash, and says whether it was known.
    pub(crate) fn insert(&mut self, hash: u64) -> bool {
        let is_known = !self.young.insert(hash) || self.old.contains(&hash);
        if self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
        }
        is_known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_again_stays_and_the_rest_is_forgotten() {
        let mut remembered = Remembered::default();
        for hash in 0..5 * MOST as u64 {
            assert!(!remembered.insert(hash + 1));
            assert_eq!(remembered.insert(0), hash > 0, "{hash}");
        }
        assert!(remembered.young.len() + remembered.old.len() <= 2 * MOST);
        assert!(!remembered.insert(1));
    }
}
