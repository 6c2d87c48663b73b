use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::purse::Purse;
use super::window::Window;
use super::{Amount, LimitRefusal, Limits};

/// How fast one key may call: the requests and tokens of any minute, and the
/// requests at the same time.
///
/// Every key has its own lock, held for as long as it takes to add two numbers.
/// Moments are those of a monotonic clock, handed in.
#[derive(Debug)]
pub struct Gate {
    limits: Limits,
    pub(super) usage: Arc<Usage>,
}

/// What is used of a gate; outlives a change of its limits.
#[derive(Debug, Default)]
pub(super) struct Usage {
    running: Arc<AtomicU32>,
    meter: Mutex<Meter>,
}

/// Whose minute it is.
#[derive(Debug)]
pub(super) enum Meter {
    /// This node's alone.
    Own(Window),
    /// That of several nodes.
    Shared(Purse),
}

impl Default for Meter {
    fn default() -> Self {
        Self::Own(Window::default())
    }
}

/// Where something was taken.
#[derive(Debug, Clone, Copy)]
enum Place {
    Slot(u64),
    Slice(u64),
}

/// A request that was let in: it holds its place among those that run, and what
/// was taken of the minute.
#[derive(Debug)]
#[must_use = "what is not corrected stays taken as it was estimated"]
pub struct Admitted {
    /// Its place; dropped when the request has ended.
    pub permit: Permit,
    /// What was taken.
    pub taken: Taken,
}

/// A place among the requests that run. Dropping it leaves the place.
#[derive(Debug)]
pub struct Permit {
    running: Option<Arc<AtomicU32>>,
}

/// What was taken of a minute. Dropped, it stays as it was estimated.
#[derive(Debug)]
#[must_use = "what is not corrected stays taken as it was estimated"]
pub struct Taken {
    from: Option<(Arc<Usage>, Place)>,
    tokens: u64,
}

impl Gate {
    /// A gate that nothing went through yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            usage: Arc::default(),
        }
    }

    /// The same limits with what was used of another gate.
    pub(crate) fn with_use_of(&self, other: &Self) -> Self {
        Self {
            limits: self.limits,
            usage: Arc::clone(&other.usage),
        }
    }

    /// The limits.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Lets a request in that may come to so many tokens, its prompt and its
    /// answer together, or takes nothing at all.
    ///
    /// ```
    /// use std::time::Instant;
    /// use tollgate_keys::{Gate, LimitRefusal, Limits};
    ///
    /// let limits = Limits { tokens: Some(1_000), ..Limits::default() };
    /// let (gate, now) = (Gate::new(limits), Instant::now());
    /// let admitted = gate.admit(800, now)?;
    /// assert!(matches!(gate.admit(800, now), Err(LimitRefusal::Tokens { .. })));
    /// admitted.taken.correct(150, now); // what it came to
    /// let _second = gate.admit(800, now)?;
    /// # Ok::<(), LimitRefusal>(())
    /// ```
    ///
    /// # Errors
    /// [`LimitRefusal`] with the limit that has no room.
    pub fn admit(&self, tokens: u64, now: Instant) -> Result<Admitted, LimitRefusal> {
        let permit = self.enter()?;
        let taken = self.take(tokens, now)?;
        Ok(Admitted { permit, taken })
    }

    /// Takes a place among the requests that run.
    ///
    /// # Errors
    /// [`LimitRefusal::Concurrent`].
    pub fn enter(&self) -> Result<Permit, LimitRefusal> {
        let Some(limit) = self.limits.concurrent else {
            return Ok(Permit { running: None });
        };
        let running = &self.usage.running;
        let more = |running: u32| running.checked_add(1).filter(|more| *more <= limit);
        match running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Permit {
                running: Some(Arc::clone(running)),
            }),
            Err(_) => Err(LimitRefusal::Concurrent { limit }),
        }
    }

    /// Takes one request and so many tokens of the minute, both or neither.
    ///
    /// # Errors
    /// [`LimitRefusal`]; on one node alone, `retry_after` is exactly when there
    /// is room, should nobody else take it. For a gate that is shared with
    /// other nodes it is a guess.
    pub fn take(&self, tokens: u64, now: Instant) -> Result<Taken, LimitRefusal> {
        if !self.limits.has_rates() {
            return Ok(Taken { from: None, tokens });
        }
        let tokens = match self.limits.tokens {
            // What it comes to is counted all the same, for a limit to come.
            None => 0,
            Some(limit) if tokens > limit => {
                return Err(LimitRefusal::TooLarge {
                    limit,
                    asked: tokens,
                });
            }
            Some(_) => tokens,
        };
        let (ask, most) = (Amount::one(tokens), self.limits.most());
        let place = match &mut *self.usage.meter() {
            Meter::Own(window) => window
                .take(ask, most, now)
                .map(Place::Slot)
                .map_err(|wait| {
                    let are_missing = window.room(most, now).requests == 0;
                    LimitRefusal::of(ask, are_missing, &self.limits, wait)
                }),
            Meter::Shared(purse) => purse.take(ask, &self.limits, now).map(Place::Slice),
        }?;
        Ok(Taken {
            from: Some((Arc::clone(&self.usage), place)),
            tokens,
        })
    }
}

impl Usage {
    pub(super) fn meter(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Replaces the estimate by what the request came to: gives back what was
    /// too much, and takes what was too little, which can go over the limit.
    pub fn correct(self, tokens: u64, now: Instant) {
        self.settle(Amount::one(tokens), now);
    }

    /// Gives everything back, for a request that was not sent after all.
    pub fn cancel(self, now: Instant) {
        self.settle(Amount::default(), now);
    }

    fn settle(self, used: Amount, now: Instant) {
        let Some((usage, place)) = self.from else {
            return;
        };
        let taken = Amount::one(self.tokens);
        match (&mut *usage.meter(), place) {
            (Meter::Own(window), Place::Slot(slot)) => window.correct(slot, taken, used, now),
            (Meter::Shared(purse), Place::Slice(id)) => purse.correct(id, taken, used),
            // It has come to be shared meanwhile: what was taken before is
            // counted by nobody.
            _ => {}
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
