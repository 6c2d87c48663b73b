//! Seeded chance: the same inputs always give the same numbers.

/// A small generator (splitmix64) whose start is a hash of everything that the
/// outcome may depend on.
#[derive(Clone, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    /// Starts from the seed and the given parts; where the parts are split matters.
    pub(crate) fn new(seed: u64, parts: &[&[u8]]) -> Self {
        let mut state = hash(&seed.to_le_bytes());
        for part in parts {
            state = scramble(state ^ hash(part));
        }
        Self(state)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// A number in `0..limit`; 0 when the limit is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(limit);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        let last = choices.len() - 1;
        let index = usize::try_from(self.below(choices.len() as u64)).unwrap_or(last);
        choices[index.min(last)]
    }

    /// True with the given probability (below 0 never, above 1 always).
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits are what a double can hold, so the comparison is exact.
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        unit < probability
    }

    /// Letters and digits, as in generation ids.
    pub(crate) fn alphanumerics(&mut self, count: usize) -> String {
        const ALPHABET: &[u8; 62] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..count)
            .map(|_| char::from(ALPHABET[usize::try_from(self.below(62)).unwrap_or(0)]))
            .collect()
    }
}

/// FNV-1a, which is short and the same on every machine.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn scramble(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::Draw;

    #[test]
    fn depends_on_seed_and_parts_only() {
        let draw = |seed, parts: &[&[u8]]| Draw::new(seed, parts).next();
        assert_eq!(draw(1, &[b"a", b"b"]), draw(1, &[b"a", b"b"]));
        assert_ne!(draw(1, &[b"a", b"b"]), draw(2, &[b"a", b"b"]));
        assert_ne!(draw(1, &[b"ab", b""]), draw(1, &[b"a", b"b"]));
    }

    #[test]
    fn chance_is_near_its_probability() {
        let mut draw = Draw::new(7, &[b"chance"]);
        let hits = (0..10_000).filter(|_| draw.chance(0.3)).count();
        assert!((2_850..3_150).contains(&hits), "{hits}");
        assert!(!draw.chance(0.0) && draw.chance(1.0));
    }
}
