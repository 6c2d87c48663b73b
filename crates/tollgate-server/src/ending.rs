//! What becomes of answers that still run when the server has to stop.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use tollgate::{Failure, FailureKind};

use crate::events;
use crate::reply::Refusal;
use crate::so_far::SoFar;

/// Marks an answer as a stream of events of a surface, which says in its own way
/// that it failed. Whoever makes such an answer puts this into its extensions.
#[derive(Clone)]
pub(crate) struct FailureEvent(pub(crate) SoFar);

/// Ends a request when `end` is ready: one without an answer gets 503, and a
/// stream gets the failure event of its dialect in place of its rest. An answer
/// that was given in one piece is left alone.
pub(crate) async fn until<F>(
    end: impl Fn() -> F,
    answer: impl Future<Output = Response>,
) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut response = tokio::select! {
        response = answer => response,
        () = end() => return stopping().into_response(),
    };
    match response.extensions_mut().remove::<FailureEvent>() {
        None => response,
        Some(event) => response.map(|body| {
            let pieces = body.into_data_stream();
            Body::from_stream(or_failed(pieces, Box::pin(end()), event))
        }),
    }
}

/// The pieces of a stream, and its failure when the end comes first.
fn or_failed<S, E, F>(
    pieces: S,
    end: F,
    event: FailureEvent,
) -> impl Stream<Item = Result<Bytes, E>>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    F: Future<Output = ()> + Unpin,
{
    // What is large is not moved for each piece.
    let begun = Some(Box::new((pieces, end, event.0)));
    stream::unfold(begun, move |state| async move {
        let mut state = state?;
        let (pieces, end, so_far) = &mut *state;
        tokio::select! {
            // Else a stream that is always ready would never end.
            biased;
            () = end => {
                let failure = Failure::new(FailureKind::Truncated, STOPPING).with_hint(HINT);
                Some((Ok(events::failed(so_far, &failure)), None))
            }
            piece = pieces.next() => Some((piece?, Some(state))),
        }
    })
}

const STOPPING: &str = "the gateway is stopping";
const HINT: &str = "send the request again";

fn stopping() -> Refusal {
    Refusal::of_http(StatusCode::SERVICE_UNAVAILABLE, STOPPING)
        .with_hint(HINT)
        .worth_repeating()
        .closing()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{pending, ready};
    use std::pin::pin;

    use tollgate::Surface;

    use super::*;

    async fn check<F: Future<Output = ()>>(pieces: &[&'static str], end: F, expected: &[&str]) {
        let pieces = pieces
            .iter()
            .map(|piece| Ok::<_, Infallible>((*piece).into()));
        let event = FailureEvent(SoFar::of(Surface::Responses));
        let told: Vec<_> = or_failed(stream::iter(pieces), pin!(end), event)
            .map(|piece| String::from_utf8(piece.unwrap().to_vec()).unwrap())
            .collect()
            .await;
        assert_eq!(told.len(), expected.len());
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.contains(expected), "{told}");
        }
    }

    #[tokio::test]
    async fn a_stream_that_ends_in_time_is_not_touched() {
        check(&["a", "b"], pending(), &["a", "b"]).await;
        check(&[], pending(), &[]).await;
    }

    #[tokio::test]
    async fn a_stream_that_is_cut_ends_with_its_failure_even_when_it_has_more_to_say() {
        check(&["a", "b"], ready(()), &[STOPPING]).await;
        check(&[], ready(()), &[STOPPING]).await;
    }

    #[tokio::test]
    async fn the_failure_of_a_response_goes_on_from_what_was_told() {
        let so_far = SoFar::of(Surface::Responses);
        so_far.note(
            br#"{"type":"response.in_progress","sequence_number":6,"response":{"id":"resp_1"}}"#,
        );
        let pieces = stream::iter(["told"].map(|piece| Ok::<_, Infallible>(Bytes::from(piece))));
        let told: Vec<_> = or_failed(pieces, pin!(ready(())), FailureEvent(so_far))
            .collect()
            .await;
        let last = String::from_utf8(told[0].as_ref().unwrap().to_vec()).unwrap();
        for word in [
            "event: response.failed",
            "\"sequence_number\":7",
            "\"id\":\"resp_1\"",
        ] {
            assert!(last.contains(word), "{word}: {last}");
        }
    }
}
