//! Answers on trial: held back to their end, judged, and shown or replaced.

use futures_util::{StreamExt, stream};
use tollgate_core::{
    AttemptEnd, AttemptRecord, CallFacts, Draft, Event, Failure, Frame, FrameKind, Judgement, Place,
};
use tollgate_wire::ChatResponse;

use super::{Answer, Source, State, begin};
use crate::feedback::Judge;
use crate::rejoin::Onward;
use crate::whole::{Whole, parse_body};

/// Most bytes of an answer that are held back; a longer one is not judged.
const LONGEST: usize = 8 << 20;

type Items = Vec<Result<Frame, Failure>>;

/// What was read of an answer that nobody has seen.
#[derive(Default)]
struct HeldBack {
    frames: Items,
    /// The answer, if it came whole.
    response: Option<ChatResponse>,
}

impl Answer {
    /// Has an answer that is on trial judged. One that is rejected gives way to
    /// the answer of another candidate; where there is none, it is as if it had
    /// not been judged, but for a warning.
    ///
    /// # Cancellation
    /// Dropping the future is as dropping the answer.
    pub(crate) async fn judged(self) -> Self {
        match self.is_on_trial() {
            // Seldom, and large: whoever waits for an answer need not hold it.
            true => Box::pin(self.stand_trial()).await,
            false => self,
        }
    }

    fn is_on_trial(&self) -> bool {
        let is_placed = self.source.meter.planned().place == Place::OnTrial;
        let mut onward = self.onward.iter();
        is_placed && onward.any(|onward| onward.parts.judges.has(&onward.plan.policy))
    }

    async fn stand_trial(mut self) -> Self {
        let held = self.hold_back().await;
        match self.judgement(held.response.as_ref()) {
            Some(Judgement::Rejected { score, why }) => {
                let message = format!("{why} (score {score:.2})");
                self.replaced(held.frames, message).await
            }
            Some(Judgement::Accepted { .. }) | None => {
                self.show_again(held.frames);
                self
            }
        }
    }

    /// Reads to the end of the answer, to a failure, or until it is too long to
    /// be kept.
    async fn hold_back(&mut self) -> HeldBack {
        let mut held = HeldBack::default();
        let mut whole = Some(Whole::default());
        let mut bytes = 0;
        let State::Reading(upstream, _) = &mut self.state else {
            return held;
        };
        let meter = &mut self.source.meter;
        while let Some(kept) = &mut whole {
            let Some(item) = upstream.next().await else {
                // It must not be asked for more.
                *upstream = stream::empty().boxed();
                meter.note_end();
                break;
            };
            let item = item.and_then(|frame| meter.read(frame));
            if let Ok(frame) = &item {
                bytes += frame.data.len();
            }
            let is_done = matches!(&item, Ok(frame) if frame.kind == FrameKind::Done);
            let added = item.as_ref().ok().map(|frame| kept.add(frame.clone()));
            let fits = bytes <= LONGEST && matches!(added, Some(Ok(())));
            held.frames.push(item);
            if !fits {
                whole = None;
            } else if is_done {
                break;
            }
        }
        let body = whole.map(Whole::into_body);
        held.response = body.and_then(|body| parse_body(&body).ok());
        held
    }

    /// What is said of a whole answer; the observer hears of it too.
    fn judgement(&self, response: Option<&ChatResponse>) -> Option<Judgement> {
        let (onward, response) = (self.onward.as_ref()?, response?);
        let Onward {
            parts, call, plan, ..
        } = &**onward;
        let Source {
            meter,
            output_limit,
            ..
        } = &*self.source;
        let draft = Draft::new(&call.request, response, meter.finish(), *output_limit);
        let judgement = parts
            .judges
            .judgement(&plan.policy, &plan.profile, &draft)?;
        parts.observer.on(&Event::Judged {
            call: self.call,
            attempt: meter.number(),
            model: meter.planned().model.clone(),
            judgement: judgement.clone(),
        });
        Some(judgement)
    }

    /// The answer of another candidate; the rejected one when there is none.
    async fn replaced(mut self, frames: Items, message: String) -> Self {
        let State::Reading(upstream, mut pending) = self.take_state() else {
            return self;
        };
        let Some(onward) = &mut self.onward else {
            return self;
        };
        let end = AttemptEnd::Rejected { message };
        let rejected = pending.record(&self.source.meter, end.clone(), None);
        let model = self.source.meter.planned().model.clone();
        let failure = match onward.replace(&mut pending, rejected.clone(), &model).await {
            Ok(won) => {
                let facts = &pending.hold().facts;
                self.source.observe(onward, &rejected, facts, &frames);
                (self.source, self.state) = begin(onward, won, pending);
                return self;
            }
            Err(failure) => failure,
        };
        pending.unbook(rejected.number);
        let why = end.columns().3.unwrap_or_default();
        self.warnings.push(format!(
            "the answer of {model} was rejected: {why}; it is given all the same, as nobody else \
             answered: {}",
            failure.message()
        ));
        self.state = State::Reading(upstream, pending);
        self.show_again(frames);
        self
    }

    /// Has the frames that were held back read once more, before what follows.
    fn show_again(&mut self, mut frames: Items) {
        let State::Reading(upstream, pending) = self.take_state() else {
            return;
        };
        let meter = &mut self.source.meter;
        // Nobody has seen what broke off: where another begins anew, nobody needs to.
        if let (Some(Err(failure)), Some(onward)) = (frames.last(), &mut self.onward)
            && onward.way(failure, meter).is_some()
        {
            frames.retain(Result::is_err);
        }
        meter.rewind(frames.iter().filter(|item| item.is_ok()).count());
        let frames = stream::iter(frames).chain(upstream).boxed();
        self.state = State::Reading(frames, pending);
    }
}

impl Source {
    /// Tells what a rejected answer says of its model: nobody else will see it.
    fn observe(&self, onward: &Onward, record: &AttemptRecord, facts: &CallFacts, frames: &Items) {
        let Some(mut judge) = Judge::of(&onward.parts, &onward.call) else {
            return;
        };
        for frame in frames.iter().flatten() {
            judge.see(frame);
        }
        judge.close(record, facts, self.meter.finish(), self.output_limit);
    }
}
