//! What one node may use of a key's minute, when several nodes share it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::store::{EndedSlice, SLICE_FOR, SLICE_WINDOW, SliceAsk, SliceGrant};
use super::{Amount, LimitRefusal, Limits};

/// A slice that ends so soon is replaced.
pub(super) const RENEW: Duration = Duration::from_secs(2);

/// When to come back for a slice that is on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// How long a key that got less than it asked for does not ask again.
const DRY: Duration = Duration::from_secs(1);

/// With each slice, the memory of the largest request fades by this part, so that
/// one request does not have a node hold much of a limit for ever.
const FADES: u64 = 8;

/// The slices of one key.
#[derive(Debug)]
pub(super) struct Purse {
    /// In the order in which they end. Those that have ended stay as long as
    /// they count, since what they came to is told by and by.
    slices: Vec<Slice>,
    /// Most tokens that a request has asked for of late, so that a slice has room
    /// for the next one.
    largest: u64,
    standing: Standing,
    /// Whom to tell that it runs low.
    wake: Arc<Notify>,
}

#[derive(Debug)]
struct Slice {
    id: u64,
    until: Instant,
    /// Whether nothing may be taken of it any more.
    closed: bool,
    granted: Amount,
    used: Amount,
    reported: Option<Amount>,
}

/// What the store has said last.
#[derive(Debug, Clone, Copy)]
enum Standing {
    Well,
    /// It gave less than was asked for.
    Dry {
        /// When to ask again.
        until: Instant,
        /// When something is likely to be free.
        frees: Instant,
    },
    /// Nothing: it does not answer.
    Gone,
    /// Nothing: it is not asked any more.
    Closed,
}

impl Purse {
    pub(super) fn new(wake: Arc<Notify>) -> Self {
        Self {
            slices: Vec::new(),
            largest: 0,
            standing: Standing::Well,
            wake,
        }
    }

    /// Takes all of it from one slice, whose id it returns, or nothing.
    pub(super) fn take(
        &mut self,
        ask: Amount,
        limits: &Limits,
        now: Instant,
    ) -> Result<u64, LimitRefusal> {
        self.largest = self.largest.max(ask.tokens);
        let slice = self
            .slices
            .iter_mut()
            .find(|slice| slice.is_open(now) && ask.fits(slice.left()));
        let id = slice.map(|slice| {
            slice.used = slice.used + ask;
            slice.id
        });
        if self.runs_low(limits, now) {
            self.wake.notify_one();
        }
        id.ok_or_else(|| self.refusal(ask, limits, now))
    }

    /// Replaces what was taken of a slice by what it came to. Too late to be
    /// told, what was missing is taken of the newest.
    pub(super) fn correct(&mut self, id: u64, taken: Amount, used: Amount) {
        if let Some(slice) = self.slices.iter_mut().find(|slice| slice.id == id) {
            slice.used = slice.used + used - taken;
        } else if let Some(newest) = self.slices.last_mut() {
            newest.used = newest.used + (used - taken);
        }
    }

    /// What has to be told of slices that have ended. When the limit is tight,
    /// those that end soon end now, if the store can be asked again: what is
    /// left of them is granted anew in the same go.
    pub(super) fn ended(&mut self, now: Instant) -> impl Iterator<Item = EndedSlice> {
        let is_tight = matches!(self.standing, Standing::Dry { until, .. } if until <= now);
        for slice in &mut self.slices {
            slice.closed |= slice.until <= now || (is_tight && slice.until <= now + RENEW);
        }
        self.slices
            .retain(|slice| now < slice.until + (SLICE_WINDOW - SLICE_FOR));
        self.slices
            .iter()
            .filter(|slice| slice.closed && slice.reported != Some(slice.used))
            .map(|slice| EndedSlice {
                id: slice.id,
                requests: slice.used.requests,
                tokens: slice.used.tokens,
            })
    }

    /// Ends all slices, for a node that stops.
    pub(super) fn close(&mut self) {
        self.slices.iter_mut().for_each(|slice| slice.closed = true);
        self.standing = Standing::Closed;
    }

    /// What to ask the store for, if anything.
    pub(super) fn ask(&self, key: &Arc<str>, limits: &Limits, now: Instant) -> Option<SliceAsk> {
        let waits = match self.standing {
            Standing::Well | Standing::Gone => false,
            Standing::Dry { until, .. } => now < until,
            Standing::Closed => true,
        };
        if waits || !self.runs_low(limits, now) {
            return None;
        }
        let (slice, most) = (self.slice(limits), limits.most());
        Some(SliceAsk {
            key: key.clone(),
            most_requests: most.requests,
            most_tokens: most.tokens,
            requests: limits.requests.map_or(0, |_| slice.requests),
            tokens: limits.tokens.map_or(0, |_| slice.tokens),
        })
    }

    /// Takes in what was granted for an ask that was made at that moment.
    pub(super) fn deposit(
        &mut self,
        ask: &SliceAsk,
        grant: &SliceGrant,
        limits: &Limits,
        sent: Instant,
    ) {
        // What is not limited was not asked for.
        let granted = Amount {
            requests: limits.requests.map_or(u64::MAX, |_| grant.requests),
            tokens: limits.tokens.map_or(u64::MAX, |_| grant.tokens),
        };
        if (grant.requests, grant.tokens) != (0, 0) {
            self.slices.push(Slice {
                id: grant.id,
                until: sent + SLICE_FOR,
                // Half of what a request needs helps nobody here.
                closed: granted.requests == 0 || (granted.tokens == 0 && self.largest > 0),
                granted,
                used: Amount::default(),
                reported: None,
            });
        }
        self.largest -= self.largest / FADES;
        self.standing = if grant.requests < ask.requests || grant.tokens < ask.tokens {
            let frees = grant.frees_in.max(ON_ITS_WAY);
            Standing::Dry {
                until: sent + frees.min(DRY),
                frees: sent + frees,
            }
        } else {
            Standing::Well
        };
    }

    /// The store knows what this slice came to.
    pub(super) fn told(&mut self, ended: &EndedSlice) {
        if let Some(slice) = self.slices.iter_mut().find(|slice| slice.id == ended.id) {
            slice.reported = Some(Amount {
                requests: ended.requests,
                tokens: ended.tokens,
            });
        }
    }

    /// The store did not answer.
    pub(super) fn miss(&mut self) {
        self.standing = Standing::Gone;
    }

    /// The store has answered others.
    pub(super) fn answer(&mut self) {
        if matches!(self.standing, Standing::Gone) {
            self.standing = Standing::Well;
        }
    }

    /// A tenth of the limit, so that several nodes find something, and room for
    /// two requests of the largest kind.
    fn slice(&self, limits: &Limits) -> Amount {
        let most = limits.most();
        Amount {
            requests: (most.requests / 10).max(1),
            tokens: (most.tokens / 10)
                .max(self.largest.saturating_mul(2))
                .max(1)
                .min(most.tokens),
        }
    }

    /// Whether less than half a slice is left that does not end soon.
    fn runs_low(&self, limits: &Limits, now: Instant) -> bool {
        let fresh = self
            .slices
            .iter()
            .filter(|slice| slice.is_open(now + RENEW));
        let left = fresh.fold(Amount::default(), |sum, slice| sum + slice.left());
        let slice = self.slice(limits);
        let is_low = |left: u64, slice: u64| left < slice.div_ceil(2);
        is_low(left.requests, slice.requests) || is_low(left.tokens, slice.tokens)
    }

    fn refusal(&self, ask: Amount, limits: &Limits, now: Instant) -> LimitRefusal {
        let retry_after = match self.standing {
            Standing::Gone | Standing::Closed => return LimitRefusal::StoreGone,
            Standing::Well => ON_ITS_WAY,
            Standing::Dry { frees, .. } => frees.saturating_duration_since(now).max(ON_ITS_WAY),
        };
        let open = self.slices.iter().filter(|slice| slice.is_open(now));
        let requests = open.map(|slice| slice.left().requests).max().unwrap_or(0);
        LimitRefusal::of(ask, requests == 0, limits, retry_after)
    }
}

impl Slice {
    fn is_open(&self, now: Instant) -> bool {
        !self.closed && now < self.until
    }

    fn left(&self) -> Amount {
        self.granted - self.used
    }
}
