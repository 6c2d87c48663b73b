use proptest::prelude::*;
use tollgate_core::{Rate, Tally};
use tollgate_testkit::builders;

use super::*;

prop_compose! {
    // Prices up to 1,000 dollars per million tokens; most real ones are a
    // thousandth of that, and zero must work too.
    fn rates()(input in 0..1_000_000_000_000_000_u64, output in 0..1_000_000_000_000_000_u64,
               cached in proptest::option::of(0..1_000_000_000_000_000_u64), request in 0..10_000_000_000_000_000_u64) -> Rates {
        Rates {
            input: Rate::from_attos(input),
            output: Rate::from_attos(output),
            cache_write: cached.map(Rate::from_attos),
            request: Some(Rate::from_attos(request)),
            ..Rates::default()
        }
    }
}

fn profile_of(prompt: u64, answers: u64) -> CallProfile {
    let mut profile = builders::profile();
    profile.prompt = tollgate_core::TokenBounds {
        low: prompt,
        likely: prompt,
        high: prompt,
    };
    profile.answers = answers;
    profile
}

proptest! {
    #[test]
    fn worst_is_the_exact_sum_rounded_up_or_at_most_two_nanos_more(
        rates in rates(), prompt in 0..2_000_000_u64, output in 0..200_000_u64, answers in 1..4_u64, fee in 0..2_000_u32,
    ) {
        let worst = Quote::new(&profile_of(prompt, answers), &rates, fee).worst(output);
        let mut tally = Tally::default();
        tally.add(rates.dearest_input(), prompt);
        tally.add(rates.output, output * answers);
        tally.add(rates.request.unwrap_or_default(), 1);
        tally.add_basis_points(fee);
        let exact = tally.ceil().nanos();
        prop_assert!((exact..=exact + 2).contains(&worst.nanos()), "{exact} {}", worst.nanos());
    }

    #[test]
    fn the_longest_answer_within_a_ceiling_fits_and_is_nearly_the_longest(
        rates in rates(), prompt in 0..100_000_u64, ceiling in 0..10_000_000_000_i64, fee in 0..2_000_u32,
    ) {
        let quote = Quote::new(&profile_of(prompt, 1), &rates, fee);
        let ceiling = Usd::from_nanos(ceiling);
        let longest = quote.longest_within(ceiling);
        if longest > 0 && longest < u64::MAX {
            prop_assert!(quote.worst(longest) <= ceiling);
        }
        // One nano-dollar of rounding each way is all that may be left over.
        if longest < 1 << 40 {
            prop_assert!(quote.worst(longest + 1) + Usd::from_nanos(2) > ceiling);
        }
    }
}

#[test]
fn expected_prices_reasoning_at_its_own_rate() {
    let rates = Rates {
        output: Rate::from_attos(1_000_000_000),
        reasoning: Some(Rate::from_attos(3_000_000_000)),
        ..Rates::default()
    };
    assert_eq!(
        expected(&profile_of(0, 2), &rates, 10, 4, 0).nanos(),
        2 * (6 + 12)
    );
}
