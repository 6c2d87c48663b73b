//! What becomes of answers that still run when the server has to stop.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use tollgate::{Failure, FailureKind, Surface};

use crate::coalesce::Coalesced;
use crate::events;
use crate::reply::Refusal;

/// Marks an answer as a stream of events of a surface, which says in its own way
/// that it failed. Whoever makes such an answer puts this into its extensions.
#[derive(Clone, Copy)]
pub(crate) struct FailureEvent(pub(crate) Surface);

/// Ends a request when `end` is ready: one without an answer gets 503, and a
/// stream gets the failure event of its dialect in place of its rest. An answer
/// that was given in one piece is left alone.
pub(crate) async fn until(
    end: impl Future<Output = ()> + Send + 'static,
    request: Request,
    next: Next,
) -> Response {
    let mut end = Box::pin(end);
    let mut response = tokio::select! {
        response = next.run(request) => response,
        () = &mut end => return stopping().into_response(),
    };
    match response.extensions_mut().remove::<FailureEvent>() {
        None => response,
        Some(event) => response.map(|body| {
            let pieces = Coalesced::new(body.into_data_stream());
            Body::from_stream(or_failed(pieces, end, event))
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
    stream::unfold(Some((pieces, end)), move |state| async move {
        let (mut pieces, mut end) = state?;
        tokio::select! {
            // Else a stream that is always ready would never end.
            biased;
            () = &mut end => {
                let failure = Failure::new(FailureKind::Truncated, STOPPING).with_hint(HINT);
                Some((Ok(events::failed(event.0, &failure, b"")), None))
            }
            piece = pieces.next() => Some((piece?, Some((pieces, end)))),
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

    use super::*;

    async fn check<F: Future<Output = ()>>(pieces: &[&'static str], end: F, expected: &[&str]) {
        let pieces = pieces
            .iter()
            .map(|piece| Ok::<_, Infallible>((*piece).into()));
        let event = FailureEvent(Surface::Chat);
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
}
