//! What the prompts of other surfaces than chat come to.

use std::sync::Arc;

use tollgate_core::{CallProfile, Capabilities, Failure, FailureKind};
use tollgate_router::RouterConfig;
use tollgate_testkit::builders;
use tollgate_wire::{Request, Surface};

use crate::optimizer;

fn profile(surface: Surface, body: &str) -> Result<CallProfile, Failure> {
    let mut call = builders::call(1, "unused/model");
    call.request = Arc::new(Request::parse(surface, body.as_bytes()).unwrap());
    optimizer(RouterConfig::default()).profile(&call)
}

/// The bounds of a prompt: likely and highest.
fn bounds(surface: Surface, body: &str) -> (u64, u64) {
    let prompt = profile(surface, body).unwrap().prompt;
    (prompt.likely, prompt.high)
}

#[test]
fn the_same_words_come_to_about_the_same_on_every_surface() {
    let words = "Tell me what the weather will be in Lisbon next week. ".repeat(40);
    let chat = format!(
        r#"{{"messages":[{{"role":"system","content":"Be brief."}},{{"role":"user","content":"{words}"}}]}}"#
    );
    let (likely, high) = bounds(Surface::Chat, &chat);
    let check = |surface, body: String| {
        let found = bounds(surface, &body);
        assert!(
            found.0.abs_diff(likely) <= 10,
            "{surface}: {found:?} and {likely}"
        );
        assert!(
            found.1.abs_diff(high) <= 100,
            "{surface}: {found:?} and {high}"
        );
        assert!(found.1 as usize >= words.len(), "a byte is at most a token");
    };
    check(
        Surface::Responses,
        format!(r#"{{"instructions":"Be brief.","input":"{words}"}}"#),
    );
    check(
        Surface::Responses,
        format!(
            r#"{{"instructions":"Be brief.","input":[{{"role":"user","content":[{{"type":"input_text","text":"{words}"}}]}}]}}"#
        ),
    );
    check(
        Surface::Messages,
        format!(
            r#"{{"system":"Be brief.","messages":[{{"role":"user","content":[{{"type":"text","text":"{words}"}}]}}]}}"#
        ),
    );
    check(
        Surface::Completions,
        format!(r#"{{"prompt":["Be brief.","{words}"]}}"#),
    );
    check(
        Surface::Embeddings,
        format!(r#"{{"model":"a/b","input":["Be brief.","{words}"]}}"#),
    );
}

#[test]
fn a_document_in_writing_counts_as_text() {
    let words = "数字".repeat(30_000);
    let source = |source: &str| {
        format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"document","source":{source}}}]}}]}}"#
        )
    };
    let text = source(&format!(
        r#"{{"type":"text","media_type":"text/plain","data":"{words}"}}"#
    ));
    let parts = source(&format!(
        r#"{{"type":"content","content":[{{"type":"text","text":"{words}"}}]}}"#
    ));
    for body in [text, parts] {
        let (likely, high) = bounds(Surface::Messages, &body);
        assert!(likely > 20_000, "{likely}");
        assert!(high as usize >= words.len(), "{high}");
    }
    let file = source(r#"{"type":"url","url":"https://example.com/a.pdf"}"#);
    let needs = profile(Surface::Messages, &file).unwrap().needs;
    assert!(needs.contains(Capabilities::FILE_INPUT));
}

#[test]
fn images_that_tools_answer_with_are_images() {
    let image = "A".repeat(500_000);
    let output = format!(
        r#"{{"input":[{{"type":"function_call_output","call_id":"c","output":[{{"type":"input_image","image_url":"data:image/png;base64,{image}"}}]}}]}}"#
    );
    let result = format!(
        r#"{{"messages":[{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t","content":[{{"type":"image","source":{{"type":"base64","data":"{image}"}}}}]}}]}}]}}"#
    );
    let screen = format!(
        r#"{{"input":[{{"type":"computer_call_output","call_id":"c","output":{{"type":"computer_screenshot","image_url":"data:image/png;base64,{image}"}}}}]}}"#
    );
    for (surface, body) in [
        (Surface::Responses, output),
        (Surface::Messages, result),
        (Surface::Responses, screen),
    ] {
        let profile = profile(surface, &body).unwrap();
        assert!(
            profile.needs.contains(Capabilities::IMAGE_INPUT),
            "{surface}"
        );
        assert!(
            profile.prompt.high < 10_000,
            "{surface}: {:?}",
            profile.prompt
        );
        assert_eq!(profile.images, 1);
    }
}

#[test]
fn what_the_gateway_does_not_see_is_refused_with_what_to_send_instead() {
    let check = |members: &str, expected: Option<&str>| {
        let body = format!(r#"{{"input":"Hi",{members}}}"#);
        let failure = profile(Surface::Responses, &body).err();
        assert_eq!(
            failure.as_ref().map(Failure::kind),
            expected.map(|_| FailureKind::InvalidRequest),
            "{members}"
        );
        if let (Some(failure), Some(expected)) = (failure, expected) {
            assert!(
                failure.to_string().contains(expected) && failure.hint().is_some(),
                "{failure}"
            );
        }
    };
    check(
        r#""previous_response_id":"r1""#,
        Some("previous_response_id"),
    );
    check(r#""prompt":{"id":"p1"}"#, Some("`prompt`"));
    check(r#""background":true"#, Some("background"));
    check(r#""background":false,"previous_response_id":null"#, None);
}

#[test]
fn functions_of_old_are_read_by_the_model_too() {
    let plain = r#"{"messages":[{"role":"user","content":"Hi"}]}"#;
    let described = format!(
        r#"{{"messages":[{{"role":"user","content":"Hi"}}],"functions":[{{"name":"f","description":"{}"}}]}}"#,
        "x".repeat(5_000)
    );
    assert!(bounds(Surface::Chat, &described).1 > bounds(Surface::Chat, plain).1 + 5_000);
}

#[test]
fn vectors_have_no_output_and_no_substitute() {
    let asked = profile(
        Surface::Embeddings,
        r#"{"model":"a/b","models":["c/d"],"input":"x"}"#,
    )
    .unwrap();
    assert_eq!((asked.max_output, asked.fallbacks.len()), (Some(0), 0));
    assert_eq!(asked.needs, Capabilities::EMBEDDINGS_OUTPUT);
    let nobody = profile(
        Surface::Embeddings,
        r#"{"model":"tollgate/auto","input":"x"}"#,
    );
    assert!(nobody.unwrap_err().to_string().contains("name its model"));
}
