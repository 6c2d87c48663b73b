//! Answers to a key that is the caller's own: they say nothing of the gateway's key, its account
//! and its limits, and what they cost is not owed by it.

use futures_util::StreamExt;
use tollgate_core::{Failure, FailureKind, Frame, Reply, Scope};

/// The answer, without what is between the caller and the upstream.
pub(crate) fn strangers(reply: Result<Reply, Failure>) -> Result<Reply, Failure> {
    let Reply { mut head, frames } = reply.map_err(blaming_nobody)?;
    head.limits.clear();
    let frames = frames.map(|frame| frame.map(free_of_charge).map_err(blaming_nobody));
    Ok(Reply {
        head,
        frames: Box::pin(frames),
    })
}

/// Hosts and models may be in trouble for everybody. Keys and accounts are the caller's, and so is
/// what they have no access to, which upstreams call not found.
fn blaming_nobody(failure: Failure) -> Failure {
    let is_gone = failure.kind() == FailureKind::NotFound;
    match failure.rule().scope {
        Scope::Key | Scope::Account | Scope::KeyModel => failure.with_scope(Scope::None),
        Scope::Endpoint if is_gone => failure.with_scope(Scope::None),
        Scope::None | Scope::Endpoint | Scope::Authority => failure,
    }
}

fn free_of_charge(mut frame: Frame) -> Frame {
    if let Some(usage) = &mut frame.facts.usage {
        usage.cost = None;
        usage.billing = None;
    }
    frame
}
