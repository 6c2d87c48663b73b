//! Keeps what is said: at once in memory, some seconds later in the store and
//! in the catalog.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tollgate_catalog::{Feedback, ModelCatalog};
use tollgate_core::{Call, CallId, Failure, FeedbackRow, FeedbackSource, Receipt, Timestamp};
use tollgate_ledger::UsageTracker;

use super::explore::Explorer;
use super::retries::Prompts;
use super::{Rated, Subject, remembered_since};
use crate::config::FeedbackConfig;

/// How long what is said waits for more of it. A view of the catalog takes
/// milliseconds to build, so it is not built for each rating.
const PAUSE: Duration = Duration::from_secs(5);

/// Ratings that can be replaced, the newest; as many as there are calls that
/// can be rated.
const MOST: usize = 4_096;

/// What is said of answers.
pub(crate) struct FeedbackBook {
    is_automatic: bool,
    /// `None` where nothing is tried.
    explorer: Option<Explorer>,
    /// `None` with a catalog of the program's own, which rates by itself.
    catalog: Option<ModelCatalog>,
    /// `None` with a ledger of the program's own, which has no place for it.
    ledger: Option<Arc<UsageTracker>>,
    state: Mutex<State>,
    prompts: Mutex<Prompts>,
    news: Notify,
    /// One at a time, so that nothing is written twice.
    turn: tokio::sync::Mutex<()>,
}

struct State {
    said: Feedback,
    /// What is not in the store yet, summed.
    waiting: BTreeMap<Key, (i64, i64)>,
    rated: Ratings,
    /// Whether the catalog does not know all of it.
    is_news: bool,
}

/// A row without its sums.
type Key = (Subject, FeedbackSource);

/// The scores of the last calls that were rated.
#[derive(Default)]
struct Ratings {
    scores: HashMap<CallId, i64>,
    order: VecDeque<CallId>,
}

impl FeedbackBook {
    /// Reads what was said before, and counts it in the catalog.
    pub(crate) async fn open(
        config: FeedbackConfig,
        ledger: Option<Arc<UsageTracker>>,
        catalog: Option<ModelCatalog>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let mut said = Feedback::new(config.prior_weight);
        if let Some(ledger) = &ledger {
            for row in ledger.feedback(remembered_since(now)).await? {
                said.add(&row);
            }
        }
        let book = Self {
            is_automatic: config.automatic,
            explorer: config.exploration.map(Explorer::new),
            catalog,
            ledger,
            state: Mutex::new(State {
                is_news: !said.is_empty(),
                said,
                waiting: BTreeMap::new(),
                rated: Ratings::default(),
            }),
            prompts: Mutex::default(),
            news: Notify::new(),
            turn: tokio::sync::Mutex::new(()),
        };
        book.publish().await;
        Ok(book)
    }

    /// Starts the task that passes on what is said.
    pub(crate) fn start(book: &Arc<Self>) -> AbortHandle {
        let book = Arc::clone(book);
        let run = async move {
            loop {
                book.news.notified().await;
                sleep(PAUSE).await;
                if let Err(failure) = book.flush().await {
                    tracing::warn!(%failure, "feedback is not in the store yet");
                    // Offered again with the next one, or after the pause.
                    book.news.notify_one();
                }
            }
        };
        tokio::spawn(run).abort_handle()
    }

    /// Whether answers are judged without being rated.
    pub(crate) fn is_automatic(&self) -> bool {
        self.is_automatic
    }

    /// Who decides which calls try another model.
    pub(crate) fn explorer(&self) -> Option<&Explorer> {
        self.explorer.as_ref()
    }

    /// Takes a rating, in thousandths, in place of an earlier one.
    pub(crate) fn rate(&self, receipt: &Receipt, subject: Subject, score: i64) -> Rated {
        let call = receipt.facts.call;
        let source = FeedbackSource::Rating;
        let mut state = self.state();
        let earlier = state.rated.set(call, score);
        let (weight, change) = match earlier {
            None => (source.weight().into(), score),
            Some(earlier) => (0, score - earlier),
        };
        let rated = Rated {
            call,
            model: subject.model.clone(),
            task: subject.task,
            score: score as f32 / 1_000.0,
            replaces: earlier.is_some(),
        };
        state.add(subject.row(source, weight, change));
        drop(state);
        self.news.notify_one();
        rated
    }

    /// Takes what the gateway saw by itself, with a score in thousandths.
    pub(crate) fn observe(&self, subject: Subject, source: FeedbackSource, score: i64) {
        let weight = i64::from(source.weight());
        let row = subject.row(source, weight, weight * score / 1_000);
        self.state().add(row);
        self.news.notify_one();
    }

    /// The last call that asked the same a moment ago, where that is watched.
    pub(crate) fn repeats(&self, call: &Call) -> Option<CallId> {
        if !self.is_automatic() {
            return None;
        }
        let mut prompts = self.prompts.lock().unwrap_or_else(PoisonError::into_inner);
        prompts.note(call)
    }

    /// Writes what waits, and counts it in the catalog.
    ///
    /// # Cancellation
    /// What was on its way to the store may be offered to it again.
    pub(crate) async fn flush(&self) -> Result<(), Failure> {
        let _turn = self.turn.lock().await;
        self.publish().await;
        let Some(ledger) = &self.ledger else {
            self.state().waiting.clear();
            return Ok(());
        };
        let rows = self.state().rows();
        if !rows.is_empty() {
            ledger.add_feedback(&rows).await?;
            self.state().written(&rows);
        }
        Ok(())
    }

    /// Counts what was said in the catalog.
    async fn publish(&self) {
        let Some(catalog) = self.catalog.clone() else {
            return;
        };
        let Some(said) = self.state().take_news() else {
            return;
        };
        let building = tokio::task::spawn_blocking(move || catalog.set_feedback(said));
        if let Ok(Err(error)) = building.await {
            tracing::warn!(%error, "feedback is not in the catalog yet");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, row: FeedbackRow) {
        self.said.add(&row);
        self.is_news = true;
        let (weight, sum) = (row.weight, row.sum);
        let waiting = self.waiting.entry(key(&row)).or_default();
        *waiting = (waiting.0 + weight, waiting.1 + sum);
    }

    fn rows(&self) -> Vec<FeedbackRow> {
        let rows = self.waiting.iter();
        let row = |((subject, source), (weight, sum)): (&Key, &(i64, i64))| {
            subject.clone().row(*source, *weight, *sum)
        };
        rows.map(row).collect()
    }

    /// Takes away what is in the store now; more may have come meanwhile.
    fn written(&mut self, rows: &[FeedbackRow]) {
        for row in rows {
            let key = key(row);
            if let Some(waiting) = self.waiting.get_mut(&key) {
                *waiting = (waiting.0 - row.weight, waiting.1 - row.sum);
                if *waiting == (0, 0) {
                    self.waiting.remove(&key);
                }
            }
        }
    }

    fn take_news(&mut self) -> Option<Feedback> {
        std::mem::take(&mut self.is_news).then(|| self.said.clone())
    }
}

fn key(row: &FeedbackRow) -> Key {
    let subject = Subject {
        model: row.model.clone(),
        task: row.task,
        day: row.day,
    };
    (subject, row.source)
}

impl Ratings {
    /// Sets the score of a call; returns the one before.
    fn set(&mut self, call: CallId, score: i64) -> Option<i64> {
        let earlier = self.scores.insert(call, score);
        if earlier.is_none() {
            self.order.push_back(call);
            if self.order.len() > MOST
                && let Some(oldest) = self.order.pop_front()
            {
                self.scores.remove(&oldest);
            }
        }
        earlier
    }
}
