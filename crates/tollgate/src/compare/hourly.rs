//! Compares, once an hour, what this gateway has booked with what OpenRouter
//! says that the key has spent.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;
use tollgate_core::{Event, Failure, Observer, Spot, Usd};
use tollgate_ledger::{Totals, UsageTracker};
use tollgate_transport::OpenRouterProvider;

use super::{Tolerance, account};
use crate::lanes::openrouter_lane;

/// The first question comes when a short command has long ended.
const FIRST_AFTER: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(3_600);
const TOLERANCE: Tolerance = Tolerance(Usd::from_nanos(10_000_000));

/// Who knows what the key has spent in all.
#[async_trait]
pub(crate) trait Meter: Send + Sync + 'static {
    async fn spent(&self) -> Result<Usd, Failure>;
}

#[async_trait]
impl Meter for OpenRouterProvider {
    async fn spent(&self) -> Result<Usd, Failure> {
        Ok(account::spend(self).await?.ever)
    }
}

/// The task that compares. It ends when it is stopped.
pub(crate) struct Hourly(AbortHandle);

impl Hourly {
    pub(crate) fn start(
        meter: impl Meter,
        ledger: Arc<UsageTracker>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let booked = move || ledger.totals();
        Self(tokio::spawn(run(meter, booked, observer)).abort_handle())
    }

    pub(crate) fn stop(&self) {
        self.0.abort();
    }
}

/// Both sides at about the same moment: ours just before and just after.
#[derive(Debug, Clone, Copy)]
struct Reading {
    before: Totals,
    theirs: Usd,
    after: Totals,
}

/// How far the two sides have come apart between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Apart {
    No,
    /// They count more than we can have spent.
    More(Usd),
    /// They count less than we have booked, which may only be late.
    Less(Usd),
}

async fn run(meter: impl Meter, booked: impl Fn() -> Totals, observer: Arc<dyn Observer>) {
    tokio::time::sleep(FIRST_AFTER).await;
    let mut watch = Watch::default();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Some(what) = watch.look(&meter, &booked).await {
            let lane = openrouter_lane();
            observer.on(&Event::Alarm {
                spot: Spot::Key { lane },
                what,
            });
        }
    }
}

/// What has been seen so far.
#[derive(Debug, Default)]
struct Watch {
    /// The first reading, or that of the last alarm.
    first: Option<Reading>,
    was_less: bool,
}

impl Watch {
    /// Reads both sides, and says what is wrong. What was said once is not
    /// said again.
    async fn look(&mut self, meter: &impl Meter, booked: impl Fn() -> Totals) -> Option<String> {
        let before = booked();
        // A question that fails is asked again in an hour; health tells of
        // upstreams that are away.
        let theirs = meter.spent().await.ok()?;
        let now = Reading {
            before,
            theirs,
            after: booked(),
        };
        let first = self.first.get_or_insert(now);
        let apart = now.apart(first);
        let alarm = match apart {
            Apart::More(amount) => Some(format!(
                "OpenRouter counts ${amount} more for this key than the ledger: another program \
                 may use the key; see `tollgate reconcile`"
            )),
            Apart::Less(amount) if self.was_less => Some(format!(
                "OpenRouter counts ${amount} less for this key than the ledger, for two hours; \
                 see `tollgate reconcile`"
            )),
            _ => None,
        };
        if alarm.is_some() {
            *first = now;
        }
        self.was_less = alarm.is_none() && matches!(apart, Apart::Less(_));
        alarm
    }
}

impl Reading {
    /// Calls that ran at either reading may be on one side only, and what is
    /// unresolved may have cost anything up to its worst case, then or since.
    /// Both are those of all lanes, so where direct lanes are used as well this
    /// allows for more than it has to.
    fn apart(&self, first: &Self) -> Apart {
        let charged = self.theirs - first.theirs;
        let since_unresolved = self.after.unresolved - first.before.unresolved;
        let most = self.after.credits - first.before.credits
            + self.after.held
            + since_unresolved.max(Usd::ZERO);
        let least =
            self.before.credits - first.after.credits - first.after.held - first.after.unresolved;
        if charged > most && !TOLERANCE.allows(charged - most, charged) {
            Apart::More(charged - most)
        } else if charged < least && !TOLERANCE.allows(charged - least, charged) {
            Apart::Less(least - charged)
        } else {
            Apart::No
        }
    }
}

#[cfg(test)]
mod tests;
