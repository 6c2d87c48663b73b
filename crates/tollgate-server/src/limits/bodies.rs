//! Bodies of requests: how large they are, how long they take, and how much all
//! of them hold together.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use tollgate::{Failure, FailureKind, ServerConfig};

use crate::posted::Posted;
use crate::reply::Refusal;

/// What has to come of a body in each `body_timeout_ms`. A single byte now and
/// then is no progress.
const LEAST_PROGRESS: usize = 1 << 10;

/// Bytes are counted in units of this many, so that a count fits what a
/// semaphore can hold.
const UNIT: usize = 1 << 10;

/// How long the rest of a refused body is thrown away before the answer. A
/// client that is still sending when its connection is closed gets a reset in
/// place of the answer.
const PARTING: Duration = Duration::from_secs(2);

/// The bodies of all requests that are being served.
#[derive(Clone)]
pub(super) struct Bodies {
    room: Arc<Semaphore>,
    most: usize,
    patience: Duration,
}

/// The part of the room that one body takes.
pub(crate) type BodyRoom = Option<OwnedSemaphorePermit>;

impl Bodies {
    pub(super) fn new(config: &ServerConfig) -> Self {
        let units = (config.max_buffered_bytes / UNIT).min(Semaphore::MAX_PERMITS);
        Self {
            room: Arc::new(Semaphore::new(units)),
            most: config.max_body_bytes,
            patience: config.body_timeout(),
        }
    }

    /// A request with its body in memory, and the room that the body takes for
    /// as long as it is kept.
    ///
    /// # Errors
    /// 400 for what is no JSON or could be read in two ways, 408 when it comes
    /// too slowly, 413 when it is too large, 415 when it is compressed, 503
    /// when there is no room.
    pub(super) async fn read(&self, request: Request) -> Result<(Posted, BodyRoom), Refusal> {
        let (parts, body) = request.into_parts();
        check_encoding(&parts.headers)?;
        let mut frames = pin!(body.into_data_stream());
        let (bytes, room) = match self.collect(&parts.headers, &mut frames).await {
            Ok(read) => read,
            Err(refusal) => {
                let _ = timeout(PARTING, self.discard(frames)).await;
                return Err(refusal.closing());
            }
        };
        check_json(&bytes)?;
        Ok((Posted::from_parts(parts, bytes), room))
    }

    async fn collect<S, E>(
        &self,
        headers: &HeaderMap,
        frames: &mut S,
    ) -> Result<(Bytes, BodyRoom), Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        if declared(headers).is_some_and(|length| length > self.most as u64) {
            return Err(self.too_large());
        }
        let mut collected = Collected::default();
        let mut room = None;
        let mut deadline = Instant::now() + self.patience;
        let mut progress = 0;
        loop {
            let frame = timeout_at(deadline, frames.next()).await;
            let bytes = match frame.map_err(|_| too_slow())? {
                None => return Ok((collected.into_bytes(), room)),
                Some(Err(_)) => return Err(unreadable()),
                Some(Ok(bytes)) => bytes,
            };
            if collected.len() + bytes.len() > self.most {
                return Err(self.too_large());
            }
            self.take_room(&mut room, collected.len() + bytes.len())?;
            progress += bytes.len();
            if progress >= LEAST_PROGRESS {
                progress = 0;
                deadline = Instant::now() + self.patience;
            }
            collected.push(bytes);
        }
    }

    /// Enlarges the room to that of so many bytes.
    fn take_room(&self, room: &mut BodyRoom, length: usize) -> Result<(), Refusal> {
        let held = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = length.div_ceil(UNIT).saturating_sub(held);
        let more = u32::try_from(more).map_err(|_| no_room())?;
        let more = self.room.clone().try_acquire_many_owned(more);
        let more = more.map_err(|_| no_room())?;
        match room {
            Some(room) => room.merge(more),
            None => *room = Some(more),
        }
        Ok(())
    }

    async fn discard<S, E>(&self, mut frames: S)
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let mut left = self.most;
        while let Some(Ok(bytes)) = frames.next().await {
            let Some(rest) = left.checked_sub(bytes.len()) else {
                return;
            };
            left = rest;
        }
    }

    fn too_large(&self) -> Refusal {
        Refusal::of_http(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the request's body is too large",
        )
        .with_hint(format!(
            "at most {} bytes are read; server.max_body_bytes is the limit",
            self.most
        ))
    }
}

/// Bytes in a row. A body that comes in one piece, as most do, is not copied.
#[derive(Default)]
enum Collected {
    #[default]
    Nothing,
    One(Bytes),
    Many(Vec<u8>),
}

impl Collected {
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    fn push(&mut self, bytes: Bytes) {
        *self = match std::mem::take(self) {
            Self::Nothing => Self::One(bytes),
            Self::One(first) => Self::Many([first, bytes].concat()),
            Self::Many(mut all) => {
                all.extend_from_slice(&bytes);
                Self::Many(all)
            }
        };
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes.into(),
        }
    }
}

fn declared(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Nothing is decompressed: a few bytes could become gigabytes.
fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let plain = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if plain {
        return Ok(());
    }
    Err(Refusal::of_http(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the request's body is compressed",
    )
    .with_hint("send it as it is, without the header content-encoding"))
}

fn check_json(bytes: &[u8]) -> Result<(), Refusal> {
    tollgate_wire::check_strictly(bytes).map_err(|error| {
        let message = format!("the request's body is not JSON as it has to be: {error}");
        Failure::new(FailureKind::InvalidRequest, message).into()
    })
}

fn too_slow() -> Refusal {
    Refusal::of_http(
        StatusCode::REQUEST_TIMEOUT,
        "the request's body did not come in time",
    )
    .with_hint("send it faster; server.body_timeout_ms is the limit")
}

fn unreadable() -> Refusal {
    Refusal::of_http(
        StatusCode::BAD_REQUEST,
        "the request's body ended early or is not framed as its headers say",
    )
    .with_hint("send as many bytes as content-length says, or proper chunks")
}

fn no_room() -> Refusal {
    Refusal::of_http(
        StatusCode::SERVICE_UNAVAILABLE,
        "the gateway has no memory for the request's body at the moment",
    )
    .with_hint("send it again later; server.max_buffered_bytes is the limit")
    .worth_repeating()
}
