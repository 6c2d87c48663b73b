use std::sync::Arc;

use tollgate_core::{
    Call, CallProfile, Capabilities, Delivery, Failure, FailureKind, Judging, Task, TaskSource, Usd,
};
use tollgate_router::RouterConfig;
use tollgate_testkit::builders;
use tollgate_wire::ChatRequest;

use crate::optimizer;

fn call(body: &str) -> Call {
    let mut call = builders::call(1, "unused/model");
    call.request = Arc::new(ChatRequest::parse(body.as_bytes()).unwrap().into());
    call
}

fn profile(body: &str) -> Result<CallProfile, Failure> {
    optimizer(RouterConfig::default()).profile(&call(body))
}

/// A request with one user message and these further members.
fn needs(members: &str) -> Capabilities {
    let body = format!(r#"{{"messages":[{{"role":"user","content":"Hi"}}]{members}}}"#);
    profile(&body).unwrap().needs
}

const TEXT: Capabilities = Capabilities::TEXT_OUTPUT;

#[test]
fn tools_are_a_need_and_a_forced_choice_is_one_more() {
    let tools = r#","tools":[{"type":"function","function":{"name":"f"}}]"#;
    assert_eq!(needs(tools), TEXT | Capabilities::TOOLS);
    assert_eq!(
        needs(&format!(r#"{tools},"tool_choice":"auto""#)),
        TEXT | Capabilities::TOOLS
    );
    assert_eq!(
        needs(&format!(r#"{tools},"tool_choice":"required""#)),
        TEXT | Capabilities::TOOLS | Capabilities::TOOL_CHOICE
    );
    assert_eq!(needs(r#","tools":[ ]"#), TEXT);
}

#[test]
fn forms_of_answers_are_needs() {
    assert_eq!(
        needs(r#","response_format":{"type":"json_schema","json_schema":{"name":"x"}}"#),
        TEXT | Capabilities::STRUCTURED_OUTPUT
    );
    assert_eq!(
        needs(r#","response_format":{"type":"json_object"}"#),
        TEXT | Capabilities::RESPONSE_FORMAT
    );
    assert_eq!(needs(r#","response_format":{"type":"text"}"#), TEXT);
    assert_eq!(
        needs(r#","modalities":["image","text"]"#),
        TEXT | Capabilities::IMAGE_OUTPUT
    );
}

#[test]
fn reasoning_is_a_need_when_it_is_asked_for() {
    assert_eq!(
        needs(r#","reasoning":{"effort":"low"}"#),
        TEXT | Capabilities::REASONING
    );
    assert_eq!(
        needs(r#","reasoning_effort":"high""#),
        TEXT | Capabilities::REASONING
    );
    assert_eq!(needs(r#","reasoning":{"enabled":false}"#), TEXT);
    assert_eq!(needs(r#","reasoning":{"effort":"none"}"#), TEXT);
    assert_eq!(needs(r#","reasoning":{"exclude":true}"#), TEXT);
}

#[test]
fn wishes_become_needs_when_the_caller_insists() {
    let wishes = r#","seed":7,"stop":["x"],"logprobs":false"#;
    assert_eq!(needs(wishes), TEXT);
    let insisted = format!(r#"{wishes},"provider":{{"require_parameters":true}}"#);
    assert_eq!(
        needs(&insisted),
        TEXT | Capabilities::SEED | Capabilities::STOP
    );
}

#[test]
fn parts_that_are_no_text_are_needs_and_count_by_rule_not_by_size() {
    let data = "A".repeat(100_000);
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"What is this?"}},
        {{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}},
        {{"type":"image_url","image_url":{{"url":"https://example.com/b.png"}}}}]}}]}}"#
    );
    let profile = profile(&body).unwrap();
    assert_eq!(profile.needs, TEXT | Capabilities::IMAGE_INPUT);
    assert_eq!(profile.images, 2);
    assert!(
        (1_600..1_700).contains(&profile.prompt.likely),
        "{:?}",
        profile.prompt
    );
    assert!(
        (3_200..3_700).contains(&profile.prompt.high),
        "{:?}",
        profile.prompt
    );
    for (kind, need) in [
        ("input_audio", Capabilities::AUDIO_INPUT),
        ("file", Capabilities::FILE_INPUT),
        ("video_url", Capabilities::VIDEO_INPUT),
    ] {
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"{kind}","{kind}":{{}}}}]}}]}}"#
        );
        assert_eq!(self::profile(&body).unwrap().needs, TEXT | need);
    }
}

#[test]
fn the_bound_is_at_least_every_byte_of_text_and_escapes_do_not_widen_it() {
    let plain = r#"{"messages":[{"role":"user","content":"漢字漢字漢字"}]}"#;
    let escaped =
        r#"{"messages":[{"role":"user","content":"\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57"}]}"#;
    let [plain, escaped] = [plain, escaped].map(|body| profile(body).unwrap().prompt);
    assert_eq!(plain, escaped);
    assert!(plain.high >= 18 && plain.high < 18 + 150, "{plain:?}");
    assert!(plain.low <= plain.likely && plain.likely <= plain.high);
}

#[test]
fn the_task_is_the_hint_then_the_suffix_then_the_cues() {
    let body = |model: &str| {
        format!(
            r#"{{"model":"{model}","messages":[{{"role":"user","content":"Refactor this Python function"}}]}}"#
        )
    };
    let cues = profile(&body("tollgate/auto")).unwrap();
    assert_eq!(
        (cues.task, cues.task_source),
        (Task::Code, TaskSource::Profiled)
    );
    let suffix = profile(&body("tollgate/auto:reasoning")).unwrap();
    assert_eq!(
        (suffix.task, suffix.task_source),
        (Task::Reasoning, TaskSource::Given)
    );
    let mut hinted = call(&body("tollgate/auto:reasoning"));
    hinted.hints.task = Some(Task::Chat);
    let hinted = optimizer(RouterConfig::default()).profile(&hinted).unwrap();
    assert_eq!(
        (hinted.task, hinted.task_source),
        (Task::Chat, TaskSource::Given)
    );
}

#[test]
fn only_the_last_message_of_the_user_and_fences_before_it_count() {
    let body = r#"{"messages":[{"role":"user","content":"Refactor this Rust struct"},{"role":"assistant","content":"Done."},
        {"role":"user","content":"Thanks! What shall I cook tonight?"}]}"#;
    assert_eq!(profile(body).unwrap().task, Task::Chat);
}

#[test]
fn the_task_does_not_change_with_case_or_white_space() {
    for text in [
        "Prove the theorem",
        "prove  the   theorem",
        "PROVE THE THEOREM",
        "prove the\\ntheorem",
    ] {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#);
        assert_eq!(profile(&body).unwrap().task, Task::Reasoning, "{text}");
    }
}

#[test]
fn what_is_shown_as_it_is_made_is_judged_only_when_it_may_be_held_back() {
    use Delivery::{Stream, Whole};
    for (delivery, hold_back, expected) in [
        (Whole, None, Judging::Ready),
        (Whole, Some(false), Judging::Ready),
        (Stream, None, Judging::Delays),
        (Stream, Some(true), Judging::Ready),
        (Stream, Some(false), Judging::Never),
    ] {
        let mut call = builders::call(1, "a/b");
        call.delivery = delivery;
        call.hints.hold_back = hold_back;
        let profile = optimizer(RouterConfig::default()).profile(&call).unwrap();
        assert_eq!(profile.judging, expected, "{delivery:?} {hold_back:?}");
    }
}

#[test]
fn the_lower_of_two_ceilings_holds() {
    let config = RouterConfig {
        max_cost_per_request: Some(Usd::from_nanos(500)),
        ..RouterConfig::default()
    };
    let ceiling = |hint| {
        let mut call = builders::call(1, "a/b");
        call.hints.max_cost = hint;
        optimizer(config.clone()).profile(&call).unwrap().ceiling
    };
    assert_eq!(ceiling(None), Some(Usd::from_nanos(500)));
    assert_eq!(
        ceiling(Some(Usd::from_nanos(900))),
        Some(Usd::from_nanos(500))
    );
    assert_eq!(
        ceiling(Some(Usd::from_nanos(100))),
        Some(Usd::from_nanos(100))
    );
}

#[test]
fn models_without_model_name_the_target_and_its_fallbacks() {
    let profile =
        profile(r#"{"models":["a/b","c/d"],"messages":[{"role":"user","content":"Hi"}]}"#).unwrap();
    assert_eq!(profile.target.unwrap().to_string(), "a/b");
    assert_eq!(profile.fallbacks, [builders::model("c/d")]);
}

#[test]
fn what_cannot_be_read_is_the_callers_to_mend() {
    for body in [
        r#"{"messages":[{"content":"no role"}]}"#,
        r#"{"messages":[{"role":"user","content":[{"text":"no type"}]}]}"#,
        r#"{"model":"tollgate/auto:poetry","messages":[{"role":"user","content":"Hi"}]}"#,
        r#"{"model":"two words","messages":[{"role":"user","content":"Hi"}]}"#,
    ] {
        let failure = profile(body).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidRequest, "{body}");
    }
}
