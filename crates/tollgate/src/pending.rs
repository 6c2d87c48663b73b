//! A call that is not settled yet. Whatever way it ends, it is settled exactly
//! once: by its own end, or, when it was dropped, by the settler's task.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tollgate_core::{AttemptEnd, AttemptRecord, Billed, Ended, Exhausted, Hold, Outcome, Receipt};

use crate::booking::{Booker, Doubted, Ending};
use crate::error::Error;
use crate::left::{Left, Readers, Stops};
use crate::meter::Meter;
use crate::span::CallSpan;

/// Settles calls: at once when their end is known, in its own task when they
/// were dropped, and after the rest was read when that is billed anyway.
#[derive(Clone)]
pub(crate) struct Settler {
    booker: Arc<Booker>,
    stops: Arc<Stops>,
    dropped: mpsc::UnboundedSender<Message>,
}

enum Message {
    Dropped(Box<Ending>),
    Left(Box<Left>),
    Flush(oneshot::Sender<()>),
}

impl Settler {
    /// Starts the task that settles dropped calls.
    pub(crate) fn start(booker: Booker, stops: Stops) -> Self {
        let (dropped, inbox) = mpsc::unbounded_channel();
        let booker = Arc::new(booker);
        tokio::spawn(run(inbox, booker.clone()));
        Self {
            booker,
            stops: Arc::new(stops),
            dropped,
        }
    }

    /// Has the rest of an answer read, which then is settled.
    pub(crate) fn read_on(&self, left: Left) {
        let _ = self.dropped.send(Message::Left(Box::new(left)));
    }

    fn send(&self, ending: Ending) {
        let _ = self.dropped.send(Message::Dropped(Box::new(ending)));
    }

    /// Waits until every call that was dropped before is settled. Answers that
    /// are still read on get a few seconds more.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.dropped.send(Message::Flush(done)).is_ok() {
            let _ = wait.await;
        }
    }
}

async fn run(mut inbox: mpsc::UnboundedReceiver<Message>, booker: Arc<Booker>) {
    let mut readers = Readers::new();
    loop {
        let message = tokio::select! {
            message = inbox.recv() => message,
            () = readers.one_done() => continue,
        };
        match message {
            Some(Message::Dropped(ending)) => {
                booker.settle(*ending);
            }
            Some(Message::Left(left)) => readers.take(*left),
            Some(Message::Flush(done)) => {
                readers.finish().await;
                let _ = done.send(());
            }
            None => return,
        }
    }
}

const STILL_HELD: &str = "a hold leaves only when the call is settled, which consumes it";

/// A hold on its way to being settled.
pub(crate) struct Pending {
    settler: Settler,
    hold: Option<Hold>,
    attempts: Vec<AttemptRecord>,
    doubted: Vec<Doubted>,
    span: CallSpan,
    started: Instant,
}

impl Pending {
    pub(crate) fn new(settler: Settler, hold: Hold, span: CallSpan, started: Instant) -> Self {
        Self {
            settler,
            hold: Some(hold),
            attempts: Vec::new(),
            doubted: Vec::new(),
            span,
            started,
        }
    }

    /// The hold, while the call runs.
    pub(crate) fn hold(&mut self) -> &mut Hold {
        self.hold.as_mut().expect(STILL_HELD)
    }

    /// The hold, with the attempts that are over.
    pub(crate) fn going_on(&mut self) -> (&mut Hold, &[AttemptRecord]) {
        let hold = self.hold.as_mut().expect(STILL_HELD);
        (hold, &self.attempts)
    }

    /// Notes attempts that are over. What is known of one stays as it is.
    pub(crate) fn note(&mut self, attempts: Vec<AttemptRecord>) {
        for attempt in attempts {
            if self.attempts.iter().all(|one| one.number != attempt.number) {
                self.attempts.push(attempt);
            }
        }
    }

    /// Books an attempt that is over while the call goes on.
    pub(crate) fn book(&mut self, attempt: AttemptRecord) {
        let hold = self.hold();
        if let Some(cost) = attempt.cost {
            hold.keep(cost.amount());
        }
        hold.note(attempt.clone());
        self.attempts.push(attempt);
    }

    /// Takes back what was [booked](Self::book) for an attempt that ends
    /// otherwise after all.
    pub(crate) fn unbook(&mut self, number: u32) {
        let is_it = |attempt: &mut AttemptRecord| attempt.number == number;
        let taken: Vec<_> = self.attempts.extract_if(.., is_it).collect();
        for cost in taken.iter().filter_map(|attempt| attempt.cost) {
            self.hold().let_go(cost.amount());
        }
        self.doubted.retain(|doubted| doubted.attempt != number);
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// The span of the call.
    pub(crate) fn span(&mut self) -> &mut CallSpan {
        &mut self.span
    }

    /// Settles a call that no target answered.
    pub(crate) fn fail(mut self, exhausted: Exhausted) -> Error {
        self.note(exhausted.failed);
        let kind = exhausted.failure.kind();
        match self.finish(None, Ended::Failed(kind)) {
            Some(receipt) => Error::settled(exhausted.failure, receipt),
            None => exhausted.failure.into(),
        }
    }

    /// Settles the call, with the record of the attempt that answered.
    pub(crate) fn finish(&mut self, last: Option<AttemptRecord>, ended: Ended) -> Option<Receipt> {
        let ending = self.ending(last, ended)?;
        Some(self.settler.booker.settle(ending))
    }

    /// Hands an answer that nobody reads any more to the settler's task.
    pub(crate) fn leave(&mut self, last: AttemptRecord, ended: Ended) {
        if let Some(ending) = self.ending(Some(last), ended) {
            self.settler.send(ending);
        }
    }

    pub(crate) fn settler(&self) -> Settler {
        self.settler.clone()
    }

    /// Whether closing the upstream ends its bill.
    pub(crate) fn stops_with(&self, meter: &Meter) -> bool {
        self.settler.stops.with(meter)
    }

    /// The record of the attempt that answers, which has ended. What cannot be
    /// right in the upstream's report on it is told when the call is settled.
    pub(crate) fn record(
        &mut self,
        meter: &Meter,
        end: AttemptEnd,
        billed: Option<Billed>,
    ) -> AttemptRecord {
        let record = meter.record(end, billed, self.started.elapsed());
        self.span.end_stream(&record, meter.finish());
        let doubts = meter.doubts();
        if !doubts.is_empty() {
            self.doubted.push(Doubted {
                attempt: record.number,
                doubts,
                earlier: None,
            });
        }
        record
    }

    fn ending(&mut self, last: Option<AttemptRecord>, ended: Ended) -> Option<Ending> {
        let hold = self.hold.take()?;
        let mut attempts = std::mem::take(&mut self.attempts);
        attempts.extend(last);
        // One that was given back answered before others were tried.
        attempts.sort_by_key(|attempt| attempt.number);
        let took_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let outcome = Outcome {
            ended,
            attempts,
            took_ms,
        };
        Some(Ending {
            hold,
            outcome,
            doubted: std::mem::take(&mut self.doubted),
            span: self.span.take(),
        })
    }
}

/// A call that was dropped while a target was looked for: what its attempts are
/// known to have done is in the hold. One channel send.
impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(hold) = &mut self.hold {
            let log = hold.take_log();
            self.note(log);
        }
        if let Some(ending) = self.ending(None, Ended::Abandoned) {
            self.settler.send(ending);
        }
    }
}
