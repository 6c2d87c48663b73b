use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::StreamExt;
use tollgate_core::{
    AttemptEnd, AttemptRecord, Billed, Call, Ended, Failure, FailureKind, Frame, FrameKind, Frames,
    Head, ModelId, Observed, Plan, Planned, Receipt, Served, Timestamp, UsageReport, Usd, Won,
    book,
};
use tollgate_wire::{ChatReply, ChatResponse, ChunkMerger, StreamEvent};

use crate::error::Error;
use crate::pending::Pending;

/// The answer to a chat: the frames of the target that answers, metered.
///
/// It is a [`Stream`] of frames. The stream ends with `None` only when the
/// answer is complete; an answer that was cut ends with an `Err` item. Then
/// [`receipt`](Self::receipt) says what it cost.
///
/// # Cancellation
/// Dropping it closes the upstream connection; the cost is booked by the
/// ledger's own task, and reconciled when the upstream knows it.
pub struct Answer {
    head: Head,
    frames: Frames,
    meter: Meter,
    pending: Pending,
    receipt: Option<Receipt>,
}

/// A complete answer in one piece.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Collected {
    /// The answer. A streamed one is put together from its chunks.
    pub response: ChatResponse,
    /// What it cost.
    pub receipt: Receipt,
}

impl Answer {
    pub(crate) fn new(call: Call, plan: Plan, won: Won, mut pending: Pending) -> Self {
        pending.note(won.failed);
        let planned = plan.get(won.place).unwrap_or_else(|| plan.first()).clone();
        let meter = Meter {
            planned,
            running: won.running,
            at: call.at,
            prompt_likely: plan.profile.prompt.likely,
            ceiling: plan.profile.ceiling,
            worst: won.worst,
            output_bytes: 0,
            usage: None,
        };
        Self {
            head: won.reply.head,
            frames: won.reply.frames,
            meter,
            pending,
            receipt: None,
        }
    }

    /// The head of the upstream's reply.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The model that was picked; what the upstream says it served is in
    /// [`served`](Self::served).
    pub fn model(&self) -> &ModelId {
        &self.meter.planned.model
    }

    /// Who serves the answer, as far as the upstream has said so.
    pub fn served(&self) -> &Served {
        &self.meter.running.served
    }

    /// What the call did and cost, once the answer has ended.
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }

    /// Reads the answer to its end.
    ///
    /// # Errors
    /// The failure that cut the answer, with the receipt.
    pub async fn collect(mut self) -> Result<Collected, Error> {
        let mut merger = ChunkMerger::new();
        let mut body = None;
        while let Some(frame) = self.next().await {
            let outcome = frame.and_then(|frame| match frame.kind {
                FrameKind::Event => merge(&mut merger, &frame),
                FrameKind::Body => parse_body(&frame).map(|response| body = Some(response)),
                FrameKind::KeepAlive | FrameKind::Done => Ok(()),
            });
            if let Err(failure) = outcome {
                return Err(self.into_error(failure));
            }
        }
        let response = body.unwrap_or_else(|| merger.finish());
        match self.receipt.take() {
            Some(receipt) => Ok(Collected { response, receipt }),
            None => Err(Failure::new(FailureKind::Internal, "an answer ended unsettled").into()),
        }
    }

    fn into_error(mut self, failure: Failure) -> Error {
        match self.receipt.take() {
            Some(receipt) => Error::settled(failure, receipt),
            None => failure.into(),
        }
    }

    fn settle(&mut self, ended: Ended, end: AttemptEnd, billed: Option<Billed>) {
        let record = self
            .meter
            .record(end, billed, self.pending.started().elapsed());
        self.receipt = self.pending.finish(Some(record), ended);
    }
}

impl Stream for Answer {
    type Item = Result<Frame, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.receipt.is_some() {
            return Poll::Ready(None);
        }
        let item = ready!(self.frames.as_mut().poll_next(cx));
        let item = match item {
            Some(Ok(frame)) => self.meter.read(frame),
            other => other.transpose(),
        };
        match item {
            Ok(Some(frame)) => Poll::Ready(Some(Ok(frame))),
            Ok(None) => {
                self.settle(Ended::Complete, AttemptEnd::Complete, None);
                Poll::Ready(None)
            }
            Err(failure) => {
                let kind = failure.kind();
                let end = AttemptEnd::Cut {
                    kind,
                    message: failure.to_string(),
                };
                self.settle(Ended::Cut(kind), end, Some(failure.rule().billed));
                self.frames = Box::pin(futures_util::stream::empty());
                Poll::Ready(Some(Err(failure)))
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.receipt.is_none() {
            let took = self.pending.started().elapsed();
            let record = self
                .meter
                .record(AttemptEnd::Abandoned, Some(Billed::Unknown), took);
            self.pending.abandon(Some(record));
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("model", &self.meter.planned.model)
            .field("receipt", &self.receipt)
            .finish_non_exhaustive()
    }
}

/// Counts what goes past.
struct Meter {
    planned: Planned,
    running: AttemptRecord,
    at: Timestamp,
    prompt_likely: u64,
    ceiling: Option<Usd>,
    worst: Usd,
    output_bytes: u64,
    usage: Option<UsageReport>,
}

impl Meter {
    /// Reads one frame; refuses it when the running cost has reached the ceiling.
    fn read(&mut self, frame: Frame) -> Result<Option<Frame>, Failure> {
        self.output_bytes += u64::from(frame.facts.output_bytes);
        if let Some(served) = &frame.facts.served {
            self.running.served.update(served);
        }
        if let Some(usage) = &frame.facts.usage {
            self.usage = Some((**usage).clone());
        }
        match self.ceiling {
            Some(ceiling) if self.usage.is_none() && self.running_cost() > ceiling => {
                Err(Failure::new(
                    FailureKind::CostLimit,
                    "the answer reached the call's cost limit",
                )
                .with("limit", ceiling)
                .with_hint("raise the limit, or ask for fewer tokens")
                .stop())
            }
            _ => Ok(Some(frame)),
        }
    }

    fn running_cost(&self) -> Usd {
        let seen = Observed {
            output_bytes: self.output_bytes,
            ..Observed::default()
        };
        let (_, cost) = book(&self.planned, self.prompt_likely, self.at, Usd::ZERO, seen);
        cost.map(|cost| cost.amount()).unwrap_or_default()
    }

    fn record(
        &mut self,
        end: AttemptEnd,
        billed: Option<Billed>,
        took: std::time::Duration,
    ) -> AttemptRecord {
        let seen = Observed {
            usage: self.usage.as_ref(),
            complete: end == AttemptEnd::Complete,
            output_bytes: self.output_bytes,
            billed,
        };
        let (tokens, cost) = book(&self.planned, self.prompt_likely, self.at, self.worst, seen);
        let mut record = self.running.clone();
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        record.took_ms = took_ms.saturating_sub(record.started_ms);
        record.billing = self
            .usage
            .as_ref()
            .and_then(|usage| usage.billing)
            .unwrap_or(record.billing);
        record.end = end;
        record.tokens = tokens;
        record.cost = cost;
        record
    }
}

fn merge(merger: &mut ChunkMerger, frame: &Frame) -> Result<(), Failure> {
    match StreamEvent::parse(&frame.data) {
        Ok(StreamEvent::Chunk(chunk)) => merger
            .push(&chunk)
            .map_err(|error| unreadable().with_source(error)),
        Ok(StreamEvent::Done) => Ok(()),
        Ok(StreamEvent::Error(_)) | Err(_) => Err(unreadable()),
    }
}

fn parse_body(frame: &Frame) -> Result<ChatResponse, Failure> {
    match ChatReply::parse(&frame.data) {
        Ok(ChatReply::Answer(response)) => Ok(response),
        Ok(ChatReply::Error(_)) => Err(unreadable()),
        Err(error) => Err(unreadable().with_source(error)),
    }
}

// The transport has read every frame before; what it let through is readable.
fn unreadable() -> Failure {
    Failure::new(
        FailureKind::Internal,
        "a frame that was let through cannot be read",
    )
}
