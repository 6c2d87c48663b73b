//! What a chat's answer shows by itself.

use std::sync::Arc;

use tollgate_core::{
    AttemptRecord, Call, CallFacts, Catalog, Draft, FeedbackSource, Finish, Frame, FrameKind,
    WantedJson,
};
use tollgate_wire::{ChatResponse, Object, Request, Surface};

use super::FeedbackBook;
use crate::gateway::Parts;
use crate::learning::Subject;
use crate::whole::{Whole, parse_body};

/// Most bytes of an answer that are kept for judging it; a longer one is not
/// judged by its content.
const LONGEST: usize = 1 << 20;

/// The score of a good observation, in thousandths.
const GOOD: i64 = 1_000;

/// Watches one answer.
pub(crate) struct Judge {
    book: Arc<FeedbackBook>,
    catalog: Arc<dyn Catalog>,
    request: Arc<Request>,
    /// The answer so far, where there is something in it to judge.
    content: Option<Content>,
}

#[derive(Default)]
struct Content {
    whole: Whole,
    bytes: usize,
}

impl Judge {
    /// `None` when answers are not judged, or not this one.
    pub(crate) fn of(parts: &Parts, call: &Call) -> Option<Box<Self>> {
        if !parts.feedback.is_automatic() || call.request.surface() != Surface::Chat {
            return None;
        }
        let has_content = wants_schema(&call.request) || call.request.tools().is_some();
        Some(Box::new(Self {
            book: parts.feedback.clone(),
            catalog: parts.catalog.clone(),
            request: call.request.clone(),
            content: has_content.then(Content::default),
        }))
    }

    /// Takes note of a frame of the answer.
    pub(crate) fn see(&mut self, frame: &Frame) {
        let Some(content) = &mut self.content else {
            return;
        };
        content.bytes += frame.data.len();
        let fits = content.bytes <= LONGEST;
        if frame.kind == FrameKind::Done {
            return;
        }
        // What cannot be read says nothing of the model.
        if !fits || content.whole.add(frame.clone()).is_err() {
            self.content = None;
        }
    }

    /// Takes note that the answer begins anew.
    pub(crate) fn restart(&mut self) {
        self.content = self.content.take().map(|_| Content::default());
    }

    /// Judges an answer that is complete, of the attempt that served it; `limit`
    /// is the output limit that the gateway set.
    pub(crate) fn close(
        self,
        served: &AttemptRecord,
        facts: &CallFacts,
        finish: Option<Finish>,
        limit: Option<u64>,
    ) {
        let Some(subject) = Subject::of_attempt(served, facts, &self.catalog.view()) else {
            return;
        };
        let tell = |source, is_good: bool| {
            let score = if is_good { GOOD } else { 0 };
            self.book.observe(subject.clone(), source, score);
        };
        let body = self.content.map(|content| content.whole.into_body());
        let response = body.and_then(|body| parse_body(&body).ok());
        let nothing = ChatResponse::from_object(Object::new());
        let draft = Draft::new(
            &self.request,
            response.as_ref().unwrap_or(&nothing),
            finish,
            limit,
        );
        if let Some(is_good) = draft.ends_well() {
            tell(FeedbackSource::Finish, is_good);
        }
        if response.is_none() || draft.is_cut() {
            return;
        }
        if let Some(is_good) = draft.calls_are_json() {
            tell(FeedbackSource::ToolCall, is_good);
        } else if wants_schema(&self.request) {
            tell(FeedbackSource::Schema, draft.is_json());
        }
    }
}

fn wants_schema(request: &Request) -> bool {
    matches!(WantedJson::of(request), Some(WantedJson::By(_)))
}
