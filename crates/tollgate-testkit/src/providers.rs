//! A scripted provider, a ledger that grants everything, and the contract
//! suite of `LlmProvider`.
//!
//! ```
//! use tollgate_core::FailureKind;
//! use tollgate_testkit::providers::{Fault, Script, ScriptedProvider};
//!
//! let provider = ScriptedProvider::new()
//!     .on("openrouter", "a/one", Script::refuse(Fault::new(FailureKind::Upstream).status(502)))
//!     .on("openrouter", "a/one", Script::answer(&["the second attempt ", "answers"]));
//! assert_eq!(provider.sent().len(), 0);
//! ```

mod contract;
mod frames;
mod journal;
mod script;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use tollgate_core::{Attempt, Failure, FailureKind, LaneId, LlmProvider, ModelId, Reply};

pub use self::contract::contract;
pub use self::frames::{
    body_frame, finish_frame, keep_alive_frame, role_frame, served_text_frame, text_frame,
    usage_frame,
};
pub use self::journal::{Entry, Journal, NullLedger};
pub use self::script::{Fault, Script};
use crate::builders::{lane_id, model};

/// An upstream that does what its script says, on tokio's clock.
///
/// Scripts are kept per lane and model (the first of an attempt's models).
/// Each attempt takes the next one; the last repeats for ever.
#[derive(Debug, Default)]
pub struct ScriptedProvider {
    scripts: Mutex<HashMap<(LaneId, ModelId), VecDeque<Script>>>,
    journal: Journal,
    open: Arc<AtomicUsize>,
}

impl ScriptedProvider {
    /// A provider without scripts: it refuses everything as not found.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes into that journal, which may be shared with a [`NullLedger`].
    #[must_use]
    pub fn with_journal(mut self, journal: &Journal) -> Self {
        self.journal = journal.clone();
        self
    }

    /// Adds the script of the next attempt of `id` on `lane`.
    ///
    /// # Panics
    /// When one of the two is no valid id.
    #[must_use]
    pub fn on(self, lane: &str, id: &str, script: Script) -> Self {
        let key = (lane_id(lane), model(id));
        lock(&self.scripts)
            .entry(key)
            .or_default()
            .push_back(script);
        self
    }

    /// The attempts that were sent, in order.
    pub fn sent(&self) -> Vec<Attempt> {
        let entries = self.journal.entries();
        entries
            .into_iter()
            .filter_map(|entry| match entry {
                Entry::Sent { attempt, .. } => Some(*attempt),
                Entry::Dispatched { .. } | Entry::Settled(_) => None,
            })
            .collect()
    }

    /// How many upstream connections are open at the moment.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn next_script(&self, attempt: &Attempt) -> Option<Script> {
        let key = (attempt.lane.clone(), attempt.models.first()?.clone());
        let mut scripts = lock(&self.scripts);
        let queue = scripts.get_mut(&key)?;
        if queue.len() > 1 {
            queue.pop_front()
        } else {
            queue.front().cloned()
        }
    }
}

#[async_trait]
impl LlmProvider for ScriptedProvider {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        let connection = Connection::open(&self.open);
        self.journal.write(Entry::Sent {
            attempt: Box::new(attempt.clone()),
            at: Instant::now(),
        });
        let Some(mut script) = self.next_script(attempt) else {
            return Err(Fault::new(FailureKind::NotFound).status(404).failure());
        };
        for step in std::mem::take(&mut script.before_head) {
            step.play().await?;
        }
        let steps = script.steps.into_iter();
        let frames = stream::unfold((steps, Some(connection)), |(mut steps, connection)| async {
            let connection = connection?;
            loop {
                match steps.next()?.play().await {
                    Ok(None) => {}
                    Ok(Some(frame)) => return Some((Ok(frame), (steps, Some(connection)))),
                    Err(failure) => return Some((Err(failure), (steps, None))),
                }
            }
        });
        Ok(Reply {
            head: script.head,
            frames: frames.boxed(),
        })
    }
}

/// Counts itself as open until it is dropped.
#[derive(Debug)]
struct Connection(Arc<AtomicUsize>);

impl Connection {
    fn open(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
