//! Error bodies in all their shapes.

use tollgate_wire::{ChatReply, ErrorBody, ErrorType, LimitSource, Object, StreamEvent};

use crate::fixtures::{minified, sample};

fn parse(text: &str) -> ErrorBody {
    ErrorBody::parse(text.as_bytes()).unwrap()
}

#[test]
fn samples_give_what_decisions_need() {
    let check = |name: &str,
                 code: i64,
                 error_type: Option<&str>,
                 limit: Option<&str>,
                 retry: Option<u64>| {
        let bytes = sample(name);
        let error = ErrorBody::parse(&bytes).unwrap();
        let found = (
            error.code,
            error.error_type().map(|word| word.to_string()),
            error.limit_source().map(|word| word.to_string()),
            error.retry_after_seconds(),
        );
        let expected = (
            Some(code),
            error_type.map(str::to_owned),
            limit.map(str::to_owned),
            retry,
        );
        assert_eq!(found, expected, "{name}");
        assert_eq!(minified(&error.to_vec()), minified(&bytes), "{name}");
    };
    check(
        "error-400-context.json",
        400,
        Some("context_length_exceeded"),
        None,
        None,
    );
    check(
        "error-402.json",
        402,
        Some("payment_required"),
        Some("openrouter_in_flight_budget"),
        Some(120),
    );
    check(
        "error-402-credits.json",
        402,
        None,
        Some("openrouter_credits"),
        None,
    );
    check("error-404-routing.json", 404, Some("not_found"), None, None);
    check(
        "error-429.json",
        429,
        None,
        Some("openrouter_free_tier_daily"),
        None,
    );
    check(
        "error-429-upstream.json",
        429,
        Some("rate_limit_exceeded"),
        Some("upstream_provider_shared_pool"),
        Some(17),
    );
    check(
        "error-502.json",
        502,
        Some("provider_unavailable"),
        None,
        None,
    );
    check(
        "error-200-body.json",
        502,
        Some("provider_unavailable"),
        None,
        None,
    );
    check("error-200-choice.json", 502, None, None, None);
    check("error-403-guardrail.json", 403, None, None, None);
    check(
        "error-moderation-403.json",
        403,
        Some("content_policy_violation"),
        None,
        None,
    );
}

#[test]
fn the_daily_reset_is_read_from_the_repeated_headers() {
    let error = ErrorBody::parse(&sample("error-429.json")).unwrap();
    assert_eq!(error.rate_limit_reset_ms(), Some(1_795_046_400_000));
    assert_eq!(
        error.metadata_header("x-ratelimit-limit").as_deref(),
        Some("50")
    );
}

#[test]
fn the_validation_envelope_keeps_its_list_as_the_message() {
    let error = ErrorBody::parse(&sample("error-400-zod.json")).unwrap();
    assert_eq!(
        (error.code, error.kind.as_deref()),
        (None, Some("ZodError"))
    );
    assert!(error.message.contains("invalid_type"));
}

#[test]
fn an_error_in_a_choice_keeps_the_partial_answer() {
    let error = ErrorBody::parse(&sample("error-200-choice.json")).unwrap();
    assert_eq!(error.partial_content.as_deref(), Some("Partial ans"));
    assert_eq!(
        (error.model.as_deref(), error.id.is_some()),
        (Some("deepseek/deepseek-v4-flash-0731"), true)
    );
    assert_eq!(error.provider_name().as_deref(), Some("DeepSeek"));
}

#[test]
fn shapes_of_other_servers_are_read() {
    let check =
        |text: &str, code: Option<i64>, word: Option<&str>, kind: Option<&str>, message: &str| {
            let error = parse(text);
            let found = (
                error.code,
                error.code_text.as_deref(),
                error.kind.as_deref(),
                error.message.as_str(),
            );
            assert_eq!(found, (code, word, kind, message), "{text}");
            assert_eq!(
                minified(&error.to_vec()),
                text.trim_start_matches('[').trim_end_matches(']')
            );
        };
    check(r#"{"error":"text"}"#, None, None, None, "text");
    check(
        r#"{"error":{"code":"429","message":"m"}}"#,
        Some(429),
        None,
        None,
        "m",
    );
    check(
        r#"{"error":{"code":"server_error","message":"m"}}"#,
        None,
        Some("server_error"),
        None,
        "m",
    );
    check(
        r#"{"error":{"message":"m","type":"invalid_request_error","param":null,"code":null}}"#,
        None,
        None,
        Some("invalid_request_error"),
        "m",
    );
    check(
        r#"{"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":null}"#,
        None,
        None,
        Some("overloaded_error"),
        "m",
    );
    check(
        r#"{"object":"error","message":"m","type":"BadRequestError","code":400}"#,
        Some(400),
        None,
        Some("BadRequestError"),
        "m",
    );
    check(r#"{"detail":"Not Found"}"#, None, None, None, "Not Found");
    check(
        r#"[{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}]"#,
        Some(503),
        None,
        None,
        "m",
    );
}

#[test]
fn the_kind_is_found_in_the_three_places_it_stands_in() {
    let places = [
        r#"{"error":{"message":"m","metadata":{"error_type":"timeout"}}}"#,
        r#"{"type":"error","error":{"type":"timeout_error","message":"m","error_type":"timeout"}}"#,
        r#"{"error":{"message":"m"},"error_type":"timeout"}"#,
    ];
    for text in places {
        assert_eq!(parse(text).error_type(), Some(ErrorType::Timeout), "{text}");
    }
    let unknown = parse(r#"{"error":{"message":"m","metadata":{"error_type":"solar_flare"}}}"#);
    assert_eq!(
        unknown.error_type(),
        Some(ErrorType::Other("solar_flare".to_owned()))
    );
}

#[test]
fn delays_are_rounded_up_and_never_negative() {
    let delay = |metadata: &str| {
        parse(&format!(
            r#"{{"error":{{"message":"m","metadata":{metadata}}}}}"#
        ))
        .retry_after_seconds()
    };
    assert_eq!(delay(r#"{"retry_after_seconds":16.1}"#), Some(17));
    assert_eq!(delay(r#"{"retry_after_seconds":"5"}"#), Some(5));
    assert_eq!(delay(r#"{"retry_after_seconds":-5}"#), None);
    assert_eq!(delay(r#"{"headers":{"retry-after":"3"}}"#), Some(3));
    assert_eq!(
        delay(r#"{"headers":{"retry-after":"Wed, 21 Oct 2026 07:28:00 GMT"}}"#),
        None
    );
    assert_eq!(delay("null"), None);
}

#[test]
fn what_the_provider_said_is_text_in_any_form() {
    let raw = |raw: &str| {
        parse(&format!(
            r#"{{"error":{{"message":"m","metadata":{{"raw":{raw}}}}}}}"#
        ))
        .raw()
    };
    assert_eq!(raw(r#""oops""#).as_deref(), Some("oops"));
    assert_eq!(raw(r#"{"a":1.10}"#).as_deref(), Some(r#"{"a":1.10}"#));
    assert_eq!(raw("null"), None);
}

#[test]
fn what_is_no_error_is_not_taken_for_one() {
    for text in [
        r#"{"choices":[]}"#,
        r#"{"error":null,"choices":[]}"#,
        "{}",
        "[]",
        "<html>",
        "",
    ] {
        assert!(ErrorBody::parse(text.as_bytes()).is_err(), "{text}");
    }
    let page = ErrorBody::lossy(format!("<html>{}", "x".repeat(5000)).as_bytes());
    assert!(
        page.message.starts_with("<html>") && page.message.len() == 2048 && page.code.is_none()
    );
}

#[test]
fn a_built_error_is_written_in_the_envelope_and_reads_back() {
    let error = ErrorBody::new(402, "over budget")
        .with_error_type(&ErrorType::PaymentRequired)
        .with_metadata("limit_source", &LimitSource::KeyLimit)
        .unwrap();
    let text = r#"{"error":{"code":402,"message":"over budget","metadata":{"error_type":"payment_required","limit_source":"openrouter_key_limit"}}}"#;
    assert_eq!(String::from_utf8(error.to_vec()).unwrap(), text);
    let back = parse(text);
    assert_eq!(
        (back.code, back.message, back.metadata),
        (error.code, error.message, error.metadata)
    );
}

#[test]
fn a_changed_error_is_written_with_the_change() {
    let mut error =
        parse(r#"{"error":{"code":502,"message":"secret upstream text"},"user_id":"u"}"#);
    error.message = "provider failed".to_owned();
    let written = Object::parse(&error.to_vec()).unwrap();
    assert_eq!(
        written.get("error").unwrap().get(),
        r#"{"code":502,"message":"provider failed"}"#
    );
    assert_eq!(
        written.read::<String>("user_id").unwrap().as_deref(),
        Some("u")
    );
}

#[test]
fn errors_in_a_stream_are_errors_in_every_shape() {
    let events = [
        r#"{"id":"g","model":"m","provider":"P","error":{"code":502,"message":"x"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
        r#"{"error":{"code":"502","message":"x"},"user_id":null}"#,
        r#"{"id":"g","choices":[{"index":0,"delta":{"content":"part"},"error":{"code":502,"message":"x"}}]}"#,
        r#"{"object":"error","message":"x","code":502}"#,
        r#"{"id":7,"error":{"code":502,"message":"x"}}"#,
    ];
    for data in events {
        let StreamEvent::Error(error) = StreamEvent::parse(data.as_bytes()).unwrap() else {
            panic!("{data}")
        };
        assert_eq!(
            (error.code, error.message.as_str()),
            (Some(502), "x"),
            "{data}"
        );
    }
    assert!(StreamEvent::parse(b"not json").is_err());
    assert!(StreamEvent::parse(br#"{"choices":7}"#).is_err());
    assert!(matches!(
        StreamEvent::parse(b" [DONE]\n").unwrap(),
        StreamEvent::Done
    ));
}

#[test]
fn a_choice_that_ended_with_an_undescribed_error_is_an_error() {
    let data =
        r#"{"id":"g","choices":[7,{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#;
    let error = parse(data);
    assert_eq!(error.message, "the provider ended the answer with an error");
    let data = data.replace("7,", "");
    assert!(matches!(
        StreamEvent::parse(data.as_bytes()).unwrap(),
        StreamEvent::Error(_)
    ));
    let whole = r#"{"choices":[{"message":{"content":"part"},"finish_reason":"error"}],"usage":{"completion_tokens":3}}"#;
    let ChatReply::Error(error) = ChatReply::parse(whole.as_bytes()).unwrap() else {
        panic!("expected an error")
    };
    assert_eq!(
        (
            error.partial_content.as_deref(),
            error.usage().unwrap().completion_tokens
        ),
        (Some("part"), 3)
    );
    // The usage chunk that follows an error repeats the reason and is still usage.
    let usage = r#"{"choices":[{"delta":{"content":""},"finish_reason":"error"}],"usage":{"completion_tokens":3}}"#;
    assert!(matches!(
        StreamEvent::parse(usage.as_bytes()).unwrap(),
        StreamEvent::Chunk(_)
    ));
}
