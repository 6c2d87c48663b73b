use crate::{Rate, Usd};

const ATTOS_PER_NANO: u64 = 1_000_000_000;

/// What a call costs at given prices, by the length of its answers: a part that
/// is fixed and a part per token. With it, whoever sends the call can set an
/// output limit to the money that is left.
///
/// ```
/// use tollgate_core::{Quote, Rate};
///
/// let quote = Quote {
///     fixed: 4_000_000_000_000_000, // $0.004 for the prompt
///     per_token: Rate::from_attos(2_000_000_000_000), // $2 a million
///     answers: 1,
///     fee_basis_points: 0,
/// };
/// assert_eq!(quote.at(500), "0.005".parse()?);
/// assert_eq!(quote.longest_within("0.01".parse()?), 3_000);
/// assert_eq!(quote.longest_within("0.003".parse()?), 0);
/// # Ok::<(), tollgate_core::InvalidMoney>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// Atto-dollars (10⁻¹⁸) of the prompt, its images and the request itself.
    pub fixed: u128,
    /// Price of an output token.
    pub per_token: Rate,
    /// How many answers are asked for, at least 1.
    pub answers: u64,
    /// Fee of the lane on top, in basis points (1/10,000).
    pub fee_basis_points: u32,
}

impl Quote {
    /// Nothing, whatever the length.
    pub const FREE: Self = Self {
        fixed: 0,
        per_token: Rate::ZERO,
        answers: 1,
        fee_basis_points: 0,
    };

    /// The cost with answers of `output` tokens each, rounded up to the
    /// nano-dollar.
    pub fn at(&self, output: u64) -> Usd {
        let tokens = output.saturating_mul(self.answers);
        let answers = u128::from(self.per_token.attos()) * u128::from(tokens);
        let attos = self.fixed.saturating_add(answers);
        // Below 18 dollars, 64 bits hold the sum, and a division by a constant
        // is a multiplication.
        let nanos = match u64::try_from(attos) {
            Ok(attos) => attos.div_ceil(ATTOS_PER_NANO),
            Err(_) => u64::try_from(attos.div_ceil(u128::from(ATTOS_PER_NANO))).unwrap_or(u64::MAX),
        };
        let fee = match self.fee_basis_points {
            0 => 0,
            points => nanos.saturating_mul(u64::from(points)).div_ceil(10_000),
        };
        Usd::from_nanos(i64::try_from(nanos.saturating_add(fee)).unwrap_or(i64::MAX))
    }

    /// The most tokens of each answer that keep the cost within `room`; 0 when
    /// not one fits.
    pub fn longest_within(&self, room: Usd) -> u64 {
        let nanos = u128::try_from(room.nanos()).unwrap_or(0);
        // Rounding up comes last, so a sum of at most this many nano-dollars
        // before the fee is at most the room after it.
        let before_fee = match self.fee_basis_points {
            0 => nanos,
            points => nanos * 10_000 / (10_000 + u128::from(points)),
        };
        let Some(left) = (before_fee * u128::from(ATTOS_PER_NANO)).checked_sub(self.fixed) else {
            return 0;
        };
        // One more token in every answer.
        let step = u128::from(self.per_token.attos()) * u128::from(self.answers);
        match (u64::try_from(left), u64::try_from(step)) {
            (_, Ok(0)) => u64::MAX,
            // Below 18 dollars again.
            (Ok(left), Ok(step)) => left / step,
            _ => u64::try_from(left / step).unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Tally;

    prop_compose! {
        // Up to 1,000 dollars per million tokens and 10,000 for the rest; most
        // real figures are a thousandth of that, and zero must work too.
        fn quotes()(fixed in 0..10_000_000_000_000_000_000_000_u128, per_token in 0..1_000_000_000_000_000_u64,
                    answers in 1..4_u64, fee_basis_points in 0..2_000_u32, magnitude in 0..15_u32) -> Quote {
            Quote {
                fixed: fixed / 10_u128.pow(magnitude),
                per_token: Rate::from_attos(per_token / 10_u64.pow(magnitude)),
                answers,
                fee_basis_points,
            }
        }
    }

    proptest! {
        #[test]
        fn a_cost_is_the_exact_sum_rounded_up_or_at_most_two_nanos_more(quote in quotes(), output in 0..200_000_u64) {
            let mut tally = Tally::default();
            tally.add(quote.per_token, output * quote.answers);
            // `Tally` adds products of 64 bits: the fixed part in two of them.
            tally.add(Rate::from_attos((quote.fixed / 1_000_000_000) as u64), 1_000_000_000);
            tally.add(Rate::from_attos((quote.fixed % 1_000_000_000) as u64), 1);
            tally.add_basis_points(quote.fee_basis_points);
            let exact = tally.ceil().nanos();
            let cost = quote.at(output).nanos();
            prop_assert!((exact..=exact + 2).contains(&cost), "{exact} {cost}");
        }

        #[test]
        fn the_longest_answer_within_a_room_fits_and_is_nearly_the_longest(quote in quotes(), room in 0..10_000_000_000_000_i64) {
            let room = Usd::from_nanos(room);
            let longest = quote.longest_within(room);
            if longest > 0 && longest < u64::MAX {
                prop_assert!(quote.at(longest) <= room);
            }
            // One nano-dollar of rounding each way is all that may be left over.
            if longest < 1 << 40 {
                prop_assert!(quote.at(longest + 1) + Usd::from_nanos(2) > room);
            }
        }
    }

    #[test]
    fn figures_at_the_edge_saturate() {
        let quote = Quote {
            fixed: u128::MAX,
            per_token: Rate::from_attos(u64::MAX),
            answers: u64::MAX,
            fee_basis_points: u32::MAX,
        };
        assert_eq!(quote.at(u64::MAX), Usd::MAX);
        assert_eq!(quote.longest_within(Usd::MAX), 0);
        assert_eq!(Quote::FREE.at(u64::MAX), Usd::ZERO);
        assert_eq!(Quote::FREE.longest_within(Usd::ZERO), u64::MAX);
    }
}
