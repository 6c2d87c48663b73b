//! The attempt loop: the only place that decides to go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use tollgate_core::{
    Attempt, AttemptRecord, Capabilities, Delivery, Event, Exhausted, Failure, FailureKind, LaneId,
    Next, Origin, Scope, Surface, Trip, UpstreamStream, Usd, Won,
};

use crate::backoff::upward_jitter;
use crate::budget::Repeat;
use crate::commit::{Seen, out_of_time};
use crate::config::OnRefusal;
use crate::in_flight::Ticket;
use crate::itinerary::{Itinerary, Leg, Refused};
use crate::manager::FailoverManager;
use crate::record::{Running, millis};
use crate::redact::without_words_of;
use crate::span;
use crate::target::{Manner, Target};

mod allowance;
mod race;

/// Longer than any call; keeps sums of moments from overflowing.
const LONGEST_CALL: Duration = Duration::from_secs(365 * 86_400);

/// How long a call waits for a slot of a target that has none free.
const LONGEST_QUEUE: Duration = Duration::from_millis(100);

/// When a caller may come back to targets whose slots are all taken.
const QUEUE_AGAIN: Duration = Duration::from_secs(1);

/// One call on its way through its plan.
pub(crate) struct Walk<'a> {
    manager: &'a FailoverManager,
    trip: Trip<'a>,
    manner: Manner,
    begun: Instant,
    deadline: Instant,
    // Whether the request itself asks for reasoning.
    reasons: bool,
    itinerary: Itinerary<'a>,
    // Attempts that were sent, those of earlier walks included.
    sent: u32,
    // Lanes of the attempts that failed, those of earlier walks included.
    failed_on: Vec<LaneId>,
    over: Vec<AttemptRecord>,
    last: Option<Failure>,
    // The ledger's refusal, shown when nothing was tried.
    refusal: Option<Failure>,
    prompt_too_long: u32,
    has_queued: bool,
    // What is kept of the hold for the first of two attempts side by side.
    doubled: Usd,
}

/// Where a walk stands. Each state is one function, which returns the next.
enum Step<'a> {
    /// Wait until this moment, then send to this target.
    Wait(Target<'a>, Instant, Pass),
    /// The ledger must know of the attempt before it is sent.
    Dispatch(Target<'a>, Ticket),
    /// Up to the commit point, with a second attempt beside it or not.
    Race(Running<'a>),
    /// It failed: book it, and decide what follows.
    Weigh(Running<'a>, Seen, Failure),
    Win(Box<Won>),
    GiveUp(Failure),
}

/// Why there is nowhere to go.
enum Why {
    /// The call's time is over, or nearly.
    NoTime,
    /// No target may be tried, or none is left; when the first may be again.
    NoTarget(Option<Instant>),
}

/// An attempt that the ledger did not let go.
struct NotRecorded {
    failure: Failure,
    worst: Usd,
    /// The candidate's place in the plan.
    place: usize,
}

/// Where to, from when on, what it repeats, and whether it was let through.
type Way<'a> = (Target<'a>, Instant, Repeat, Pass);

/// Whether an attempt was let through yet.
#[derive(Debug)]
enum Pass {
    Ask,
    Given(Ticket),
}

impl<'a> Walk<'a> {
    pub(crate) fn new(manager: &'a FailoverManager, trip: Trip<'a>) -> Self {
        let now = Instant::now();
        let begun = now.checked_sub(trip.used).unwrap_or(now);
        let reasons = trip.plan.profile.needs.contains(Capabilities::REASONING);
        let earlier = trip.earlier;
        let asked = trip.call.hints.upstream_stream;
        let upstream_stream = asked.unwrap_or(manager.limits.upstream_stream);
        // Only the pieces of chats are put together again.
        let is_chat = trip.call.request.surface() == Surface::Chat;
        let delivery = match is_chat && upstream_stream == UpstreamStream::Always {
            true => Delivery::Stream,
            false => trip.call.delivery,
        };
        let strict = trip.call.hints.strict.unwrap_or(manager.limits.strict);
        Self {
            manager,
            manner: Manner { delivery, strict },
            begun,
            deadline: begun + trip.call.timeout.min(LONGEST_CALL),
            reasons,
            itinerary: Itinerary::new(trip.plan, earlier),
            sent: earlier
                .iter()
                .map(|record| record.number)
                .max()
                .unwrap_or(0),
            failed_on: failed_on(earlier),
            over: Vec::new(),
            last: None,
            refusal: None,
            prompt_too_long: 0,
            has_queued: false,
            doubled: Usd::ZERO,
            trip,
        }
    }

    pub(crate) async fn run(mut self) -> Result<Won, Exhausted> {
        let mut step = self.choose();
        loop {
            step = match step {
                Step::Wait(target, start, pass) => self.wait(target, start, pass).await,
                Step::Dispatch(target, ticket) => self.dispatch(target, ticket).await,
                Step::Race(running) => self.race(running).await,
                Step::Weigh(running, seen, failure) => self.weigh(running, &seen, failure),
                Step::Win(won) => return Ok(*won),
                Step::GiveUp(failure) => return Err(self.exhausted(failure)),
            }
        }
    }

    /// Picks the next target, or gives up with the most telling failure.
    fn choose(&mut self) -> Step<'a> {
        let now = Instant::now();
        let manager = self.manager;
        if self.sent >= manager.limits.attempts {
            return Step::GiveUp(used_up());
        }
        let pause = self.pause();
        let leg = self.itinerary.next(now, pause, &manager.limits, manager);
        let (target, start, repeat, pass) = match leg {
            Leg::Fresh(target) => {
                let start = now + self.pause_before(&target, pause);
                (target, start, Repeat::Call, Pass::Ask)
            }
            Leg::Again(target, start) => (target, start, Repeat::Target, Pass::Ask),
            Leg::Crowded(target) if !self.has_queued => {
                self.has_queued = true;
                (target, now + LONGEST_QUEUE, Repeat::Call, Pass::Ask)
            }
            Leg::Crowded(_) => {
                return self.nowhere(Why::NoTarget(Some(now + QUEUE_AGAIN)), now);
            }
            Leg::Refused(refused) => match self.despite(&refused, pause, now) {
                Some(way) => way,
                None => {
                    let opens_at = refused.iter().map(|refused| refused.opens_at).min();
                    return self.nowhere(Why::NoTarget(opens_at), now);
                }
            },
        };
        // A first attempt is made however little time there is: the caller
        // asked for it.
        let least = match self.sent {
            0 => Duration::ZERO,
            _ => manager.limits.min_attempt,
        };
        if start + least > self.deadline {
            return self.nowhere(Why::NoTime, now);
        }
        if start - now > manager.limits.max_wait || !self.may_repeat(repeat, now) {
            return self.nowhere(Why::NoTarget(Some(start)), now);
        }
        Step::Wait(target, start, pass)
    }

    /// A way to go although every candidate is refused: to the first that is
    /// worth a try all the same, else to the one whose limit is over soonest.
    fn despite(&self, refused: &[Refused<'a>], pause: Duration, now: Instant) -> Option<Way<'a>> {
        let health = &self.manager.health;
        let forced = refused.iter().find_map(|refused| {
            let ticket = health.force(refused.member.planned, now, refused.repeat)?;
            Some((refused, ticket))
        });
        if let Some((refused, ticket)) = forced {
            let target = Target::one(refused.member);
            let start = refused.start.max(now + self.pause_before(&target, pause));
            return Some((target, start, refused.repeat, Pass::Given(ticket)));
        }
        let limited = |refused: &Refused<'a>| Some((refused.limited_until?, *refused));
        let (until, refused) = refused
            .iter()
            .filter_map(limited)
            .min_by_key(|(until, refused)| (*until, refused.member.place))?;
        let start = now + upward_jitter(until - now, self.manager.dice.roll());
        let start = start.max(refused.start);
        let is_near = start - now <= self.manager.limits.max_wait && start < self.deadline;
        let target = Target::one(refused.member);
        is_near.then_some((target, start, refused.repeat, Pass::Ask))
    }

    async fn wait(&mut self, target: Target<'a>, start: Instant, pass: Pass) -> Step<'a> {
        if start > Instant::now() {
            sleep_until(start).await;
        }
        let ticket = match pass {
            Pass::Given(ticket) => Some(ticket),
            Pass::Ask => {
                let health = &self.manager.health;
                health.enter(target.first().planned, Instant::now())
            }
        };
        // Another call may have taken the probe, or the slot, in the meantime.
        match ticket {
            Some(ticket) => Step::Dispatch(target, ticket),
            None => self.choose(),
        }
    }

    async fn dispatch(&mut self, target: Target<'a>, ticket: Ticket) -> Step<'a> {
        match self.record(target, ticket).await {
            Ok(running) => Step::Race(running),
            Err(NotRecorded {
                failure,
                worst,
                place,
            }) => match failure.kind() {
                FailureKind::BudgetExceeded => {
                    match failure.rule().scope {
                        Scope::Endpoint => self.itinerary.not_affordable(place),
                        _ => self.itinerary.too_dear(worst),
                    }
                    self.refusal = Some(failure);
                    self.choose()
                }
                _ => Step::GiveUp(failure),
            },
        }
    }

    /// Has the ledger record an attempt, and raise the hold for it.
    async fn record(
        &mut self,
        target: Target<'a>,
        ticket: Ticket,
    ) -> Result<Running<'a>, NotRecorded> {
        let profile = &self.trip.plan.profile;
        let kept = self.trip.hold.kept();
        let room = profile.ceiling.map(|ceiling| ceiling - kept);
        let attempt = target.attempt(&self.trip, self.manner, self.sent + 1, room);
        let dispatch = self.trip.ledger.dispatch(self.trip.hold, &attempt);
        let recorded = timeout_at(self.deadline, dispatch).await;
        if let Err(failure) = recorded.unwrap_or_else(|_| Err(out_of_time())) {
            let worst = attempt.worst;
            let place = target.first().place;
            return Err(NotRecorded {
                failure,
                worst,
                place,
            });
        }
        self.sent += 1;
        let started = Instant::now();
        let span = span::open(&attempt, target.first().planned);
        let running = Running {
            attempt: Arc::new(attempt),
            target,
            started,
            waited: started - self.begun,
            ticket,
            span,
        };
        self.trip.hold.note(running.unfinished(&Seen::default()));
        Ok(running)
    }

    // === after a failure ===

    /// Books a failed attempt, tells health, and decides what follows.
    fn weigh(&mut self, running: Running<'a>, seen: &Seen, failure: Failure) -> Step<'a> {
        let now = Instant::now();
        let record = self.book(&running, seen, &failure);
        let next = self.after(failure);
        let wait = match &next {
            Step::Wait(_, start, _) => Some(start.saturating_duration_since(now)),
            _ => None,
        };
        self.tell_failed(&running, record, wait);
        next
    }

    /// Books a failed attempt, and tells health.
    fn book(&mut self, running: &Running<'a>, seen: &Seen, failure: &Failure) -> AttemptRecord {
        let target = &running.target;
        let record = running.failed(self.trip.call, self.trip.plan, seen, failure);
        let spent = target.spent(failure, &seen.served);
        let blamed = spent.blamed.clone().filter_map(|index| target.get(index));
        self.manager
            .health
            .failed(blamed.map(|member| member.planned), failure);
        let asked = self.asked(failure, Instant::now());
        self.itinerary.failed(target, &spent, failure, asked);
        if failure.kind() == FailureKind::ContextLength {
            self.prompt_too_long += 1;
            let likely = self.trip.plan.profile.prompt.likely;
            // The estimate and five percent.
            self.itinerary
                .too_long(target, likely.saturating_add(likely / 20));
        }
        self.failed_on.push(running.attempt.lane.clone());
        self.keep(record.clone());
        span::over(&running.span, &record);
        tell_why(&record, &running.attempt, failure);
        record
    }

    /// Keeps the record of an attempt that is over, and what it may have cost.
    fn keep(&mut self, record: AttemptRecord) {
        if let Some(cost) = record.cost {
            self.trip.hold.keep(cost.amount());
        }
        self.trip.hold.note(record.clone());
        self.over.push(record);
    }

    /// `wait` is the time until the next attempt, if there is one.
    fn tell_failed(&self, running: &Running<'a>, record: AttemptRecord, wait: Option<Duration>) {
        self.manager.observer.on(&Event::AttemptFailed {
            call: running.attempt.call,
            record,
            goes_on: wait.is_some(),
            wait_ms: wait.map_or(0, millis),
        });
    }

    /// What follows a failure, by its own word and the call's limits.
    fn after(&mut self, failure: Failure) -> Step<'a> {
        // A prompt that was too long elsewhere as well is too long.
        let goes_on = self.allows_more(&failure)
            && self.prompt_too_long < 2
            && self.sent < self.manager.limits.attempts;
        if !goes_on {
            return Step::GiveUp(failure);
        }
        self.last = Some(failure);
        self.choose()
    }

    /// Whether a failure leaves a choice: by its own word, or because refusals
    /// by policy are not to be taken for an answer here.
    fn allows_more(&self, failure: &Failure) -> bool {
        let refused = failure.kind() == FailureKind::ContentPolicy;
        failure.next() != Next::Stop
            || (refused && self.manager.limits.on_refusal == OnRefusal::FailOver)
    }

    /// Gives up because no target can be tried now: with the last failure if
    /// there was one, else with the reason why nothing was tried.
    fn nowhere(&mut self, why: Why, now: Instant) -> Step<'a> {
        if let Some(failure) = self.last.take().or_else(|| self.refusal.take()) {
            return Step::GiveUp(failure);
        }
        let Why::NoTarget(opens_at) = why else {
            return Step::GiveUp(out_of_time());
        };
        let failure = Failure::new(
            FailureKind::NoHealthyTarget,
            match opens_at {
                Some(_) => "every model that could answer is out of service for the moment",
                None => "no other model is left that could answer",
            },
        )
        .with_hint("try again later, or allow more models");
        let failure = match opens_at {
            Some(moment) => failure.with_retry_after(moment.saturating_duration_since(now)),
            None => failure,
        };
        let first = self.trip.plan.first();
        Step::GiveUp(match self.manager.health.last_failure(first) {
            Some(why) => failure.with("last_failure", why),
            None => failure,
        })
    }

    /// The result of a walk that gave up: nobody outside tries once more, and
    /// the caller learns when it is worth trying again.
    fn exhausted(mut self, failure: Failure) -> Exhausted {
        let failed = std::mem::take(&mut self.over);
        let failure = failure.stop();
        if failed.is_empty() || failure.origin() == Origin::Caller {
            return Exhausted { failure, failed };
        }
        let failure = failure.with("attempts", self.sent);
        let now = Instant::now();
        let failure = match self.itinerary.asked_until(now) {
            Some(moment) => failure.with_retry_after(moment - now),
            None => failure,
        };
        Exhausted { failure, failed }
    }
}

/// Lanes of earlier attempts that failed. One whose answer was rejected did not:
/// to go on after it neither pauses nor uses up a retry.
fn failed_on(earlier: &[AttemptRecord]) -> Vec<LaneId> {
    let failed = earlier.iter().filter(|record| !record.end.gave_way());
    failed.map(|record| record.lane.clone()).collect()
}

/// What ends a walk that follows one which made all attempts a call may have.
fn used_up() -> Failure {
    Failure::new(
        FailureKind::NoHealthyTarget,
        "the call has made all the attempts it may make",
    )
    .with_hint("raise `failover.attempts`")
}

/// The upstream's own words and the causes go to the log, at debug level, and
/// to no event and no receipt: they can repeat the prompt, whose words are left
/// out here too.
fn tell_why(record: &AttemptRecord, attempt: &Attempt, failure: &Failure) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let mut causes = String::new();
    let mut source = std::error::Error::source(failure);
    while let Some(cause) = source {
        causes.push_str(&format!("; {cause}"));
        source = cause.source();
    }
    let causes = without_words_of(attempt, causes.trim_start_matches("; "));
    let detail = failure.detail().unwrap_or_default();
    tracing::debug!(
        call = %attempt.call,
        attempt = record.number,
        %failure,
        causes,
        detail = without_words_of(attempt, detail),
        "attempt failed"
    );
}
