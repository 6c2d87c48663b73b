//! Streams whose callers leave, at upstreams that bill on and at those that stop.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep};
use tollgate::{CostSource, Ended, Event, Frame, ProviderId, Receipt, Served, StreamMode};
use tollgate_testkit::providers::{
    Script, ScriptedProvider, finish_frame, text_frame, usage_frame,
};

use crate::rig::{Rig, ask, ends};

const SECOND: Duration = Duration::from_secs(1);

/// An answer that goes on for ten seconds after its first piece.
fn slow() -> Script {
    let rest = [text_frame(" there"), finish_frame(), usage_frame(10, 5)];
    Script::new()
        .frame(text_frame("Hello"))
        .wait(10 * SECOND)
        .frames(rest)
}

/// A piece of text from an upstream that names the provider.
fn text_by(provider: &str) -> Frame {
    let mut frame = text_frame("Hello");
    frame.facts.served = Some(Box::new(Served {
        provider: Some(ProviderId::new(provider).unwrap()),
        ..Served::default()
    }));
    frame
}

async fn rig(script: Script) -> Rig {
    rig_with(script, "").await
}

async fn rig_with(script: Script, toml: &str) -> Rig {
    let provider = ScriptedProvider::new().on("openrouter", "a/one", script);
    Rig::with(provider, toml).await
}

/// Reads one piece and leaves; then lets everybody do what they do at once.
async fn leave(rig: &Rig) {
    let mut answer = rig.stream(ask(StreamMode::Stream)).await;
    answer.next().await.unwrap().unwrap();
    drop(answer);
    sleep(Duration::from_millis(1)).await;
}

fn cost(receipt: &Receipt) -> (CostSource, u64) {
    let attempt = &receipt.attempts[0];
    (attempt.cost.unwrap().source, attempt.tokens.output_total())
}

#[tokio::test(start_paused = true)]
async fn what_is_billed_anyway_is_read_to_its_end() {
    let rig = rig(slow()).await;
    leave(&rig).await;
    assert_eq!(rig.provider.open(), 1, "it is read on");
    sleep(10 * SECOND).await;
    assert_eq!(rig.provider.open(), 0, "it said what it used");
    let receipt = rig.receipt().await;
    assert_eq!(receipt.ended, Ended::Abandoned);
    assert_eq!(ends(&receipt), [(1, "abandoned")]);
    assert_eq!(cost(&receipt), (CostSource::Computed, 5));
}

#[tokio::test(start_paused = true)]
async fn the_provider_that_serves_decides_and_else_the_lane() {
    const STRANGER: &str = "[openrouter.stops_billing_by_provider]\nnew-one = true\n";
    for (provider, toml, open) in [
        ("DeepInfra", "", 0),
        ("deep-infra", "", 0),
        ("Google AI Studio", "", 1),
        ("New One", "", 1),
        ("New One", STRANGER, 0),
        (
            "DeepInfra",
            "[openrouter.stops_billing_by_provider]\nDeepInfra = false\n",
            1,
        ),
        ("Groq", STRANGER, 1),
    ] {
        let script = Script::new().frame(text_by(provider)).stall();
        let rig = rig_with(script, toml).await;
        leave(&rig).await;
        assert_eq!(rig.provider.open(), open, "{provider} {toml}");
        let source = match open {
            0 => CostSource::Estimated,
            _ => CostSource::WorstCase,
        };
        assert_eq!(cost(&rig.receipt().await), (source, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_on_that_has_said_what_it_used() {
    let script = Script::new()
        .frames([text_frame("Hello"), finish_frame(), usage_frame(10, 5)])
        .stall();
    let rig = rig(script).await;
    let mut answer = rig.stream(ask(StreamMode::Stream)).await;
    for _ in 0..3 {
        answer.next().await.unwrap().unwrap();
    }
    drop(answer);
    assert_eq!(rig.provider.open(), 0);
    assert_eq!(cost(&rig.receipt().await), (CostSource::Computed, 5));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_on_for_longer_than_two_minutes() {
    let rig = rig(Script::new().frame(text_frame("Hello")).stall()).await;
    leave(&rig).await;
    sleep(119 * SECOND).await;
    assert_eq!(rig.provider.open(), 1);
    sleep(SECOND).await;
    assert_eq!(rig.provider.open(), 0);
    assert_eq!(cost(&rig.receipt().await), (CostSource::WorstCase, 2));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_sixty_four_are_read_on_at_the_same_time() {
    let rig = rig(slow()).await;
    for _ in 0..70 {
        leave(&rig).await;
    }
    assert_eq!(rig.provider.open(), 64);
    let settled = |rig: &Rig| {
        rig.heard(|event| match event {
            Event::Settled { receipt } => Some(cost(receipt)),
            _ => None,
        })
    };
    assert_eq!(settled(&rig), [(CostSource::WorstCase, 2); 6]);
    sleep(10 * SECOND).await;
    assert_eq!(settled(&rig)[6..], [(CostSource::Computed, 5); 64]);
    leave(&rig).await;
    assert_eq!(rig.provider.open(), 1, "there is room again");
    rig.gateway.clone().shutdown().await;
    let totals = rig.gateway.totals().unwrap();
    assert_eq!(totals.held.nanos(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_a_little_and_loses_nothing() {
    for (script, waits, expected) in [
        (slow(), 5, (CostSource::WorstCase, 2)),
        (
            Script::new()
                .frame(text_frame("Hello"))
                .wait(3 * SECOND)
                .frames([finish_frame(), usage_frame(10, 5)]),
            3,
            (CostSource::Computed, 5),
        ),
    ] {
        let rig = rig(script).await;
        leave(&rig).await;
        let start = Instant::now();
        let receipt = rig.receipt().await;
        assert_eq!(start.elapsed().as_secs_f64().round(), f64::from(waits));
        assert_eq!(cost(&receipt), expected);
    }
}
