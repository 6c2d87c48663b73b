//! An answer that comes whole: one frame.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tollgate_core::{
    Billed, Billing, Facts, Failure, FailureKind, Finish, Frame, FrameKind, Frames, GenerationId,
    Usd,
};

use crate::aside::{aside, of_failed, usage_of};
use crate::evidence::{Evidence, Progress, of_generation};
use crate::incoming::Incoming;
use crate::read::{self, Body, Shape};

/// How an answer is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) shape: Shape,
    /// How the lane is paid when the answer does not say.
    pub(crate) lane: Billing,
}

/// The frames of an answer that comes whole; read when they are asked for.
pub(crate) fn frames(incoming: Incoming, evidence: Evidence, limit: usize, form: Form) -> Frames {
    let read = stream::once(read(incoming, evidence, limit, form));
    Box::pin(read.flat_map(|read| {
        stream::iter(match read {
            Ok(frame) => [Some(Ok(frame)), None],
            Err(Failed { used, failure }) => [used.map(aside).map(Ok), Some(Err(failure))],
        })
        .filter_map(std::future::ready)
    }))
}

/// A failure, and what the answer that failed has used.
struct Failed {
    used: Option<Facts>,
    failure: Failure,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self {
            used: None,
            failure,
        }
    }
}

async fn read(
    mut incoming: Incoming,
    evidence: Evidence,
    limit: usize,
    form: Form,
) -> Result<Frame, Failed> {
    let data = match incoming.all(limit).await {
        Ok(data) => data,
        Err(gone) => return Err(evidence.cut(Some(gone), Progress::default()).into()),
    };
    let facts = judge(&data, &evidence, form)?;
    Ok(Frame {
        kind: FrameKind::Body,
        data,
        facts,
    })
}

/// Reads an answer, or the failure that it is.
fn judge(data: &Bytes, evidence: &Evidence, form: Form) -> Result<Facts, Failed> {
    let none = Progress::default();
    let (facts, failure) = match read::body(form.shape, data, form.lane) {
        Err(error) => {
            let failure = evidence.bad_reply("the upstream's answer cannot be read", data, none);
            return Err(failure.with_source(error).into());
        }
        Ok(Body::Error(error)) => {
            return Err(Failed {
                used: of_failed(usage_of(&error, form.lane)),
                failure: evidence.error(&error, data, none),
            });
        }
        Ok(Body::Answer(facts)) => {
            let is_full = out_of_room(facts.finish, facts.output_bytes, &facts);
            let failure = is_full.then(|| no_room(evidence, &facts));
            (facts, failure)
        }
        Ok(Body::Empty(facts)) => {
            let failure = evidence.bad_reply("the upstream's answer is empty", data, none);
            let failure = failure.with_billed(billed(evidence, &facts));
            (facts, Some(failure))
        }
        Ok(Body::BrokenOff(facts)) => {
            let what = "the upstream broke its answer off with an error";
            return Err(Failed {
                failure: of_facts(evidence.bad_reply(what, data, none), &facts),
                used: of_failed(facts.usage),
            });
        }
    };
    match failure {
        Some(failure) => Err(of_facts(failure, &facts).into()),
        None => Ok(facts),
    }
}

fn of_facts(failure: Failure, facts: &Facts) -> Failure {
    let served = facts.served.as_ref();
    let generation = served.and_then(|served| served.generation.as_ref());
    of_generation(failure, generation.map(GenerationId::as_str))
}

/// Whether the window was full before the first token: `length`, with no token and no text.
pub(crate) fn out_of_room(finish: Option<Finish>, output_bytes: u32, usage: &Facts) -> bool {
    let no_tokens = usage
        .usage
        .as_ref()
        .is_some_and(|usage| usage.tokens.output_total() == 0);
    finish == Some(Finish::Length) && output_bytes == 0 && no_tokens
}

/// The failure of a prompt that fills the window.
pub(crate) fn no_room(evidence: &Evidence, facts: &Facts) -> Failure {
    evidence
        .failure(
            FailureKind::ContextLength,
            "the prompt leaves no room for an answer in the model's context window",
        )
        .with_billed(billed(evidence, facts))
}

/// What is known of the money for an answer with nothing in it: the upstream's figure if there is
/// one, else its promise. Without either, who has read the prompt may charge for it.
fn billed(evidence: &Evidence, facts: &Facts) -> Billed {
    let cost = facts.usage.as_ref().and_then(|usage| usage.cost);
    match cost {
        Some(cost) if cost.amount() == Usd::ZERO => Billed::No,
        None if evidence.insured() => Billed::No,
        _ => Billed::Unknown,
    }
}
