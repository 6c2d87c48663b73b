//! Writes that are worth it: what is ready together is sent together.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use futures_util::Stream;
use futures_util::stream::{Fuse, StreamExt};

/// Bytes from which on pieces are no longer put together. It is what TLS and
/// most proxies send at once.
const ENOUGH: usize = 16 << 10;

/// A stream of the same bytes in fewer pieces: all that is ready at one moment
/// becomes one piece, but for the first, which waits for nothing. It never
/// waits for more.
///
/// An upstream sends a token at a time, and often many in one packet. Each piece
/// costs a frame of HTTP, and the reader a read.
pub(crate) struct Coalesced<S, E> {
    pieces: Fuse<S>,
    begun: bool,
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
            failed: None,
        }
    }
}

impl<S, E> Stream for Coalesced<S, E>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Unpin,
{
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let Some(first) = ready!(self.pieces.poll_next_unpin(cx)?) else {
            return Poll::Ready(None);
        };
        if !self.begun {
            self.begun = true;
            return Poll::Ready(Some(Ok(first)));
        }
        // A piece that is alone is passed on uncopied.
        let mut more = Vec::new();
        while first.len() + more.len() < ENOUGH {
            match self.pieces.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(next))) => {
                    if more.is_empty() {
                        more.extend_from_slice(&first);
                    }
                    more.extend_from_slice(&next);
                }
                Poll::Ready(Some(Err(error))) => {
                    self.failed = Some(error);
                    break;
                }
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        let piece = if more.is_empty() { first } else { more.into() };
        Poll::Ready(Some(Ok(piece)))
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
        check("a|b|c", &["a", "b", "c"]).await;
        check("|ab|cd|e", &["a", "b", "cd", "e"]).await;
    }

    #[tokio::test]
    async fn a_failure_comes_after_what_was_ready_before_it() {
        check("!", &["!"]).await;
        check("abc!", &["a", "bc", "!"]).await;
        check("ab|!", &["a", "b", "!"]).await;
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
