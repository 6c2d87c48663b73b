use std::sync::Mutex;

use tokio::time::Instant;
use tollgate_core::{Event, FailureKind, FrameKind, Next};
use tollgate_testkit::providers::{Script, ScriptedProvider, role_frame, text_frame};

use super::{Rig, fault, hear, kinds, refuses, secs};

#[tokio::test(start_paused = true)]
async fn when_the_first_target_is_down_the_second_answers_at_once() {
    let provider = ScriptedProvider::new()
        .on(
            "first",
            "a/one",
            Script::refuse(fault(FailureKind::Connect)),
        )
        .on("second", "b/two", Script::answer(&["Hel", "lo"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    let start = Instant::now();
    let won = rig.run().await.unwrap();
    assert_eq!(start.elapsed(), secs(0));
    assert_eq!((won.place, won.running.number), (1, 2));
    assert_eq!(kinds(&won.failed), [FailureKind::Connect]);
    let heard = hear(won).await;
    assert_eq!(heard.text, "Hello");
    assert!(heard.broke.is_none());
    // Role, two texts, finish, usage, end: what was held back is handed over.
    assert_eq!(heard.frames.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_dies_before_its_first_token_is_hidden() {
    for cut in [
        FailureKind::Interrupted,
        FailureKind::Truncated,
        FailureKind::Upstream,
    ] {
        let provider = ScriptedProvider::new()
            .on(
                "first",
                "a/one",
                Script::new().frame(role_frame()).cut(fault(cut)),
            )
            .on("second", "b/two", Script::answer(&["Hello"]));
        let rig = Rig::new(&["first a/one", "second b/two"], provider);
        let heard = hear(rig.run().await.unwrap()).await;
        assert_eq!(heard.text, "Hello", "after {cut}");
        assert_eq!(heard.frames.len(), 5, "only one role frame after {cut}");
    }
}

#[tokio::test(start_paused = true)]
async fn comments_for_ever_lead_elsewhere_when_the_first_event_is_due() {
    let provider = ScriptedProvider::new()
        .on(
            "first",
            "a/one",
            Script::new()
                .frame(role_frame())
                .keep_alives(10_000, secs(5)),
        )
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    let start = Instant::now();
    let won = rig.run().await.unwrap();
    assert_eq!(start.elapsed(), secs(30));
    assert_eq!(kinds(&won.failed), [FailureKind::Silent]);
    assert_eq!(rig.provider.open(), 1, "the silent upstream was closed");
    assert_eq!(hear(won).await.text, "Hello");
}

#[tokio::test(start_paused = true)]
async fn comments_before_the_first_token_are_not_handed_over_and_later_ones_are() {
    let script = Script::new()
        .keep_alives(3, secs(5))
        .frame(text_frame("Hel"))
        .keep_alives(1, secs(5))
        .frame(text_frame("lo"));
    let provider = ScriptedProvider::new().on("first", "a/one", script);
    let rig = Rig::new(&["first a/one"], provider);
    let kinds: Vec<_> = hear(rig.run().await.unwrap())
        .await
        .frames
        .iter()
        .map(|frame| frame.kind)
        .collect();
    assert_eq!(
        kinds,
        [FrameKind::Event, FrameKind::KeepAlive, FrameKind::Event]
    );
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_sends_no_head_is_left_as_well() {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", Script::unreachable())
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    let won = rig.run().await.unwrap();
    assert_eq!(won.running.started_ms, 30_000);
    assert_eq!(hear(won).await.text, "Hello");
}

#[tokio::test(start_paused = true)]
async fn what_is_the_callers_fault_is_not_tried_again() {
    for kind in [FailureKind::ContentPolicy, FailureKind::InvalidRequest] {
        let provider = ScriptedProvider::new()
            .on("first", "a/one", refuses(kind, 400))
            .on("second", "b/two", Script::answer(&["Hello"]));
        let rig = Rig::new(&["first a/one", "second b/two"], provider);
        let exhausted = rig.run().await.unwrap_err();
        assert_eq!(rig.sent().len(), 1);
        assert_eq!(exhausted.failure.kind(), kind);
        assert_eq!(exhausted.failure.context(), []);
        assert_eq!(exhausted.failure.next(), Next::Stop);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_leads_to_another_lane_past_all_that_share_it() {
    let provider = ScriptedProvider::new()
        .on("openrouter", "a/one", refuses(FailureKind::Auth, 401))
        .on("direct", "a/one", Script::answer(&["Hello"]));
    let candidates = [
        "openrouter a/one",
        "openrouter b/two",
        "openrouter c/three",
        "direct a/one",
    ];
    let rig = Rig::with(&candidates, provider, |config| config.group_models = false);
    let won = rig.run().await.unwrap();
    assert_eq!(rig.sent(), ["openrouter a/one", "direct a/one"]);
    assert_eq!(won.place, 3);
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_is_too_long_moves_on_once() {
    let too_long = || refuses(FailureKind::ContextLength, 400);
    let provider = ScriptedProvider::new()
        .on("first", "a/one", too_long())
        .on("second", "b/two", too_long())
        .on("third", "c/three", Script::answer(&["Hello"]));
    let rig = Rig::new(&["first a/one", "second b/two", "third c/three"], provider)
        .planned(|place, planned| planned.window = 1_000 * (place as u64 + 1));
    let exhausted = rig.run().await.unwrap_err();
    assert_eq!(rig.sent(), ["first a/one", "second b/two"]);
    assert_eq!(exhausted.failure.kind(), FailureKind::ContextLength);
    assert!(!exhausted.failure.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_leads_elsewhere_at_once_whatever_it_asks() {
    let provider = ScriptedProvider::new()
        .on(
            "first",
            "a/one",
            Script::refuse(
                fault(FailureKind::RateLimited)
                    .status(429)
                    .retry_after(secs(9)),
            ),
        )
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    let start = Instant::now();
    assert_eq!(rig.run().await.unwrap().place, 1);
    assert_eq!(start.elapsed(), secs(0));
}

#[tokio::test(start_paused = true)]
async fn the_only_target_is_tried_again_after_the_time_it_asked_for_but_not_sooner() {
    let limited = fault(FailureKind::RateLimited)
        .status(429)
        .retry_after(secs(4));
    let provider = ScriptedProvider::new()
        .on("only", "a/one", Script::refuse(limited))
        .on("only", "a/one", Script::answer(&["Hello"]));
    let rig = Rig::new(&["only a/one"], provider);
    let start = Instant::now();
    let won = rig.run().await.unwrap();
    assert!(
        (secs(4)..=secs(5)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(won.running.number, 2);
    let waits: Vec<_> = rig
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::AttemptFailed {
                goes_on, wait_ms, ..
            } => Some((goes_on, wait_ms)),
            _ => None,
        })
        .collect();
    assert!(matches!(waits[..], [(true, 4_000..=5_000)]), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_left_to_the_caller() {
    let limited = fault(FailureKind::RateLimited)
        .status(429)
        .retry_after(secs(50));
    let provider = ScriptedProvider::new().on("only", "a/one", Script::refuse(limited));
    let rig = Rig::new(&["only a/one"], provider);
    let start = Instant::now();
    let exhausted = rig.run().await.unwrap_err();
    assert_eq!(start.elapsed(), secs(0));
    assert_eq!(exhausted.failure.kind(), FailureKind::RateLimited);
    assert_eq!(exhausted.failure.retry_after(), Some(secs(50)));
    assert_eq!(exhausted.failure.next(), Next::Stop);
    assert!(
        exhausted
            .failure
            .context()
            .contains(&("attempts", "1".to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn absurd_delays_are_capped() {
    let limited = fault(FailureKind::RateLimited)
        .status(429)
        .retry_after(std::time::Duration::MAX);
    let provider = ScriptedProvider::new().on("only", "a/one", Script::refuse(limited));
    let rig = Rig::new(&["only a/one"], provider).timeout(std::time::Duration::MAX);
    let exhausted = rig.run().await.unwrap_err();
    assert_eq!(exhausted.failure.retry_after(), Some(secs(600)));
}

#[tokio::test(start_paused = true)]
async fn the_caller_learns_the_soonest_time_that_any_target_asked_for() {
    let limited = |after| {
        Script::refuse(
            fault(FailureKind::RateLimited)
                .status(429)
                .retry_after(secs(after)),
        )
    };
    let provider = ScriptedProvider::new()
        .on("first", "a/one", limited(90))
        .on("second", "b/two", limited(40))
        .on("third", "c/three", limited(70));
    let rig = Rig::new(&["first a/one", "second b/two", "third c/three"], provider);
    let exhausted = rig.run().await.unwrap_err();
    // A little less: the second failover had its jittered pause.
    let after = exhausted.failure.retry_after().unwrap();
    assert!(after > secs(39) && after <= secs(40), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_story_in_order() {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", refuses(FailureKind::Upstream, 502))
        .on(
            "second",
            "b/two",
            Script::new().wait(secs(2)).frame(text_frame("Hello")),
        );
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    rig.run().await.unwrap();
    let names: Vec<_> = rig.events().iter().map(name).collect();
    assert_eq!(
        names,
        [
            "started 1",
            "failed 1 goes on",
            "started 2",
            "committed 2 after 2000 ms"
        ]
    );
}

fn name(event: &Event) -> String {
    match event {
        Event::AttemptStarted { attempt, .. } => format!("started {attempt}"),
        Event::AttemptFailed {
            record, goes_on, ..
        } => {
            format!(
                "failed {}{}",
                record.number,
                if *goes_on { " goes on" } else { "" }
            )
        }
        Event::Committed {
            attempt,
            first_token_ms,
            ..
        } => {
            format!("committed {attempt} after {first_token_ms} ms")
        }
        other => format!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_walks_the_same_way() {
    let walk = || async {
        let failing = || refuses(FailureKind::Upstream, 502);
        let provider = ScriptedProvider::new()
            .on("only", "a/one", failing())
            .on("only", "b/two", failing())
            .on("only", "c/three", failing());
        let rig = Rig::new(&["only a/one", "only b/two", "only c/three"], provider);
        let records = rig.run().await.unwrap_err().failed;
        records
            .iter()
            .map(|record| record.started_ms)
            .collect::<Vec<_>>()
    };
    let first = walk().await;
    assert_eq!(first, walk().await);
    assert_eq!(first.len(), 4);
    assert!(
        first.windows(2).all(|pair| pair[0] < pair[1]),
        "jittered pauses: {first:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn dropping_the_walk_closes_the_upstream_and_blames_nobody() {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", Script::new().frame(role_frame()).stall())
        .on("second", "b/two", Script::unreachable());
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    for _ in 0..10 {
        let left = tokio::time::timeout(secs(5), rig.run()).await;
        assert!(left.is_err());
        assert_eq!(rig.provider.open(), 0);
    }
    assert_eq!(rig.sent().len(), 10);
    let health = rig.health("endpoint first a/one").unwrap();
    assert_eq!((health.attempts, health.in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn many_calls_walk_at_the_same_time() {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", Script::new().frame(role_frame()).stall())
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    let texts = Mutex::new(Vec::new());
    futures_util::future::join_all((0..50).map(|_| async {
        let text = hear(rig.run().await.unwrap()).await.text;
        texts.lock().unwrap().push(text);
    }))
    .await;
    assert!(texts.lock().unwrap().iter().all(|text| text == "Hello"));
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_is_too_long_moves_to_a_larger_window_only() {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", refuses(FailureKind::ContextLength, 400))
        .on("third", "c/three", Script::answer(&["Hello"]));
    let lanes = ["first a/one", "second b/two", "third c/three"];
    let windows = [128_000, 128_000, 200_000];
    let rig = Rig::new(&lanes, provider).planned(|place, planned| planned.window = windows[place]);
    assert_eq!(rig.run().await.unwrap().place, 2);
    assert_eq!(rig.sent(), ["first a/one", "third c/three"]);
}
