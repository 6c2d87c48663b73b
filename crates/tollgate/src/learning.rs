//! What is learned from calls: counted at once in memory, and some seconds
//! later in the catalog and in the ledger's store. No call waits for it.

mod lessons;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tollgate_catalog::{Feedback, LearnedHabits, ModelCatalog};
use tollgate_core::{Failure, FeedbackRow, HabitRow, Timestamp};
use tollgate_ledger::UsageTracker;

use self::lessons::Lessons;
pub(crate) use self::subject::Subject;

/// How long news wait for more of them. A view of the catalog takes
/// milliseconds to build, so it is not built for each call.
const PAUSE: Duration = Duration::from_secs(5);

/// What is learned, and whom it is passed on to.
pub(crate) struct Learning {
    /// `None` with a catalog of the program's own, which learns by itself.
    catalog: Option<ModelCatalog>,
    /// `None` with a ledger of the program's own, which has no place for it.
    ledger: Option<Arc<UsageTracker>>,
    said: Lessons<Feedback>,
    used: Lessons<LearnedHabits>,
    news: Notify,
    /// One at a time, so that nothing is written twice.
    turn: tokio::sync::Mutex<()>,
}

impl Learning {
    /// Reads what was learned before, and counts it in the catalog.
    pub(crate) async fn open(
        (mut said, mut used): (Feedback, LearnedHabits),
        ledger: Option<Arc<UsageTracker>>,
        catalog: Option<ModelCatalog>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        if let Some(ledger) = &ledger {
            let since = remembered_since(now);
            ledger
                .feedback(since)
                .await?
                .iter()
                .for_each(|row| said.add(row));
            ledger
                .habits(since)
                .await?
                .iter()
                .for_each(|row| used.add(row));
        }
        let is_news = (!said.is_empty(), !used.is_empty());
        let learning = Self {
            catalog,
            ledger,
            said: Lessons::new(said, is_news.0),
            used: Lessons::new(used, is_news.1),
            news: Notify::new(),
            turn: tokio::sync::Mutex::new(()),
        };
        learning.publish().await;
        Ok(learning)
    }

    /// The catalog that counts it.
    pub(crate) fn catalog(&self) -> Option<&ModelCatalog> {
        self.catalog.as_ref()
    }

    /// Starts the task that passes on what is learned.
    pub(crate) fn start(learning: &Arc<Self>) -> AbortHandle {
        let learning = Arc::clone(learning);
        let run = async move {
            loop {
                learning.news.notified().await;
                sleep(PAUSE).await;
                if let Err(failure) = learning.flush().await {
                    tracing::warn!(%failure, "what was learned is not in the store yet");
                    // Offered again with the next of it, or after the pause.
                    learning.news.notify_one();
                }
            }
        };
        tokio::spawn(run).abort_handle()
    }

    /// Takes note of what was said of an answer.
    pub(crate) fn note_said(&self, row: FeedbackRow) {
        self.said.add(row);
        self.news.notify_one();
    }

    /// Takes note of what an answer used, which `row` makes of what is known of
    /// answers so far.
    pub(crate) fn note_used(&self, row: impl FnOnce(&LearnedHabits) -> HabitRow) {
        self.used.add(self.used.with(row));
        self.news.notify_one();
    }

    /// Counts what is new in the catalog, and writes it.
    ///
    /// # Cancellation
    /// What was on its way to the store may be offered to it again.
    pub(crate) async fn flush(&self) -> Result<(), Failure> {
        let _turn = self.turn.lock().await;
        self.publish().await;
        let (said, used) = (self.said.rows(), self.used.rows());
        if let Some(ledger) = self.ledger.as_ref().filter(|_| !said.is_empty()) {
            ledger.add_feedback(&said).await?;
        }
        self.said.written(&said);
        if let Some(ledger) = self.ledger.as_ref().filter(|_| !used.is_empty()) {
            ledger.add_habits(&used).await?;
        }
        self.used.written(&used);
        Ok(())
    }

    /// Counts what is new in the catalog, in one view.
    async fn publish(&self) {
        let Some(catalog) = self.catalog.clone() else {
            return;
        };
        let (said, used) = (self.said.take_news(), self.used.take_news());
        if said.is_none() && used.is_none() {
            return;
        }
        let building = tokio::task::spawn_blocking(move || catalog.set_learned(said, used));
        if let Err(error) = building.await {
            tracing::error!(%error, "what was learned is not in the catalog");
        }
    }
}

/// From when on what was learned is read when a process starts: models change, and
/// what was said of one half a year ago is said of another.
pub(crate) fn remembered_since(now: Timestamp) -> Timestamp {
    const DAYS: i64 = 180;
    Timestamp::from_secs((now.day() - DAYS) * 86_400)
}
