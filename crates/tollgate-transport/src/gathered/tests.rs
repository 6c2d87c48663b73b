use std::task::Poll;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use super::{ENOUGH, Piece, gathered};
use crate::send::HttpBody;

/// What comes, and when: `|` is a moment at which nothing is ready, `!` a break, anything else a
/// piece.
fn script(script: &'static str) -> impl Stream<Item = Piece> + Send {
    let mut signs = script.chars();
    stream::poll_fn(move |context| {
        Poll::Ready(match signs.next() {
            None => None,
            Some('|') => {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some('!') => Some(Err("!".into())),
            Some(sign) => Some(Ok(sign.to_string().into())),
        })
    })
}

fn body(pieces: impl Stream<Item = Piece> + Send + 'static) -> HttpBody {
    let frames = pieces.map(|piece| piece.map(Frame::data));
    StreamBody::new(frames).boxed_unsync()
}

async fn check(text: &'static str, expected: &[&str]) {
    let mut body = gathered(body(script(text)));
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        pieces.push(match frame {
            Ok(frame) => String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap(),
            Err(error) => error.to_string(),
        });
    }
    assert_eq!(pieces, expected, "{text}");
}

#[tokio::test]
async fn no_more_go_together_than_went_before() {
    check("", &[]).await;
    check("a", &["a"]).await;
    check("abcdefghijk", &["a", "b", "cd", "efgh", "ijk"]).await;
}

#[tokio::test]
async fn a_piece_that_goes_alone_is_not_copied() {
    let piece = Bytes::from(b"piece".to_vec());
    let place = piece.as_ptr();
    let mut body = gathered(body(stream::iter([Ok(piece)])));
    let gone = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(gone.as_ptr(), place);
}

#[tokio::test]
async fn what_is_ready_at_another_moment_goes_by_itself() {
    check("|ab||cd||e", &["a", "b", "cd", "e"]).await;
}

#[tokio::test]
async fn what_comes_while_it_steps_aside_is_ready_too() {
    check("abc|d|e", &["a", "b", "cd", "e"]).await;
    check("abcd|e|f||g|h", &["a", "b", "cd", "ef", "gh"]).await;
}

#[tokio::test]
async fn a_break_comes_after_what_was_ready_before_it() {
    check("!", &["!"]).await;
    check("abc!", &["a", "b", "c", "!"]).await;
    check("abc||!", &["a", "b", "c", "!"]).await;
}

#[tokio::test]
async fn a_piece_is_not_enlarged_beyond_what_is_worth_it() {
    let large = Bytes::from(vec![0; ENOUGH - 1]);
    let pieces = stream::repeat_with(move || Ok(large.clone())).take(8);
    let mut body = gathered(body(pieces));
    let mut sizes = Vec::new();
    while let Some(frame) = body.frame().await {
        sizes.push(frame.unwrap().into_data().unwrap().len() / (ENOUGH - 1));
    }
    assert_eq!(sizes, [1, 1, 2, 2, 2]);
}

#[tokio::test]
async fn dropping_it_drops_the_body() {
    let (held, mut drops) = tokio::sync::mpsc::channel::<()>(1);
    let body = gathered(body(stream::poll_fn(move |_| {
        let _ = &held;
        Poll::Pending
    })));
    drop(body);
    assert_eq!(drops.recv().await, None);
}
