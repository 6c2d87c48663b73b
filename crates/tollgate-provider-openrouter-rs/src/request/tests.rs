use std::sync::Arc;

use tollgate_core::{Delivery, FailureKind, Next};
use tollgate_testkit::builders::{self, model};
use tollgate_wire::{ChatRequest, Request};

use super::*;

fn attempt(request: &str) -> Attempt {
    Attempt {
        models: vec![model("a/b"), model("c/d")],
        planned: vec![model("a/b"), model("c/d")],
        request: Arc::new(ChatRequest::parse(request.as_bytes()).unwrap().into()),
        delivery: Delivery::Whole,
        max_output: Some(50),
        max_price: Some(Rates {
            input: Rate::parse_ceil("0.000003").unwrap(),
            output: Rate::parse_ceil("0.000015").unwrap(),
            ..Rates::default()
        }),
        ..builders::attempt(1, "a/b", "openrouter")
    }
}

fn sent(attempt: &Attempt) -> Value {
    serde_json::to_value(outgoing(attempt).unwrap().request).unwrap()
}

#[test]
fn the_fields_of_the_gateway_are_replaced() {
    let request = r#"{"model":"tollgate/auto","models":["x/y"],"stream":true,"max_tokens":900,
        "provider":{"only":["Alpha"],"max_price":{"prompt":"1","completion":99}},
        "messages":[{"role":"user","content":"hello"}]}"#;
    let sent = sent(&attempt(request));
    assert_eq!(
        sent,
        serde_json::json!({
            "model": "a/b", "models": ["c/d"], "max_tokens": 50,
            "provider": {"only": ["Alpha"], "max_price": {"prompt": "1", "completion": "15"}},
            "messages": [{"role": "user", "content": "hello"}],
        })
    );
}

#[test]
fn of_two_limits_the_lower_one_goes() {
    let check = |limits: &str, field: &str, expected: u64| {
        let messages = r#""messages":[{"role":"user","content":"hello"}]"#;
        let sent = sent(&attempt(&format!(r#"{{{limits}{messages}}}"#)));
        assert_eq!(sent[field], expected, "{limits}");
        let given = ["max_tokens", "max_completion_tokens"];
        let count = given.iter().filter(|field| sent.get(field).is_some());
        assert_eq!(count.count(), 1, "{sent}");
    };
    check("", "max_tokens", 50);
    check(r#""max_tokens":20,"#, "max_tokens", 20);
    check(
        r#""max_completion_tokens":90,"#,
        "max_completion_tokens",
        50,
    );
    check(
        r#""max_completion_tokens":70,"max_tokens":40,"#,
        "max_completion_tokens",
        40,
    );
}

#[test]
fn a_surface_or_value_that_the_client_does_not_know_goes_elsewhere() {
    let embed = br#"{"model":"a/b","input":"hello"}"#;
    let mut other = attempt(r#"{"messages":[{"role":"user","content":"hello"}]}"#);
    other.request = Arc::new(Request::parse(Surface::Embeddings, embed).unwrap());
    let no_such_part =
        attempt(r#"{"messages":[{"role":"user","content":[{"type":"hologram","hologram":{}}]}]}"#);
    for attempt in [other, no_such_part] {
        let failure = outgoing(&attempt).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::NotFound);
        assert_eq!(
            (failure.next(), failure.rule().scope),
            (Next::Elsewhere, Scope::None)
        );
    }
}

#[test]
fn the_prompt_is_in_no_message() {
    let request = r#"{"messages":[{"role":"user","content":{"secret":"words"}}],"seed":"secret"}"#;
    let failure = outgoing(&attempt(request)).unwrap_err();
    assert!(!failure.to_string().contains("secret"), "{failure}");
}
