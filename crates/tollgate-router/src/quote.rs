//! What a call costs on one offer: at most, and expected. Both are exact sums,
//! rounded up to the nano-dollar.

use tollgate_core::{CallProfile, Quote, Rate, Rates, Usd};

/// A quote where nothing but prompt and output tokens costs.
#[inline(always)]
pub(crate) fn plain(
    profile: &CallProfile,
    input: Rate,
    prompt: u64,
    output: Rate,
    fee_basis_points: u32,
) -> Quote {
    Quote {
        fixed: product(input, prompt),
        per_token: output,
        answers: profile.answers,
        fee_basis_points,
    }
}

/// What the same quote costs without a fee for `tokens` in all answers, where
/// 64 bits hold every sum: nearly always, and in half of the time.
#[inline(always)]
pub(crate) fn small(input: Rate, prompt: u64, output: Rate, tokens: u64) -> Option<Usd> {
    const ATTOS_PER_NANO: u64 = 1_000_000_000;
    let prompt = input.attos().checked_mul(prompt)?;
    let attos = output.attos().checked_mul(tokens)?.checked_add(prompt)?;
    let nanos = attos.checked_add(ATTOS_PER_NANO - 1)? / ATTOS_PER_NANO;
    // A billionth of 64 bits fits into 63.
    Some(Usd::from_nanos(nanos as i64))
}

/// The most that a call costs at the dearest prices that it can meet.
pub(crate) fn worst(profile: &CallProfile, dearest: &Rates, fee_basis_points: u32) -> Quote {
    Quote {
        fixed: product(dearest.dearest_input(), profile.prompt.high)
            .saturating_add(extras(profile, dearest)),
        per_token: dearest.dearest_output(),
        answers: profile.answers,
        fee_basis_points,
    }
}

/// Expected tokens of one call on one offer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) prompt: u64,
    /// Those of the prompt that are read from a cache.
    pub(crate) cached: u64,
    /// Those of an answer, to see and to think.
    pub(crate) visible: u64,
    pub(crate) reasoning: u64,
}

/// What so many tokens cost.
pub(crate) fn expected(
    profile: &CallProfile,
    rates: &Rates,
    tokens: Expected,
    fee_basis_points: u32,
) -> Usd {
    let Expected {
        prompt,
        cached,
        visible,
        reasoning,
    } = tokens;
    let cached = cached.min(prompt);
    let cache_rate = rates.cache_read.unwrap_or(rates.input);
    let reasoning_rate = rates.reasoning.unwrap_or(rates.output);
    let thoughts = product(reasoning_rate, reasoning.saturating_mul(profile.answers));
    let quote = Quote {
        fixed: product(rates.input, prompt - cached)
            .saturating_add(product(cache_rate, cached))
            .saturating_add(thoughts)
            .saturating_add(extras(profile, rates)),
        per_token: rates.output,
        answers: profile.answers,
        fee_basis_points,
    };
    quote.at(visible)
}

/// What a call costs whatever its length: the request itself, its images and
/// searches.
#[inline]
fn extras(profile: &CallProfile, rates: &Rates) -> u128 {
    u128::from(rates.request.unwrap_or_default().attos())
        .saturating_add(product(rates.image.unwrap_or_default(), profile.images))
        .saturating_add(product(
            rates.web_search.unwrap_or_default(),
            profile.searches,
        ))
}

#[inline]
fn product(rate: Rate, units: u64) -> u128 {
    u128::from(rate.attos()) * u128::from(units)
}

#[cfg(test)]
mod tests {
    use tollgate_testkit::builders;

    use super::*;

    #[test]
    fn expected_prices_reasoning_at_its_own_rate() {
        let rates = Rates {
            output: Rate::from_attos(1_000_000_000),
            reasoning: Some(Rate::from_attos(3_000_000_000)),
            ..Rates::default()
        };
        let mut profile = builders::profile();
        profile.prompt = tollgate_core::TokenBounds::default();
        profile.answers = 2;
        let tokens = Expected {
            prompt: 0,
            cached: 0,
            visible: 6,
            reasoning: 4,
        };
        assert_eq!(expected(&profile, &rates, tokens, 0).nanos(), 2 * (6 + 12));
    }

    #[test]
    fn expected_prices_what_is_cached_as_that() {
        let rates = Rates {
            input: Rate::from_attos(10_000_000_000),
            cache_read: Some(Rate::from_attos(1_000_000_000)),
            ..Rates::default()
        };
        let cost_with = |cached| {
            let tokens = Expected {
                prompt: 100,
                cached,
                visible: 0,
                reasoning: 0,
            };
            expected(&builders::profile(), &rates, tokens, 0).nanos()
        };
        assert_eq!(
            [0, 60, 100, 500].map(cost_with),
            [1_000, 400 + 60, 100, 100]
        );
    }
}
