//! The manager: what all walks share.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;
use tollgate_core::{
    BoxFuture, Exhausted, Failover, HealthView, LaneCheck, Observer, Planned, Trip, Won,
};

use crate::budget::Budgets;
use crate::config::FailoverConfig;
use crate::dice::Dice;
use crate::door::Door;
use crate::health::HealthBook;
use crate::itinerary::{Doors, Load};
use crate::limits::Limits;
use crate::run::Walk;

/// Walks plans: tries candidates until one answers, and keeps health by what
/// it sees. The crate's documentation says by which rules.
///
/// # Cancellation
/// Dropping the future of [`run`](Failover::run) drops the running attempts,
/// which closes their upstreams; the same holds for the frames of a won reply.
/// Neither is evidence against a target. What the attempts may have cost is in
/// the hold, which was raised before they were sent.
pub struct FailoverManager {
    pub(crate) limits: Limits,
    pub(crate) dice: Dice,
    pub(crate) health: Arc<HealthBook>,
    pub(crate) budgets: Budgets,
    pub(crate) observer: Arc<dyn Observer>,
}

impl FailoverManager {
    /// A manager that knows of no trouble yet. All its randomness (jitter)
    /// comes from `seed`. Values of `config` out of range are moved to the
    /// nearest that is in it; [`FailoverConfig::check`] reports them.
    pub fn new(config: FailoverConfig, seed: u64, observer: Arc<dyn Observer>) -> Self {
        Self::build(config, seed, observer, None)
    }

    /// As [`new`](Self::new), with somebody to ask, for free, whether keys that
    /// were refused and accounts without money can be used again. Without, calls
    /// have to find out. Questions are asked by tasks of the current runtime.
    pub fn with_check(
        config: FailoverConfig,
        seed: u64,
        observer: Arc<dyn Observer>,
        check: Arc<dyn LaneCheck>,
    ) -> Self {
        Self::build(config, seed, observer, Some(check))
    }

    fn build(
        config: FailoverConfig,
        seed: u64,
        observer: Arc<dyn Observer>,
        check: Option<Arc<dyn LaneCheck>>,
    ) -> Self {
        let limits = config.limits();
        let dice = Dice::new(seed);
        let health = HealthBook::new(limits.clone(), Dice::new(dice.roll()), observer.clone());
        Self {
            health: Arc::new(match check {
                Some(check) => health.with_check(check),
                None => health,
            }),
            budgets: Budgets::new(&limits),
            limits,
            dice,
            observer,
        }
    }
}

impl fmt::Debug for FailoverManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailoverManager")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Failover for FailoverManager {
    fn health(&self) -> HealthView {
        self.health.view()
    }

    fn run<'a>(&'a self, trip: Trip<'a>) -> BoxFuture<'a, Result<Won, Exhausted>> {
        Box::pin(Walk::new(self, trip).run())
    }
}

impl Doors for FailoverManager {
    fn door(&self, planned: &Planned, at: Instant) -> Door {
        self.health.door(planned, at)
    }

    fn opens_at(&self, planned: &Planned, now: Instant) -> Instant {
        self.health.opens_at(planned, now)
    }

    fn limited_until(&self, planned: &Planned, now: Instant) -> Option<Instant> {
        let limited = self.health.limited_until(planned, now)?;
        let then = self.health.door(planned, limited);
        then.passes().then_some(limited)
    }

    fn is_fair_probe(&self, planned: &Planned) -> bool {
        self.health.is_fair_probe(planned)
    }

    fn load(&self, planned: &Planned) -> Load {
        self.health.load(planned)
    }

    fn roll(&self) -> u64 {
        self.dice.roll()
    }
}
