//! Who may be tried: probes, slow starts, limits, slots, hosts.

use std::num::NonZeroU16;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::{Instant, advance, sleep};
use tollgate_core::{Breaker, FailureKind, LimitLeft, LimitUnit, Scope, Usd};
use tollgate_testkit::providers::{Script, ScriptedProvider, text_frame};

use crate::{Rig, call, fault, hear, refuses, secs};

/// Five refusals of the first lane, and then only good answers.
fn heals(lane: &str, model: &str) -> ScriptedProvider {
    (0..5)
        .fold(ScriptedProvider::new(), |provider, _| {
            provider.on(lane, model, refuses(FailureKind::Upstream, 503))
        })
        .on(lane, model, Script::answer(&["Hello"]))
}

#[tokio::test(start_paused = true)]
async fn a_probe_needs_somewhere_to_go_and_costs_no_more_than_most_calls() {
    let provider = heals("first", "a/one").on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    for _ in 0..10 {
        call(&rig).await;
    }
    advance(secs(5)).await;
    let dear = rig.planned(|_, planned| planned.candidate.worst = Usd::from_nanos(1 << 40));
    assert_eq!(call(&dear).await, 1, "a call dearer than most is no probe");
    let cheap = dear.planned(|_, planned| planned.candidate.worst = Usd::from_nanos(1_000));
    assert_eq!(call(&cheap).await, 0);
    assert_eq!(cheap.breaker("endpoint first a/one"), Breaker::Probing);
    assert_eq!(call(&cheap).await, 1, "one probe a second");
}

#[tokio::test(start_paused = true)]
async fn traffic_comes_back_slowly_where_others_can_take_it() {
    let provider = heals("first", "a/one").on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    for _ in 0..5 {
        call(&rig).await;
    }
    let mut probes = 0;
    while rig.breaker("endpoint first a/one") != Breaker::Closed {
        advance(secs(1)).await;
        probes += usize::from(call(&rig).await == 0);
    }
    assert_eq!(probes, 3);
    let mut shares = Vec::new();
    for _ in 0..12 {
        let mut first = 0;
        for _ in 0..100 {
            first += usize::from(call(&rig).await == 0);
        }
        shares.push(first);
        advance(secs(1)).await;
    }
    assert!((3..20).contains(&shares[0]), "{shares:?}");
    assert!((35..75).contains(&shares[5]), "{shares:?}");
    assert_eq!(shares[10..], [100, 100], "{shares:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_start_turns_nobody_away_who_has_nowhere_else_to_go() {
    let rig = Rig::new(&["only a/one"], heals("only", "a/one"));
    while rig.breaker("endpoint only a/one") != Breaker::Closed
        || rig
            .health("endpoint only a/one")
            .is_none_or(|health| health.attempts > 0)
    {
        advance(secs(2)).await;
        if let Ok(won) = rig.run().await {
            hear(won).await;
        }
    }
    for _ in 0..50 {
        assert_eq!(call(&rig).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn half_of_a_hosts_endpoints_take_the_host_with_them_and_come_back_with_it() {
    let dead = || refuses(FailureKind::Upstream, 503);
    let answers = || Script::answer(&["Hello"]);
    let mut provider = ScriptedProvider::new().on("other", "z/9", answers());
    for model in ["h/1", "h/2", "h/3"] {
        provider = (0..5).fold(provider, |provider, _| provider.on("host", model, dead()));
        provider = provider.on("host", model, answers());
    }
    let lanes = ["host h/1", "host h/2", "host h/3", "other z/9"];
    let rig = Rig::with(&lanes, provider, |config| config.breaker.slow_start_ms = 0);
    for _ in 0..5 {
        assert_eq!(call(&rig).await, 3);
    }
    assert_eq!(rig.breaker("authority host"), Breaker::Open);
    assert_eq!(
        rig.sent().iter().filter(|sent| *sent == "host h/3").count(),
        4,
        "the third is not tried once more when the second is open"
    );

    for _ in 0..20 {
        advance(secs(1)).await;
        call(&rig).await;
    }
    assert_eq!(rig.breaker("authority host"), Breaker::Closed);
    assert_eq!(rig.breaker("endpoint host h/1"), Breaker::Closed);
    assert_eq!(call(&rig).await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_an_upstream_says_is_left_is_not_overdrawn() {
    let limited = |remaining| {
        let limits = vec![LimitLeft {
            scope: Scope::KeyModel,
            counts: LimitUnit::Requests,
            remaining,
            resets_in: secs(7),
        }];
        Script::answer(&["Hello"]).limits(limits)
    };
    let provider = ScriptedProvider::new()
        .on("first", "a/one", limited(2))
        .on("first", "a/one", limited(1))
        .on("first", "a/one", limited(0))
        .on("first", "a/one", limited(9))
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    let mut places = Vec::new();
    for _ in 0..5 {
        places.push(call(&rig).await);
    }
    assert_eq!(
        places,
        [0, 0, 0, 1, 1],
        "the fourth would have been refused"
    );
    assert_eq!(rig.breaker("endpoint first a/one"), Breaker::Closed);
    advance(secs(7)).await;
    assert_eq!(call(&rig).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_as_long_as_was_asked_when_there_is_nowhere_else_to_go() {
    let limited = fault(FailureKind::RateLimited)
        .status(429)
        .retry_after(secs(4));
    let provider = ScriptedProvider::new()
        .on("only", "a/one", Script::refuse(limited.clone()))
        .on("only", "a/one", Script::answer(&["Hello"]));
    let rig = Rig::with(&["only a/one"], provider, |config| config.attempts = 1);
    assert!(rig.run().await.is_err());
    let start = Instant::now();
    assert_eq!(call(&rig).await, 0);
    let waited = start.elapsed();
    assert!((secs(4)..=secs(5)).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_be_left_holds_nobody_up_who_has_nowhere_else_to_go() {
    let limits = vec![LimitLeft {
        scope: Scope::Key,
        counts: LimitUnit::Requests,
        remaining: 0,
        resets_in: secs(60),
    }];
    let provider =
        ScriptedProvider::new().on("only", "a/one", Script::answer(&["Hello"]).limits(limits));
    let rig = Rig::new(&["only a/one"], provider);
    let start = Instant::now();
    assert_eq!((call(&rig).await, call(&rig).await), (0, 0));
    assert_eq!(start.elapsed(), secs(0));
}

#[tokio::test(start_paused = true)]
async fn a_slow_target_does_not_take_every_slot() {
    let slow = Script::new().wait(secs(5)).frame(text_frame("Hello"));
    let provider = ScriptedProvider::new().on("first", "a/one", slow).on(
        "second",
        "b/two",
        Script::answer(&["Hello"]),
    );
    let rig = Rig::with(&["first a/one", "second b/two"], provider, |config| {
        config.max_in_flight = 3;
    });
    let places = join_all((0..6).map(|_| call(&rig))).await;
    assert_eq!(places, [0, 0, 0, 1, 1, 1]);
    assert_eq!(rig.health("endpoint first a/one").unwrap().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_free_slot_a_call_waits_a_moment_and_is_then_refused() {
    let slow = |time| Script::new().wait(time).frame(text_frame("Hello"));
    let half = secs(1) / 20;
    let provider =
        ScriptedProvider::new()
            .on("only", "a/one", slow(half))
            .on("only", "a/one", slow(secs(10)));
    let rig = Rig::with(&["only a/one"], provider, |config| config.max_in_flight = 1);
    let (first, second, third) = tokio::join!(call(&rig), call(&rig), async {
        sleep(secs(1)).await;
        let start = Instant::now();
        let refused = rig.run().await.unwrap_err().failure;
        (refused.kind(), refused.retry_after(), start.elapsed())
    });
    assert_eq!((first, second), (0, 0));
    let tenth = secs(1) / 10;
    assert_eq!(third, (FailureKind::NoHealthyTarget, Some(secs(1)), tenth));
}

#[tokio::test(start_paused = true)]
async fn equals_share_the_traffic_by_what_they_carry() {
    let provider = ScriptedProvider::new()
        .on(
            "first",
            "a/one",
            Script::new().wait(secs(4)).frame(text_frame("Hello")),
        )
        .on(
            "second",
            "a/one",
            Script::new().wait(secs(1)).frame(text_frame("Hello")),
        );
    let rig = Rig::new(&["first a/one", "second a/one"], provider);
    let mut calls = Vec::new();
    for number in 0..200 {
        let rig = &rig;
        calls.push(async move {
            sleep(secs(number) / 5).await;
            call(rig).await
        });
    }
    let places = join_all(calls).await;
    let quick = places.iter().filter(|place| **place == 1).count();
    assert!(
        (130..190).contains(&quick),
        "{quick} of 200 at the quicker one"
    );
}

#[tokio::test(start_paused = true)]
async fn idle_equals_share_the_traffic_by_their_weight() {
    let mut provider = ScriptedProvider::new();
    for lane in ["first", "second"] {
        provider = provider.on(lane, "a/one", Script::answer(&["Hello"]));
    }
    let rig = Rig::new(&["first a/one", "second a/one"], provider).planned(|place, planned| {
        Arc::make_mut(&mut planned.lane).weight =
            [NonZeroU16::MIN, NonZeroU16::new(3).unwrap()][place];
    });
    let mut second = 0;
    for _ in 0..400 {
        second += call(&rig).await;
    }
    assert!(
        (260..340).contains(&second),
        "{second} of 400 at three times the weight"
    );
}

#[tokio::test(start_paused = true)]
async fn what_failed_at_a_host_is_asked_with_another_key_after_everything_else() {
    let provider = ScriptedProvider::new()
        .on("key-1", "a/one", refuses(FailureKind::Upstream, 503))
        .on("key-2", "a/one", refuses(FailureKind::Upstream, 503))
        .on("elsewhere", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&["key-1 a/one", "key-2 a/one", "elsewhere b/two"], provider);
    let rig = rig.planned(|place, planned| {
        Arc::make_mut(&mut planned.lane).authority = ["host", "host", "other"][place].into();
    });
    assert_eq!(call(&rig).await, 2);
}

#[tokio::test(start_paused = true)]
async fn busy_equals_share_the_traffic_by_their_weight() {
    let lanes = ["first", "second", "third"];
    let answer = || Script::new().wait(secs(1)).frame(text_frame("Hello"));
    let provider = lanes
        .iter()
        .fold(ScriptedProvider::new(), |provider, lane| {
            provider.on(lane, "a/one", answer())
        });
    let plan = ["first a/one", "second a/one", "third a/one"];
    let rig = Rig::new(&plan, provider).planned(|place, planned| {
        Arc::make_mut(&mut planned.lane).weight =
            [1, 1, 2].map(|weight| NonZeroU16::new(weight).unwrap())[place];
    });
    let calls = (0..800).map(|number| {
        let rig = &rig;
        async move {
            sleep(secs(number) / 10).await;
            call(rig).await
        }
    });
    let places = join_all(calls).await;
    let third = places.iter().filter(|place| **place == 2).count();
    assert!(
        (370..430).contains(&third),
        "{third} of 800 at twice the weight, with ten calls at any moment"
    );
}
