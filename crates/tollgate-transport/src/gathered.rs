//! The bytes of a stream, put together: what a connection has ready comes as one piece.

use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc::{self, Sender};

use crate::send::HttpBody;

/// Bytes from which on pieces are no longer put together. It is what TLS sends at once.
const ENOUGH: usize = 16 << 10;

/// Bytes, or how the body broke off.
type Piece = Result<Bytes, Box<dyn Error + Send + Sync>>;

/// The same bytes in fewer pieces: what is ready at one moment is one piece. Of what is ready at
/// once, the first goes alone, and no more go together than went before: so nobody waits long for
/// a beginning.
///
/// An upstream sends a token at a time, and often many in one packet. Of these, the task of an
/// HTTP/1 connection hands over one, and goes on when that was taken. If whoever answers the caller
/// took it, all that stands between would be asked again for each token; so a task with nothing
/// else to do takes them, and steps aside for the connection's task in between.
///
/// About twice [`ENOUGH`] may wait here; what is more waits in the connection. Dropping the body
/// drops the one that it reads from, in the next turn of that task.
pub(crate) fn gathered(body: HttpBody) -> HttpBody {
    let (pieces, mut gathered) = mpsc::channel(1);
    tokio::spawn(gather(body, pieces));
    let pieces = stream::poll_fn(move |context| gathered.poll_recv(context));
    StreamBody::new(pieces.map(|piece: Piece| piece.map(Frame::data))).boxed_unsync()
}

async fn gather(mut body: HttpBody, pieces: Sender<Piece>) {
    let (mut gone, mut held) = (0, Vec::new());
    loop {
        let mut next = tokio::select! {
            next = next(&mut body) => Poll::Ready(next),
            () = pieces.closed() => return,
        };
        let mut length = 0;
        while let Poll::Ready(Some(Ok(bytes))) = next {
            length += bytes.len();
            held.push(bytes);
            next = match held.len() < gone && length < ENOUGH {
                true => next_at_once(&mut body).await,
                false => Poll::Pending,
            };
        }
        gone += held.len();
        let piece = joined(&mut held);
        if !piece.is_empty() && pieces.send(Ok(piece)).await.is_err() {
            return;
        }
        if let Poll::Ready(end) = next {
            if let Some(broken) = end {
                // Who has gone meanwhile need not know.
                let _ = pieces.send(broken).await;
            }
            return;
        }
    }
}

/// All of them as one piece; a single one is not copied.
fn joined(held: &mut Vec<Bytes>) -> Bytes {
    let piece = match &mut held[..] {
        [only] => std::mem::take(only),
        several => several.concat().into(),
    };
    held.clear();
    piece
}

/// The next bytes; `None` at the end.
async fn next(body: &mut HttpBody) -> Option<Piece> {
    loop {
        match body.frame().await?.map(Frame::into_data) {
            Ok(Ok(bytes)) => return Some(Ok(bytes)),
            // Trailers say nothing that is needed.
            Ok(Err(_)) => continue,
            Err(error) => return Some(Err(error)),
        }
    }
}

/// The same, if it is there once the connection's task has had its turn.
async fn next_at_once(body: &mut HttpBody) -> Poll<Option<Piece>> {
    let mut next = pin!(next(body));
    let mut had_its_turn = false;
    poll_fn(|context| match next.as_mut().poll(context) {
        Poll::Pending if !had_its_turn => {
            had_its_turn = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
        polled => Poll::Ready(polled),
    })
    .await
}

#[cfg(test)]
mod tests;
