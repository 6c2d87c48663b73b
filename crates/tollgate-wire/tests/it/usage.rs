//! Usage in its forms.

use tollgate_wire::{Decimal, Object, StreamEvent, Usage};

#[test]
fn counts_are_read_in_any_spelling_and_written_back_in_it() {
    let text = br#"{"prompt_tokens":12.0,"completion_tokens":"7","total_tokens":1.9e1,"cost":3.6e-07,"is_byok":null,"prompt_tokens_details":null,"completion_tokens_details":{"reasoning_tokens":null,"new":1.10},"cost_details":{"upstream_inference_cost":"0.10"},"x":1e2}"#;
    let usage = Usage::parse(text).unwrap();
    assert_eq!(
        (
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.total_tokens
        ),
        (12, 7, 19)
    );
    assert_eq!(usage.cost, Some(Decimal::parse("3.6e-07").unwrap()));
    assert_eq!(
        usage.cost_details.upstream_inference_cost,
        Some(Decimal::quoted("0.10").unwrap())
    );
    assert_eq!(usage.completion_tokens_details.reasoning_tokens, 0);
    assert_eq!(usage.to_object().to_vec(), text);
}

#[test]
fn a_changed_field_is_the_only_change() {
    let mut usage =
        Usage::parse(br#"{"prompt_tokens":12.0,"x":1e2,"cost_details":{"y":1.10}}"#).unwrap();
    usage.completion_tokens = 3;
    usage.cost = Some(Decimal::parse("0.00").unwrap());
    usage.cost_details.server_tool_cost = Some(Decimal::parse("0").unwrap());
    let expected = br#"{"prompt_tokens":12.0,"x":1e2,"cost_details":{"y":1.10,"server_tool_cost":0},"completion_tokens":3,"cost":0.00}"#;
    assert_eq!(usage.to_object().to_vec(), expected);
    usage.cost = None;
    assert!(!usage.to_object().contains("cost"));
}

#[test]
fn a_built_usage_writes_its_zeros() {
    let mut usage = Usage::default();
    usage.prompt_tokens = 5;
    let written = usage.to_object();
    assert_eq!(written.read::<u64>("completion_tokens").unwrap(), Some(0));
    assert!(!written.contains("cost"));
    assert_eq!(Usage::from_object(written).unwrap().prompt_tokens, 5);
}

#[test]
fn an_empty_object_stays_empty() {
    assert_eq!(Usage::parse(b"{}").unwrap().to_object().to_vec(), b"{}");
}

#[test]
fn a_count_that_is_none_is_an_error_with_its_place() {
    let check = |text: &str, place: &str| {
        assert_eq!(Usage::parse(text.as_bytes()).unwrap_err().place(), place)
    };
    check(r#"{"prompt_tokens":1.5}"#, "prompt_tokens");
    check(r#"{"prompt_tokens":-1}"#, "prompt_tokens");
    check(r#"{"prompt_tokens":1e30}"#, "prompt_tokens");
    check(r#"{"cost":"free"}"#, "cost");
    check(
        r#"{"prompt_tokens_details":{"cached_tokens":true}}"#,
        "prompt_tokens_details.cached_tokens",
    );
}

#[test]
fn large_counts_keep_every_digit() {
    let usage = Usage::parse(br#"{"prompt_tokens":18446744073709551615}"#).unwrap();
    assert_eq!(usage.prompt_tokens, u64::MAX);
}

#[test]
fn all_three_forms_of_the_usage_chunk_carry_it() {
    let choices = [
        r#"[{"index":0,"delta":{"content":"","role":"assistant"},"finish_reason":"stop","native_finish_reason":"STOP"}]"#,
        r#"[{"index":0,"delta":{"content":"","role":"assistant"},"finish_reason":null,"native_finish_reason":null}]"#,
        "[]",
    ];
    for choices in choices {
        let data = format!(
            r#"{{"id":"g","choices":{choices},"usage":{{"prompt_tokens":1,"completion_tokens":2}}}}"#
        );
        let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes()).unwrap() else {
            panic!("{data}")
        };
        assert_eq!(chunk.usage().unwrap().completion_tokens, 2);
        assert!(!chunk.is_semantic(), "{data}");
    }
    let StreamEvent::Chunk(chunk) =
        StreamEvent::parse(br#"{"choices":null,"usage":null}"#).unwrap()
    else {
        panic!()
    };
    assert!(!chunk.has_usage() && chunk.usage().is_none());
    let StreamEvent::Chunk(chunk) =
        StreamEvent::parse(br#"{"choices":[],"usage":{"cost":"x"}}"#).unwrap()
    else {
        panic!()
    };
    assert!(chunk.has_usage() && chunk.usage().is_none());
    assert_eq!(chunk.read_usage().unwrap_err().place(), "usage.cost");
}

#[test]
fn old_and_new_names_of_server_tools_are_read() {
    for key in ["server_tool_use", "server_tool_use_details"] {
        let object =
            Object::parse(format!(r#"{{"{key}":{{"web_search_requests":2}}}}"#).as_bytes())
                .unwrap();
        let usage = Usage::from_object(object).unwrap();
        assert_eq!(usage.server_tools().unwrap().web_search_requests, Some(2));
    }
}
