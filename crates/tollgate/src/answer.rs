mod trial;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;
use tollgate_core::{
    AttemptEnd, BoxFuture, CallId, Delivery, Ended, Failure, FailureKind, Frame, FrameKind, Frames,
    Head, ModelId, Receipt, Served, Won,
};
use tollgate_transport::DROPPED_HEADER;
use tollgate_wire::{ChatResponse, StreamEvent, Surface};

use crate::error::Error;
use crate::feedback::Judge;
use crate::habits::Lesson;
use crate::left::Left;
use crate::meter::Meter;
use crate::pending::Pending;
use crate::rejoin::{Cut, Onward, Rejoined, Way};
use crate::resume;
use crate::whole::{Whole, parse_body, read_body};

/// The answer to a chat: the frames of the target that answers, metered.
///
/// It is a [`Stream`] of frames. The stream ends with `None` only when the
/// answer is complete; an answer that was cut ends with an `Err` item. Then
/// [`receipt`](Self::receipt) says what it cost.
///
/// An answer that was asked for in one piece is one frame, also when the
/// upstream sent it in pieces. With `failover.after_commit`, one that breaks
/// off after some of it was shown can go on elsewhere: then a frame of kind
/// [`Notice`](FrameKind::Notice) says where the other part begins, and whether
/// it begins anew.
///
/// # Cancellation
/// Dropping it closes the upstream connection at once where that ends the bill
/// (`openrouter.stops_billing_by_provider`, `stops_billing` of the lane).
/// Elsewhere a stream is read on in the background until it says what it cost,
/// for at most two minutes, and at most 64 at the same time. The cost is booked
/// by the gateway's own task, and reconciled when only the upstream knows it.
pub struct Answer {
    call: CallId,
    surface: Surface,
    // What is large is not moved from step to step.
    source: Box<Source>,
    state: State,
    /// What it takes to go on after a cut; `None` when a cut is final.
    onward: Option<Box<Onward>>,
    /// Present when the caller wants the answer in one piece.
    whole: Option<Box<Whole>>,
    /// Present when answers are judged.
    judge: Option<Box<Judge>>,
    /// What is learned once it is complete.
    lesson: Option<Box<Lesson>>,
    warnings: Vec<String>,
    restarts: u32,
    /// Whether some of it was handed out.
    is_begun: bool,
}

/// Who answers.
struct Source {
    head: Head,
    output_limit: Option<u64>,
    meter: Meter,
}

/// Where an answer stands.
enum State {
    Reading(Frames, Box<Pending>),
    /// It broke off, and another target is looked for.
    Rejoining(BoxFuture<'static, Rejoined>),
    Ended(Option<Receipt>),
}

/// What follows an item of the upstream.
enum Step {
    Show(Result<Frame, Failure>),
    End,
    ReadOn,
}

/// A complete answer in one piece.
///
/// A streamed one is put together from its pieces, in the shape of the
/// [`Surface`](crate::Surface) that was asked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Collected {
    /// The answer as JSON text, to be read with a type of its surface, such as
    /// [`MessagesReply`](crate::MessagesReply).
    pub body: Bytes,
    /// The same, read as a chat or a completion. An answer of another surface
    /// is here with all its members, but what it says is not where chats have
    /// it: its [`text`](ChatResponse::text) is empty. Read `body` then.
    pub response: ChatResponse,
    /// What it cost.
    pub receipt: Receipt,
}

impl Answer {
    pub(crate) fn new(
        mut onward: Box<Onward>,
        won: Won,
        pending: Box<Pending>,
        lesson: Lesson,
    ) -> Self {
        let warnings = onward.take_warnings();
        let whole = onward.call.delivery == Delivery::Whole;
        let (call, surface) = (onward.call.id, onward.call.request.surface());
        let judge = Judge::of(&onward.parts, &onward.call);
        let (source, state) = begin(&onward, won, pending);
        Self {
            call,
            surface,
            source,
            state,
            onward: Some(onward),
            whole: whole.then(|| Box::new(Whole::of(surface))),
            judge,
            lesson: Some(Box::new(lesson)),
            warnings,
            restarts: 0,
            is_begun: false,
        }
    }

    /// The id under which the ledger has the call.
    pub fn call(&self) -> CallId {
        self.call
    }

    /// The head of the upstream's reply.
    pub fn head(&self) -> &Head {
        &self.source.head
    }

    /// The model that was picked; what the upstream says it served is in
    /// [`served`](Self::served).
    pub fn model(&self) -> &ModelId {
        &self.source.meter.planned().model
    }

    /// Who serves the answer, as far as the upstream has said so.
    pub fn served(&self) -> &Served {
        self.source.meter.served()
    }

    /// The output limit, in tokens, that the gateway set so that the call stays
    /// within its ceiling. An answer that reaches it ends with `length`.
    pub fn output_limit(&self) -> Option<u64> {
        self.source.output_limit
    }

    /// What was lost on the way: fields of the request that the provider does
    /// not get, and places in its answer that a translation could not carry
    /// over, as far as the answer was read.
    pub fn lost(&self) -> impl Iterator<Item = &str> {
        let headers = self.head().headers.iter();
        let fields = headers
            .filter(|(name, _)| name == DROPPED_HEADER)
            .flat_map(|(_, fields)| fields.split(", "));
        fields.chain(self.source.meter.lost().iter().map(String::as_str))
    }

    /// Things the caller should know of the plan, such as a retired model.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// How often the answer has begun anew after it broke off, with
    /// `failover.after_commit = "restart"`. What was read before is void then.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// What the call did and cost, once the answer has ended.
    pub fn receipt(&self) -> Option<&Receipt> {
        match &self.state {
            State::Ended(receipt) => receipt.as_ref(),
            State::Reading(..) | State::Rejoining(_) => None,
        }
    }

    /// The next piece of visible text of a chat or a completion, of the first
    /// choice and any other; `None` at the end. Answers of other surfaces have
    /// their text in the frames, or are [collected](Self::collect). Reasoning
    /// and tool calls are in the frames. When [`restarts`](Self::restarts) has
    /// grown, this piece is the first of another answer.
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

    /// Reads the answer to its end. Nothing is shown before, so an answer that
    /// breaks off is taken from another target, as long as there is one.
    ///
    /// This is for answers of every surface: [`Collected::body`] has the shape
    /// of the one that was asked, streamed or not. Only chats and completions
    /// can be read through [`Collected::response`].
    ///
    /// # Errors
    /// The failure that cut the answer, with the receipt.
    pub async fn collect(mut self) -> Result<Collected, Error> {
        if self.is_begun {
            return Err(read_before());
        }
        let surface = self.surface;
        self.whole
            .get_or_insert_with(|| Box::new(Whole::of(surface)));
        if let Some(onward) = &mut self.onward {
            onward.hide();
        }
        let mut whole = None;
        while let Some(frame) = self.next().await {
            let read = |frame: Frame| Ok((read_body(surface, &frame)?, frame.data));
            match frame.and_then(read) {
                Ok(read) => whole = Some(read),
                Err(failure) => return Err(self.into_error(failure)),
            }
        }
        match (whole, self.take_receipt()) {
            (Some((response, body)), Some(receipt)) => Ok(Collected {
                body,
                response,
                receipt,
            }),
            _ => Err(read_before()),
        }
    }

    /// The failure that an answer ended with, with its receipt.
    pub fn into_error(mut self, failure: Failure) -> Error {
        match self.take_receipt() {
            Some(receipt) => Error::settled(failure, receipt),
            None => failure.into(),
        }
    }

    // === reading ===

    fn read(&mut self, item: Option<Result<Frame, Failure>>) -> Step {
        match item.map(|item| item.and_then(|frame| self.source.meter.read(frame))) {
            // Readers may leave at the end marker, without asking for more.
            Some(Ok(frame)) if frame.kind == FrameKind::Done => self.complete(Some(frame)),
            Some(Ok(frame)) => self.show(frame),
            Some(Err(failure)) => self.cut(failure),
            None => self.complete(None),
        }
    }

    fn show(&mut self, frame: Frame) -> Step {
        if let Some(judge) = &mut self.judge {
            judge.see(&frame);
        }
        if let Some(whole) = &mut self.whole {
            return match whole.add(frame) {
                Ok(()) => Step::ReadOn,
                Err(failure) => self.cut(failure),
            };
        }
        // What a cut cannot be mended with is not kept.
        if let Some(onward) = &mut self.onward
            && !onward.survives(&frame)
        {
            self.onward = None;
        }
        self.is_begun |= frame.kind != FrameKind::KeepAlive;
        Step::Show(Ok(frame))
    }

    fn complete(&mut self, marker: Option<Frame>) -> Step {
        if let State::Reading(_, mut pending) = self.take_state() {
            self.source.meter.note_end();
            let record = pending.record(&self.source.meter, AttemptEnd::Complete, None);
            let receipt = pending.finish(Some(record), Ended::Complete);
            if let (Some(judge), Some(receipt)) = (self.judge.take(), &receipt)
                && let Some(served) = receipt.served()
            {
                let finish = self.source.meter.finish();
                judge.close(served, &receipt.facts, finish, self.source.output_limit);
            }
            if let (Some(lesson), Some(receipt)) = (self.lesson.take(), &receipt) {
                lesson.learn(receipt, &self.source.meter);
            }
            self.state = State::Ended(receipt);
        }
        match self.whole.take().map(|whole| whole.into_body()).or(marker) {
            Some(last) => Step::Show(Ok(last)),
            None => Step::End,
        }
    }

    // === going on after a cut ===

    fn cut(&mut self, failure: Failure) -> Step {
        let State::Reading(_, mut pending) = self.take_state() else {
            return Step::Show(Err(failure));
        };
        let (kind, message) = (failure.kind(), failure.to_string());
        let end = AttemptEnd::Cut { kind, message };
        let record = pending.record(&self.source.meter, end, Some(failure.rule().billed));
        let mut onward = self.onward.take();
        let way = onward
            .as_mut()
            .and_then(|onward| onward.way(&failure, &self.source.meter));
        let (Some(onward), Some(way)) = (onward, way) else {
            self.state = State::Ended(pending.finish(Some(record), Ended::Cut(kind)));
            return Step::Show(Err(failure));
        };
        let cut = Cut { failure, record };
        self.state = State::Rejoining(Box::pin(onward.walk(pending, cut, way)));
        Step::ReadOn
    }

    fn rejoin(&mut self, rejoined: Rejoined) -> Step {
        let Rejoined {
            onward,
            mut pending,
            cut,
            way,
            result,
        } = rejoined;
        let mut won = match result {
            Ok(won) => won,
            Err(exhausted) => {
                pending.note(exhausted.failed);
                let ended = Ended::Cut(cut.failure.kind());
                self.state = State::Ended(pending.finish(None, ended));
                let attempts = self.receipt().map_or(0, |receipt| receipt.attempts.len());
                let failure = cut.failure.with("attempts", attempts);
                return Step::Show(Err(failure.with("elsewhere", exhausted.failure.message())));
            }
        };
        let notice = onward.announce(cut, &way, &won);
        match way {
            Way::Restart => {
                self.restarts += 1;
                if let Some(judge) = &mut self.judge {
                    judge.restart();
                }
                let surface = self.surface;
                self.whole = self.whole.take().map(|_| Box::new(Whole::of(surface)));
                (self.source, self.state) = begin(&onward, won, pending);
                self.onward = Some(onward);
            }
            Way::Resume { overlap } => {
                won.reply.frames = resume::without_overlap(won.reply.frames, overlap);
                (self.source, self.state) = begin(&onward, won, pending);
            }
        }
        match self.whole {
            Some(_) => Step::ReadOn,
            None => Step::Show(Ok(notice)),
        }
    }

    // === ends ===

    fn take_state(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Ended(None))
    }

    fn take_receipt(&mut self) -> Option<Receipt> {
        match &mut self.state {
            State::Ended(receipt) => receipt.take(),
            State::Reading(..) | State::Rejoining(_) => None,
        }
    }
}

fn begin(onward: &Onward, won: Won, mut pending: Box<Pending>) -> (Box<Source>, State) {
    let meter = Meter::new(&onward.call, &onward.plan, &won, pending.hold().kept());
    pending.note(won.failed);
    pending.span().begin_stream(meter.planned(), &won.running);
    let source = Box::new(Source {
        head: won.reply.head,
        output_limit: won.max_output,
        meter,
    });
    (source, State::Reading(won.reply.frames, pending))
}

/// What was read is gone; the rest of an answer must not pass for all of it.
fn read_before() -> Error {
    Failure::new(
        FailureKind::InvalidRequest,
        "the answer was read, in part or to its end, before it was collected",
    )
    .with_hint("collect it instead of reading it")
    .into()
}

impl Stream for Answer {
    type Item = Result<Frame, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let step = match &mut self.state {
                State::Reading(frames, _) => {
                    let item = ready!(frames.as_mut().poll_next(cx));
                    self.read(item)
                }
                State::Rejoining(walk) => {
                    let rejoined = ready!(walk.as_mut().poll(cx));
                    self.rejoin(rejoined)
                }
                State::Ended(_) => Step::End,
            };
            match step {
                Step::Show(item) => return Poll::Ready(Some(item)),
                Step::End => return Poll::Ready(None),
                Step::ReadOn => {}
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // A walk that is dropped reports by itself.
        let State::Reading(frames, mut pending) = self.take_state() else {
            return;
        };
        let meter = &self.source.meter;
        // An answer that was complete before anybody read it is complete.
        if meter.complete() {
            let record = pending.record(meter, AttemptEnd::Complete, None);
            return pending.leave(record, Ended::Complete);
        }
        Left {
            frames,
            meter: meter.clone(),
            pending,
        }
        .leave();
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("model", self.model())
            .field("receipt", &self.receipt())
            .finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// It is moved from step to step, and each future that has one holds it several times.
    #[test]
    fn an_answer_is_small() {
        assert!(size_of::<Answer>() <= 320, "{}", size_of::<Answer>());
    }
}
