//! What of answers is lost; each test asserts what ours keeps and theirs does not.

use tollgate_core::{Delivery, FailureKind, FrameKind};

use crate::setup::{Both, chunk, stop, text};

#[tokio::test]
async fn lost_pictures_and_citations_of_streams() {
    let picture = chunk(
        r#""delta":{"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]}"#,
        "",
    );
    let citation = chunk(
        r#""delta":{"annotations":[{"type":"url_citation","url_citation":{"url":"https://example.com"}}]}"#,
        "",
    );
    let both = Both::streamed(&[&picture, &citation, &stop(), "[DONE]"]).await;
    let (ours, theirs) = both.plain(Delivery::Stream).await;
    assert!(ours.data().contains("data:image/png") && ours.data().contains("url_citation"));
    assert!(!theirs.data().contains("data:image/png") && !theirs.data().contains("url_citation"));
    // So an answer that is a picture commits nothing, and ends well all the same.
    assert!(ours.is_semantic() && !theirs.is_semantic());
    assert!(theirs.failure.is_none(), "{:?}", theirs.failure);
}

#[tokio::test]
async fn kept_pictures_of_whole_answers() {
    let body = r#"{"id":"gen-1","object":"chat.completion","created":1,"model":"a/b","choices":[{"index":0,"finish_reason":"stop",
        "message":{"role":"assistant","content":"","images":[{"image_url":{"url":"data:image/png;base64,AA"}}]}}]}"#;
    let both = Both::told(200, "application/json", body).await;
    let (_, theirs) = both.plain(Delivery::Whole).await;
    assert!(theirs.data().contains("data:image/png"));
}

#[tokio::test]
async fn lost_fields_that_the_client_does_not_know() {
    let odd = chunk(
        r#""kind":"new-a","delta":{"content":"a","mood":"new-b","reasoning_details":[{"type":"reasoning.text","text":"t","weight":"new-c"}]}"#,
        r#","region":"new-d","usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"carbon":"new-e"}"#,
    );
    let both = Both::streamed(&[&odd, &stop(), "[DONE]"]).await;
    let (ours, theirs) = both.plain(Delivery::Stream).await;
    for word in ["new-a", "new-b", "new-c", "new-d", "new-e"] {
        assert!(ours.data().contains(word), "{word}");
        assert!(!theirs.data().contains(word), "{word}");
    }
}

#[tokio::test]
async fn lost_bytes_as_they_came() {
    let first = text("a");
    let both = Both::streamed(&[&first, &stop(), "[DONE]"]).await;
    let (ours, theirs) = both.plain(Delivery::Stream).await;
    assert_eq!(ours.frames[0].data, first);
    // Members in another order, and nulls where nothing was.
    assert_ne!(theirs.frames[0].data, first);
    assert!(theirs.data().contains(r#""usage":null"#));
}

#[tokio::test]
async fn lost_digits_of_costs() {
    let cost = async |cost: &str| {
        let usage = format!(
            r#","usage":{{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"cost":{cost}}}"#
        );
        let last = chunk(r#""delta":{},"finish_reason":"stop""#, &usage);
        let both = Both::streamed(&[&text("a"), &last, "[DONE]"]).await;
        let (ours, theirs) = both.plain(Delivery::Stream).await;
        (ours.cost().unwrap().nanos(), theirs.cost().unwrap().nanos())
    };
    // What OpenRouter sends today comes through, in exponents too.
    assert_eq!(cost("0.0039552").await, (3_955_200, 3_955_200));
    assert_eq!(cost("3.6e-7").await, (360, 360));
    assert_eq!(
        cost("123456.123456789").await,
        (123_456_123_456_789, 123_456_123_456_789)
    );
    // More digits than a double keeps are rounded twice, here up instead of down.
    assert_eq!(
        cost("1.00000000149999999999999").await,
        (1_000_000_001, 1_000_000_002)
    );
}

#[tokio::test]
async fn lost_chunks_with_a_number_in_another_form() {
    for usage in [
        r#"{"prompt_tokens":1,"completion_tokens":7.0,"total_tokens":8}"#,
        r#"{"prompt_tokens":1,"completion_tokens":"7","total_tokens":8}"#,
        r#"{"prompt_tokens":1,"completion_tokens":7}"#,
    ] {
        let last = chunk(
            r#""delta":{},"finish_reason":"stop""#,
            &format!(r#","usage":{usage}"#),
        );
        let both = Both::streamed(&[&text("a"), &last, "[DONE]"]).await;
        let (ours, theirs) = both.plain(Delivery::Stream).await;
        assert_eq!(ours.tokens().unwrap().output, 7, "{usage}");
        assert!(ours.failure.is_none(), "{usage}");
        assert_eq!(theirs.kind(), Some(FailureKind::BadReply), "{usage}");
    }
}

#[tokio::test]
async fn lost_comments_that_keep_a_stream_alive() {
    let body = format!(
        ": PROCESSING\n\ndata: {}\n\ndata: {}\n\ndata: [DONE]\n\n",
        text("a"),
        stop()
    );
    let both = Both::told(200, "text/event-stream", &body).await;
    let (ours, theirs) = both.plain(Delivery::Stream).await;
    assert_eq!(ours.count(FrameKind::KeepAlive), 1);
    assert_eq!(theirs.count(FrameKind::KeepAlive), 0);
}

#[tokio::test]
async fn lost_end_marker() {
    // Without it, ours gives none either; theirs cannot know.
    let both = Both::streamed(&[&text("a"), &stop()]).await;
    let (ours, theirs) = both.plain(Delivery::Stream).await;
    assert_eq!(
        (ours.count(FrameKind::Done), theirs.count(FrameKind::Done)),
        (0, 1)
    );
    // What follows it is nobody's, and theirs passes it on.
    let both = Both::streamed(&[&text("a"), &stop(), "[DONE]", &text("late")]).await;
    let (ours, theirs) = both.plain(Delivery::Stream).await;
    assert!(!ours.data().contains("late"));
    assert!(theirs.data().contains("late"));
}

#[tokio::test]
async fn lost_head() {
    let both = Both::before(tollgate_sim::Scenario::default()).await;
    for delivery in [Delivery::Whole, Delivery::Stream] {
        let (ours, theirs) = both.plain(delivery).await;
        assert!(ours.head.generation.is_some());
        assert!(
            ours.head
                .headers
                .iter()
                .any(|(name, _)| name == "x-generation-id")
        );
        assert!(theirs.head.generation.is_none() && theirs.head.headers.is_empty());
        // The body names the generation as well.
        let served = |frame: &tollgate_core::Frame| frame.facts.served.clone();
        let served = theirs.frames.iter().find_map(served).unwrap();
        assert_eq!(
            served.generation,
            ours_generation(&both, served.generation.clone())
        );
    }
}

/// The generation, if the simulator knows it.
fn ours_generation(
    both: &Both,
    id: Option<tollgate_core::GenerationId>,
) -> Option<tollgate_core::GenerationId> {
    let bill = both.simulator.bill();
    id.filter(|id| bill.line(id.as_str()).is_some())
}
