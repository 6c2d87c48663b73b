//! Hears what the gateway tells of itself.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tollgate::{Event, Observer, Receipt};

use crate::caller::NUMBER;
use crate::trace::Trace;

/// Everything that the gateway told.
#[derive(Debug)]
pub struct Witness {
    heard: Mutex<Heard>,
    keeps_receipts: bool,
    trace: Arc<Trace>,
}

#[derive(Debug, Default)]
struct Heard {
    settled: Vec<Settled>,
    changes: Vec<Change>,
    alarms: Vec<String>,
}

/// The settlement of one call.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The number of the call.
    pub number: u32,
    /// When it was settled.
    pub at: Instant,
    /// How many attempts it had.
    pub attempts: usize,
    /// All of it, where it is kept.
    pub receipt: Option<Box<Receipt>>,
}

/// A breaker that changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// When.
    pub at: Instant,
    /// What it is the breaker of, its state, and why.
    pub what: String,
}

impl Witness {
    pub(crate) fn new(keeps_receipts: bool, trace: Arc<Trace>) -> Self {
        Self {
            heard: Mutex::default(),
            keeps_receipts,
            trace,
        }
    }

    /// Reads the settlements, in their order.
    pub fn settled<T>(&self, read: impl FnOnce(&[Settled]) -> T) -> T {
        read(&self.heard().settled)
    }

    /// The changes of breakers, in their order.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.heard().changes.clone()
    }

    /// The alarms, in their order.
    #[must_use]
    pub fn alarms(&self) -> Vec<String> {
        self.heard().alarms.clone()
    }

    /// Attempts per call, over all that were settled.
    #[must_use]
    pub fn attempts_per_call(&self) -> Option<f64> {
        self.settled(|settled| {
            let attempts: usize = settled.iter().map(|settled| settled.attempts).sum();
            (!settled.is_empty()).then(|| attempts as f64 / settled.len() as f64)
        })
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, receipt: &Receipt) {
        let tags = receipt.facts.tags.iter();
        let number = tags
            .filter(|(name, _)| name == NUMBER)
            .find_map(|(_, number)| number.parse().ok());
        self.heard().settled.push(Settled {
            number: number.unwrap_or(u32::MAX),
            at: Instant::now(),
            attempts: receipt.attempts.len(),
            receipt: self.keeps_receipts.then(|| Box::new(receipt.clone())),
        });
    }
}

impl Observer for Witness {
    fn on(&self, event: &Event) {
        self.trace.note(Told(event));
        match event {
            Event::Settled { receipt } => self.settle(receipt),
            Event::BreakerChanged { spot, breaker, why } => {
                self.heard().changes.push(Change {
                    at: Instant::now(),
                    what: format!("{spot} {}: {why}", breaker.as_str()),
                });
            }
            Event::Alarm { spot, what } => self.heard().alarms.push(format!("{spot}: {what}")),
            _ => {}
        }
    }
}

/// An event in one line.
struct Told<'a>(&'a Event);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match serde_json::to_string(self.0) {
            Ok(line) => f.write_str(&line),
            Err(_) => fmt::Debug::fmt(self.0, f),
        }
    }
}
