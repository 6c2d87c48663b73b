//! Answers of an upstream that are kept for a while.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tollgate_core::{Failure, FailureKind};

/// How long an answer is kept, unless it is said otherwise.
const GOOD: Duration = Duration::from_secs(300);
/// How long a failure is: an upstream that is gone costs one caller the wait,
/// not all of them.
const BAD: Duration = Duration::from_secs(15);
/// Longest time for one question.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks once for all that want the same at the same time, and remembers it.
///
/// # Cancellation
/// Whoever asks for the others can be dropped: the next that waits asks anew.
pub(crate) struct Memo<K, V> {
    slots: Mutex<HashMap<K, Slot<V>>>,
    /// How long an answer is kept; a failure no longer than that.
    good: Duration,
}

/// What an upstream said of one thing.
pub(crate) type Said<V> = Result<Arc<V>, Arc<Failure>>;

type Slot<V> = Arc<tokio::sync::Mutex<Option<Kept<V>>>>;

struct Kept<V> {
    said: Said<V>,
    until: Instant,
}

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self::keeping(GOOD)
    }
}

impl<K, V> Memo<K, V> {
    /// Keeps answers for so long.
    pub(crate) fn keeping(good: Duration) -> Self {
        Self {
            slots: Mutex::default(),
            good,
        }
    }
}

impl<K: Eq + Hash, V> Memo<K, V> {
    /// What is remembered, else what `ask` brings.
    pub(crate) async fn get(
        &self,
        key: K,
        ask: impl Future<Output = Result<V, Failure>>,
    ) -> Said<V> {
        let slot = self.slot(key);
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.until > Instant::now()) {
            return kept.said.clone();
        }
        let said = match timeout(PATIENCE, ask).await {
            Ok(answer) => answer.map(Arc::new).map_err(Arc::new),
            Err(_) => Err(Arc::new(too_slow())),
        };
        let keep = if said.is_ok() {
            self.good
        } else {
            BAD.min(self.good)
        };
        *kept = Some(Kept {
            said: said.clone(),
            until: Instant::now() + keep,
        });
        said
    }

    /// The place of a key. What is out of date and nobody waits for goes, so
    /// that there are no more places than things asked for of late.
    fn slot(&self, key: K) -> Slot<V> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        slots.retain(|_, slot| match slot.try_lock() {
            Ok(kept) => kept.as_ref().is_some_and(|kept| kept.until > now),
            Err(_) => true,
        });
        slots.entry(key).or_default().clone()
    }
}

/// The failure of an upstream that took too long for a page.
pub(crate) fn too_slow() -> Failure {
    Failure::new(
        FailureKind::Interrupted,
        format!("the upstream did not answer within {PATIENCE:?}"),
    )
}

/// Waits for a question that is not remembered, as long as for one that is.
pub(crate) async fn bounded<V>(
    ask: impl Future<Output = Result<V, Failure>>,
) -> Result<V, Failure> {
    timeout(PATIENCE, ask)
        .await
        .unwrap_or_else(|_| Err(too_slow()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::{advance, sleep};

    use super::*;

    /// Counts how often it is asked.
    #[derive(Default)]
    struct Upstream(AtomicU32);

    impl Upstream {
        async fn ask(&self) -> Result<u32, Failure> {
            sleep(Duration::from_secs(1)).await;
            Ok(self.0.fetch_add(1, Ordering::Relaxed))
        }

        async fn fail(&self) -> Result<u32, Failure> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Err(Failure::new(FailureKind::Upstream, "not now"))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_want_the_same_ask_once_until_it_is_old() {
        let (memo, upstream) = (Memo::default(), Upstream::default());
        let get = || async { *memo.get("a", upstream.ask()).await.unwrap() };
        let (one, two, three) = tokio::join!(get(), get(), get());
        assert_eq!([one, two, three], [0, 0, 0]);
        advance(GOOD - Duration::from_secs(1)).await;
        assert_eq!(get().await, 0);
        advance(Duration::from_secs(2)).await;
        assert_eq!(get().await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_remembered_for_less_long() {
        let (memo, upstream) = (Memo::default(), Upstream::default());
        for _ in 0..3 {
            assert!(memo.get("a", upstream.fail()).await.is_err());
        }
        assert_eq!(upstream.0.load(Ordering::Relaxed), 1);
        advance(BAD).await;
        assert_eq!(*memo.get("a", upstream.ask()).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_says_nothing_is_not_waited_for() {
        let memo = Memo::<_, u32>::default();
        let failure = memo.get("a", std::future::pending()).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Interrupted);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_the_others_can_leave() {
        let (memo, upstream) = (Memo::default(), Upstream::default());
        let first = memo.get("a", std::future::pending());
        let second = memo.get("a", upstream.ask());
        tokio::select! {
            biased;
            _ = first => panic!("nobody answers this"),
            () = sleep(Duration::from_millis(1)) => {}
        }
        assert_eq!(*second.await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn places_of_what_is_out_of_date_are_given_up() {
        let (memo, upstream) = (Memo::default(), Upstream::default());
        for key in 0..10 {
            memo.get(key, upstream.ask()).await.unwrap();
        }
        advance(GOOD).await;
        memo.get(10, upstream.ask()).await.unwrap();
        assert_eq!(memo.slots.lock().unwrap().len(), 1);
    }
}
