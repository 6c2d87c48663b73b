use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(usage: &str, lane: Billing, expected: Option<(i64, i64)>, billing: Option<Billing>) {
    let report = usage_report(&Usage::parse(usage.as_bytes()).unwrap(), lane);
    assert_eq!(
        report
            .cost
            .map(|cost| (cost.credits.nanos(), cost.provider.nanos())),
        expected,
        "{usage}"
    );
    assert_eq!(report.billing, billing, "{usage}");
}

#[test]
fn credits_owe_the_cost_alone_and_byok_the_fee_and_the_provider() {
    use Billing::{Byok, Credits, Direct};
    let upstream = r#""cost_details":{"upstream_inference_cost":0.00045}"#;
    check(
        &format!(r#"{{"cost":0.00045,{upstream}}}"#),
        Credits,
        Some((450_000, 0)),
        None,
    );
    check(
        &format!(r#"{{"cost":0.00045,"is_byok":false,{upstream}}}"#),
        Byok,
        Some((450_000, 0)),
        Some(Credits),
    );
    check(
        &format!(r#"{{"cost":0,"is_byok":true,{upstream}}}"#),
        Credits,
        Some((0, 450_000)),
        Some(Byok),
    );
    check(
        &format!(r#"{{"cost":2.25e-5,"is_byok":true,{upstream}}}"#),
        Credits,
        Some((22_500, 450_000)),
        Some(Byok),
    );
    check(
        &format!(r#"{{"cost":"0.00002",{upstream}}}"#),
        Byok,
        Some((20_000, 450_000)),
        None,
    );
    // What the provider will bill is not in it: the fee alone would be too little.
    check(
        r#"{"cost":0.00002,"is_byok":true}"#,
        Credits,
        None,
        Some(Byok),
    );
    check(r#"{"cost":0.5}"#, Direct, None, None);
    check(r#"{"cost":0}"#, Credits, Some((0, 0)), None);
    check(r#"{"cost":null}"#, Credits, None, None);
}

#[test]
fn figures_that_cannot_be_are_no_cost() {
    for cost in ["-0.1", "1000001", "1e30", "1e400"] {
        check(
            &format!(r#"{{"cost":{cost}}}"#),
            Billing::Credits,
            None,
            None,
        );
    }
    check(r#"{"cost":3.6e-7}"#, Billing::Credits, Some((360, 0)), None);
}

#[test]
fn classes_of_tokens_are_disjoint() {
    let usage = r#"{"prompt_tokens":1000,"completion_tokens":500.0,
            "prompt_tokens_details":{"cached_tokens":600,"cache_write_tokens":"100","audio_tokens":50,"video_tokens":9},
            "completion_tokens_details":{"reasoning_tokens":300,"audio_tokens":20,"image_tokens":80},
            "server_tool_use":{"web_search_requests":2}}"#;
    let tokens = usage_report(&Usage::parse(usage.as_bytes()).unwrap(), Billing::Credits).tokens;
    let expected = TokenUsage {
        input: 250,
        cache_read: 600,
        cache_write: 100,
        audio_input: 50,
        output: 400,
        reasoning: 300,
        audio_output: 20,
        image_output: 80,
        web_searches: 2,
        ..TokenUsage::default()
    };
    assert_eq!(tokens, expected);
}

#[test]
fn what_cannot_be_right_is_doubted() {
    for (usage, expected) in [
        (
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"cost":0.1}"#,
            "",
        ),
        // Nothing at all is what an answer from the response cache costs.
        (
            r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0,"cost":0}"#,
            "",
        ),
        // Zero-completion insurance: tokens went in, and nothing is charged.
        (
            r#"{"prompt_tokens":90,"completion_tokens":0,"total_tokens":90,"cost":0}"#,
            "",
        ),
        (r#"{"prompt_tokens":10,"completion_tokens":5}"#, ""),
        (
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":16}"#,
            "total",
        ),
        (
            r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":11}}"#,
            "parts",
        ),
        (
            r#"{"completion_tokens":10,"completion_tokens_details":{"reasoning_tokens":11}}"#,
            "parts",
        ),
        (
            r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":9,"cache_write_tokens":9}}"#,
            "",
        ),
        (r#"{"total_tokens":1,"cost":-0.1}"#, "total, figure"),
        (r#"{"cost":1e300}"#, "figure"),
        (
            r#"{"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":-1}}"#,
            "figure",
        ),
    ] {
        let report = usage_report(&Usage::parse(usage.as_bytes()).unwrap(), Billing::Credits);
        assert_eq!(report.doubts.to_string(), expected, "{usage}");
    }
    for usage in [
        r#"{"prompt_tokens":-1}"#,
        r#"{"cost":"NaN"}"#,
        r#"{"cost":"1e"}"#,
    ] {
        assert!(Usage::parse(usage.as_bytes()).is_err(), "{usage}");
    }
}

#[test]
fn reasoning_that_is_counted_apart_is_output_too() {
    let usage = r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":115,
            "completion_tokens_details":{"reasoning_tokens":100}}"#;
    let report = usage_report(&Usage::parse(usage.as_bytes()).unwrap(), Billing::Direct);
    let TokenUsage {
        output, reasoning, ..
    } = report.tokens;
    assert_eq!((output, reasoning), (105, 100));
    assert!(report.doubts.is_empty());
}

#[test]
fn the_responses_dialect_is_read_too() {
    let usage = r#"{"input_tokens":300,"input_tokens_details":{"cached_tokens":200},"output_tokens":50,
            "output_tokens_details":{"reasoning_tokens":20},"total_tokens":350,"cost":0.25}"#;
    let report = usage_report(&Usage::parse(usage.as_bytes()).unwrap(), Billing::Credits);
    let expected = TokenUsage {
        input: 100,
        cache_read: 200,
        output: 50,
        reasoning: 20,
        ..TokenUsage::default()
    };
    assert_eq!(report.tokens, expected);
    assert!(report.doubts.is_empty());
}

#[test]
fn other_servers_name_cached_tokens_otherwise() {
    for usage in [
        r#"{"prompt_tokens":10,"prompt_cache_hit_tokens":4}"#,
        r#"{"prompt_tokens":10,"cached_tokens":4}"#,
    ] {
        let tokens = usage_report(&Usage::parse(usage.as_bytes()).unwrap(), Billing::Direct).tokens;
        assert_eq!((tokens.input, tokens.cache_read), (6, 4), "{usage}");
    }
}

proptest! {
    // Small numbers, so that parts exceed their wholes often.
    #[test]
    fn classes_add_up_to_the_whole(prompt in 0_u64..20, cached in 0_u64..20, written in 0_u64..20, audio in 0_u64..20,
                                   completion in 0_u64..20, reasoning in 0_u64..20, image in 0_u64..20) {
        let usage = format!(r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},
                "prompt_tokens_details":{{"cached_tokens":{cached},"cache_write_tokens":{written},"audio_tokens":{audio}}},
                "completion_tokens_details":{{"reasoning_tokens":{reasoning},"image_tokens":{image}}}}}"#);
        let tokens = usage_report(&Usage::parse(usage.as_bytes()).unwrap(), Billing::Credits).tokens;
        prop_assert_eq!((tokens.prompt_total(), tokens.output_total()), (prompt, completion));
        prop_assert!(tokens.reasoning <= tokens.output);
    }
}

/// Raw usage of Gemini; input, cache read, audio in, output, reasoning, audio out, image out; doubts.
#[track_caller]
fn check_gemini(usage: &str, expected: [u64; 7], doubts: &[Doubt]) {
    let usage = GeminiUsage::parse(usage.as_bytes()).unwrap();
    let report = gemini_usage_report(&usage, Billing::Direct);
    let tokens = report.tokens;
    assert_eq!(
        [
            tokens.input,
            tokens.cache_read,
            tokens.audio_input,
            tokens.output,
            tokens.reasoning,
            tokens.audio_output,
            tokens.image_output,
        ],
        expected
    );
    assert_eq!((report.cost, report.billing), (None, None));
    assert_eq!(report.doubts, doubts.iter().copied().collect::<Doubts>());
    let all = usage.prompt() + usage.completion();
    if !doubts.contains(&Doubt::Parts) {
        assert_eq!(tokens.prompt_total() + tokens.output_total(), all);
    }
}

#[test]
fn the_counts_of_gemini_become_disjoint_classes() {
    check_gemini("{}", [0; 7], &[]);
    check_gemini(
        r#"{"promptTokenCount":120,"cachedContentTokenCount":100,"candidatesTokenCount":2,"thoughtsTokenCount":30,"totalTokenCount":152,
            "promptTokensDetails":[{"modality":"TEXT","tokenCount":80},{"modality":"AUDIO","tokenCount":40}],
            "cacheTokensDetails":[{"modality":"TEXT","tokenCount":75},{"modality":"AUDIO","tokenCount":25}]}"#,
        [5, 100, 15, 32, 30, 0, 0],
        &[],
    );
    check_gemini(
        r#"{"promptTokenCount":10,"toolUsePromptTokenCount":5,"candidatesTokenCount":1300,"totalTokenCount":1315,
            "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290},{"modality":"AUDIO","tokenCount":4}]}"#,
        [15, 0, 0, 6, 0, 4, 1290],
        &[],
    );
    // Some leave what tools read out of the total.
    check_gemini(
        r#"{"promptTokenCount":10,"toolUsePromptTokenCount":5,"candidatesTokenCount":3,"totalTokenCount":13}"#,
        [15, 0, 0, 3, 0, 0, 0],
        &[],
    );
    check_gemini(
        r#"{"promptTokenCount":10,"cachedContentTokenCount":11,"candidatesTokenCount":3,"totalTokenCount":99}"#,
        [0, 10, 0, 3, 0, 0, 0],
        &[Doubt::Parts, Doubt::Total],
    );
}
