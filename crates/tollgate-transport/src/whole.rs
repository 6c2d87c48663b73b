//! An answer that comes whole: one frame.

use bytes::Bytes;
use futures_util::stream;
use tollgate_core::{
    Billed, Billing, Facts, Failure, FailureKind, Finish, Frame, FrameKind, Frames, Usd,
};
use tollgate_wire::{ChatReply, ChatResponse};

use crate::evidence::{Evidence, Progress, of_generation};
use crate::facts;
use crate::incoming::Incoming;

/// The frames of an answer that comes whole; read when they are asked for.
pub(crate) fn frames(
    incoming: Incoming,
    evidence: Evidence,
    limit: usize,
    lane: Billing,
) -> Frames {
    Box::pin(stream::once(read(incoming, evidence, limit, lane)))
}

async fn read(
    mut incoming: Incoming,
    evidence: Evidence,
    limit: usize,
    lane: Billing,
) -> Result<Frame, Failure> {
    let data = match incoming.all(limit).await {
        Ok(data) => data,
        Err(gone) => return Err(evidence.cut(Some(gone), Progress::default())),
    };
    let facts = judge(&data, &evidence, lane)?;
    Ok(Frame {
        kind: FrameKind::Body,
        data,
        facts,
    })
}

/// Reads an answer, or the failure that it is.
fn judge(data: &Bytes, evidence: &Evidence, lane: Billing) -> Result<Facts, Failure> {
    let none = Progress::default();
    let answer = match ChatReply::parse(data) {
        Ok(ChatReply::Answer(answer)) => answer,
        Ok(ChatReply::Error(error)) => return Err(evidence.error(&error, data, none)),
        Err(error) => {
            return Err(evidence
                .bad_reply("the upstream's answer cannot be read", data, none)
                .with_source(error));
        }
    };
    let facts = facts::of_answer(&answer, lane);
    match refusal(&answer, data, &facts, evidence) {
        Some(failure) => Err(of_generation(failure, answer.id().as_deref())),
        None => Ok(facts),
    }
}

/// The failure that an answer of the right shape is, if it is one.
fn refusal(
    answer: &ChatResponse,
    data: &Bytes,
    facts: &Facts,
    evidence: &Evidence,
) -> Option<Failure> {
    let none = Progress::default();
    if answer.is_empty_answer() {
        let failure = evidence.bad_reply("the upstream's answer is empty", data, none);
        return Some(failure.with_billed(billed(evidence, facts)));
    }
    if has_error_finish(answer) {
        return Some(evidence.bad_reply(
            "the upstream broke its answer off with an error",
            data,
            none,
        ));
    }
    out_of_room(facts.finish, facts.output_bytes, facts).then(|| no_room(evidence, facts))
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

fn has_error_finish(answer: &ChatResponse) -> bool {
    answer
        .choices()
        .iter()
        .any(|choice| choice.finish_reason == Some(tollgate_wire::FinishReason::Error))
}
