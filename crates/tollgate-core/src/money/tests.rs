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

#[test]
fn zeros_and_places_may_be_as_many_as_there_are() {
    let zeros = "0".repeat(400);
    check(&format!("0.1{zeros}"), Ok(100_000_000));
    check(&format!("{zeros}1.50{zeros}"), Ok(1_500_000_000));
    check(&format!("1{zeros}e-400"), Ok(1_000_000_000));
    check(&format!("0.{zeros}1e401"), Ok(1_000_000_000));
    check(&format!("1{zeros}"), Err(()));
    check(&format!("0.1{zeros}1"), Err(()));
    check(&format!("0.1{zeros}x"), Err(()));
    let just_above_half = format!("0.0000000005{zeros}1");
    assert_eq!(Usd::parse_rounded(&just_above_half), Ok(Usd(1)));
    let nearly_half = format!("0.00000000049{}", "9".repeat(400));
    assert_eq!(Usd::parse_rounded(&nearly_half), Ok(Usd(0)));
    let just_above = format!("0.000000000000000001{zeros}1");
    assert_eq!(Rate::parse_ceil(&just_above), Ok(Rate(2)));
    let exactly = format!("0.000000000000000001{zeros}");
    assert_eq!(Rate::parse_ceil(&exactly), Ok(Rate(1)));
}

/// A number, digit by digit: whole units of `10^-places`, `None` when they are
/// beyond any type here, and the digits that follow them.
fn by_digits(whole: &str, fraction: &str, exponent: i32, places: usize) -> (Option<i128>, String) {
    // So many zeros on both sides that the point cannot leave the digits.
    let zeros = "0".repeat(200);
    let digits = format!("{zeros}{whole}{fraction}{zeros}");
    let point = i32::try_from(zeros.len() + whole.len() + places).unwrap() + exponent;
    let (units, rest) = digits.split_at(usize::try_from(point).unwrap());
    let units = units.trim_start_matches('0');
    let read = format!("0{units}").parse().ok();
    (read, rest.trim_end_matches('0').to_owned())
}

/// Digits that round in all ways: runs of zeros and nines, halves, and a bit of
/// everything.
const RUNS: &str = "[0-9]{0,4}(0{0,45}|9{0,45}|50{0,45}|49{0,45})[0-9]{0,2}";

proptest! {
    #[test]
    fn numbers_of_any_length_are_read_as_if_by_hand(
        negative in any::<bool>(),
        whole in "[0-9]{1,3}[0-9]{0,25}",
        fraction in RUNS,
        // Mostly where something is left to be rounded.
        exponent in prop_oneof![4 => -30..5_i32, 1 => -60..60_i32],
    ) {
        let (sign, point) = (if negative { "-" } else { "" }, if fraction.is_empty() { "" } else { "." });
        let text = format!("{sign}{whole}{point}{fraction}e{exponent}");
        let amount = |units: Option<i128>| {
            let units = units.map(|units| if negative { -units } else { units });
            units.and_then(|units| i64::try_from(units).ok()).map(Usd)
        };
        let (units, rest) = by_digits(&whole, &fraction, exponent, 9);
        // Digits after the point compare as words do.
        let up = units.is_some_and(|units| rest.as_str() > "5" || (rest == "5" && units % 2 == 1));
        let rounded = units.map(|units| units + i128::from(up));
        prop_assert_eq!(Usd::parse_rounded(&text).ok(), amount(rounded), "{} rounded", &text);
        let exactly = amount(units).filter(|_| rest.is_empty());
        prop_assert_eq!(text.parse::<Usd>().ok(), exactly, "{} exactly", &text);

        let (units, rest) = by_digits(&whole, &fraction, exponent, 18);
        let is_debt = negative && (units != Some(0) || !rest.is_empty());
        let rate = |units: Option<i128>| {
            let units = units.filter(|_| !is_debt);
            units.and_then(|units| u64::try_from(units).ok()).map(Rate)
        };
        let up = units.map(|units| units + i128::from(!rest.is_empty()));
        prop_assert_eq!(Rate::parse_ceil(&text).ok(), rate(up), "{} up", &text);
        let exactly = rate(units).filter(|_| rest.is_empty());
        prop_assert_eq!(text.parse::<Rate>().ok(), exactly, "{} exactly", &text);
    }

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
