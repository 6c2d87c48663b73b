//! An attempt up to its commit point, with a second one beside it or not.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{
    AttemptEnd, AttemptRecord, Event, FrameKind, HeldBack, Reply, Served, TokenUsage, Won,
};

use super::{Step, Walk};
use crate::commit::{CommitPoint, Committed};
use crate::exchange::{Progress, Race, Racer, Turn, exchange};
use crate::in_flight::Ticket;
use crate::record::{Running, millis};
use crate::span;
use crate::target::Target;
use crate::watch::{Idle, Watch, Witness};

impl<'a> Walk<'a> {
    pub(super) async fn race(&mut self, running: Running<'a>) -> Step<'a> {
        let slow_at = self.slow_at(&running);
        let mut race = Race::new(self.start(running), slow_at);
        loop {
            match race.next().await {
                // Seldom, and large: a race need not hold it.
                Turn::Slow => Box::pin(self.hedge(&mut race)).await,
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

    /// Starts a second attempt beside a slow one, if that is allowed and paid for,
    /// and if the slow one does not answer before the ledger has recorded it.
    async fn hedge(&mut self, race: &mut Race<'a>) {
        let Some((target, ticket)) = self.beside(race.first()) else {
            return;
        };
        // Both must fit into the hold.
        self.doubled = race.first().attempt.worst;
        self.trip.hold.keep(self.doubled);
        let unsent = self.unsent(&target);
        match race.unless_answered(self.record(target, ticket)).await {
            Some(Ok(running)) => {
                let slow = race.first();
                self.manager.observer.on(&Event::Hedged {
                    call: self.trip.call.id,
                    attempt: slow.attempt.number,
                    waited_ms: millis(slow.started.elapsed()),
                });
                race.join(self.start(running));
            }
            Some(Err(_)) => self.release_doubled(),
            // The ledger may have heard of it, and is told what became of it.
            None => self.keep(unsent),
        }
    }

    /// Where a second attempt may go beside a slow one.
    fn beside(&mut self, slow: &Running<'a>) -> Option<(Target<'a>, Ticket)> {
        let manager = self.manager;
        let now = Instant::now();
        let enough_time = now + manager.limits.min_attempt <= self.deadline;
        if self.sent >= manager.limits.attempts || !enough_time {
            return None;
        }
        let target = self
            .itinerary
            .beside(&slow.target, now, &manager.limits, manager)?;
        if !manager.budgets.may_hedge(&slow.attempt.lane, now) {
            return None;
        }
        let ticket = manager.health.enter(target.first().planned, now)?;
        Some((target, ticket))
    }

    /// The record of the next attempt, should it be outrun before it is sent.
    fn unsent(&self, target: &Target<'a>) -> AttemptRecord {
        let planned = target.first().planned;
        AttemptRecord {
            number: self.sent + 1,
            lane: planned.lane.id.clone(),
            billing: planned.lane.billing,
            requested: planned.model.clone(),
            served: Served::default(),
            started_ms: millis(self.begun.elapsed()),
            first_token_ms: None,
            took_ms: 0,
            end: AttemptEnd::Outrun,
            tokens: TokenUsage::default(),
            cost: None,
        }
    }

    fn release_doubled(&mut self) {
        let doubled = std::mem::take(&mut self.doubled);
        self.trip.hold.let_go(doubled);
    }

    /// Books the slower of two attempts: it was cancelled, and may cost.
    fn outrun(&mut self, slower: &Racer<'a>) {
        let mut record = slower.running.unfinished(&slower.known);
        record.end = AttemptEnd::Outrun;
        if record.first_token_ms.is_none() {
            let waited = slower.running.started.elapsed();
            let planned = slower.running.target.first().planned;
            self.manager.health.outrun(planned, waited);
        }
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
