//! Keys that are refused and accounts without money.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::time::{Instant, advance, sleep};
use tollgate_core::{
    Breaker, Event, Failure, FailureKind, LaneCheck, LaneId, Scope, Standing, Usd,
};
use tollgate_testkit::providers::{Script, ScriptedProvider};

use crate::{Rig, call, fault, refuses, secs};

/// An upstream that is asked about keys and accounts.
#[derive(Clone, Default)]
struct Desk {
    accepts: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    kind: Option<FailureKind>,
}

#[async_trait]
impl LaneCheck for Desk {
    async fn check(&self, _: &LaneId) -> Result<Standing, Failure> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match (self.accepts.load(Ordering::SeqCst), self.kind) {
            (true, _) => Ok(Standing {
                can_pay: Some(true),
            }),
            (false, Some(kind)) => Err(fault(kind).status(401).failure()),
            (false, None) => Ok(Standing {
                can_pay: Some(false),
            }),
        }
    }
}

fn alarms(rig: &Rig) -> Vec<String> {
    let alarm = |event| match event {
        Event::Alarm { spot, what } => Some(format!("{spot}: {what}")),
        _ => None,
    };
    rig.events().into_iter().filter_map(alarm).collect()
}

fn refused_after_one(kind: FailureKind) -> ScriptedProvider {
    ScriptedProvider::new()
        .on("first", "a/one", Script::answer(&["Hello"]))
        .on("first", "a/one", refuses(kind, 401))
        .on("first", "a/one", Script::answer(&["Hello"]))
        .on("second", "b/two", Script::answer(&["Hello"]))
}

const TWO: [&str; 2] = ["first a/one", "second b/two"];

#[tokio::test(start_paused = true)]
async fn a_good_key_that_is_refused_is_asked_about_until_it_works_and_never_given_up() {
    let desk = Desk {
        kind: Some(FailureKind::Auth),
        ..Desk::default()
    };
    let rig = Rig::new(&TWO, refused_after_one(FailureKind::Auth)).checked_by(desk.clone());
    assert_eq!(call(&rig).await, 0);
    for _ in 0..600 {
        assert_eq!(call(&rig).await, 1);
        sleep(secs(1)).await;
    }
    assert_eq!(rig.breaker("key first"), Breaker::Open);
    let asked = desk.asked.load(Ordering::SeqCst);
    assert!(
        (10..30).contains(&asked),
        "asked {asked} times in ten minutes"
    );
    assert_eq!(
        rig.sent()
            .iter()
            .filter(|sent| *sent == "first a/one")
            .count(),
        2,
        "no call has to find out"
    );
    assert_eq!(
        alarms(&rig),
        ["key first: it is still refused; it is asked about until it works"]
    );

    desk.accepts.store(true, Ordering::SeqCst);
    let healed = Instant::now();
    while call(&rig).await == 1 {
        sleep(secs(1)).await;
    }
    assert!(healed.elapsed() <= secs(61), "{:?}", healed.elapsed());
    assert_eq!(rig.health("key first").unwrap().alarm, None);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_never_worked_is_called_wrong_at_once() {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", refuses(FailureKind::Auth, 401))
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&TWO, provider);
    assert_eq!(call(&rig).await, 1);
    assert_eq!(
        alarms(&rig),
        ["key first: the key was never accepted: check that it is right"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_cannot_be_asked_is_probed_by_calls() {
    let rig = Rig::new(&TWO, refused_after_one(FailureKind::Auth));
    assert_eq!(
        (call(&rig).await, call(&rig).await, call(&rig).await),
        (0, 1, 1)
    );
    advance(secs(5)).await;
    assert_eq!(call(&rig).await, 0);
    assert_eq!(rig.breaker("key first"), Breaker::Closed);
}

#[tokio::test(start_paused = true)]
async fn two_keys_refused_at_once_say_that_the_host_is_at_fault() {
    let wrong = || refuses(FailureKind::Auth, 401);
    let provider = ScriptedProvider::new()
        .on("key-1", "a/one", wrong())
        .on("key-2", "a/one", wrong())
        .on("key-3", "a/one", Script::answer(&["Hello"]))
        .on("other", "a/one", Script::answer(&["Hello"]));
    let rig = Rig::new(
        &["key-1 a/one", "key-2 a/one", "key-3 a/one", "other a/one"],
        provider,
    )
    .planned(|place, planned| {
        if place < 3 {
            Arc::make_mut(&mut planned.lane).authority = "host".into();
        }
        planned.candidate.expected = Usd::from_nanos(place as i64);
    });
    let won = rig.run().await.unwrap();
    assert_eq!(rig.breaker("authority host"), Breaker::Open);
    assert_eq!(won.place, 3, "the third key of that host is not even tried");
}

#[tokio::test(start_paused = true)]
async fn an_account_without_money_is_asked_about_once_a_minute() {
    let desk = Desk::default();
    let rig = Rig::new(&TWO, refused_after_one(FailureKind::Payment))
        .checked_by(desk.clone())
        .planned(|_, planned| {
            let lane = Arc::make_mut(&mut planned.lane);
            lane.account = lane.id.as_str().into();
        });
    assert_eq!(call(&rig).await, 0);
    for _ in 0..600 {
        assert_eq!(call(&rig).await, 1);
        sleep(secs(1)).await;
    }
    let asked = desk.asked.load(Ordering::SeqCst);
    assert!(
        (9..=10).contains(&asked),
        "asked {asked} times in ten minutes"
    );
    desk.accepts.store(true, Ordering::SeqCst);
    let paid = Instant::now();
    while call(&rig).await == 1 {
        sleep(secs(1)).await;
    }
    assert!(paid.elapsed() <= secs(61), "{:?}", paid.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_an_account_can_still_afford_is_still_asked_for() {
    let too_dear = fault(FailureKind::Payment).status(402).scope(Scope::None);
    let provider = ScriptedProvider::new()
        .on("first", "a/one", Script::refuse(too_dear))
        .on("first", "a/one", Script::answer(&["Hello"]))
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&TWO, provider);
    assert_eq!((call(&rig).await, call(&rig).await), (1, 1));
    let rig = rig.planned(|_, planned| planned.candidate.worst = Usd::from_nanos(1));
    assert_eq!(call(&rig).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_gone_is_left_alone_for_ten_minutes_and_somebody_is_told() {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", refuses(FailureKind::NotFound, 404))
        .on("first", "a/one", Script::answer(&["Hello"]))
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&TWO, provider);
    assert_eq!((call(&rig).await, call(&rig).await), (1, 1));
    assert_eq!(alarms(&rig).len(), 1);
    advance(secs(599)).await;
    assert_eq!(call(&rig).await, 1);
    advance(secs(1)).await;
    assert_eq!(call(&rig).await, 0);
}
