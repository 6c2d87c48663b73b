//! Writes that are worth it: what is ready together is sent together.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use futures_util::Stream;
use futures_util::stream::{Fuse, StreamExt};

/// Bytes from which on pieces are no longer put together. It is what TLS and
/// most proxies send at once.
const ENOUGH: usize = 16 << 10;

/// How often a stream with something to give says that it is not ready, so that
/// other tasks have a turn in between. hyper asks twice in one turn.
const ASIDE: u8 = 2;

/// A stream of the same bytes in fewer pieces: all that is ready at one moment
/// becomes one piece, but for the first, which waits for nothing. It never
/// waits for more.
///
/// An upstream sends a token at a time, and often many in one packet. Each piece
/// costs a frame of HTTP, and the reader a read.
///
/// Of a packet with many tokens, the task of an HTTP/1 connection hands over one
/// at a time, and goes on when that was taken. So what is ready is known only
/// when that task had its turn: this one steps aside for it.
pub(crate) struct Coalesced<S, E> {
    pieces: Fuse<S>,
    begun: bool,
    /// What is to go out, and waits for what else is ready.
    held: Held,
    /// How often this stepped aside since the last piece came; see [`ASIDE`].
    aside: u8,
    /// Comes after the piece that was ready before it.
    failed: Option<E>,
}

impl<S, E> Coalesced<S, E>
where
    S: Stream<Item = Result<Bytes, E>>,
{
    pub(crate) fn new(pieces: S) -> Self {
        Self {
            pieces: pieces.fuse(),
            begun: false,
            held: Held::default(),
            aside: 0,
            failed: None,
        }
    }

    /// What is held, as one piece; then the failure that came after it.
    fn release(&mut self) -> Option<Result<Bytes, E>> {
        self.aside = 0;
        let piece = self.held.take().map(Ok);
        piece.or_else(|| self.failed.take().map(Err))
    }
}

impl<S, E> Stream for Coalesced<S, E>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Unpin,
{
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while self.failed.is_none() && self.held.len() < ENOUGH {
            match self.pieces.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(first))) if !self.begun => {
                    self.begun = true;
                    return Poll::Ready(Some(Ok(first)));
                }
                Poll::Ready(Some(Ok(next))) => {
                    self.held.push(next);
                    self.aside = 0;
                }
                Poll::Ready(Some(Err(error))) => self.failed = Some(error),
                Poll::Ready(None) => break,
                Poll::Pending if self.held.len() == 0 => return Poll::Pending,
                Poll::Pending if self.aside == ASIDE => break,
                Poll::Pending => {
                    self.aside += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(self.release())
    }
}

/// Bytes in a row. A piece that is alone is passed on uncopied.
#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    One(Bytes),
    Many(Vec<u8>),
}

impl Held {
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    fn push(&mut self, next: Bytes) {
        match self {
            Self::Nothing => *self = Self::One(next),
            Self::One(first) => *self = Self::Many([&first[..], &next].concat()),
            Self::Many(all) => all.extend_from_slice(&next),
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        match std::mem::take(self) {
            Self::Nothing => None,
            Self::One(bytes) => Some(bytes),
            Self::Many(bytes) => Some(bytes.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    /// What comes, and when: `|` is a moment at which nothing is ready, `!` a
    /// failure, anything else a piece.
    fn script(script: &'static str) -> impl Stream<Item = Result<Bytes, char>> + Unpin {
        let mut signs = script.chars();
        stream::poll_fn(move |cx| {
            Poll::Ready(match signs.next() {
                None => None,
                Some('|') => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some('!') => Some(Err('!')),
                Some(sign) => Some(Ok(Bytes::from(sign.to_string()))),
            })
        })
    }

    async fn check(text: &'static str, expected: &[&str]) {
        let pieces: Vec<_> = Coalesced::new(script(text))
            .map(|piece| match piece {
                Ok(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                Err(sign) => sign.to_string(),
            })
            .collect()
            .await;
        assert_eq!(pieces, expected, "{text}");
    }

    #[tokio::test]
    async fn the_first_piece_goes_alone_and_then_all_that_is_ready_together() {
        check("", &[]).await;
        check("a", &["a"]).await;
        check("abcd", &["a", "bcd"]).await;
        check("|ab|||cd|||e", &["a", "b", "cd", "e"]).await;
    }

    #[tokio::test]
    async fn what_comes_while_it_steps_aside_is_ready_too() {
        check("a|b|c", &["a", "bc"]).await;
        check("a|b||c|||d|e", &["a", "bc", "de"]).await;
        check("a|b|!", &["a", "b", "!"]).await;
    }

    #[tokio::test]
    async fn a_failure_comes_after_what_was_ready_before_it() {
        check("!", &["!"]).await;
        check("abc!", &["a", "bc", "!"]).await;
        check("ab|||!", &["a", "b", "!"]).await;
    }

    #[tokio::test]
    async fn a_piece_is_not_enlarged_beyond_what_is_worth_it() {
        let large = Bytes::from(vec![0; ENOUGH - 1]);
        let pieces = stream::iter(vec![Ok::<_, char>(large); 5]);
        let sizes: Vec<_> = Coalesced::new(pieces)
            .map(|piece| piece.unwrap().len() / (ENOUGH - 1))
            .collect()
            .await;
        assert_eq!(sizes, [1, 2, 2]);
    }
}
