use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

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
    output_limit: Option<u64>,
    warnings: Vec<String>,
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
    pub(crate) fn new(call: &Call, mut plan: Plan, won: Won, mut pending: Pending) -> Self {
        pending.note(won.failed);
        let kept = pending.hold().kept();
        let planned = plan.get(won.place).unwrap_or_else(|| plan.first()).clone();
        let meter = Meter {
            planned,
            running: won.running,
            at: call.at,
            prompt_likely: plan.profile.prompt.likely,
            room: plan.profile.ceiling.map(|ceiling| ceiling - kept),
            worst: won.worst,
            output_bytes: won.seen.output_bytes,
            usage: won.seen.usage,
            finished: won.seen.finished,
            complete: won.seen.complete,
            seen_before: won.seen.frames,
        };
        Self {
            head: won.reply.head,
            frames: won.reply.frames,
            meter,
            pending,
            output_limit: won.max_output,
            warnings: std::mem::take(&mut plan.warnings),
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

    /// The output limit, in tokens, that the gateway set so that the call stays
    /// within its ceiling. An answer that reaches it ends with `length`.
    pub fn output_limit(&self) -> Option<u64> {
        self.output_limit
    }

    /// Things the caller should know of the plan, such as a retired model.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What the call did and cost, once the answer has ended.
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }

    /// The next piece of visible text, of the first choice and any other;
    /// `None` at the end. Reasoning and tool calls are in the frames.
    ///
    /// # Errors
    /// The failure that cut the answer, as the last item.
    pub async fn next_text(&mut self) -> Option<Result<String, Failure>> {
        while let Some(frame) = self.next().await {
            match frame.map(|frame| visible_text(&frame)) {
                Ok(text) if text.is_empty() => {}
                other => return Some(other),
            }
        }
        None
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
                FrameKind::KeepAlive | FrameKind::Done | FrameKind::Notice => Ok(()),
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

    /// The failure that an answer ended with, with its receipt.
    pub fn into_error(mut self, failure: Failure) -> Error {
        match self.receipt.take() {
            Some(receipt) => Error::settled(failure, receipt),
            None => failure.into(),
        }
    }

    fn settle(&mut self, end: AttemptEnd, billed: Option<Billed>) {
        let ended = match &end {
            AttemptEnd::Cut { kind, .. } => Ended::Cut(*kind),
            _ => Ended::Complete,
        };
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
            // Readers may leave at the end marker, without asking for more.
            Ok(Some(frame)) if frame.kind == FrameKind::Done => {
                self.settle(AttemptEnd::Complete, None);
                Poll::Ready(Some(Ok(frame)))
            }
            Ok(Some(frame)) => Poll::Ready(Some(Ok(frame))),
            Ok(None) => {
                self.settle(AttemptEnd::Complete, None);
                Poll::Ready(None)
            }
            Err(failure) => {
                let (kind, message) = (failure.kind(), failure.to_string());
                self.settle(
                    AttemptEnd::Cut { kind, message },
                    Some(failure.rule().billed),
                );
                self.frames = Box::pin(futures_util::stream::empty());
                Poll::Ready(Some(Err(failure)))
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.receipt.is_some() {
            return;
        }
        // An answer that was complete before anybody read it is complete.
        let (end, billed, ended) = match self.meter.complete {
            true => (AttemptEnd::Complete, None, Ended::Complete),
            false => (
                AttemptEnd::Abandoned,
                Some(Billed::Unknown),
                Ended::Abandoned,
            ),
        };
        let took = self.pending.started().elapsed();
        let record = self.meter.record(end, billed, took);
        self.pending.leave(record, ended);
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
    /// What earlier attempts have left of the call's ceiling.
    room: Option<Usd>,
    worst: Usd,
    output_bytes: u64,
    usage: Option<Box<UsageReport>>,
    /// Whether the answer has said why it ends: only then is usage the whole.
    finished: bool,
    /// Whether the upstream's end was seen before the first frame was read.
    complete: bool,
    /// How many of the coming frames were counted before.
    seen_before: usize,
}

impl Meter {
    /// Reads one frame; refuses it when the running cost is over the line.
    fn read(&mut self, frame: Frame) -> Result<Option<Frame>, Failure> {
        if let Some(served) = &frame.facts.served {
            self.running.served.update(served);
        }
        if self.seen_before > 0 {
            self.seen_before -= 1;
            return Ok(Some(frame));
        }
        self.output_bytes += u64::from(frame.facts.output_bytes);
        self.finished |= frame.facts.finish.is_some();
        if frame.facts.usage.is_some() {
            self.usage.clone_from(&frame.facts.usage);
        }
        // What is paid for in one piece is not taken back.
        let over = |room: &Usd| {
            frame.kind == FrameKind::Event && !self.finished && self.running_cost() > *room
        };
        match self.room.filter(over) {
            None => Ok(Some(frame)),
            Some(room) => Err(Failure::new(
                FailureKind::CostLimit,
                "the answer reached the call's cost limit",
            )
            .with("limit", room)
            .with_hint("raise the limit, or ask for fewer tokens")
            .stop()),
        }
    }

    /// The cost so far, by what went past.
    fn running_cost(&self) -> Usd {
        let seen = Observed {
            output_bytes: self.output_bytes,
            ..Observed::default()
        };
        let (_, cost) = book(&self.planned, self.prompt_likely, self.at, Usd::ZERO, seen);
        cost.map(|cost| cost.amount()).unwrap_or_default()
    }

    fn record(&self, end: AttemptEnd, billed: Option<Billed>, took: Duration) -> AttemptRecord {
        let complete = end == AttemptEnd::Complete;
        // Some upstreams report usage all along; what an unfinished answer
        // reported is not the whole.
        let usage = self.usage.as_deref().filter(|_| complete || self.finished);
        let seen = Observed {
            usage,
            complete,
            output_bytes: self.output_bytes,
            billed,
        };
        let (tokens, cost) = book(&self.planned, self.prompt_likely, self.at, self.worst, seen);
        let mut record = self.running.clone();
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        record.took_ms = took_ms.saturating_sub(record.started_ms);
        record.billing = usage
            .and_then(|usage| usage.billing)
            .unwrap_or(record.billing);
        record.end = end;
        record.tokens = tokens;
        record.cost = cost;
        record
    }
}

fn visible_text(frame: &Frame) -> String {
    match frame.kind {
        FrameKind::Event => match StreamEvent::parse(&frame.data) {
            Ok(StreamEvent::Chunk(chunk)) => {
                let choices = chunk.choices.iter();
                choices.filter_map(|choice| choice.content()).collect()
            }
            _ => String::new(),
        },
        FrameKind::Body => parse_body(frame).map_or_else(|_| String::new(), |body| body.text()),
        FrameKind::KeepAlive | FrameKind::Done | FrameKind::Notice => String::new(),
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
