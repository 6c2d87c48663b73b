//! What answers show by themselves.

use serde_json::{Value, json};
use tollgate_core::{AnswerJudge, Draft, Finish, Judgement, Surface};
use tollgate_policy_cascade::{CascadeConfig, Signals, Weights};
use tollgate_testkit::builders::profile;
use tollgate_wire::{ChatResponse, Object, Request};

fn judged_by(
    config: &CascadeConfig,
    request: &Value,
    choices: &Value,
    finish: Finish,
) -> Judgement {
    let request = Request::parse(Surface::Chat, request.to_string().as_bytes()).unwrap();
    let body = json!({ "choices": choices }).to_string();
    let response = ChatResponse::from_object(Object::parse(body.as_bytes()).unwrap());
    let draft = Draft::new(&request, &response, Some(finish), None);
    Signals::new(config).judge(&profile(), &draft)
}

fn judged(request: &Value, message: Value, finish: Finish) -> Judgement {
    let choices = json!([{ "index": 0, "message": message }]);
    judged_by(&CascadeConfig::default(), request, &choices, finish)
}

fn chat() -> Value {
    json!({ "messages": [{ "role": "user", "content": "Hi" }] })
}

fn says(text: &str) -> Value {
    json!({ "role": "assistant", "content": text })
}

/// Accepted in full, or rejected for that reason.
fn check(judgement: &Judgement, bad: Option<&str>) {
    assert_eq!(judgement.rejection(), bad, "{judgement:?}");
    let expected = if bad.is_some() { 0.0 } else { 1.0 };
    assert_eq!(judgement.score(), expected);
}

#[test]
fn a_plain_answer_is_accepted() {
    check(&judged(&chat(), says("Hello!"), Finish::Stop), None);
}

#[test]
fn an_answer_that_was_cut_is_rejected_unless_its_caller_set_the_limit() {
    const CUT: Option<&str> = Some("it was cut");
    check(&judged(&chat(), says("Hel"), Finish::Length), CUT);
    check(&judged(&chat(), says("Hel"), Finish::ContentFilter), CUT);
    let mut limited = chat();
    limited["max_tokens"] = json!(1);
    check(&judged(&limited, says("Hel"), Finish::Length), None);
}

#[test]
fn an_answer_without_anything_in_it_is_rejected() {
    const EMPTY: Option<&str> = Some("it is empty");
    check(&judged(&chat(), says(" \n"), Finish::Stop), EMPTY);
    let thought = json!({ "content": null, "reasoning": "Hm." });
    check(&judged(&chat(), thought, Finish::Stop), EMPTY);
    let image = json!({ "content": "", "images": [{ "type": "image_url" }] });
    check(&judged(&chat(), image, Finish::Stop), None);
}

#[test]
fn phrases_are_looked_for_as_answers_are_read() {
    let config = CascadeConfig {
        refusals: vec!["I Won\u{2019}t".to_owned()],
        ..CascadeConfig::default()
    };
    assert_eq!(config.problem(), None);
    let choices = json!([{ "index": 0, "message": says("i won't do that") }]);
    let judgement = judged_by(&config, &chat(), &choices, Finish::Stop);
    check(&judgement, Some("it refuses"));

    let config = CascadeConfig {
        refusals: vec![" ".to_owned()],
        ..CascadeConfig::default()
    };
    assert_eq!(config.problem().map(|(key, _)| key), Some("refusals"));
}

#[test]
fn a_refusal_is_rejected_where_it_begins_the_answer() {
    const REFUSES: Option<&str> = Some("it refuses");
    for text in [
        "I can\u{2019}t help with that.",
        "  I\u{2019}m sorry, but I cannot tell.",
        "As an AI language model, I have no opinion.",
    ] {
        check(&judged(&chat(), says(text), Finish::Stop), REFUSES);
    }
    let told = json!({ "content": null, "refusal": "No." });
    check(&judged(&chat(), told, Finish::Stop), REFUSES);
    let later = format!(
        "{}I can't help with that, said the clerk.",
        "So it was. ".repeat(20)
    );
    check(&judged(&chat(), says(&later), Finish::Stop), None);
    check(
        &judged(&chat(), says("I can't recommend it enough!"), Finish::Stop),
        None,
    );
}

#[test]
fn an_answer_by_a_schema_follows_it() {
    const FORM: Option<&str> = Some("it is not the JSON that was asked for");
    let mut request = chat();
    request["response_format"] = json!({ "type": "json_schema", "json_schema": {
        "name": "age",
        "schema": { "type": "object", "required": ["age"], "properties": { "age": { "type": "integer" } } },
    }});
    check(
        &judged(&request, says(r#"{"age": 36}"#), Finish::Stop),
        None,
    );
    check(
        &judged(&request, says(r#"{"age": "old"}"#), Finish::Stop),
        FORM,
    );
    check(&judged(&request, says("Thirty-six."), Finish::Stop), FORM);

    request["response_format"] = json!({ "type": "json_object" });
    check(&judged(&request, says("[1]"), Finish::Stop), None);
    check(&judged(&request, says("Thirty-six."), Finish::Stop), FORM);
}

#[test]
fn what_was_cut_is_not_blamed_for_its_form_too() {
    let mut request = chat();
    request["response_format"] = json!({ "type": "json_object" });
    request["max_tokens"] = json!(2);
    check(&judged(&request, says(r#"{"a"#), Finish::Length), None);
}

#[test]
fn calls_fit_the_tools_that_there_are() {
    const TOOLS: Option<&str> = Some("it calls tools in a way that does not fit them");
    let mut request = chat();
    request["tools"] = json!([{ "type": "function", "function": {
        "name": "weather",
        "parameters": { "type": "object", "required": ["city"], "properties": { "city": { "type": "string" } } },
    }}]);
    let call = |name: &str, arguments: &str| {
        let function = json!({ "name": name, "arguments": arguments });
        json!({ "content": null, "tool_calls": [{ "type": "function", "function": function }] })
    };
    for (name, arguments, bad) in [
        ("weather", r#"{"city":"Bern"}"#, None),
        ("weather", r#"{"city":3}"#, TOOLS),
        ("weather", "{", TOOLS),
        ("weather", "", TOOLS),
        ("whether", r#"{"city":"Bern"}"#, TOOLS),
    ] {
        let judgement = judged(&request, call(name, arguments), Finish::ToolCalls);
        check(&judgement, bad);
    }
    request["tools"] = json!([{ "type": "web_search" }]);
    check(
        &judged(&request, call("search", "{}"), Finish::ToolCalls),
        None,
    );
}

#[test]
fn the_worst_of_several_choices_counts() {
    let choices = json!([{ "message": says("Hello") }, { "message": says("I must decline.") }]);
    let judgement = judged_by(&CascadeConfig::default(), &chat(), &choices, Finish::Stop);
    check(&judgement, Some("it refuses"));
}

fn unlikely(weights: Weights) -> Judgement {
    let half = f64::ln(0.5);
    let logprobs = json!({ "content": [{ "logprob": half }, { "logprob": half }] });
    let choices = json!([{ "message": says("Hello"), "logprobs": logprobs }]);
    let config = CascadeConfig {
        weights,
        accept_at: 0.6,
        ..CascadeConfig::default()
    };
    judged_by(&config, &chat(), &choices, Finish::Stop)
}

#[test]
fn log_probabilities_count_by_their_weight() {
    let by = |logprob| {
        unlikely(Weights {
            logprob,
            ..Weights::default()
        })
    };
    // 1 − weight · (1 − 0.5)
    for (weight, score) in [(0.0, 1.0), (0.5, 0.75), (1.0, 0.5)] {
        assert!((by(weight).score() - score).abs() < 1e-6, "{weight}");
    }
    assert_eq!(by(0.5).rejection(), None);
    let rejected = by(1.0);
    assert_eq!(
        rejected.rejection(),
        Some("the model finds its own words unlikely")
    );
}

#[test]
fn a_sign_of_no_weight_is_ignored() {
    let config = CascadeConfig {
        weights: Weights {
            refusal: 0.0,
            ..Weights::default()
        },
        ..CascadeConfig::default()
    };
    let choices = json!([{ "message": says("I must decline.") }]);
    check(&judged_by(&config, &chat(), &choices, Finish::Stop), None);
}

#[test]
fn signs_multiply() {
    let half = Weights {
        finish: 0.5,
        refusal: 0.5,
        ..Weights::default()
    };
    let config = CascadeConfig {
        weights: half,
        ..CascadeConfig::default()
    };
    let choices = json!([{ "message": says("I must decline.") }]);
    let judgement = judged_by(&config, &chat(), &choices, Finish::Length);
    assert_eq!(judgement.score(), 0.25);
    assert!(judgement.rejection().is_some());
}
