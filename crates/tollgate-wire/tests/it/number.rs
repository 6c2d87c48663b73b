//! Decimals.

use proptest::prelude::*;
use tollgate_wire::Decimal;

proptest! {
    #[test]
    fn a_decimal_comes_out_in_its_own_spelling(
        text in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", quoted in any::<bool>(),
    ) {
        let json = if quoted { format!("\"{text}\"") } else { text.clone() };
        let decimal: Decimal = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(decimal.as_str(), text);
        prop_assert_eq!(serde_json::to_string(&decimal).unwrap(), json);
    }

    #[test]
    fn the_grammar_is_that_of_json(text in "[-+0-9.eE ]{0,8}") {
        let json = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok_and(|raw| raw.get() == text);
        prop_assert_eq!(Decimal::parse(&text).is_ok(), json);
    }
}

#[test]
fn zero_and_sign_are_seen_in_any_spelling() {
    let check = |text: &str, zero: bool, negative: bool| {
        let decimal = Decimal::parse(text).unwrap();
        assert_eq!(
            (decimal.is_zero(), decimal.is_negative()),
            (zero, negative),
            "{text}"
        );
    };
    check("0", true, false);
    check("-0.00", true, false);
    check("0e5", true, false);
    check("-1", false, true);
    check("1e-400", false, false);
}

#[test]
fn what_is_no_number_is_refused_with_an_example() {
    let error = serde_json::from_str::<Decimal>("\"free\"")
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "expected a decimal number such as 0.25 or 3e-7, found \"free\""
    );
    assert!(
        Decimal::parse(&"x".repeat(9_999))
            .unwrap_err()
            .message()
            .len()
            < 120
    );
    assert!(serde_json::from_str::<Decimal>("true").is_err());
    assert!(Decimal::parse("NaN").is_err());
}
