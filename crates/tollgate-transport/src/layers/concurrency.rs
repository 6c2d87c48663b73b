use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tollgate_core::{Attempt, Failure, LaneId, LlmProvider, ModelId, Reply};

use super::{LONGEST_WAIT, limited};

/// Caps the requests that one model on one lane has in flight, so that a slow upstream cannot
/// hold every connection and every task of the program: a layer around any provider, for programs
/// that put their lanes together themselves.
///
/// A slot is held until the reply's frames are dropped. A request waits at most 100 ms for one;
/// then it fails as rate-limited, which counts against nobody's health, and another target may
/// take it. Put a [`RateLimit`](crate::RateLimit) outside of it: the other way round, requests
/// that wait for their turn hold slots.
///
/// ```
/// use std::num::NonZeroUsize;
/// use tollgate_transport::{Concurrency, DirectConfig, DirectProvider};
/// let config = DirectConfig { base_url: "http://127.0.0.1:8080/v1".into(), ..Default::default() };
/// let two_at_once = NonZeroUsize::new(2).ok_or("a cap of none serves nobody")?;
/// let local = Concurrency::new(DirectProvider::new(config)?, two_at_once);
/// assert_eq!(local.to_string(), "Concurrency(2, OpenAiCompatible(http://127.0.0.1:8080/v1))");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Concurrency<P> {
    inner: P,
    cap: NonZeroUsize,
    slots: Mutex<HashMap<(LaneId, ModelId), Arc<Semaphore>>>,
}

impl<P> Concurrency<P> {
    /// Caps a provider at that many requests per model and lane.
    pub fn new(inner: P, cap: NonZeroUsize) -> Self {
        Self {
            inner,
            cap,
            slots: Mutex::default(),
        }
    }

    async fn slot(&self, attempt: &Attempt) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        let Some(model) = attempt.models.first() else {
            return Ok(None);
        };
        match timeout(
            LONGEST_WAIT,
            self.slots_of(&attempt.lane, model).acquire_owned(),
        )
        .await
        {
            Ok(permit) => Ok(permit.ok()),
            Err(_) => Err(
                limited("the gateway has too many requests to this model in flight")
                    .with("model", model),
            ),
        }
    }

    fn slots_of(&self, lane: &LaneId, model: &ModelId) -> Arc<Semaphore> {
        // A panic elsewhere cannot have left a map of counters half changed.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = slots.entry((lane.clone(), model.clone()));
        Arc::clone(slots.or_insert_with(|| Arc::new(Semaphore::new(self.cap.get()))))
    }
}

#[async_trait]
impl<P: LlmProvider> LlmProvider for Concurrency<P> {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        let slot = self.slot(attempt).await?;
        let Reply { head, frames } = self.inner.send(attempt).await?;
        let frames = frames.map(move |frame| {
            let _held = &slot;
            frame
        });
        Ok(Reply {
            head,
            frames: Box::pin(frames),
        })
    }
}

/// Shows the wiring: `Concurrency(64, …)`.
impl<P: fmt::Display> fmt::Display for Concurrency<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Concurrency({}, {})", self.cap, self.inner)
    }
}

impl<P: fmt::Debug> fmt::Debug for Concurrency<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concurrency")
            .field("cap", &self.cap)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
