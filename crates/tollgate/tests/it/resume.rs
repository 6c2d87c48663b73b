//! Answers that go on where they broke off.

use futures_util::StreamExt;
use serde_json::{Value, json};
use tollgate::{AfterCommit, ChatRequest, Ended, FailureKind, Order, StreamMode};
use tollgate_testkit::providers::{
    Fault, Script, ScriptedProvider, finish_frame, keep_alive_frame, role_frame, text_frame,
};
use tollgate_wire::Object;

use crate::rig::{Rig, ask, cut, cut_after, ends, hear};

fn resume(request: ChatRequest) -> Order {
    Order::from(request).with_after_commit(AfterCommit::Resume)
}

fn two(first: Script, second: Script) -> ScriptedProvider {
    ScriptedProvider::new()
        .on("openrouter", "a/one", first)
        .on("second", "a/one", second)
}

#[tokio::test(start_paused = true)]
async fn the_same_model_goes_on_where_another_lane_broke_off() {
    let provider = two(
        cut_after(&["Once ", "upon"]),
        Script::answer(&[" a", " time."]),
    );
    let rig = Rig::new(provider).await;
    let request = ask(StreamMode::Stream).with_max_tokens(100);
    let mut answer = rig.stream(resume(request)).await;
    let heard = hear(&mut answer).await;

    assert_eq!(heard.parts, ["Once upon", " a time."]);
    assert!(heard.broke.is_none());
    assert_eq!(answer.restarts(), 0);
    let notice = &heard.notices[0]["tollgate"];
    assert_eq!(
        (&notice["event"], &notice["attempt"]),
        (&json!("resumed"), &json!(2))
    );

    let sent = rig.provider.sent();
    let messages = sent[1].request.object().get("messages").unwrap().get();
    let messages: Vec<Value> = serde_json::from_str(messages).unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(
        messages[1],
        json!({"role": "assistant", "content": "Once upon"})
    );
    // Nine bytes were booked as three tokens.
    assert_eq!(sent[1].request.max_output_tokens(), Some(97));

    let receipt = rig.receipt().await;
    assert_eq!(ends(&receipt), [(1, "cut"), (2, "complete")]);
    assert_eq!(receipt.ended, Ended::Complete);
}

/// Cuts an answer after `shown`, and lets the second lane go on with `pieces`.
async fn check_seam(shown: &str, pieces: &[&str], given: &str, read: &str) {
    let rig = Rig::new(two(cut_after(&[shown]), Script::answer(pieces))).await;
    let heard = hear(&mut rig.stream(resume(ask(StreamMode::Stream))).await).await;
    assert_eq!(heard.parts.concat(), read, "{shown:?} then {pieces:?}");
    let request = rig.provider.sent()[1].request.clone();
    let turns = request.turns().unwrap();
    let last: String = serde_json::from_str(turns.last().unwrap().content.unwrap().get()).unwrap();
    assert_eq!(last, given);
}

#[tokio::test(start_paused = true)]
async fn no_byte_is_lost_or_told_twice_at_the_seam() {
    check_seam("Hello,", &[" world"], "Hello,", "Hello, world").await;
    check_seam("Hello, ", &[" world"], "Hello,", "Hello, world").await;
    check_seam("Hello, ", &["world"], "Hello,", "Hello, world").await;
    check_seam("Hello, ", &[" ", " ", "world"], "Hello,", "Hello,  world").await;
    check_seam("One.\n\n", &["\n", "\nTwo."], "One.", "One.\n\nTwo.").await;
    check_seam("One.\n\n", &["\n\n\nTwo."], "One.", "One.\n\n\nTwo.").await;
    check_seam("One.\n\n", &["\nTwo."], "One.", "One.\n\nTwo.").await;
    check_seam("One.\u{a0}", &["\u{a0}Two."], "One.", "One.\u{a0}Two.").await;
}

#[tokio::test(start_paused = true)]
async fn what_the_seam_leaves_out_is_paid_all_the_same_and_other_members_stay() {
    let provider = two(cut_after(&["Hello, "]), Script::answer(&[" world"]));
    let rig = Rig::new(provider).await;
    let mut answer = rig.stream(resume(ask(StreamMode::Stream))).await;
    hear(&mut answer).await;
    let receipt = rig.receipt().await;
    assert_eq!(
        receipt.attempts[1].tokens.output, 1,
        "as the upstream reports"
    );
}

/// Cuts an answer of which `request` was asked and `shown` was seen. Whether it goes on.
async fn goes_on(request: ChatRequest, first: Script) -> bool {
    let rig = Rig::new(two(first, Script::answer(&[" more"]))).await;
    let heard = hear(&mut rig.stream(resume(request)).await).await;
    assert_eq!(heard.broke.is_none(), rig.provider.sent().len() == 2);
    assert_eq!(heard.broke.is_none(), heard.notices.len() == 1);
    heard.broke.is_none()
}

fn asked(members: Value) -> ChatRequest {
    let mut request = ask(StreamMode::Stream);
    for (key, value) in members.as_object().unwrap() {
        request.object_mut().set(key, value).unwrap();
    }
    request
}

#[tokio::test(start_paused = true)]
async fn requests_for_more_than_one_text_do_not_go_on() {
    let begun = || cut_after(&["Hel"]);
    assert!(goes_on(asked(json!({})), begun()).await);
    assert!(goes_on(asked(json!({"temperature": 0})), begun()).await);
    for members in [
        json!({"n": 2}),
        json!({"max_tokens": 1}),
        json!({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "H"}]}),
    ] {
        assert!(!goes_on(asked(members.clone()), begun()).await, "{members}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_more_than_text_do_not_go_on() {
    let request = || ask(StreamMode::Stream);
    let with = |delta: &str| {
        let mut frame = text_frame("");
        frame.data = format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#).into();
        Script::new()
            .frame(role_frame())
            .frame(text_frame("Hel"))
            .frame(frame)
            .frame(keep_alive_frame())
            .cut(cut())
    };
    assert!(
        goes_on(
            request(),
            with(r#"{"content":"lo","tool_calls":[],"reasoning":null}"#)
        )
        .await
    );
    for delta in [
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}"#,
        r#"{"content":[{"type":"text","text":"lo"}]}"#,
        r#"{"reasoning":"Hm."}"#,
        r#"{"reasoning_content":"Hm."}"#,
        r#"{"reasoning_details":[{"type":"reasoning.text","text":"Hm."}]}"#,
        r#"{"refusal":"No."}"#,
        r#"{"images":[{"type":"image_url"}]}"#,
        r#"{"audio":{"data":"AA=="}}"#,
        r#"{"annotations":[{"type":"url_citation"}]}"#,
    ] {
        assert!(!goes_on(request(), with(delta)).await, "{delta}");
    }
    let blank = Script::new().frame(text_frame(" \n")).cut(cut());
    assert!(!goes_on(request(), blank).await, "nothing to go on with");
    let told = Script::new()
        .frame(text_frame("All."))
        .frame(finish_frame())
        .cut(cut());
    assert!(!goes_on(request(), told).await, "nothing is left to say");
}

#[tokio::test(start_paused = true)]
async fn only_lanes_that_take_a_beginning_go_on_and_only_with_the_same_model() {
    let provider = ScriptedProvider::new()
        .on("second", "a/one", cut_after(&["Hel"]))
        .on("third", "a/one", Script::answer(&["lo"]))
        .on("openrouter", "b/two", Script::answer(&["lo"]))
        .on(
            "openrouter",
            "a/one",
            Script::refuse(Fault::new(FailureKind::Connect)),
        );
    let rig = Rig::new(provider).await;
    let heard = hear(&mut rig.stream(resume(ask(StreamMode::Stream))).await).await;
    assert_eq!(heard.parts, ["Hel"]);
    assert_eq!(heard.broke.unwrap().kind(), FailureKind::Truncated);
    let receipt = rig.receipt().await;
    assert_eq!(ends(&receipt), [(1, "failed"), (2, "cut")]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_goes_on_once() {
    let provider = two(cut_after(&["Once"]), cut_after(&[" upon"]));
    let rig = Rig::new(provider).await;
    let heard = hear(&mut rig.stream(resume(ask(StreamMode::Stream))).await).await;
    assert_eq!(heard.parts, ["Once", " upon"]);
    assert_eq!(heard.broke.unwrap().kind(), FailureKind::Truncated);
    let receipt = rig.receipt().await;
    assert_eq!(ends(&receipt), [(1, "cut"), (2, "cut")]);
    assert_eq!(receipt.ended, Ended::Cut(FailureKind::Truncated));
}

#[tokio::test(start_paused = true)]
async fn numbers_of_the_continuation_stay_as_they_were_written() {
    let mut precise = text_frame(" world");
    precise.data =
        br#"{"x":1.10,"choices":[{"delta":{"content":" world","y":2.50}}],"created":1}"#[..].into();
    let second = Script::new().frame(precise).frame(finish_frame());
    let rig = Rig::new(two(cut_after(&["Hello, "]), second)).await;
    let mut answer = rig.stream(resume(ask(StreamMode::Stream))).await;
    let mut last = Object::new();
    while let Some(Ok(frame)) = answer.next().await {
        let object = Object::parse(&frame.data).unwrap();
        if object.contains("x") {
            last = object;
        }
    }
    assert_eq!(
        String::from_utf8(last.to_vec()).unwrap(),
        r#"{"x":1.10,"choices":[{"delta":{"content":"world","y":2.50}}],"created":1}"#
    );
}
