//! Answers that break off after some of them was read.

use std::time::Duration;

use futures_util::StreamExt;
use tollgate::{
    AfterCommit, CostSource, Ended, Event, FailureKind, Order, Receipt, StreamMode, Usd,
};
use tollgate_testkit::providers::{Fault, Script, ScriptedProvider, finish_frame, text_frame};
use tollgate_wire::FinishReason;

use crate::rig::{Rig, ask, cut, cut_after, ends, hear, kind};

const SECOND: Duration = Duration::from_secs(1);

fn restart() -> Order {
    Order::from(ask(StreamMode::Stream)).with_after_commit(AfterCommit::Restart)
}

/// A target that says why it ends and is cut then, and one that gives this answer.
fn cut_after_its_end_then(answer: &str) -> ScriptedProvider {
    let told = Script::new()
        .frame(text_frame("Hello"))
        .frame(finish_frame())
        .cut(cut());
    ScriptedProvider::new().on("openrouter", "a/one", told).on(
        "second",
        "a/one",
        Script::answer(&[answer]),
    )
}

#[tokio::test(start_paused = true)]
async fn a_cut_is_an_error_unless_the_caller_asks_for_more() {
    let provider = ScriptedProvider::new()
        .on("openrouter", "a/one", cut_after(&["Hel"]))
        .on("second", "a/one", Script::answer(&["other"]));
    let rig = Rig::new(provider).await;
    let mut answer = rig.stream(ask(StreamMode::Stream)).await;
    let heard = hear(&mut answer).await;
    assert_eq!(heard.parts, ["Hel"]);
    assert_eq!(heard.broke.unwrap().kind(), FailureKind::Truncated);
    assert_eq!(rig.provider.sent().len(), 1);
    let receipt = rig.receipt().await;
    assert_eq!(receipt.ended, Ended::Cut(FailureKind::Truncated));
}

#[tokio::test(start_paused = true)]
async fn a_restarted_answer_begins_anew_elsewhere_and_says_so() {
    let broken = Script::new()
        .frame(text_frame("Hel"))
        .wait(3 * SECOND)
        .cut(cut());
    let provider = ScriptedProvider::new()
        .on("openrouter", "a/one", broken)
        .on("second", "a/one", Script::answer(&["Good ", "day"]));
    let rig = Rig::new(provider).await;
    let mut answer = rig.stream(restart()).await;
    let heard = hear(&mut answer).await;

    assert_eq!(heard.parts, ["Hel", "Good day"]);
    assert!(heard.broke.is_none());
    assert_eq!(answer.restarts(), 1);
    let notice = &heard.notices[0];
    assert_eq!(notice["object"], "chat.completion.chunk");
    assert_eq!(notice["choices"], serde_json::json!([]));
    assert_eq!(notice["model"], "a/one");
    assert!(notice["id"].is_string() && notice["created"].is_i64());
    assert_eq!(
        notice["tollgate"],
        serde_json::json!({
            "event": "restarted", "attempt": 2, "model": "a/one", "reason": "upstream_truncated",
        })
    );
    assert_eq!(rig.walker.told(), [(0, Duration::ZERO), (1, 3 * SECOND)]);

    let receipt = rig.receipt().await;
    assert_eq!(ends(&receipt), [(1, "cut"), (2, "complete")]);
    assert_eq!(receipt.ended, Ended::Complete);
    assert_eq!(receipt.served().unwrap().number, 2);
    assert_eq!(rig.gateway.totals().unwrap().held, Usd::ZERO);
    let rejoined = rig.heard(|event| match event {
        Event::Rejoined { record, anew, .. } => Some((record.number, *anew)),
        _ => None,
    });
    assert_eq!(rejoined, [(1, true)]);
}

#[tokio::test(start_paused = true)]
async fn both_attempts_are_paid_and_the_first_stays_held_for_the_second() {
    let provider = ScriptedProvider::new()
        .on("openrouter", "a/one", cut_after(&["eight by", "tes more"]))
        .on("second", "a/one", Script::answer(&["whole"]));
    let rig = Rig::new(provider).await;
    hear(&mut rig.stream(restart()).await).await;
    let receipt = rig.receipt().await;
    let [first, second] = receipt.attempts.as_slice() else {
        panic!("two attempts: {receipt:?}");
    };
    let (first, second) = (first.cost.unwrap(), second.cost.unwrap());
    assert_eq!(first.source, CostSource::Estimated);
    assert_eq!(second.source, CostSource::Computed);
    let both = first.amount() + second.amount();
    assert_eq!(receipt.cost().unwrap().amount(), both);
    // The second attempt's worst case fitted beside what the first had cost.
    let worst = rig.provider.sent()[1].worst;
    assert_eq!(receipt.held, first.amount() + worst);
}

#[tokio::test(start_paused = true)]
async fn when_nobody_else_answers_the_first_failure_is_the_last_word() {
    let refused = || Script::refuse(Fault::new(FailureKind::Upstream));
    let provider = ScriptedProvider::new()
        .on("openrouter", "a/one", cut_after(&["Hel"]))
        .on("second", "a/one", refused())
        .on("third", "a/one", refused())
        .on("openrouter", "b/two", refused());
    let rig = Rig::new(provider).await;
    let mut answer = rig.stream(restart()).await;
    let heard = hear(&mut answer).await;
    assert_eq!(heard.parts, ["Hel"], "no notice without another answer");
    let broke = heard.broke.unwrap();
    assert_eq!(broke.kind(), FailureKind::Truncated);
    assert!(broke.to_string().contains("attempts: 4"), "{broke}");
    assert!(broke.to_string().contains("elsewhere: "), "{broke}");
    let receipt = rig.receipt().await;
    assert_eq!(receipt.ended, Ended::Cut(FailureKind::Truncated));
    assert_eq!(receipt.served().unwrap().number, 1);
    assert_eq!(
        ends(&receipt),
        [(1, "cut"), (2, "failed"), (3, "failed"), (4, "failed")]
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_restart_again_but_never_ends_cleanly_when_its_last_attempt_was_cut() {
    let provider = ScriptedProvider::new()
        .on("openrouter", "a/one", cut_after(&["one"]))
        .on("second", "a/one", cut_after(&["two"]))
        .on("third", "a/one", cut_after(&["three"]))
        .on("openrouter", "b/two", cut_after(&["four"]));
    let rig = Rig::new(provider).await;
    let mut answer = rig.stream(restart()).await;
    let heard = hear(&mut answer).await;
    assert_eq!(heard.parts, ["one", "two", "three", "four"]);
    assert_eq!(heard.broke.unwrap().kind(), FailureKind::Truncated);
    let receipt = rig.receipt().await;
    assert_eq!(receipt.attempts.len(), 4);
    assert_eq!(receipt.ended, Ended::Cut(FailureKind::Truncated));
}

/// Drops an answer after a while of reading; gives back its receipt.
async fn left(second: Script) -> Receipt {
    let provider = ScriptedProvider::new()
        .on("openrouter", "a/one", cut_after(&["Hel"]))
        .on("second", "a/one", second);
    let rig = Rig::new(provider).await;
    let mut answer = rig.stream(restart()).await;
    let reading = async { while answer.next().await.is_some() {} };
    assert!(tokio::time::timeout(SECOND, reading).await.is_err());
    drop(answer);
    let receipt = rig.receipt().await;
    assert_eq!(rig.gateway.totals().unwrap().held, Usd::ZERO);
    receipt
}

#[tokio::test(start_paused = true)]
async fn leaving_while_another_target_is_looked_for_settles_all_attempts_once() {
    let receipt = left(Script::unreachable()).await;
    assert_eq!(receipt.ended, Ended::Abandoned);
    assert_eq!(ends(&receipt), [(1, "cut"), (2, "abandoned")]);
    assert_eq!(
        receipt.attempts[0].cost.unwrap().source,
        CostSource::Estimated
    );
    assert!(receipt.unresolved() > Usd::ZERO);
}

#[tokio::test(start_paused = true)]
async fn leaving_in_the_middle_of_the_second_answer_settles_all_attempts_once() {
    let receipt = left(Script::new().frame(text_frame("Good")).stall()).await;
    assert_eq!(receipt.ended, Ended::Abandoned);
    assert_eq!(ends(&receipt), [(1, "cut"), (2, "abandoned")]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_said_why_it_ends_is_not_told_twice() {
    let rig = Rig::new(cut_after_its_end_then("Hello")).await;
    let heard = hear(&mut rig.stream(restart()).await).await;
    assert_eq!(heard.parts, ["Hello"]);
    assert_eq!(heard.broke.unwrap().kind(), FailureKind::Truncated);
}

#[tokio::test(start_paused = true)]
async fn what_the_limits_of_the_call_cut_does_not_go_on() {
    for kind in [FailureKind::Deadline, FailureKind::CostLimit] {
        let fault = Fault::new(kind);
        let provider = ScriptedProvider::new()
            .on(
                "openrouter",
                "a/one",
                Script::new().frame(text_frame("Hel")).cut(fault),
            )
            .on("second", "a/one", Script::answer(&["other"]));
        let rig = Rig::new(provider).await;
        let heard = hear(&mut rig.stream(restart()).await).await;
        assert_eq!(heard.broke.unwrap().kind(), kind);
        assert_eq!(rig.provider.sent().len(), 1);
    }
}

// === collected ===

fn cut_then_whole() -> ScriptedProvider {
    ScriptedProvider::new()
        .on("openrouter", "a/one", cut_after(&["Hel"]))
        .on("second", "a/one", Script::answer(&["Good ", "day"]))
}

#[tokio::test(start_paused = true)]
async fn a_collected_stream_is_whole_although_its_first_target_cut_it() {
    for after_commit in [
        AfterCommit::Error,
        AfterCommit::Restart,
        AfterCommit::Resume,
    ] {
        let rig = Rig::new(cut_then_whole()).await;
        let order = Order::from(ask(StreamMode::Stream)).with_after_commit(after_commit);
        let collected = rig.stream(order).await.collect().await.unwrap();
        assert_eq!(collected.response.text(), "Good day");
        assert_eq!(collected.response.finish_reason(), Some(FinishReason::Stop));
        assert_eq!(ends(&collected.receipt), [(1, "cut"), (2, "complete")]);
        assert_eq!(rig.receipt().await, collected.receipt);
    }
}

#[tokio::test(start_paused = true)]
async fn a_collected_stream_goes_on_even_after_it_said_why_it_ends() {
    let rig = Rig::new(cut_after_its_end_then("Good day")).await;
    let answer = rig.stream(ask(StreamMode::Stream)).await;
    assert_eq!(answer.collect().await.unwrap().response.text(), "Good day");
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_an_answer_does_not_pass_for_all_of_it() {
    for order in [Order::from(ask(StreamMode::Stream)), restart()] {
        let rig = Rig::new(cut_then_whole()).await;
        let mut answer = rig.stream(order).await;
        answer.next().await.unwrap().unwrap();
        assert_eq!(kind(answer.collect().await), FailureKind::InvalidRequest);
        assert_eq!(rig.provider.sent().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_read_to_its_end_is_not_collected_as_empty() {
    let provider = ScriptedProvider::new().on("openrouter", "a/one", Script::answer(&["Hello"]));
    let rig = Rig::new(provider).await;
    let mut answer = rig.stream(ask(StreamMode::Stream)).await;
    hear(&mut answer).await;
    assert_eq!(kind(answer.collect().await), FailureKind::InvalidRequest);
}
