//! From what the caller wrote to what the client can say, and what is lost between the two.

use openrouter_rs::api::chat::ChatCompletionRequest;
use serde_json::Value;
use tollgate_core::{Attempt, Failure, FailureKind, Origin, Rate, Rates, Scope, Usd};
use tollgate_wire::{Decimal, Object, ParseError, Surface};

/// A request in the client's own type.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) request: ChatCompletionRequest,
    /// Places in the caller's request that the type has no room for.
    pub(crate) lost: Vec<String>,
}

/// Writes the request of an attempt in the client's type.
pub(crate) fn outgoing(attempt: &Attempt) -> Result<Outgoing, Failure> {
    if attempt.request.surface() != Surface::Chat {
        return Err(unable("this client sends chats only"));
    }
    let wanted = wanted(attempt).map_err(|error| {
        let what = "the request cannot be read";
        Failure::new(FailureKind::InvalidRequest, what).with("place", error.place())
    })?;
    let wanted: Value = serde_json::from_slice(&wanted.to_vec()).map_err(unsayable)?;
    let request: ChatCompletionRequest =
        serde_json::from_value(wanted.clone()).map_err(unsayable)?;
    let sent = serde_json::to_value(&request).map_err(unsayable)?;
    let mut lost = Vec::new();
    compare(String::new(), &wanted, Some(&sent), &mut lost);
    Ok(Outgoing { request, lost })
}

/// The client's type has no room for a value, though the upstream may well know it. The reason may
/// quote the prompt, so it is for the log.
fn unsayable(error: serde_json::Error) -> Failure {
    unable("this client cannot express the request").with_detail(error.to_string())
}

/// Nobody is to blame, and another lane may serve.
pub(crate) fn unable(what: &str) -> Failure {
    Failure::new(FailureKind::NotFound, what)
        .with_origin(Origin::Gateway)
        .with_scope(Scope::None)
        .not_here()
}

// === what the gateway owns ===

/// The caller's request with the fields replaced that the gateway owns.
fn wanted(attempt: &Attempt) -> Result<Object, ParseError> {
    let mut object = attempt.request.object().clone();
    // The client says by itself whether it streams.
    for field in ["stream", "models", "fallbacks"] {
        object.remove(field);
    }
    if let [model, fallbacks @ ..] = attempt.models.as_slice() {
        object.set("model", model)?;
        if !fallbacks.is_empty() {
            object.set("models", fallbacks)?;
        }
    }
    set_output_limit(&mut object, attempt)?;
    if let Some(rates) = &attempt.max_price {
        set_max_price(&mut object, rates)?;
    }
    Ok(object)
}

/// The lower of the limits, in the field that the caller used.
fn set_output_limit(object: &mut Object, attempt: &Attempt) -> Result<(), ParseError> {
    let limits = [attempt.max_output, attempt.request.max_output_tokens()];
    let Some(limit) = limits.into_iter().flatten().min() else {
        return Ok(());
    };
    let fields = attempt.request.surface().output_limits();
    let given = fields.iter().find(|field| object.has_value(field));
    let field = *given.unwrap_or(&"max_tokens");
    for other in fields.iter().filter(|other| **other != field) {
        object.remove(other);
    }
    object.set(field, &limit)
}

/// The gateway's ceilings beside the caller's; of two, the lower one holds.
fn set_max_price(object: &mut Object, rates: &Rates) -> Result<(), ParseError> {
    let unit = |rate: Rate| rate.to_string();
    let ceilings = [
        ("prompt", Some(rates.input.per_million().to_string())),
        ("completion", Some(rates.output.per_million().to_string())),
        ("request", rates.request.map(unit)),
        ("image", rates.image.map(unit)),
    ];
    let mut provider: Object = object.read("provider")?.unwrap_or_default();
    let mut merged: Object = provider.read("max_price")?.unwrap_or_default();
    for (key, ceiling) in ceilings {
        let Some(ceiling) = ceiling else { continue };
        let callers = merged.read::<Decimal>(key)?;
        if !callers.is_some_and(|callers| is_lower(callers.as_str(), &ceiling)) {
            merged.set(key, &ceiling)?;
        }
    }
    provider.set("max_price", &merged)?;
    object.set("provider", &provider)
}

fn is_lower(left: &str, right: &str) -> bool {
    matches!((Usd::parse_rounded(left), Usd::parse_rounded(right)), (Ok(left), Ok(right)) if left <= right)
}

// === what is lost ===

/// Names each place of `wanted` that `sent` lacks or has otherwise.
fn compare(place: String, wanted: &Value, sent: Option<&Value>, lost: &mut Vec<String>) {
    let within = |key: &str| match place.as_str() {
        "" => key.to_owned(),
        place => format!("{place}.{key}"),
    };
    match (wanted, sent) {
        (Value::Null, _) => {}
        (Value::Object(wanted), Some(Value::Object(sent))) => {
            for (key, value) in wanted {
                compare(within(key), value, sent.get(key), lost);
            }
        }
        (Value::Array(wanted), Some(Value::Array(sent))) => {
            for (index, value) in wanted.iter().enumerate() {
                compare(within(&index.to_string()), value, sent.get(index), lost);
            }
        }
        // The client writes `1` as `1.0`.
        (Value::Number(wanted), Some(Value::Number(sent))) if wanted.as_f64() == sent.as_f64() => {}
        (wanted, Some(sent)) if wanted == sent => {}
        _ => lost.push(place),
    }
}

#[cfg(test)]
mod tests;
