//! The contract suite of [`LlmProvider`].

use futures_util::StreamExt;
use tollgate_core::{Attempt, Delivery, FailureKind, Frame, FrameKind, LlmProvider};

/// The contract of [`LlmProvider`], for one attempt that the upstream answers
/// or refuses: whatever it does, the reply must have the promised form, a
/// second sending must not depend on the first, and leaving in the middle must
/// leave the provider usable.
///
/// # Panics
/// When the provider breaks the contract.
pub async fn contract(provider: &dyn LlmProvider, attempt: &Attempt) {
    let first = check_reply(provider, attempt).await;
    if let Ok(mut reply) = provider.send(attempt).await {
        drop(reply.frames.next().await);
        drop(reply);
    }
    let second = check_reply(provider, attempt).await;
    assert_eq!(first, second, "the same attempt must end the same way");
}

/// How a reply ended: with how many semantic frames, or with which failure.
async fn check_reply(provider: &dyn LlmProvider, attempt: &Attempt) -> Result<usize, FailureKind> {
    let mut reply = provider
        .send(attempt)
        .await
        .map_err(|failure| failure.kind())?;
    let (mut semantic, mut bodies, mut finished, mut done) = (0, 0, false, false);
    while let Some(item) = reply.frames.next().await {
        assert!(!done, "nothing follows the end marker");
        let frame = match item {
            Ok(frame) => frame,
            Err(failure) => {
                let after = reply.frames.next().await;
                assert!(
                    after.is_none(),
                    "nothing follows a failure, but {after:?} came"
                );
                return Err(failure.kind());
            }
        };
        check_frame(&frame, attempt.delivery);
        semantic += usize::from(frame.facts.semantic);
        finished |= frame.facts.finish.is_some();
        bodies += usize::from(frame.kind == FrameKind::Body);
        done = frame.kind == FrameKind::Done;
    }
    assert!(
        semantic > 0 || finished,
        "an answer without content and finish is a bad reply"
    );
    assert!(
        bodies <= 1,
        "an answer in one piece has one body, not {bodies}"
    );
    Ok(semantic)
}

fn check_frame(frame: &Frame, delivery: Delivery) {
    match frame.kind {
        FrameKind::Event | FrameKind::Body => {
            let json = serde_json::from_slice::<serde_json::Value>(&frame.data);
            assert!(json.is_ok(), "an event or body is JSON: {:?}", frame.data);
        }
        FrameKind::KeepAlive => {
            assert!(
                !frame.facts.semantic,
                "a comment shows nothing of the answer"
            );
        }
        FrameKind::Done => assert!(frame.data.is_empty(), "the end marker has no data"),
        FrameKind::Notice => panic!("only the gateway itself gives notices"),
    }
    let whole = frame.kind == FrameKind::Body;
    assert!(
        !(whole && delivery == Delivery::Stream),
        "a stream has events, not a body"
    );
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::builders;
    use crate::providers::{Fault, Script, ScriptedProvider, role_frame, text_frame};

    fn attempt(delivery: Delivery) -> Attempt {
        Attempt {
            delivery,
            ..builders::attempt(1, "a/one", "openrouter")
        }
    }

    async fn check(delivery: Delivery, script: Script) {
        let provider = ScriptedProvider::new().on("openrouter", "a/one", script);
        contract(&provider, &attempt(delivery)).await;
        assert_eq!(provider.open(), 0);
        assert_eq!(provider.sent().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_scripted_provider_keeps_the_contract() {
        let fault = || Fault::new(FailureKind::Truncated);
        check(Delivery::Stream, Script::answer(&["Hel", "lo"])).await;
        check(
            Delivery::Stream,
            Script::new().frame(text_frame("Hel")).cut(fault()),
        )
        .await;
        check(Delivery::Stream, Script::refuse(fault())).await;
        check(
            Delivery::Whole,
            Script::body("Hello").delayed(Duration::from_secs(5)),
        )
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "nothing follows the end marker")]
    async fn the_contract_catches_frames_after_the_end() {
        check(
            Delivery::Stream,
            Script::answer(&["Hello"]).frame(text_frame("!")),
        )
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "without content and finish")]
    async fn the_contract_catches_an_empty_answer() {
        check(
            Delivery::Stream,
            Script::new().frame(role_frame()).frame(Frame::done()),
        )
        .await;
    }
}
