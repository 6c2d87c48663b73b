//! The models that calls have used of late.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{Event, ModelId, Observer};

/// How long a model counts as used.
const LATELY: Duration = Duration::from_secs(3_600);
/// How old what is known of endpoints may get.
pub(crate) const INTERVAL: Duration = Duration::from_secs(300);

/// Remembers the models that calls have used of late, a bounded number of them:
/// those whose endpoints are worth knowing. It hears of calls as an observer,
/// when they are settled, so it is in no call's way.
///
/// ```
/// use tollgate_catalog::RecentModels;
/// let recent = RecentModels::new(2);
/// for model in ["a/one", "b/two", "c/three"] {
///     recent.note(&tollgate_core::ModelId::new(model)?);
/// }
/// assert_eq!(recent.models().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RecentModels {
    most: usize,
    used: Mutex<Vec<Used>>,
}

#[derive(Debug)]
struct Used {
    model: ModelId,
    last: Instant,
    asked: Option<Instant>,
}

impl RecentModels {
    /// Remembers at most that many models.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            used: Mutex::default(),
        }
    }

    /// Notes that a call has used the model.
    pub fn note(&self, model: &ModelId) {
        let now = Instant::now();
        let mut used = self.used();
        match used.iter_mut().find(|used| used.model == *model) {
            Some(known) => known.last = now,
            None => used.push(Used {
                model: model.clone(),
                last: now,
                asked: None,
            }),
        }
        used.sort_by_key(|used| std::cmp::Reverse(used.last));
        used.truncate(self.most);
    }

    /// The models, the last used first.
    pub fn models(&self) -> Vec<ModelId> {
        self.used().iter().map(|used| used.model.clone()).collect()
    }

    /// Up to `most` models whose endpoints were not asked for in the last
    /// interval: those that were never asked for, then those of which it is the
    /// longest ago, so that each has its turn. They count as asked for from now
    /// on. Forgets what was not used lately.
    pub(crate) fn due(&self, most: usize) -> Vec<ModelId> {
        let now = Instant::now();
        let mut used = self.used();
        used.retain(|used| now.duration_since(used.last) < LATELY);
        let is_due = |used: &&mut Used| {
            let asked = used.asked;
            asked.is_none_or(|asked| now.duration_since(asked) >= INTERVAL)
        };
        let mut due: Vec<&mut Used> = used.iter_mut().filter(is_due).collect();
        due.sort_by_key(|used| used.asked);
        let due = due.into_iter().take(most);
        due.map(|used| {
            used.asked = Some(now);
            used.model.clone()
        })
        .collect()
    }

    fn used(&self) -> MutexGuard<'_, Vec<Used>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for RecentModels {
    fn on(&self, event: &Event) {
        if let Event::Settled { receipt } = event {
            for attempt in &receipt.attempts {
                self.note(&attempt.requested);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn model(id: &str) -> ModelId {
        ModelId::new(id).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_model_is_due_once_an_interval_as_long_as_it_is_used() {
        let recent = RecentModels::new(8);
        recent.note(&model("a/one"));
        assert_eq!(recent.due(8), [model("a/one")]);
        assert_eq!(recent.due(8), []);
        advance(INTERVAL).await;
        assert_eq!(recent.due(8), [model("a/one")]);
        advance(LATELY).await;
        assert_eq!(recent.due(8), []);
    }

    #[tokio::test(start_paused = true)]
    async fn the_model_that_was_used_longest_ago_makes_room() {
        let recent = RecentModels::new(2);
        for id in ["a/one", "b/two", "a/one", "c/three"] {
            recent.note(&model(id));
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(recent.models(), [model("c/three"), model("a/one")]);
    }

    #[tokio::test(start_paused = true)]
    async fn none_waits_while_others_are_asked_for_twice() {
        let recent = RecentModels::new(8);
        let ids = ["a/one", "b/two", "c/three"];
        let mut asked = Vec::new();
        for _ in 0..3 {
            for id in ids {
                recent.note(&model(id));
            }
            asked.extend(recent.due(1));
            advance(INTERVAL).await;
        }
        asked.sort();
        assert_eq!(asked, ids.map(model));
        // Then the one of which it is the longest ago, whatever was used last.
        let first = recent.due(1);
        advance(INTERVAL).await;
        recent.note(&first[0]);
        assert_ne!(recent.due(1), first);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_is_asked_for_in_small_parts() {
        let recent = RecentModels::new(8);
        for id in ["a/one", "b/two", "c/three"] {
            recent.note(&model(id));
        }
        assert_eq!([recent.due(2).len(), recent.due(2).len()], [2, 1]);
    }
}
