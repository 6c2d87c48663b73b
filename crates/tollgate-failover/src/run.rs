//! The attempt loop: the only place that decides to go on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::time::{Instant, sleep_until, timeout_at};
use tollgate_core::{
    Attempt, AttemptRecord, BoxFuture, CallId, Capabilities, Delivery, Event, Exhausted, Failover,
    Failure, FailureKind, FrameKind, HealthView, HeldBack, LaneId, Next, Observer, Origin, Reply,
    Scope, Trip, Won,
};

use crate::FailoverConfig;
use crate::backoff::{Dice, doubled, full_jitter, upward_jitter};
use crate::budget::{Repeat, RetryBudget};
use crate::commit::{CommitPoint, Committed, Seen, Timers, out_of_time, read_until};
use crate::config::{Limits, Patience};
use crate::health::HealthBook;
use crate::itinerary::{Asked, Itinerary, Leg};
use crate::record::{Running, millis};
use crate::target::Target;
use crate::watch::{Idle, Watch, Witness};

/// Walks plans: tries candidates until one answers, and keeps health by what
/// it sees. The crate's documentation says by which rules.
///
/// # Cancellation
/// Dropping the future of [`run`](Failover::run) drops the running attempt,
/// which closes its upstream; the same holds for the frames of a won reply.
/// Neither is evidence against a target. What the attempt may have cost is in
/// the hold, which was raised before it was sent.
pub struct FailoverManager {
    limits: Limits,
    dice: Dice,
    health: Arc<HealthBook>,
    budgets: DashMap<LaneId, RetryBudget>,
    observer: Arc<dyn Observer>,
}

impl FailoverManager {
    /// A manager that knows of no trouble yet. All its randomness (jitter)
    /// comes from `seed`. Values of `config` out of range are moved to the
    /// nearest that is in it; [`FailoverConfig::check`] reports them.
    pub fn new(config: FailoverConfig, seed: u64, observer: Arc<dyn Observer>) -> Self {
        let limits = config.limits();
        let dice = Dice::new(seed);
        let breakers = Dice::new(dice.roll());
        let health = Arc::new(HealthBook::new(
            limits.rules.clone(),
            breakers,
            observer.clone(),
        ));
        Self {
            limits,
            dice,
            health,
            budgets: DashMap::new(),
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

/// Longer than any call; keeps sums of moments from overflowing.
const LONGEST_CALL: Duration = Duration::from_secs(365 * 86_400);

/// One call on its way through its plan.
struct Walk<'a> {
    manager: &'a FailoverManager,
    trip: Trip<'a>,
    // What all attempts of the call have in common.
    blank: Attempt,
    begun: Instant,
    deadline: Instant,
    // Whether the request itself asks for reasoning.
    reasons: bool,
    itinerary: Itinerary<'a>,
    failed: Vec<AttemptRecord>,
    last: Option<Last>,
    // The ledger's refusal, shown when nothing was tried.
    refusal: Option<Failure>,
    prompt_too_long: u32,
}

/// The last failure, and where it happened.
struct Last {
    failure: Failure,
    lane: LaneId,
}

/// Where a walk stands. Each state is one function, which returns the next.
enum Step<'a> {
    /// Wait until this moment, then send to this target.
    Wait(Target<'a>, Instant, Pass),
    /// The ledger must know of the attempt before it is sent.
    Dispatch(Target<'a>),
    Send(Running<'a>),
    Read(Running<'a>, Reply),
    /// It failed: book it, and decide what follows.
    Weigh(Running<'a>, Seen, Failure),
    Win(Won),
    GiveUp(Failure),
}

/// Whether the breakers have let an attempt through yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Ask,
    Given,
}

impl<'a> Walk<'a> {
    fn new(manager: &'a FailoverManager, trip: Trip<'a>) -> Self {
        let begun = Instant::now();
        let reasons = trip.plan.profile.needs.contains(Capabilities::REASONING);
        Self {
            manager,
            blank: Target::blank(trip.call, trip.plan),
            begun,
            deadline: begun + trip.call.timeout.min(LONGEST_CALL),
            reasons,
            itinerary: Itinerary::new(trip.plan),
            failed: Vec::new(),
            last: None,
            refusal: None,
            prompt_too_long: 0,
            trip,
        }
    }

    async fn run(mut self) -> Result<Won, Exhausted> {
        let mut step = self.choose();
        loop {
            step = match step {
                Step::Wait(target, start, pass) => self.wait(target, start, pass).await,
                Step::Dispatch(target) => self.dispatch(target).await,
                Step::Send(running) => self.send(running).await,
                Step::Read(running, reply) => self.read(running, reply).await,
                Step::Weigh(running, seen, failure) => self.weigh(running, &seen, failure),
                Step::Win(won) => return Ok(won),
                Step::GiveUp(failure) => return Err(self.exhausted(failure)),
            }
        }
    }

    /// Picks the next target, or gives up with the most telling failure.
    fn choose(&mut self) -> Step<'a> {
        let now = Instant::now();
        let limits = &self.manager.limits;
        let pause = self.pause();
        let leg = self.itinerary.next(now, pause, limits, |planned| {
            self.manager.health.ready_at(planned)
        });
        let (target, start, repeat, pass) = match leg {
            Leg::Fresh(target) => {
                let pause = if self.is_first_failover_to(&target) {
                    Duration::ZERO
                } else {
                    pause
                };
                (target, now + pause, Repeat::Call, Pass::Ask)
            }
            Leg::Again(target, start) => (target, start, Repeat::Target, Pass::Ask),
            Leg::Refused(refused) => {
                let soonest = refused.first().map(|(moment, _)| *moment);
                let forced = refused
                    .into_iter()
                    .find(|(_, member)| self.manager.health.force(member.planned, now));
                let Some((_, member)) = forced else {
                    return self.nowhere(soonest, now);
                };
                (Target::one(member), now, Repeat::Call, Pass::Given)
            }
        };
        // A first attempt is made however little time there is: the caller
        // asked for it.
        let least = match self.failed.is_empty() {
            true => Duration::ZERO,
            false => limits.min_attempt,
        };
        if start - now > limits.max_wait || start + least > self.deadline {
            return self.nowhere(None, now);
        }
        if !self.may_repeat(repeat, now) {
            return self.nowhere(None, now);
        }
        Step::Wait(target, start, pass)
    }

    async fn wait(&mut self, target: Target<'a>, start: Instant, pass: Pass) -> Step<'a> {
        if start > Instant::now() {
            sleep_until(start).await;
        }
        let passes = pass == Pass::Given
            || self
                .manager
                .health
                .take(target.first().planned, Instant::now());
        // Another call may have taken the probe in the meantime.
        if passes {
            Step::Dispatch(target)
        } else {
            self.choose()
        }
    }

    async fn dispatch(&mut self, target: Target<'a>) -> Step<'a> {
        let number = u32::try_from(self.failed.len() + 1).unwrap_or(u32::MAX);
        let profile = &self.trip.plan.profile;
        let kept = self.trip.hold.kept();
        let room = profile.ceiling.map(|ceiling| ceiling - kept);
        let attempt = target.attempt(&self.blank, profile, number, room);
        let dispatch = self.trip.ledger.dispatch(self.trip.hold, &attempt);
        match timeout_at(self.deadline, dispatch).await {
            Err(_) => Step::GiveUp(out_of_time()),
            Ok(Ok(())) => {
                let started = Instant::now();
                let running = Running {
                    attempt,
                    target,
                    started,
                    waited: started - self.begun,
                };
                self.trip.hold.note(running.unfinished(&Seen::default()));
                Step::Send(running)
            }
            Ok(Err(failure)) if failure.kind() == FailureKind::BudgetExceeded => {
                self.itinerary.too_dear(attempt.worst);
                self.refusal = Some(failure);
                self.choose()
            }
            Ok(Err(failure)) => Step::GiveUp(failure),
        }
    }

    async fn send(&mut self, running: Running<'a>) -> Step<'a> {
        let attempt = &running.attempt;
        if attempt.number == 1 {
            self.manager.deposit(&attempt.lane, running.started);
        }
        self.manager.observer.on(&Event::AttemptStarted {
            call: attempt.call,
            attempt: attempt.number,
            lane: attempt.lane.clone(),
            models: attempt.models.clone(),
        });
        let timers = self.timers(&running);
        match timeout_at(timers.first, self.trip.provider.send(attempt)).await {
            Ok(Ok(reply)) => Step::Read(running, reply),
            Ok(Err(failure)) => Step::Weigh(running, Seen::of_failure(&failure), failure),
            Err(_) => Step::Weigh(running, Seen::default(), timers.late()),
        }
    }

    async fn read(&mut self, running: Running<'a>, reply: Reply) -> Step<'a> {
        let timers = self.timers(&running);
        let known = Seen::of_head(&reply.head);
        self.trip.hold.note(running.unfinished(&known));
        let point = CommitPoint::of(self.trip.call.delivery);
        let committed = match read_until(point, reply, timers).await {
            Ok(committed) => committed,
            Err((seen, failure)) => return Step::Weigh(running, seen, failure),
        };
        let Committed {
            head,
            seen,
            held_back,
            rest,
        } = committed;
        let first_semantic = seen.first_semantic.map(|moment| moment - running.started);
        self.manager.observer.on(&Event::Committed {
            call: running.attempt.call,
            attempt: running.attempt.number,
            first_token_ms: millis(first_semantic.unwrap_or_else(|| running.started.elapsed())),
        });
        // A body that comes in one piece says nothing of how soon its model begins.
        let in_pieces = held_back.iter().all(|frame| frame.kind != FrameKind::Body);
        let answering = running.answering(&seen);
        let witness = Witness {
            health: self.manager.health.clone(),
            planned: answering.planned.clone(),
            first_token: first_semantic.filter(|_| in_pieces),
        };
        let witness = match rest {
            Some(_) => Some(witness),
            None => {
                witness.worked();
                None
            }
        };
        let seen_back = HeldBack {
            frames: held_back.len(),
            output_bytes: seen.output_bytes,
            usage: seen.usage.clone(),
            finished: seen.finished,
            complete: rest.is_none(),
        };
        let idle = Idle::new(timers.idle);
        let watch = Watch {
            held_back,
            rest,
            idle,
            deadline: self.deadline,
            witness,
        };
        Step::Win(Won {
            reply: Reply {
                head,
                frames: watch.into_frames(),
            },
            running: running.going_on(&seen),
            place: answering.place,
            worst: running.attempt.worst,
            max_output: running.attempt.max_output,
            seen: seen_back,
            failed: std::mem::take(&mut self.failed),
        })
    }

    /// Books a failed attempt, tells health, and decides what follows.
    fn weigh(&mut self, running: Running<'a>, seen: &Seen, failure: Failure) -> Step<'a> {
        let Running {
            target, attempt, ..
        } = &running;
        let now = Instant::now();
        let record = running.failed(self.trip.call, self.trip.plan, seen, &failure);
        if let Some(cost) = record.cost {
            self.trip.hold.keep(cost.amount());
        }
        let spent = target.spent(&failure, &seen.served);
        let blamed = spent.blamed.clone().filter_map(|index| target.get(index));
        self.manager
            .health
            .failed(blamed.map(|member| member.planned), &failure);
        let asked = self.asked(&failure, now);
        self.itinerary.failed(target, &spent, &failure, asked);
        self.trip.hold.note(record.clone());
        self.failed.push(record.clone());
        tell_why(&record, attempt.call, &failure);

        let next = self.after(Last {
            failure,
            lane: attempt.lane.clone(),
        });
        let wait = match &next {
            Step::Wait(_, start, _) => Some(start.saturating_duration_since(now)),
            _ => None,
        };
        self.manager.observer.on(&Event::AttemptFailed {
            call: attempt.call,
            record,
            goes_on: wait.is_some(),
            wait_ms: wait.map_or(0, millis),
        });
        next
    }

    /// What follows a failure, by its own word and the call's limits.
    fn after(&mut self, last: Last) -> Step<'a> {
        let kind = last.failure.kind();
        self.prompt_too_long += u32::from(kind == FailureKind::ContextLength);
        // A prompt that was too long elsewhere as well is too long.
        let goes_on = last.failure.next() != Next::Stop
            && self.prompt_too_long < 2
            && self.failed.len() < self.manager.limits.attempts as usize;
        if !goes_on {
            return Step::GiveUp(last.failure);
        }
        self.last = Some(last);
        self.choose()
    }

    /// Gives up because no target can be tried now: with the last failure if
    /// there was one, else with the reason why nothing was tried.
    fn nowhere(&mut self, soonest: Option<Instant>, now: Instant) -> Step<'a> {
        if let Some(last) = self.last.take() {
            return Step::GiveUp(last.failure);
        }
        if let Some(refusal) = self.refusal.take() {
            return Step::GiveUp(refusal);
        }
        let Some(soonest) = soonest else {
            return Step::GiveUp(out_of_time());
        };
        let failure = Failure::new(
            FailureKind::NoHealthyTarget,
            "every model that could answer is out of service for the moment",
        )
        .with_retry_after(soonest.saturating_duration_since(now))
        .with_hint("try again later, or allow more models");
        Step::GiveUp(failure)
    }

    /// The result of a walk that gave up: nobody outside tries once more, and
    /// the caller learns when it is worth trying again.
    fn exhausted(mut self, failure: Failure) -> Exhausted {
        let failed = std::mem::take(&mut self.failed);
        let failure = failure.stop();
        if failed.is_empty() || failure.origin() == Origin::Caller {
            return Exhausted { failure, failed };
        }
        let failure = failure.with("attempts", failed.len());
        let now = Instant::now();
        let failure = match self.itinerary.asked_until(now) {
            Some(moment) => failure.with_retry_after(moment - now),
            None => failure,
        };
        Exhausted { failure, failed }
    }

    // === limits ===

    fn timers(&self, running: &Running<'_>) -> Timers {
        let limits = &self.manager.limits;
        let patience = self.patience(&running.target);
        let wanted = match self.trip.call.delivery {
            Delivery::Stream => patience.first_event,
            Delivery::Whole => patience.whole,
        };
        let left = self.deadline.saturating_duration_since(running.started);
        let others = running.attempt.number < limits.attempts
            && self.itinerary.has_more_than(&running.target, limits);
        let share = if others {
            left * limits.attempt_share_percent / 100
        } else {
            left
        };
        Timers {
            first: running.started + wanted.min(share),
            // A caller in a hurry must not put targets out of service for others.
            first_scope: if share < wanted {
                Scope::None
            } else {
                Scope::Endpoint
            },
            idle: patience.idle,
            deadline: self.deadline,
        }
    }

    /// How long a target may be silent: longer when it is asked to reason, or
    /// does so by itself.
    fn patience(&self, target: &Target<'_>) -> &'a Patience {
        let limits = &self.manager.limits;
        match self.reasons || target.members().any(|member| member.planned.reasons) {
            true => &limits.reasoning,
            false => &limits.plain,
        }
    }

    /// What a failure's upstream asks for, as moments.
    fn asked(&self, failure: &Failure, now: Instant) -> Asked {
        let wait = failure
            .retry_after()
            .map(|after| after.min(self.manager.limits.rules.retry_after_cap));
        Asked {
            until: wait.map(|wait| now + wait),
            jittered: now + upward_jitter(wait.unwrap_or_default(), self.manager.dice.roll()),
        }
    }

    /// The jittered pause before the next attempt; none before the first.
    fn pause(&self) -> Duration {
        let limits = &self.manager.limits;
        let Some(repeats) = self.failed.len().checked_sub(1) else {
            return Duration::ZERO;
        };
        let repeats = u32::try_from(repeats).unwrap_or(u32::MAX);
        let most = doubled(limits.backoff_base, repeats, limits.backoff_cap);
        full_jitter(most, self.manager.dice.roll())
    }

    /// The first move away from a lane in trouble is made at once.
    fn is_first_failover_to(&self, target: &Target<'_>) -> bool {
        let home = self.failed.first().map(|record| &record.lane);
        let lane = &target.first().planned.lane.id;
        self.failed.iter().all(|record| Some(&record.lane) == home)
            && self.last.as_ref().is_some_and(|last| last.lane != *lane)
    }

    /// Whether the retry budgets allow one more attempt. The first of a call
    /// is no repeat.
    fn may_repeat(&self, repeat: Repeat, now: Instant) -> bool {
        self.failed
            .first()
            .is_none_or(|record| self.manager.withdraw(&record.lane, repeat, now))
    }
}

// === retry budgets ===

impl FailoverManager {
    fn deposit(&self, lane: &LaneId, now: Instant) {
        let rules = &self.limits.retries;
        let mut budget = self
            .budgets
            .entry(lane.clone())
            .or_insert_with(|| RetryBudget::new(now, rules));
        budget.deposit(now);
    }

    fn withdraw(&self, lane: &LaneId, repeat: Repeat, now: Instant) -> bool {
        let rules = &self.limits.retries;
        self.budgets
            .get_mut(lane)
            .is_none_or(|mut budget| budget.withdraw(now, repeat, rules))
    }
}

/// The upstream's own words and the causes go to the log, at debug level: they
/// can hold pieces of prompts, which no event and no receipt may.
fn tell_why(record: &AttemptRecord, call: CallId, failure: &Failure) {
    let mut causes = String::new();
    let mut source = std::error::Error::source(failure);
    while let Some(cause) = source {
        causes.push_str(&format!("; {cause}"));
        source = cause.source();
    }
    tracing::debug!(
        %call,
        attempt = record.number,
        %failure,
        causes = causes.trim_start_matches("; "),
        detail = failure.detail().unwrap_or_default(),
        "attempt failed"
    );
}
