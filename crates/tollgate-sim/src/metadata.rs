//! `openrouter_metadata`: how a request was routed, for those who ask.

use std::time::Duration;

use crate::ask::Ask;
use crate::json::{Object, object};
use crate::log::Attempt;
use crate::select::Selection;

/// `openrouter_metadata` of an answer.
pub(crate) fn answered(ask: &Ask, selection: &Selection, time: Duration) -> Object {
    let provider = selection.endpoint.provider.name;
    let last = selection.attempts.len() - 1;
    object! {
        "requested": ask.models[0],
        "strategy": selection.strategy,
        "region": "sim",
        "summary": format!("selected={provider}"),
        "attempt": selection.attempts.len(),
        "is_byok": selection.is_byok,
        "endpoints": available(&selection.attempts, Some(last)),
        "attempts": selection.attempts,
        "generation_time": u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
    }
}

/// `openrouter_metadata` beside an error.
pub(crate) fn refused(ask: &Ask, attempts: &[Attempt]) -> Object {
    object! {
        "requested": ask.models[0],
        "strategy": if ask.models.len() > 1 { "fallback" } else { "direct" },
        "region": "sim",
        "summary": "no endpoint answered",
        "attempt": attempts.len(),
        "is_byok": false,
        "endpoints": available(attempts, None),
        "attempts": attempts,
    }
}

/// The endpoints that took part, which are all that are told.
fn available(attempts: &[Attempt], selected: Option<usize>) -> Object {
    let row = |(index, attempt): (usize, &Attempt)| {
        object! { "provider": attempt.provider, "model": attempt.model, "selected": selected == Some(index) }
    };
    let rows: Vec<Object> = attempts.iter().enumerate().map(row).collect();
    object! { "total": rows.len(), "available": rows }
}
