use proptest::prelude::*;
use tollgate_core::Timestamp;

use super::*;

fn pricing(id: &str, pricing: &str) -> Pricing {
    let model = format!(r#"{{"id":"{id}","pricing":{pricing}}}"#);
    of(&Model::parse(model.as_bytes()).unwrap())
}

fn known(json: &str) -> Price {
    match pricing("a/b", json) {
        Pricing::Known(price) => price,
        other => panic!("{json} is {other:?}"),
    }
}

#[test]
fn only_a_promise_makes_a_zero_free() {
    let zero = r#"{"prompt":"0","completion":"0.00"}"#;
    for (id, json, expected) in [
        ("a/b:free", zero, Pricing::Free),
        ("a/b", zero, Pricing::Unknown),
        ("a/free", zero, Pricing::Unknown),
        (
            "a/b",
            r#"{"prompt":"-1","completion":"-1"}"#,
            Pricing::Dynamic,
        ),
        (
            "a/b",
            r#"{"prompt":"-1.0","completion":"0"}"#,
            Pricing::Dynamic,
        ),
        (
            "a/b",
            r#"{"prompt":"-2","completion":"1"}"#,
            Pricing::Unknown,
        ),
        ("a/b", r#"{"prompt":"0.1"}"#, Pricing::Unknown),
        ("a/b", "{}", Pricing::Unknown),
        (
            "a/b",
            r#"{"prompt":"1","completion":"1","input_cache_read":"-3"}"#,
            Pricing::Unknown,
        ),
    ] {
        assert_eq!(pricing(id, json), expected, "{id} {json}");
    }
    let charged = r#"{"prompt":"0.000001","completion":"0"}"#;
    assert!(matches!(pricing("a/b:free", charged), Pricing::Known(_)));
    assert!(matches!(
        pricing("a/b", r#"{"prompt":"0","completion":"0","request":"0.01"}"#),
        Pricing::Known(_)
    ));
}

#[test]
fn a_router_at_zero_is_not_free_and_an_alias_has_a_price() {
    let router = r#"{"id":"a/free","architecture":{"tokenizer":"Router"},"pricing":{"prompt":"0","completion":"0"}}"#;
    assert_eq!(
        of(&Model::parse(router.as_bytes()).unwrap()),
        Pricing::Dynamic
    );
    let alias = r#"{"id":"~a/latest","architecture":{"tokenizer":"Router"},"alias_target":{"slug":"a/b"},
        "pricing":{"prompt":"0.000001","completion":"0.000002"}}"#;
    assert!(matches!(
        of(&Model::parse(alias.as_bytes()).unwrap()),
        Pricing::Known(_)
    ));
}

#[test]
fn zero_for_a_class_means_that_it_is_not_priced_apart() {
    let price = known(
        r#"{"prompt":"0.000001","completion":"2e-6","internal_reasoning":"0","audio":"0","input_cache_read":"0","image":"0.5"}"#,
    );
    let expected = Rates {
        input: Rate::from_attos(1_000_000_000_000),
        output: Rate::from_attos(2_000_000_000_000),
        cache_read: Some(Rate::ZERO),
        image: Some("0.5".parse().unwrap()),
        ..Rates::default()
    };
    assert_eq!(price.base, expected);
}

fn condition(json: &str) -> PriceCondition {
    let listed = format!(r#"{{"prompt":"0.000001","completion":"1","overrides":[{json}]}}"#);
    known(&listed).overrides[0].when
}

#[test]
fn conditions_are_read_and_what_is_not_understood_is_marked() {
    let blank = PriceCondition::default();
    for (json, expected) in [
        (
            r#"{"min_prompt_tokens":200000}"#,
            PriceCondition {
                min_prompt_tokens: Some(200_000),
                ..blank
            },
        ),
        (
            r#"{"utc_start":1630,"utc_end":30}"#,
            PriceCondition {
                utc_minutes: Some((990, 30)),
                ..blank
            },
        ),
        (
            r#"{"utc_start":800}"#,
            PriceCondition {
                utc_minutes: Some((480, 1440)),
                ..blank
            },
        ),
        (
            r#"{"utc_start":0,"utc_end":2400}"#,
            PriceCondition {
                utc_minutes: Some((0, 1440)),
                ..blank
            },
        ),
        (
            r#"{"utc_days":["monday","Sunday"]}"#,
            PriceCondition {
                utc_days: Some(0b100_0001),
                ..blank
            },
        ),
        (
            r#"{"utc_start":1075}"#,
            PriceCondition {
                unknown: true,
                ..blank
            },
        ),
        (
            r#"{"utc_days":["someday"]}"#,
            PriceCondition {
                unknown: true,
                ..blank
            },
        ),
        (
            r#"{"moon_phase":"full","prompt":"1"}"#,
            PriceCondition {
                unknown: true,
                ..blank
            },
        ),
    ] {
        assert_eq!(condition(json), expected, "{json}");
    }
}

#[test]
fn a_doubted_price_counts_for_the_worst_case_only() {
    let was = pricing("a/b", r#"{"prompt":"0.000001","completion":"0.000002"}"#);
    let doubted = pricing("a/b", r#"{"prompt":"0.00002","completion":"0.000001"}"#);
    let Pricing::Known(price) = with_doubt(was.clone(), doubted) else {
        panic!("the price is gone")
    };
    let Pricing::Known(was) = was else {
        panic!("no price")
    };
    assert_eq!(price.at(1, Timestamp::default()), was.base);
    assert_eq!(price.ceiling(1).input, "0.00002".parse().unwrap());
    assert_eq!(price.ceiling(1).output, was.base.output);
}

/// Decimal texts near the edges: zeros in several spellings, `-1`, tiny and long ones.
fn decimal() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("0".to_owned()),
        Just("0.000".to_owned()),
        Just("-1".to_owned()),
        Just("1e-30".to_owned()),
        (0_u64..1_000_000).prop_map(|nanos| format!("{nanos}e-9")),
        (0_u64..1_000_000).prop_map(|nanos| format!("0.{nanos:09}")),
    ]
}

proptest! {
    #[test]
    fn no_request_meets_more_than_the_ceiling_and_nothing_is_free_by_accident(
        prompt in decimal(),
        completion in decimal(),
        dearer in decimal(),
        min in 0_u64..3000,
        start in 0_u64..2500,
        end in 0_u64..2500,
        tokens in 0_u64..4000,
        minute in 0_i64..3000,
    ) {
        let listed = format!(
            r#"{{"prompt":"{prompt}","completion":"{completion}","overrides":[
                {{"min_prompt_tokens":{min},"prompt":"{dearer}"}},
                {{"utc_start":{start},"utc_end":{end},"completion":"{dearer}"}}]}}"#
        );
        match pricing("a/b", &listed) {
            Pricing::Known(price) => {
                prop_assert!(price.base.input.max(price.base.output) > Rate::ZERO);
                let (at, most) = (price.at(tokens, Timestamp::from_secs(minute * 60)), price.ceiling(tokens));
                prop_assert!(at.input <= most.input && at.output <= most.output);
            }
            Pricing::Dynamic => prop_assert!(prompt == "-1" || completion == "-1"),
            other => prop_assert_eq!(other, Pricing::Unknown),
        }
    }
}
