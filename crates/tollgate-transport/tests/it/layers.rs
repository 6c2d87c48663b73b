//! The layers, around a provider that answers without a network.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream;
use tokio::time::Instant;
use tollgate_core::{
    Attempt, Billed, Delivery, Failure, FailureKind, Frame, Head, LlmProvider, ModelId, Origin,
    Reply, Scope,
};
use tollgate_transport::{Concurrency, HostRate, HostRateLimit, RateLimit, RateLimitConfig};

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
        planned: vec![ModelId::new(model).unwrap()],
        ..attempt(Delivery::Stream)
    }
}

/// A refusal of our own: against whom, and for how long in milliseconds.
fn refusal(failure: &Failure) -> (Scope, u128) {
    assert_eq!(failure.kind(), FailureKind::RateLimited);
    // What is ours is no evidence against the upstream, and nothing was sent.
    assert_eq!(failure.origin(), Origin::Gateway);
    assert_eq!(failure.rule().billed, Billed::No);
    let wait = failure.retry_after().unwrap();
    (failure.rule().scope, wait.as_millis())
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_far_away_is_a_failure_with_the_delay_and_other_models_go_on() {
    let limited = RateLimit::new(Prompt, per_minute(1, 2));
    for _ in 0..2 {
        limited.send(&for_model("a/b")).await.unwrap();
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    let failure = limited.send(&for_model("a/b")).await.unwrap_err();
    assert_eq!(refusal(&failure), (Scope::KeyModel, 50_000));
    limited.send(&for_model("c/d")).await.unwrap();
    tokio::time::advance(Duration::from_secs(50)).await;
    limited.send(&for_model("a/b")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_near_is_waited_for() {
    let started = Instant::now();
    // One request each 100 ms.
    let limited = RateLimit::new(Prompt, per_minute(600, 1));
    for _ in 0..4 {
        limited.send(&for_model("a/b")).await.unwrap();
    }
    assert_eq!(started.elapsed().as_millis(), 300);
    let limited = RateLimit::new(Prompt, per_minute(599, 1));
    limited.send(&for_model("a/b")).await.unwrap();
    let failure = limited.send(&for_model("a/b")).await.unwrap_err();
    assert_eq!(refusal(&failure), (Scope::KeyModel, 100));
}

#[tokio::test(start_paused = true)]
async fn a_host_is_limited_over_all_models_and_lanes_that_lead_to_it() {
    let host = HostRate::new(per_minute(60, 2));
    let one = HostRateLimit::new(Prompt, host.clone());
    let two = HostRateLimit::new(Prompt, host);
    let elsewhere = HostRateLimit::new(Prompt, HostRate::new(per_minute(60, 2)));
    one.send(&for_model("a/b")).await.unwrap();
    two.send(&for_model("c/d")).await.unwrap();
    for provider in [&one, &two] {
        let failure = provider.send(&for_model("e/f")).await.unwrap_err();
        assert_eq!(refusal(&failure), (Scope::Authority, 1000));
    }
    elsewhere.send(&for_model("a/b")).await.unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    two.send(&for_model("e/f")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_held_until_the_frames_are_dropped() {
    let capped = Concurrency::new(Prompt, NonZeroUsize::MIN);
    let held = capped.send(&for_model("a/b")).await.unwrap();
    let failure = capped.send(&for_model("a/b")).await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.rule().scope, failure.origin()),
        (FailureKind::RateLimited, Scope::None, Origin::Gateway)
    );
    capped.send(&for_model("c/d")).await.unwrap();
    drop(held);
    capped.send(&for_model("a/b")).await.unwrap();
}
