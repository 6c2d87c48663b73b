//! A second attempt beside a slow one.

use std::sync::Arc;

use tokio::time::{Instant, sleep};
use tollgate_core::{
    Attempt, AttemptEnd, BoxFuture, Call, Event, Exhausted, Failover, Failure, FailureKind,
    GenerationId, Hold, Ledger, Outcome, Plan, Receipt, Trip, Usd, Won,
};
use tollgate_testkit::providers::{Entry, Script, ScriptedProvider, text_frame};

use crate::{Rig, hear, kinds, refuses, secs};

const TWO: [&str; 2] = ["first a/one", "second b/two"];

/// A rig that has seen enough quick answers to know a slow one.
async fn warmed_up(slow: Script, second: Script, calls: usize) -> Rig {
    let quick = || Script::new().wait(secs(1)).frame(text_frame("quick"));
    let mut provider = ScriptedProvider::new().on("second", "b/two", second);
    for _ in 0..calls {
        provider = provider.on("first", "a/one", quick());
    }
    let provider = provider.on("first", "a/one", slow);
    let rig = Rig::with(&TWO, provider, |config| config.hedge.enabled = true)
        .planned(|_, planned| Arc::make_mut(&mut planned.lane).stops_billing = true);
    for _ in 0..calls {
        hear(rig.run().await.unwrap()).await;
    }
    rig
}

fn slow() -> Script {
    Script::new().wait(secs(20)).frame(text_frame("slow"))
}

fn answer() -> Script {
    Script::new().wait(secs(2)).frame(text_frame("second"))
}

#[tokio::test(start_paused = true)]
async fn whichever_begins_first_answers_and_the_other_is_cancelled_and_booked() {
    let rig = warmed_up(slow(), answer(), 30).await;
    let start = Instant::now();
    let mut hold = rig.hold();
    let won = rig.run_on(&mut hold, &rig.provider).await.unwrap();
    assert_eq!(
        start.elapsed(),
        secs(3),
        "the second began after the usual second"
    );
    assert_eq!(rig.provider.open(), 1, "the slower one is closed at once");
    assert_eq!((won.place, won.running.number), (1, 2));
    assert_eq!(won.failed.len(), 1);
    let slower = &won.failed[0];
    assert_eq!((slower.number, &slower.end), (1, &AttemptEnd::Outrun));
    let booked = slower.cost.unwrap().amount();
    assert_eq!(hold.kept(), booked, "what it may cost stays held");
    let hedged = |event: &Event| matches!(event, Event::Hedged { attempt: 1, .. });
    assert_eq!(rig.events().iter().filter(|event| hedged(event)).count(), 1);
    assert_eq!(hear(won).await.text, "second");
}

#[tokio::test(start_paused = true)]
async fn who_is_outrun_counts_as_at_least_that_slow() {
    let rig = warmed_up(slow(), answer(), 30).await;
    let won = rig.run().await.unwrap();
    assert_eq!(hear(won).await.text, "second");
    let health = rig.health("endpoint first a/one").unwrap();
    assert_eq!(health.first_token_ms, Some(3_000.0));
}

#[tokio::test(start_paused = true)]
async fn both_attempts_fit_into_the_hold() {
    let rig = warmed_up(slow(), answer(), 30).await;
    let won = rig.run().await.unwrap();
    let held = rig
        .journal
        .entries()
        .into_iter()
        .rev()
        .find_map(|entry| match entry {
            Entry::Dispatched {
                number: 2, held, ..
            } => Some(held),
            _ => None,
        });
    assert_eq!(held.unwrap(), won.worst + won.worst);
}

#[tokio::test(start_paused = true)]
async fn the_first_may_still_win_and_the_second_may_fail() {
    let late = Script::new().wait(secs(4)).frame(text_frame("first"));
    let rig = warmed_up(late.clone(), slow(), 30).await;
    let won = rig.run().await.unwrap();
    assert_eq!((won.place, won.failed[0].number), (0, 2));
    assert_eq!(won.failed[0].end, AttemptEnd::Outrun);

    let refused = refuses(FailureKind::Upstream, 503);
    let rig = warmed_up(late, refused, 30).await;
    let won = rig.run().await.unwrap();
    assert_eq!(
        (won.place, kinds(&won.failed)),
        (0, vec![FailureKind::Upstream])
    );
}

#[tokio::test(start_paused = true)]
async fn when_both_fail_the_walk_goes_on_with_the_last_failure() {
    let refused = |after| refuses(FailureKind::InvalidRequest, 400).delayed(after);
    let rig = warmed_up(refused(secs(5)), refused(secs(1)), 30).await;
    let exhausted = rig.run().await.unwrap_err();
    assert_eq!(exhausted.failed.len(), 2);
    assert_eq!(rig.provider.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn second_attempts_are_a_small_share_of_calls() {
    // Nineteen calls are worth none, thirty one, and so on.
    let rig = warmed_up(slow(), answer(), 30).await;
    assert_eq!(rig.run().await.unwrap().place, 1);
    assert_eq!(rig.run().await.unwrap().place, 0, "the share is used up");
}

#[tokio::test(start_paused = true)]
async fn lanes_that_bill_on_and_answers_in_one_piece_are_not_hedged() {
    let rig = warmed_up(slow(), answer(), 30).await;
    let rig =
        rig.planned(|place, planned| Arc::make_mut(&mut planned.lane).stops_billing = place == 0);
    assert_eq!(rig.run().await.unwrap().place, 0);
    let rig = rig
        .planned(|place, planned| Arc::make_mut(&mut planned.lane).stops_billing = place == 1)
        .whole();
    assert!(rig.run().await.unwrap().failed.is_empty());
}

/// A ledger that takes five seconds to record a second attempt.
struct Slow<'a>(&'a Rig);

impl Ledger for Slow<'_> {
    fn hold(&self, call: &Call, plan: &Plan) -> Result<Hold, Failure> {
        self.0.ledger.hold(call, plan)
    }

    fn dispatch<'a>(
        &'a self,
        hold: &'a mut Hold,
        attempt: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if attempt.number == 2 {
                sleep(secs(5)).await;
            }
            self.0.ledger.dispatch(hold, attempt).await
        })
    }

    fn name(&self, hold: &Hold, attempt: u32, generation: &GenerationId) {
        self.0.ledger.name(hold, attempt, generation);
    }

    fn settle(&self, hold: Hold, outcome: Outcome) -> Receipt {
        self.0.ledger.settle(hold, outcome)
    }
}

async fn run_slowly(rig: &Rig, hold: &mut Hold) -> Result<Won, Exhausted> {
    let ledger = Slow(rig);
    let trip = Trip::new(&rig.call, &rig.plan, hold, &ledger, &rig.provider);
    rig.manager.run(trip).await
}

#[tokio::test(start_paused = true)]
async fn an_answer_does_not_wait_until_the_second_is_recorded_and_then_it_is_not_sent() {
    // Its head comes while the ledger is at it, too.
    let late = Script::new().delayed(secs(3)).wait(secs(1));
    let rig = warmed_up(late.frame(text_frame("first")), answer(), 30).await;
    let (start, sent) = (Instant::now(), rig.sent().len());
    let mut hold = rig.hold();
    let won = run_slowly(&rig, &mut hold).await.unwrap();
    assert_eq!(start.elapsed(), secs(4), "when it came");
    assert_eq!((won.place, won.running.number), (0, 1));
    assert_eq!(rig.sent()[sent..], ["first a/one"]);
    let second = &won.failed[0];
    assert_eq!((second.number, &second.end), (2, &AttemptEnd::Outrun));
    assert_eq!((second.cost, hold.kept()), (None, Usd::ZERO));
    let hedged = |event: &Event| matches!(event, Event::Hedged { .. });
    assert!(!rig.events().iter().any(hedged));
    assert_eq!(hear(won).await.text, "first");
    let spots = ["endpoint second b/two", "endpoint first a/one"];
    let running = spots.map(|spot| rig.health(spot).map_or(0, |health| health.in_flight));
    assert_eq!(running, [0, 0], "both have left their targets");
}

#[tokio::test(start_paused = true)]
async fn a_failure_does_not_keep_the_second_from_being_sent_once_it_is_recorded() {
    let refused = refuses(FailureKind::Upstream, 503).delayed(secs(4));
    let rig = warmed_up(refused, answer(), 30).await;
    let start = Instant::now();
    let mut hold = rig.hold();
    let won = run_slowly(&rig, &mut hold).await.unwrap();
    assert_eq!(
        start.elapsed(),
        secs(8),
        "slow after one, recorded in five, answered in two"
    );
    assert_eq!((won.place, won.running.number), (1, 2));
    assert_eq!(kinds(&won.failed), [FailureKind::Upstream]);
}
