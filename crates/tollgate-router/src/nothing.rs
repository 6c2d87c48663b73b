//! No candidate is left: why, and what would have to change.

use tollgate_core::{DropReason, Failure, FailureKind, OfferIndex};

/// The failure for a call that nothing can serve.
pub(crate) fn failure(dropped: &[(OfferIndex, DropReason)], warnings: &[String]) -> Failure {
    let reasons = || {
        dropped
            .iter()
            .map(|(_, reason)| *reason)
            .filter(|reason| *reason != DropReason::NotInList)
    };
    let is_too_long = |reason| matches!(reason, DropReason::ContextTooSmall { .. });
    let (kind, message) = if reasons().next().is_some() && reasons().all(is_too_long) {
        (
            FailureKind::ContextLength,
            "the prompt does not fit into any model that was considered",
        )
    } else {
        (FailureKind::NoCandidate, "no model can serve this call")
    };
    let mut failure = Failure::new(kind, message);
    for (name, count) in counts(reasons()) {
        failure = failure.with(name, count);
    }
    match hint(reasons).or_else(|| warnings.first().cloned()) {
        Some(hint) => failure.with_hint(hint),
        None => failure
            .with_hint("no model was considered: see the configured lists and `tollgate models`"),
    }
}

fn counts(reasons: impl Iterator<Item = DropReason>) -> Vec<(&'static str, usize)> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for reason in reasons {
        match counts.iter_mut().find(|(name, _)| *name == reason.name()) {
            Some((_, count)) => *count += 1,
            None => counts.push((reason.name(), 1)),
        }
    }
    counts.sort_unstable();
    counts
}

/// The smallest change that would let something through, by the reason that is
/// the easiest to mend.
fn hint<I: Iterator<Item = DropReason>>(reasons: impl Fn() -> I) -> Option<String> {
    let dear = reasons().filter_map(|reason| match reason {
        DropReason::OverCeiling { worst, .. } => Some(worst),
        _ => None,
    });
    if let Some(worst) = dear.min() {
        return Some(format!(
            "raise the cost limit to at least ${worst}, or ask for a shorter answer with `max_tokens`"
        ));
    }
    let slow = reasons().filter_map(|reason| match reason {
        DropReason::TooSlow { expected_ms, .. } => Some(expected_ms),
        _ => None,
    });
    if let Some(expected_ms) = slow.min() {
        return Some(format!(
            "raise the latency limit to at least {expected_ms} ms, or ask for a shorter answer"
        ));
    }
    let short = reasons().filter_map(|reason| match reason {
        DropReason::OutputTooShort { limit, .. } => Some(limit),
        _ => None,
    });
    if let Some(limit) = short.max() {
        return Some(format!("ask for at most {limit} output tokens"));
    }
    let small = reasons().filter_map(|reason| match reason {
        DropReason::ContextTooSmall { needed, window } => Some((window, needed)),
        _ => None,
    });
    if let Some((window, needed)) = small.max() {
        return Some(format!(
            "shorten the prompt, or ask for a shorter answer with `max_tokens`: {needed} tokens \
             are needed for both, the largest window holds {window}"
        ));
    }
    reasons().find_map(|reason| match reason {
        DropReason::CannotDo { missing } => Some(format!("name a model that can do: {missing}")),
        DropReason::PriceUnknown => {
            Some("name a model with a published price, or configure prices for it".into())
        }
        DropReason::Expired => {
            Some("the model is gone: see `tollgate models` for those there are".into())
        }
        DropReason::FreeTier => Some("allow free variants, or add paid models".into()),
        DropReason::NoKeyOfCaller => Some(
            "bring a key for a provider that has the model, or none to call at the gateway's cost"
                .into(),
        ),
        DropReason::BatchOnly => Some("name the model without its batch variant".into()),
        _ => None,
    })
}
