//! What a call costs on one offer: expected, and at most.
//!
//! The same sums as `Tally`, in integers and without its general division:
//! a plan makes hundreds of them. Each is rounded up to the nano-dollar.

use tollgate_core::{CallProfile, Rates, Usd};

/// Prices of one offer, applied to one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quote {
    /// Atto-dollars that the prompt, the request and its images cost at most.
    fixed: u128,
    /// Atto-dollars that an output token costs at most.
    per_token: u64,
    answers: u64,
    fee_basis_points: u32,
}

impl Quote {
    /// A quote at the dearest prices that the call can meet.
    #[inline]
    pub(crate) fn new(profile: &CallProfile, dearest: &Rates, fee_basis_points: u32) -> Self {
        Self {
            fixed: product(dearest.dearest_input().attos(), profile.prompt.high)
                .saturating_add(extras(profile, dearest)),
            per_token: dearest.dearest_output().attos(),
            answers: profile.answers,
            fee_basis_points,
        }
    }

    /// The most that the call costs with answers of that many tokens.
    #[inline]
    pub(crate) fn worst(&self, output: u64) -> Usd {
        let attos = self
            .fixed
            .saturating_add(product(self.per_token, output.saturating_mul(self.answers)));
        with_fee(attos, self.fee_basis_points)
    }

    /// The longest answers that keep the cost within `ceiling`.
    pub(crate) fn longest_within(&self, ceiling: Usd) -> u64 {
        let nanos = u128::try_from(ceiling.nanos()).unwrap_or(0);
        // Rounding up comes last, so a sum of at most this many nano-dollars
        // before the fee is at most the ceiling after it.
        let before_fee = nanos * 10_000 / (10_000 + u128::from(self.fee_basis_points));
        let Some(left) = (before_fee * ATTOS_PER_NANO).checked_sub(self.fixed) else {
            return 0;
        };
        // One more token in every answer.
        match product(self.per_token, self.answers) {
            0 => u64::MAX,
            step => u64::try_from(left / step).unwrap_or(u64::MAX),
        }
    }
}

/// The expected cost with answers of `output` tokens, `reasoning` of them reasoning.
#[inline]
pub(crate) fn expected(
    profile: &CallProfile,
    rates: &Rates,
    output: u64,
    reasoning: u64,
    fee_basis_points: u32,
) -> Usd {
    let answers = profile.answers;
    let answer = match rates.reasoning {
        Some(rate) => product(
            rates.output.attos(),
            (output - reasoning).saturating_mul(answers),
        )
        .saturating_add(product(rate.attos(), reasoning.saturating_mul(answers))),
        None => product(rates.output.attos(), output.saturating_mul(answers)),
    };
    let attos = product(rates.input.attos(), profile.prompt.likely)
        .saturating_add(answer)
        .saturating_add(extras(profile, rates));
    with_fee(attos, fee_basis_points)
}

/// What a call costs whatever its length: the request itself and its images.
#[inline]
fn extras(profile: &CallProfile, rates: &Rates) -> u128 {
    let request = u128::from(rates.request.unwrap_or_default().attos());
    request.saturating_add(product(
        rates.image.unwrap_or_default().attos(),
        profile.images,
    ))
}

const ATTOS_PER_NANO: u128 = 1_000_000_000;

#[inline]
fn product(rate: u64, units: u64) -> u128 {
    u128::from(rate) * u128::from(units)
}

#[inline]
fn with_fee(attos: u128, basis_points: u32) -> Usd {
    // Below 18 dollars, 64 bits hold the sum, and a division by a constant is
    // a multiplication.
    let nanos = match u64::try_from(attos) {
        Ok(attos) => attos.div_ceil(ATTOS_PER_NANO as u64),
        Err(_) => u64::try_from(attos.div_ceil(ATTOS_PER_NANO)).unwrap_or(u64::MAX),
    };
    let fee = match basis_points {
        0 => 0,
        points => nanos.saturating_mul(u64::from(points)).div_ceil(10_000),
    };
    Usd::from_nanos(i64::try_from(nanos.saturating_add(fee)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
