//! Brings slices of shared limits before they are needed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as TurnLock, Notify};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::Limits;
use super::gate::{Meter, Usage};
use super::purse::Purse;
use super::store::{EndedSlice, LimitStore, SliceAsk, SliceGrant};
use crate::book::KeyBook;

/// How often slices are looked at when nobody runs low.
const TICK: Duration = Duration::from_secs(1);

/// Shortest time between two questions to the store.
const PACE: Duration = Duration::from_millis(20);

/// Longest time for one answer. Of a slice that took longer, too little would
/// be left.
const PATIENCE: Duration = Duration::from_secs(2);

/// Shares the limits of keys with the other nodes that use a store.
///
/// A task takes slices of each key's minute before they are needed; requests
/// are let in from there and never wait. When the store is gone, they are let in
/// for as long as the last slice lasts, at most
/// [`SLICE_FOR`](super::SLICE_FOR), and then refused with a reason.
///
/// Dropped, it stops; gates of its books refuse then.
#[derive(Debug)]
pub struct SharedLimits {
    leaser: Arc<Leaser>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Leaser {
    store: Arc<dyn LimitStore>,
    members: Mutex<Arc<[Member]>>,
    wake: Arc<Notify>,
    turn: TurnLock<()>,
    /// Whether the store has not answered the last time, so that it is logged
    /// once.
    is_away: AtomicBool,
}

/// A key whose limits are shared.
#[derive(Debug)]
struct Member {
    key: Arc<str>,
    limits: Limits,
    usage: Weak<Usage>,
}

/// What to tell the store and what to ask it for; who each is of.
#[derive(Default)]
struct Round {
    ended: Vec<EndedSlice>,
    ended_of: Vec<usize>,
    asks: Vec<SliceAsk>,
    asks_of: Vec<usize>,
}

impl SharedLimits {
    /// Begins to share, with no keys yet.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(store: Arc<dyn LimitStore>) -> Self {
        let leaser = Arc::new(Leaser {
            store,
            members: Mutex::default(),
            wake: Arc::new(Notify::new()),
            turn: TurnLock::default(),
            is_away: AtomicBool::new(false),
        });
        let task = tokio::spawn(run(Arc::clone(&leaser)));
        Self { leaser, task }
    }

    /// Shares the limits of a book from now on, in place of those of the book
    /// before. Returns when the first slices are here, or the store has failed
    /// to bring them; the book is used after that.
    ///
    /// # Cancellation
    /// The limits are shared, and the task brings the slices.
    pub async fn share(&self, book: &KeyBook) {
        self.leaser.take_in(book);
        self.leaser.round().await;
    }

    /// Gives back what was not used, and stops.
    pub async fn stop(self) {
        self.task.abort();
        for member in self.leaser.members().iter() {
            member.with_purse(Purse::close);
        }
        self.leaser.round().await;
    }
}

impl Drop for SharedLimits {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(leaser: Arc<Leaser>) {
    loop {
        tokio::select! {
            () = leaser.wake.notified() => {}
            () = sleep(TICK) => {}
        }
        leaser.round().await;
        sleep(match leaser.is_away.load(Ordering::Relaxed) {
            true => TICK,
            false => PACE,
        })
        .await;
    }
}

impl Leaser {
    fn take_in(&self, book: &KeyBook) {
        let limited = book
            .entries()
            .filter(|entry| entry.gate().limits().has_rates());
        let members: Arc<[Member]> = limited
            .map(|entry| {
                let usage = &entry.gate().usage;
                let mut meter = usage.meter();
                if matches!(&*meter, Meter::Own(_)) {
                    *meter = Meter::Shared(Purse::new(Arc::clone(&self.wake)));
                }
                Member {
                    key: entry.caller().as_str().into(),
                    limits: entry.gate().limits(),
                    usage: Arc::downgrade(usage),
                }
            })
            .collect();
        *self.members.lock().unwrap_or_else(PoisonError::into_inner) = members;
    }

    fn members(&self) -> Arc<[Member]> {
        let members = self.members.lock();
        Arc::clone(&members.unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the store once, for all keys.
    async fn round(&self) {
        let _turn = self.turn.lock().await;
        let members = self.members();
        let sent = Instant::now().into_std();
        let mut round = Round::default();
        for (place, member) in members.iter().enumerate() {
            member.with_purse(|purse| {
                round.ended_by(place, purse, sent);
                if let Some(ask) = purse.ask(&member.key, &member.limits, sent) {
                    round.asks.push(ask);
                    round.asks_of.push(place);
                }
            });
        }
        self.send(round, &members, sent).await;
    }

    async fn send(&self, round: Round, members: &[Member], sent: std::time::Instant) {
        if round.ended.is_empty() && round.asks.is_empty() {
            return;
        }
        let answer = timeout(PATIENCE, self.store.lease(&round.ended, &round.asks)).await;
        let cause = match answer {
            Ok(Ok(grants)) => {
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("the limits of keys are shared again");
                }
                return round.done(&grants, members, sent);
            }
            Ok(Err(error)) => error.source.to_string(),
            Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
        };
        if !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                cause,
                "the limits of keys cannot be shared; this node refuses what has a limit when \
                 its slices are used up"
            );
        }
        round.failed(members);
    }
}

impl Member {
    fn with_purse(&self, visit: impl FnOnce(&mut Purse)) {
        // A key that is in no book any more has nothing to lose.
        if let Some(usage) = self.usage.upgrade()
            && let Meter::Shared(purse) = &mut *usage.meter()
        {
            visit(purse);
        }
    }
}

impl Round {
    fn ended_by(&mut self, place: usize, purse: &mut Purse, now: std::time::Instant) {
        self.ended.extend(purse.ended(now));
        self.ended_of.resize(self.ended.len(), place);
    }

    fn done(&self, grants: &[SliceGrant], members: &[Member], sent: std::time::Instant) {
        for (ended, place) in self.ended.iter().zip(&self.ended_of) {
            members[*place].with_purse(|purse| purse.told(ended));
        }
        for member in members {
            member.with_purse(Purse::answer);
        }
        for ((ask, grant), place) in self.asks.iter().zip(grants).zip(&self.asks_of) {
            let member = &members[*place];
            member.with_purse(|purse| purse.deposit(ask, grant, &member.limits, sent));
        }
    }

    /// What was told is told again; what was granted, if anything, is lost.
    fn failed(&self, members: &[Member]) {
        for member in members {
            member.with_purse(Purse::miss);
        }
    }
}
