//! Takes what is said of answers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_core::{Call, CallId, FeedbackSource, Receipt};

use super::Rated;
use super::explore::Explorer;
use super::retries::Prompts;
use crate::config::FeedbackConfig;
use crate::learning::{Learning, Subject};

/// Ratings that can be replaced, the newest. While a call can be rated, as many
/// calls before it can be rated for the first time, and as many after it.
const MOST: usize = 2 * crate::recent::MOST;

/// What is said of answers.
pub(crate) struct FeedbackBook {
    is_automatic: bool,
    /// `None` where nothing is tried.
    explorer: Option<Explorer>,
    learning: Arc<Learning>,
    rated: Mutex<Ratings>,
    prompts: Mutex<Prompts>,
}

/// The scores of the last calls that were rated.
#[derive(Default)]
struct Ratings {
    scores: HashMap<CallId, i64>,
    order: VecDeque<CallId>,
}

impl FeedbackBook {
    pub(crate) fn new(config: FeedbackConfig, learning: Arc<Learning>) -> Self {
        Self {
            is_automatic: config.automatic,
            explorer: config.exploration.map(Explorer::new),
            learning,
            rated: Mutex::default(),
            prompts: Mutex::default(),
        }
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
        let mut rated = self.rated.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = rated.set(call, score);
        drop(rated);
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
        self.learning
            .note_said(subject.said(source, weight, change));
        rated
    }

    /// Takes what the gateway saw by itself, with a score in thousandths.
    pub(crate) fn observe(&self, subject: Subject, source: FeedbackSource, score: i64) {
        let weight = i64::from(source.weight());
        self.learning
            .note_said(subject.said(source, weight, weight * score / 1_000));
    }

    /// The last call that asked the same a moment ago, where that is watched.
    pub(crate) fn repeats(&self, call: &Call) -> Option<CallId> {
        if !self.is_automatic() {
            return None;
        }
        let mut prompts = self.prompts.lock().unwrap_or_else(PoisonError::into_inner);
        prompts.note(call)
    }
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
