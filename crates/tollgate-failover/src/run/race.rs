//! An attempt up to its commit point, with a second one beside it or not.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{AttemptEnd, Event, FrameKind, HeldBack, Reply, Won};

use super::{Step, Walk};
use crate::commit::{CommitPoint, Committed};
use crate::exchange::{Progress, Race, Racer, Turn, exchange};
use crate::record::{Running, millis};
use crate::span;
use crate::watch::{Idle, Watch, Witness};

impl<'a> Walk<'a> {
    pub(super) async fn race(&mut self, running: Running<'a>) -> Step<'a> {
        let slow_at = self.slow_at(&running);
        let mut race = Race::new(self.start(running), slow_at);
        loop {
            match race.next().await {
                Turn::Slow => {
                    let slow = race.first();
                    // Seldom, and large: a race need not hold it.
                    if let Some(second) = Box::pin(self.hedge(slow)).await {
                        race.join(second);
                    }
                }
                Turn::Progress(place, Progress::Head { known, limits }) => {
                    let racer = race.get_mut(place);
                    let planned = racer.running.target.first().planned;
                    self.manager.health.learn(planned, &limits);
                    self.trip.hold.note(racer.running.unfinished(&known));
                    if let Some(generation) = &known.served.generation {
                        let number = racer.running.attempt.number;
                        self.trip.ledger.name(self.trip.hold, number, generation);
                    }
                    racer.known = known;
                }
                Turn::Progress(place, Progress::Over(outcome)) => {
                    let racer = race.leave(place);
                    self.release_doubled();
                    match *outcome {
                        Ok(committed) => {
                            if let Some(other) = race.other() {
                                self.outrun(&other);
                            }
                            return self.win(racer.running, committed);
                        }
                        Err((seen, failure)) if race.is_over() => {
                            return Step::Weigh(racer.running, seen, failure);
                        }
                        Err((seen, failure)) => {
                            let record = self.book(&racer.running, &seen, &failure);
                            self.tell_failed(&racer.running, record, Some(Duration::ZERO));
                        }
                    }
                }
            }
        }
    }

    /// Sends an attempt.
    fn start(&self, running: Running<'a>) -> Racer<'a> {
        let attempt = &running.attempt;
        if attempt.number == 1 {
            self.manager.budgets.deposit(&attempt.lane, running.started);
        }
        self.manager.observer.on(&Event::AttemptStarted {
            call: attempt.call,
            attempt: attempt.number,
            lane: attempt.lane.clone(),
            models: attempt.models.clone(),
        });
        let point = CommitPoint::of(self.trip.call.delivery, self.manager.limits.buffer);
        let timers = self.timers(&running);
        let span = running.span.clone();
        let progress = exchange(self.trip.provider, Arc::clone(attempt), point, timers, span);
        Racer::new(running, progress)
    }

    /// Starts a second attempt beside a slow one, if that is allowed and paid for.
    async fn hedge(&mut self, slow: &Running<'a>) -> Option<Racer<'a>> {
        let manager = self.manager;
        let now = Instant::now();
        let enough_time = now + manager.limits.min_attempt <= self.deadline;
        if self.sent >= manager.limits.attempts || !enough_time {
            return None;
        }
        let beside = &slow.target;
        let target = self
            .itinerary
            .beside(beside, now, &manager.limits, manager)?;
        let lane = &slow.attempt.lane;
        if !manager.budgets.may_hedge(lane, now) {
            return None;
        }
        let ticket = manager.health.enter(target.first().planned, now)?;
        // Both must fit into the hold.
        self.doubled = slow.attempt.worst;
        self.trip.hold.keep(self.doubled);
        let Ok(running) = self.record(target, ticket).await else {
            self.release_doubled();
            return None;
        };
        manager.observer.on(&Event::Hedged {
            call: self.trip.call.id,
            attempt: slow.attempt.number,
            waited_ms: millis(slow.started.elapsed()),
        });
        Some(self.start(running))
    }

    fn release_doubled(&mut self) {
        let doubled = std::mem::take(&mut self.doubled);
        self.trip.hold.let_go(doubled);
    }

    /// Books the slower of two attempts: it was cancelled, and may cost.
    fn outrun(&mut self, slower: &Racer<'a>) {
        let mut record = slower.running.unfinished(&slower.known);
        record.end = AttemptEnd::Outrun;
        span::over(&slower.running.span, &record);
        self.keep(record);
    }

    fn win(&mut self, running: Running<'a>, committed: Committed) -> Step<'a> {
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
        self.manager.health.began(answering.planned);
        let record = running.going_on(&seen);
        span::committed(&running.span, &record);
        let idle = Idle::new(self.patience(&running.target).idle);
        let seen_back = HeldBack {
            frames: held_back.len(),
            output_bytes: seen.output_bytes,
            usage: seen.usage,
            finished: seen.finish.is_some(),
            complete: rest.is_none(),
        };
        let witness = Witness {
            health: self.manager.health.clone(),
            planned: answering.planned.clone(),
            first_token: first_semantic.filter(|_| in_pieces),
            _ticket: running.ticket,
        };
        let witness = match rest {
            Some(_) => Some(witness),
            None => {
                witness.worked();
                None
            }
        };
        let watch = Watch {
            held_back,
            rest,
            idle,
            deadline: self.deadline,
            finish: seen.finish,
            answers: self.trip.plan.profile.answers,
            witness,
        };
        Step::Win(Box::new(Won {
            reply: Reply {
                head,
                frames: watch.into_frames(),
            },
            running: record,
            place: answering.place,
            worst: running.attempt.worst,
            max_output: running.attempt.max_output,
            seen: seen_back,
            failed: std::mem::take(&mut self.over),
        }))
    }
}
