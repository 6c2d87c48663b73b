//! An answer that comes whole: one frame.

use futures_util::stream;
use openrouter_rs::types::completion::CompletionsResponse;
use tollgate_core::{Facts, Failure, FailureKind, Finish, Frame, FrameKind, Frames};

use crate::facts::{broke_off, facts, out_of_room, served};
use crate::failure::Lane;

/// The frames of an answer that comes whole.
pub(crate) fn frames(answer: CompletionsResponse, lane: &Lane) -> Frames {
    let facts = Facts {
        served: Some(Box::new(served(&answer))),
        ..facts(&answer)
    };
    let items = match failure(&answer, &facts, lane) {
        None => {
            // Whoever gets a whole answer sees all of it.
            let facts = Facts {
                semantic: true,
                ..facts
            };
            vec![written(&answer, FrameKind::Body, facts, lane)]
        }
        Some(failure) => {
            let used = aside(&facts).map(Ok);
            used.into_iter()
                .chain([Err(of_generation(failure, &facts))])
                .collect()
        }
    };
    Box::pin(stream::iter(items))
}

/// What is wrong with the answer, if anything is.
fn failure(answer: &CompletionsResponse, facts: &Facts, lane: &Lane) -> Option<Failure> {
    if let Some(failure) = lane.in_choice(answer) {
        return Some(failure);
    }
    if out_of_room(facts.finish, facts) {
        return Some(no_room(lane));
    }
    let what = if broke_off(answer) {
        BROKE_OFF
    } else if !facts.semantic && facts.finish.is_none() {
        EMPTY
    } else {
        return None;
    };
    Some(lane.failed(FailureKind::BadReply, what))
}

pub(crate) const BROKE_OFF: &str = "the upstream broke its answer off with an error";
pub(crate) const EMPTY: &str = "the upstream's answer is empty";

/// The failure of a prompt that fills the window.
pub(crate) fn no_room(lane: &Lane) -> Failure {
    let what = "the prompt leaves no room for an answer in the model's context window";
    lane.failed(FailureKind::ContextLength, what)
}

/// What a failed answer used, in a frame that nobody is shown, so that it is booked.
pub(crate) fn aside(facts: &Facts) -> Option<Frame> {
    let facts = Facts {
        usage: Some(facts.usage.clone()?),
        finish: Some(Finish::Other),
        ..Facts::default()
    };
    Some(Frame {
        facts,
        ..Frame::keep_alive(Default::default())
    })
}

/// A frame of what the client has read, written anew: the upstream's own bytes are gone.
pub(crate) fn written(
    answer: &CompletionsResponse,
    kind: FrameKind,
    facts: Facts,
    lane: &Lane,
) -> Result<Frame, Failure> {
    let data = serde_json::to_vec(answer).map_err(|error| {
        lane.failed(FailureKind::Internal, "an answer cannot be written")
            .with_source(error)
    })?;
    Ok(Frame {
        kind,
        data: data.into(),
        facts,
    })
}

fn of_generation(failure: Failure, facts: &Facts) -> Failure {
    let served = facts.served.as_ref();
    match served.and_then(|served| served.generation.clone()) {
        Some(generation) => failure.with_generation(generation),
        None => failure,
    }
}
