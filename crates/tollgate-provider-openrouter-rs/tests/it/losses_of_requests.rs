//! What of requests is lost on the way out; the simulator is the witness of what came.

use tollgate_core::{Delivery, FailureKind, Next};
use tollgate_sim::Scenario;
use tollgate_transport::DROPPED_HEADER;

use crate::setup::{Both, attempt_at};

const ODD: &str = r#"{"model":"a/b","n":1,"verbosity":"low","temperature":1,
    "messages":[{"role":"user","content":[{"type":"text","text":"Say hello.","mood":"calm"}]}]}"#;

#[tokio::test]
async fn lost_fields_are_named_in_the_head() {
    let both = Both::before(Scenario::default()).await;
    let (ours, theirs) = both.outcomes(&attempt_at(Delivery::Whole, ODD)).await;
    assert!(ours.failure.is_none() && theirs.failure.is_none());
    let dropped = theirs
        .head
        .headers
        .iter()
        .find(|(name, _)| name == DROPPED_HEADER);
    let (_, dropped) = dropped.expect("the head names what was lost");
    let mut places: Vec<&str> = dropped.split(", ").collect();
    places.sort_unstable();
    assert_eq!(places, ["messages.0.content.0.mood", "n", "verbosity"]);

    let log = both.simulator.log();
    for word in ["verbosity", "calm", r#""temperature":1,"#] {
        assert!(log[0].contains(word) && !log[1].contains(word), "{word}");
    }
    // The client writes numbers its own way; their values are the same.
    assert!(log[1].contains(r#""temperature":1.0"#));
}

#[tokio::test]
async fn nothing_is_sent_where_nothing_may_be_lost() {
    let both = Both::before(Scenario::default()).await;
    let mut attempt = attempt_at(Delivery::Whole, ODD);
    attempt.strict = true;
    let (ours, theirs) = both.outcomes(&attempt).await;
    assert!(ours.failure.is_none());
    assert_eq!(theirs.kind(), Some(FailureKind::NotFound));
    assert_eq!(theirs.failure().next(), Next::Elsewhere);
    assert_eq!(both.simulator.log().len(), 1);
}

#[tokio::test]
async fn lost_requests_that_the_client_cannot_express() {
    for request in [
        // A preference that OpenRouter takes as an object too.
        r#"{"provider":{"sort":{"by":"price"}},"messages":[{"role":"user","content":"Say hello."}]}"#,
        // An assistant's turn that is a call and nothing else.
        r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"c1","content":"b"}]}"#,
    ] {
        let both = Both::before(Scenario::default()).await;
        let (ours, theirs) = both.outcomes(&attempt_at(Delivery::Whole, request)).await;
        assert!(ours.failure.is_none(), "{:?}", ours.failure);
        assert_eq!(theirs.kind(), Some(FailureKind::NotFound), "{request}");
        assert_eq!(both.simulator.log().len(), 1);
    }
}
