//! The layers, around a provider that answers without a network.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream;
use tollgate_core::{
    Attempt, Delivery, Failure, FailureKind, Frame, Head, LlmProvider, ModelId, Reply, Scope,
};
use tollgate_transport::{Concurrency, RateLimit, RateLimitConfig};

use crate::setup::attempt;

struct Prompt;

#[async_trait]
impl LlmProvider for Prompt {
    async fn send(&self, _: &Attempt) -> Result<Reply, Failure> {
        Ok(Reply {
            head: Head::default(),
            frames: Box::pin(stream::once(async { Ok(Frame::done()) })),
        })
    }
}

fn per_minute(requests: u32, burst: u32) -> RateLimitConfig {
    RateLimitConfig {
        requests_per_minute: NonZeroU32::new(requests).unwrap(),
        burst: NonZeroU32::new(burst),
    }
}

fn for_model(model: &str) -> Attempt {
    Attempt {
        models: vec![ModelId::new(model).unwrap()],
        ..attempt(Delivery::Stream)
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_far_away_is_a_failure_with_the_delay_and_other_models_go_on() {
    let limited = RateLimit::new(Prompt, per_minute(1, 2));
    for _ in 0..2 {
        limited.send(&for_model("a/b")).await.unwrap();
    }
    let failure = limited.send(&for_model("a/b")).await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.rule().scope),
        (FailureKind::RateLimited, Scope::None)
    );
    let delay = failure.retry_after().unwrap();
    assert!(
        delay > Duration::from_secs(50) && delay <= Duration::from_secs(60),
        "{delay:?}"
    );
    limited.send(&for_model("c/d")).await.unwrap();
}

#[tokio::test]
async fn a_turn_that_is_near_is_waited_for() {
    // One request each 5 ms.
    let limited = RateLimit::new(Prompt, per_minute(12_000, 1));
    for _ in 0..4 {
        limited.send(&for_model("a/b")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_held_until_the_frames_are_dropped() {
    let capped = Concurrency::new(Prompt, NonZeroUsize::MIN);
    let held = capped.send(&for_model("a/b")).await.unwrap();
    let failure = capped.send(&for_model("a/b")).await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.rule().scope),
        (FailureKind::RateLimited, Scope::None)
    );
    capped.send(&for_model("c/d")).await.unwrap();
    drop(held);
    capped.send(&for_model("a/b")).await.unwrap();
}
