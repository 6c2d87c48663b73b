use proptest::prelude::*;

use super::*;

fn check(text: &str, nanos: Result<i64, ()>) {
    assert_eq!(
        text.parse::<Usd>().map(Usd::nanos).map_err(|_| ()),
        nanos,
        "{text}"
    );
}

#[test]
fn amounts_are_read_exactly_or_refused() {
    check("0.10", Ok(100_000_000));
    check("3.6e-7", Ok(360));
    check("1E2", Ok(100_000_000_000));
    check("-0.5", Ok(-500_000_000));
    check("0.1000000000000", Ok(100_000_000));
    check("0.0000000001", Err(()));
    for bad in [
        "",
        "-",
        ".5",
        "5.",
        "1e",
        "0x10",
        "NaN",
        "inf",
        "1e999",
        "9223372036854775807",
        "1 2",
        "1_0",
    ] {
        check(bad, Err(()));
    }
}

#[test]
fn figures_of_others_are_rounded_half_to_even() {
    let nanos = |text| Usd::parse_rounded(text).map(Usd::nanos);
    assert_eq!(nanos("0.0000000005"), Ok(0));
    assert_eq!(nanos("0.0000000015"), Ok(2));
    assert_eq!(nanos("0.00000000151"), Ok(2));
    assert_eq!(nanos("1e-300"), Ok(0));
    assert!(nanos("1e300").is_err());
}

#[test]
fn rates_hold_eighteen_places_and_no_debt() {
    assert_eq!(
        "0.000000000000000001".parse::<Rate>().map(Rate::attos),
        Ok(1)
    );
    assert!(matches!(
        "-1".parse::<Rate>(),
        Err(InvalidMoney::Negative(_))
    ));
    assert!(matches!(
        "1e-19".parse::<Rate>(),
        Err(InvalidMoney::TooFine(..))
    ));
    assert!(matches!(
        "19".parse::<Rate>(),
        Err(InvalidMoney::TooLarge(_))
    ));
}

#[test]
fn published_prices_finer_than_an_atto_are_rounded_up() {
    let ceil = |text| Rate::parse_ceil(text).map(Rate::attos);
    assert_eq!(ceil("0.000000000000000001"), Ok(1));
    assert_eq!(ceil("0.0000000000000000011"), Ok(2));
    assert_eq!(ceil("1e-300"), Ok(1));
    assert_eq!(ceil("0"), Ok(0));
    assert!(matches!(ceil("-1"), Err(InvalidMoney::Negative(_))));
    assert!(matches!(ceil("19"), Err(InvalidMoney::TooLarge(_))));
}

#[test]
fn holds_round_up_and_settlements_to_even() {
    let mut tally = Tally::default();
    tally.add(Rate::from_attos(500_000_000), 1);
    assert_eq!((tally.ceil().nanos(), tally.half_even().nanos()), (1, 0));
    tally.add(Rate::from_attos(1_000_000_000), 1);
    assert_eq!((tally.ceil().nanos(), tally.half_even().nanos()), (2, 2));
}

#[test]
fn toml_style_floats_read_as_they_were_typed() {
    assert_eq!(
        serde_json::from_str::<Usd>("0.10").map(Usd::nanos).ok(),
        Some(100_000_000)
    );
    assert_eq!(
        serde_json::from_str::<Usd>("\"0.10\"").map(Usd::nanos).ok(),
        Some(100_000_000)
    );
}

proptest! {
    #[test]
    fn money_prints_and_parses_back(nanos in any::<i64>().prop_filter("no positive twin", |n| *n != i64::MIN)) {
        let amount = Usd::from_nanos(nanos);
        prop_assert_eq!(amount.to_string().parse::<Usd>(), Ok(amount));
    }

    #[test]
    fn rates_print_and_parse_back(attos in any::<u64>()) {
        let rate = Rate::from_attos(attos);
        prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
    }

    #[test]
    fn rounding_up_is_never_below_and_less_than_a_nano_above(
        parts in prop::collection::vec((0..1_000_000_000_000_000_u64, 0..1_000_000_u64), 0..8)
    ) {
        let mut tally = Tally::default();
        for (rate, units) in &parts {
            tally.add(Rate::from_attos(*rate), *units);
        }
        let exact: i128 = parts.iter().map(|(r, u)| i128::from(*r) * i128::from(*u)).sum();
        let up = i128::from(tally.ceil().nanos()) * ATTO_PER_NANO;
        prop_assert!(up >= exact && up - exact < ATTO_PER_NANO);
        let even = i128::from(tally.half_even().nanos()) * ATTO_PER_NANO;
        prop_assert!((even - exact).abs() * 2 <= ATTO_PER_NANO);
    }
}
