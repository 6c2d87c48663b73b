use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use tokio::time::{Instant, advance, sleep};
use tollgate_core::{Attempt, Breaker, Event, Failure, FailureKind, FrameKind, LlmProvider, Reply};
use tollgate_testkit::providers::{Script, ScriptedProvider, text_frame};

use super::{Rig, fault, hear, refuses, secs};

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_lets_probes_through_and_closes() {
    let mut provider = ScriptedProvider::new().on("second", "b/two", Script::answer(&["Hello"]));
    for _ in 0..5 {
        provider = provider.on("first", "a/one", refuses(FailureKind::Upstream, 502));
    }
    provider = provider.on("first", "a/one", Script::answer(&["I am back"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    let place = || async {
        let won = rig.run().await.unwrap();
        let place = won.place;
        hear(won).await;
        place
    };
    for _ in 0..5 {
        assert_eq!(place().await, 1);
    }
    assert_eq!(rig.breaker("endpoint first a/one"), Breaker::Open);
    assert_eq!(rig.sent().len(), 10);
    assert_eq!(place().await, 1);
    assert_eq!(rig.sent().len(), 11, "the open target was not asked");
    let health = rig.health("endpoint first a/one").unwrap();
    assert!((2_500..=5_000).contains(&health.opens_in_ms), "{health:?}");
    assert_eq!((health.attempts, health.failure_share), (5, 6.0 / 25.0));
    assert_eq!(
        health.last_failure.as_deref(),
        Some("scripted upstream_error")
    );

    advance(secs(5)).await;
    assert_eq!(rig.breaker("endpoint first a/one"), Breaker::Probing);
    for _ in 0..3 {
        assert_eq!(place().await, 0, "one probe");
        if rig.breaker("endpoint first a/one") == Breaker::Probing {
            assert_eq!(place().await, 1, "and no second one");
        }
        advance(secs(1)).await;
    }
    assert_eq!(rig.breaker("endpoint first a/one"), Breaker::Closed);

    let changes: Vec<_> = rig
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::BreakerChanged { breaker, why, .. } => Some((breaker, why)),
            _ => None,
        })
        .collect();
    let states: Vec<_> = changes.iter().map(|(state, _)| *state).collect();
    assert_eq!(
        states,
        [Breaker::Open, Breaker::Probing, Breaker::Closed],
        "{changes:?}"
    );
    assert_eq!(changes[0].1, "5 failures in a row");
}

#[tokio::test(start_paused = true)]
async fn the_only_target_is_tried_until_enough_is_known_and_then_at_the_pace_of_probes() {
    let provider = ScriptedProvider::new().on("only", "a/one", refuses(FailureKind::Upstream, 502));
    let rig = Rig::new(&["only a/one"], provider);
    let mut sent = Vec::new();
    for _ in 0..30 {
        sent.push(rig.run().await.unwrap_err().failed.len());
    }
    assert_eq!(
        sent[..3],
        [2, 2, 1],
        "the breaker opens, and nothing is repeated"
    );
    let total = sent.iter().sum::<usize>();
    assert!((19..=23).contains(&total), "{sent:?}");
    while rig.run().await.unwrap_err().failure.kind() != FailureKind::NoHealthyTarget {}
    let start = Instant::now();
    let refused = rig.run().await.unwrap_err().failure;
    assert_eq!(
        (refused.kind(), start.elapsed()),
        (FailureKind::NoHealthyTarget, secs(0))
    );
    assert!(
        refused.retry_after().is_some_and(|after| after <= secs(2)),
        "{refused:?}"
    );
    assert!(
        refused.to_string().contains("last_failure: scripted"),
        "{refused}"
    );

    advance(secs(2)).await;
    assert_eq!(
        rig.run().await.unwrap_err().failed.len(),
        1,
        "with nowhere else to go, a probe"
    );
    assert_eq!(rig.run().await.unwrap_err().failed.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn answers_that_break_after_the_commit_point_count_as_well() {
    let cut = Script::new()
        .frame(text_frame("Hel"))
        .cut(fault(FailureKind::Interrupted));
    let provider = ScriptedProvider::new().on("only", "a/one", cut);
    let rig = Rig::new(&["only a/one"], provider);
    for _ in 0..5 {
        assert_eq!(rig.breaker("endpoint only a/one"), Breaker::Closed);
        assert!(hear(rig.run().await.unwrap()).await.broke.is_some());
    }
    assert_eq!(rig.breaker("endpoint only a/one"), Breaker::Open);
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_leaves_at_the_end_marker_has_seen_the_end() {
    let provider = ScriptedProvider::new().on("only", "a/one", Script::answer(&["Hello"]));
    let rig = Rig::new(&["only a/one"], provider);
    let mut frames = rig.run().await.unwrap().reply.frames;
    while frames.next().await.unwrap().unwrap().kind != FrameKind::Done {}
    drop(frames);
    assert_eq!(rig.health("endpoint only a/one").unwrap().attempts, 1);

    hear(rig.run().await.unwrap()).await;
    assert_eq!(
        rig.health("endpoint only a/one").unwrap().attempts,
        2,
        "one verdict per attempt"
    );
}

#[tokio::test(start_paused = true)]
async fn what_concerns_the_host_opens_the_host() {
    let provider = ScriptedProvider::new()
        .on(
            "first",
            "a/one",
            Script::refuse(fault(FailureKind::Connect)),
        )
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    for _ in 0..5 {
        rig.run().await.unwrap();
    }
    assert_eq!(rig.breaker("authority first"), Breaker::Open);
    assert_eq!(rig.breaker("endpoint first a/one"), Breaker::Closed);
    rig.run().await.unwrap();
    assert_eq!(rig.sent().last().unwrap(), "second b/two");
    assert_eq!(rig.sent().len(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_caller_in_a_hurry_puts_no_target_out_of_service() {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", Script::unreachable())
        .on("second", "b/two", Script::unreachable());
    let rig = Rig::new(&["first a/one", "second b/two"], provider).timeout(secs(6));
    for _ in 0..10 {
        assert_eq!(
            rig.run().await.unwrap_err().failure.kind(),
            FailureKind::Deadline
        );
    }
    assert_eq!(rig.sent().len(), 20);
    assert_eq!(rig.health("endpoint first a/one").unwrap().attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_limited_target_is_left_alone_for_as_long_as_it_asked_and_then_simply_used() {
    let limited = fault(FailureKind::RateLimited)
        .status(429)
        .retry_after(secs(30));
    let provider = ScriptedProvider::new()
        .on("only", "a/one", Script::refuse(limited))
        .on("only", "a/one", Script::answer(&["Hello"]));
    let rig = Rig::new(&["only a/one"], provider);
    assert!(rig.run().await.is_err());
    advance(secs(10)).await;
    let refused = rig.run().await.unwrap_err();
    assert_eq!(refused.failure.kind(), FailureKind::NoHealthyTarget);
    assert_eq!(refused.failure.retry_after(), Some(secs(20)));
    assert!(refused.failed.is_empty());
    assert_eq!(rig.sent().len(), 1);
    advance(secs(20)).await;
    for _ in 0..3 {
        assert!(rig.run().await.is_ok());
    }
    assert_eq!(rig.breaker("endpoint only a/one"), Breaker::Closed);
}

#[tokio::test(start_paused = true)]
async fn health_knows_the_time_to_the_first_token() {
    let slow = Script::new().wait(secs(2)).frame(text_frame("Hello"));
    let provider = ScriptedProvider::new().on("only", "a/one", slow);
    let rig = Rig::new(&["only a/one"], provider);
    hear(rig.run().await.unwrap()).await;
    let health = rig.health("endpoint only a/one").unwrap();
    assert_eq!(health.first_token_ms, Some(2_000.0));
    assert_eq!((health.attempts, health.failure_share), (1, 1.0 / 21.0));
}

/// Everything is dead until a moment.
struct Outage {
    over: Instant,
    attempts: AtomicUsize,
    behind: ScriptedProvider,
}

#[async_trait::async_trait]
impl LlmProvider for Outage {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        if Instant::now() < self.over {
            return Err(fault(FailureKind::Upstream).status(503).failure());
        }
        self.behind.send(attempt).await
    }
}

#[tokio::test(start_paused = true)]
async fn when_everything_is_dead_upstreams_are_spared_and_recovery_is_seen_at_once() {
    let lanes = ["first a/one", "second b/two", "third c/three"];
    let rig = Rig::new(&lanes, ScriptedProvider::new());
    let behind = lanes
        .iter()
        .fold(ScriptedProvider::new(), |provider, lane| {
            let (lane, model) = lane.split_once(' ').unwrap();
            provider.on(lane, model, Script::answer(&["Hello"]))
        });
    let start = Instant::now();
    let outage = Outage {
        over: start + secs(60),
        attempts: AtomicUsize::new(0),
        behind,
    };

    // Fifty calls a second, for a minute of trouble and ten seconds more.
    let calls = (0..3_500_u64).map(|number| {
        let (rig, outage) = (&rig, &outage);
        async move {
            sleep(std::time::Duration::from_millis(number * 20)).await;
            let result = rig.run_on(&mut rig.hold(), outage).await;
            let came_well = match result {
                Ok(won) => hear(won).await.broke.is_none(),
                Err(_) => false,
            };
            (start.elapsed(), came_well)
        }
    });
    let during = async {
        sleep(secs(60)).await;
        outage.attempts.load(Ordering::SeqCst)
    };
    let (ends, during) = tokio::join!(futures_util::future::join_all(calls), during);

    assert!(
        during < 3_000 * 49 / 100,
        "{during} attempts for 3000 calls"
    );
    let last_failure = ends
        .iter()
        .filter(|(_, well)| !well)
        .map(|(at, _)| *at)
        .max()
        .unwrap();
    assert!(
        last_failure < secs(63),
        "the last failure was at {last_failure:?}"
    );
    assert!(ends.iter().filter(|(_, well)| *well).count() > 250);
}
