use std::sync::Arc;

use tollgate_testkit::builders::{self, model};

use super::*;
use crate::{DirectConfig, OutputLimitField};

const REQUEST: &str = r#"{"model":"a/b","messages":[{"role":"user","content":"Hi \u00e9"}],"temperature":1.10,"seed":12345678901234567890123,"new":{"x": 1}}"#;

fn attempt(request: &str) -> Attempt {
    Attempt {
        request: Arc::new(Request::parse(Surface::Chat, request.as_bytes()).unwrap()),
        delivery: Delivery::Whole,
        ..builders::attempt(1, "a/b", "openrouter")
    }
}

fn text(attempt: &Attempt, dialect: &Dialect) -> String {
    String::from_utf8(outgoing(attempt, dialect).unwrap().bytes.to_vec()).unwrap()
}

fn openrouter(attempt: &Attempt) -> String {
    text(attempt, &Dialect::openrouter())
}

fn direct() -> Dialect {
    Dialect::direct(&DirectConfig::default())
}

#[test]
fn a_request_that_needs_no_change_is_forwarded_as_it_came() {
    assert_eq!(openrouter(&attempt(REQUEST)), REQUEST);
}

#[test]
fn owned_fields_are_replaced_in_place_and_the_rest_stays_verbatim() {
    let mut attempt = attempt(REQUEST);
    attempt.models = vec![model("c/d"), model("e/f")];
    attempt.delivery = Delivery::Stream;
    attempt.max_output = Some(64);
    let expected = REQUEST
        .replace("a/b", "c/d")
        .replace("}}", r#"},"models":["e/f"],"stream":true,"max_tokens":64}"#);
    assert_eq!(openrouter(&attempt), expected);
}

#[test]
fn a_list_of_the_callers_does_not_act_twice() {
    let attempt = attempt(r#"{"model":"a/b","models":["c/d"],"messages":[{}],"stream":false}"#);
    assert_eq!(
        openrouter(&attempt),
        r#"{"model":"a/b","messages":[{}],"stream":false}"#
    );
}

#[test]
fn an_output_limit_goes_where_the_caller_has_one_and_is_never_raised() {
    for (asked, sent) in [
        (
            r#""max_completion_tokens":100"#,
            r#""max_completion_tokens":64"#,
        ),
        (r#""max_tokens":100"#, r#""max_tokens":64"#),
        (r#""max_tokens":64.0"#, r#""max_tokens":64"#),
        (r#""max_tokens":16"#, r#""max_tokens":16"#),
        (r#""max_tokens":null"#, r#""max_tokens":64"#),
    ] {
        let mut attempt = attempt(&format!(r#"{{"model":"a/b",{asked},"messages":[{{}}]}}"#));
        attempt.max_output = Some(64);
        assert_eq!(
            openrouter(&attempt),
            format!(r#"{{"model":"a/b",{sent},"messages":[{{}}]}}"#)
        );
    }
}

#[test]
fn two_output_limits_become_the_lower_one_in_the_field_that_the_lane_takes() {
    let newest = Dialect::direct(&DirectConfig {
        output_limit: OutputLimitField::MaxCompletionTokens,
        ..Default::default()
    });
    for (max_output, dialect, sent) in [
        (None, direct(), r#""max_tokens":16"#),
        (Some(64), direct(), r#""max_tokens":16"#),
        (Some(8), direct(), r#""max_tokens":8"#),
        (None, newest, r#""max_completion_tokens":16"#),
    ] {
        let attempt = Attempt {
            max_output,
            ..attempt(
                r#"{"model":"a/b","max_tokens":16,"max_completion_tokens":100,"messages":[{}]}"#,
            )
        };
        let body = text(&attempt, &dialect);
        assert!(body.contains(sent), "{body}");
        assert_eq!(body.matches("max_").count(), 1, "{body}");
    }
}

#[test]
fn the_older_name_of_a_limit_becomes_the_newer_one_where_the_lane_takes_that() {
    let newest = Dialect::direct(&DirectConfig {
        output_limit: OutputLimitField::MaxCompletionTokens,
        ..Default::default()
    });
    let request = r#"{"model":"a/b","max_tokens":16,"messages":[{}]}"#;
    for (max_output, sent) in [(None, 16), (Some(64), 16), (Some(8), 8)] {
        let attempt = Attempt {
            max_output,
            ..attempt(request)
        };
        let body = text(&attempt, &newest);
        let expected = format!(r#""max_completion_tokens":{sent}"#);
        assert!(
            body.contains(&expected) && !body.contains("max_tokens"),
            "{body}"
        );
    }
    assert_eq!(text(&attempt(request), &direct()), request);
}

#[test]
fn a_limit_is_forwarded_as_it_was_written_when_it_is_the_only_one() {
    let request =
        r#"{"model":"a/b","max_tokens":64.0,"max_completion_tokens":null,"messages":[{}]}"#;
    assert_eq!(openrouter(&attempt(request)), request);
}

#[test]
fn price_ceilings_are_merged_and_the_lower_one_holds() {
    let mut attempt = attempt(
        r#"{"model":"a/b","messages":[{}],"provider":{"zdr":true,"max_price":{"prompt":0.1,"completion":"9","audio":1}}}"#,
    );
    attempt.max_price = Some(Rates {
        input: "0.0000005".parse().unwrap(),
        output: "0.000002".parse().unwrap(),
        request: Some("0.001".parse().unwrap()),
        ..Rates::default()
    });
    let provider =
        r#"{"zdr":true,"max_price":{"prompt":0.1,"completion":"2","audio":1,"request":"0.001"}}"#;
    assert_eq!(
        openrouter(&attempt),
        format!(r#"{{"model":"a/b","messages":[{{}}],"provider":{provider}}}"#)
    );
    assert!(!text(&attempt, &direct()).contains("max_price"));
}

#[test]
fn a_provider_field_of_another_kind_is_the_callers_fault() {
    let mut attempt = attempt(r#"{"model":"a/b","messages":[{}],"provider":"alpha"}"#);
    attempt.max_price = Some(Rates::default());
    let failure = outgoing(&attempt, &Dialect::openrouter()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest);
    assert!(failure.message().contains("provider"), "{failure}");
}

#[test]
fn a_direct_provider_gets_nothing_that_only_openrouter_knows() {
    let attempt = attempt(
        r#"{"model":"a/b","messages":[{}],"models":["c/d"],"plugins":[{"id":"web"}],"reasoning":{"effort":"low"},"session_id":null,"top_k":1}"#,
    );
    let outgoing = outgoing(&attempt, &direct()).unwrap();
    assert_eq!(
        outgoing.bytes,
        r#"{"model":"a/b","messages":[{}],"top_k":1,"reasoning_effort":"low"}"#
    );
    assert_eq!(outgoing.dropped, ["plugins", "reasoning"]);
}

#[test]
fn a_direct_provider_is_asked_for_the_usage_of_streams_only() {
    let mut attempt =
        attempt(r#"{"model":"a/b","messages":[{}],"stream":true,"stream_options":{"x":1}}"#);
    attempt.delivery = Delivery::Stream;
    assert_eq!(
        text(&attempt, &direct()),
        r#"{"model":"a/b","messages":[{}],"stream":true,"stream_options":{"x":1,"include_usage":true}}"#
    );
    attempt.delivery = Delivery::Whole;
    assert_eq!(
        text(&attempt, &direct()),
        r#"{"model":"a/b","messages":[{}],"stream":false}"#
    );
}

#[test]
fn providers_with_own_keys_are_asked_first_unless_the_caller_has_an_order() {
    let dialect = Dialect::openrouter().asking_first(vec!["anthropic".to_owned()]);
    let sent = |provider: &str| {
        let body = format!(r#"{{"model":"a/b","messages":[{{}}]{provider}}}"#);
        text(&attempt(&body), &dialect)
    };
    assert_eq!(
        sent(""),
        r#"{"model":"a/b","messages":[{}],"provider":{"order":["anthropic"]}}"#
    );
    assert_eq!(
        sent(r#","provider":{"zdr":true}"#),
        r#"{"model":"a/b","messages":[{}],"provider":{"zdr":true,"order":["anthropic"]}}"#
    );
    for own in ["order", "only", "sort"] {
        let provider = format!(r#","provider":{{"{own}":["b"]}}"#);
        assert!(!sent(&provider).contains("anthropic"), "{own}");
    }
}

fn preferring(request: &str, preferences: EndpointPreferences) -> Attempt {
    Attempt {
        endpoints: preferences,
        ..attempt(request)
    }
}

fn an_order() -> EndpointPreferences {
    EndpointPreferences {
        order: vec!["alpha/fp8".into(), "beta".into()],
        ..EndpointPreferences::default()
    }
}

fn thresholds() -> EndpointPreferences {
    EndpointPreferences {
        max_first_token_ms: Some(1_250),
        min_tokens_per_second: Some(40),
        ..EndpointPreferences::default()
    }
}

#[test]
fn endpoints_are_preferred_in_the_words_and_units_of_openrouter() {
    let with = |provider: &str| format!(r#"{{"model":"a/b","messages":[{{}}]{provider}}}"#);
    for (preferences, provider) in [
        (EndpointPreferences::default(), ""),
        (an_order(), r#","provider":{"order":["alpha/fp8","beta"]}"#),
        (
            thresholds(),
            r#","provider":{"preferred_max_latency":1.25,"preferred_min_throughput":40.0}"#,
        ),
    ] {
        let attempt = preferring(&with(""), preferences);
        assert_eq!(openrouter(&attempt), with(provider));
    }
}

#[test]
fn the_callers_own_preferences_win_key_by_key() {
    let sent = |provider: &str, preferences| {
        let request = format!(r#"{{"model":"a/b","messages":[{{}}],"provider":{provider}}}"#);
        let sent = openrouter(&preferring(&request, preferences));
        sent[sent.find(r#""provider":"#).unwrap() + 11..sent.len() - 1].to_owned()
    };
    let both = || EndpointPreferences {
        order: an_order().order,
        ..thresholds()
    };
    for untouched in [
        r#"{"order":["own"]}"#,
        r#"{"only":["own"]}"#,
        r#"{"sort":"latency"}"#,
    ] {
        assert_eq!(sent(untouched, both()), untouched);
    }
    assert_eq!(
        sent(
            r#"{"zdr":true,"preferred_max_latency":{"p90":3}}"#,
            thresholds()
        ),
        r#"{"zdr":true,"preferred_max_latency":{"p90":3},"preferred_min_throughput":40.0}"#
    );
}

#[test]
fn an_order_does_not_narrow_a_choice_without_fallbacks() {
    let request = r#"{"model":"a/b","messages":[{}],"provider":{"allow_fallbacks":false}}"#;
    assert_eq!(openrouter(&preferring(request, an_order())), request);
}

#[test]
fn preferences_are_merged_with_price_ceilings_and_a_session_travels_beside_them() {
    let request = r#"{"model":"a/b","messages":[{}],"session_id":"s"}"#;
    let attempt = Attempt {
        max_price: Some(Rates::default()),
        ..preferring(request, an_order())
    };
    assert_eq!(
        openrouter(&attempt),
        r#"{"model":"a/b","messages":[{}],"session_id":"s","provider":{"max_price":{"prompt":"0","completion":"0"},"order":["alpha/fp8","beta"]}}"#
    );
}

#[test]
fn other_upstreams_get_no_preferences_of_endpoints() {
    let request = r#"{"model":"a/b","messages":[{}]}"#;
    let attempt = preferring(request, an_order());
    assert_eq!(text(&attempt, &direct()), request);
}

#[test]
fn the_name_of_a_conversation_goes_where_the_request_has_none_and_openrouter_takes_it() {
    let sent = |fields: &str, session: &str, dialect: &Dialect| {
        let attempt = Attempt {
            session: Some(session.to_owned()),
            ..attempt(&format!(r#"{{"model":"a/b","messages":[{{}}]{fields}}}"#))
        };
        let text = text(&attempt, dialect);
        let body = text.strip_prefix(r#"{"model":"a/b","messages":[{}]"#);
        body.unwrap().to_owned()
    };
    let named = r#","session_id":"s"}"#;
    let openrouter = Dialect::openrouter();
    assert_eq!(sent("", "s", &openrouter), named);
    assert_eq!(sent(r#","session_id":null"#, "s", &openrouter), named);
    assert_eq!(sent(r#","session_id":"s""#, "other", &openrouter), named);
    assert_eq!(sent("", "", &openrouter), "}");
    assert_eq!(sent("", &"x".repeat(257), &openrouter), "}");
    assert_eq!(sent("", "s", &direct()), "}");
}
