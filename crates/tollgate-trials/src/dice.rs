//! Seeded chance: the same seed and purpose always give the same numbers.

/// A small generator (splitmix64) for one purpose.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice of their own for each purpose, so that one more roll somewhere changes nothing elsewhere.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let purpose = purpose.bytes().fold(0, |state: u64, byte| {
            scramble(state.wrapping_add(u64::from(byte)))
        });
        Self(scramble(seed) ^ purpose)
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        let width = u128::from(high.saturating_sub(low)) + 1;
        let above = (u128::from(self.roll()) * width) >> 64;
        low + u64::try_from(above).unwrap_or(0)
    }

    /// A number from 0 up to, and without, 1.
    pub fn unit(&mut self) -> f64 {
        // 53 bits are what a double holds.
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the choices, of which there must be some.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let last = choices.len() as u64 - 1;
        choices[usize::try_from(self.between(0, last)).unwrap_or(0)]
    }
}

fn scramble(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn seed_and_purpose_alone_decide() {
        let roll = |seed, purpose| Dice::new(seed, purpose).roll();
        assert_eq!(roll(7, "a"), roll(7, "a"));
        assert_ne!(roll(7, "a"), roll(8, "a"));
        assert_ne!(roll(7, "a"), roll(7, "b"));
        assert_ne!(roll(7, "ab"), roll(7, "ba"));
    }

    #[test]
    fn numbers_reach_both_ends_of_their_range() {
        let mut dice = Dice::new(7, "range");
        let rolls: Vec<u64> = (0..200).map(|_| dice.between(3, 6)).collect();
        assert_eq!(
            (rolls.iter().min(), rolls.iter().max()),
            (Some(&3), Some(&6))
        );
        let hits = (0..10_000).filter(|_| dice.chance(0.3)).count();
        assert!((2_850..3_150).contains(&hits), "{hits}");
    }
}
