//! The body of a request: what the caller wrote, with the fields replaced that the gateway owns.

use bytes::Bytes;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use tollgate_core::{
    Attempt, Delivery, EndpointPreferences, Failure, FailureKind, Rate, Rates, Usd,
};
use tollgate_wire::{Decimal, Object, ParseError, Request, Surface};

use crate::config::OutputLimitField;
use crate::dialect::Dialect;
use crate::unbounded;

/// A request ready to go.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) bytes: Bytes,
    /// Fields of the caller that this upstream does not get.
    pub(crate) dropped: Vec<String>,
}

/// Writes the body of an attempt in the upstream's dialect. Each value that is not replaced goes
/// as the text it came as.
pub(crate) fn outgoing(attempt: &Attempt, dialect: &Dialect) -> Result<Outgoing, Failure> {
    let mut edits = Edits::new(attempt.request.object());
    set_models(&mut edits, attempt, dialect)?;
    set_stream(&mut edits, attempt, dialect);
    set_output_limit(&mut edits, attempt, dialect);
    set_provider(&mut edits, attempt, dialect).map_err(invalid)?;
    set_session(&mut edits, attempt, dialect);
    let dropped = drop_fields(&mut edits, &attempt.request, dialect);
    Ok(Outgoing {
        bytes: edits.write().into(),
        dropped,
    })
}

/// Fields of a request that an upstream of this dialect would not get.
pub(crate) fn dropped(request: &Request, dialect: &Dialect) -> Vec<String> {
    let refused = dialect.drops(request.surface());
    let mut dropped: Vec<String> = refused
        .filter(|field| request.object().has_value(field))
        .map(str::to_owned)
        .collect();
    for field in dearer(request, dialect) {
        if !dropped.iter().any(|known| known == field) {
            dropped.push(field.to_owned());
        }
    }
    dropped
}

/// Fields that would cost more than what is held for the request.
fn dearer(request: &Request, dialect: &Dialect) -> impl Iterator<Item = &'static str> {
    unbounded::dearer(request.object()).filter(|_| dialect.by_list)
}

fn set_models(edits: &mut Edits<'_>, attempt: &Attempt, dialect: &Dialect) -> Result<(), Failure> {
    let [model, fallbacks @ ..] = attempt.models.as_slice() else {
        return Err(Failure::new(
            FailureKind::Internal,
            "an attempt names no model",
        ));
    };
    if attempt.request.model().as_deref() != Some(model.as_str()) {
        edits.set("model", model);
    }
    // OpenRouter tries `model` first and then these, so the list holds the rest only. A list of
    // the caller's has become the plan and must not act a second time.
    if !fallbacks.is_empty() && dialect.takes_model_lists {
        edits.set("models", fallbacks);
    } else {
        edits.remove("models");
    }
    // The same list in the words of Messages, which refuse both at once.
    edits.remove("fallbacks");
    Ok(())
}

fn set_stream(edits: &mut Edits<'_>, attempt: &Attempt, dialect: &Dialect) {
    let surface = attempt.request.surface();
    if !surface.streams() {
        // The answer comes whole, so nobody may be told to stream it.
        return edits.remove("stream");
    }
    let stream = attempt.delivery == Delivery::Stream;
    if attempt.request.stream() != stream {
        edits.set("stream", &stream);
    }
    // The other surfaces always tell.
    if !dialect.asks_for_usage || !matches!(surface, Surface::Chat | Surface::Completions) {
        return;
    }
    if stream {
        let mut options: Object = edits
            .object
            .read("stream_options")
            .ok()
            .flatten()
            .unwrap_or_default();
        if options.read::<bool>("include_usage").ok().flatten() != Some(true) {
            options.set_raw("include_usage", raw(&true));
            edits.set("stream_options", &options);
        }
    } else {
        // OpenAI refuses the options of a stream on what is none.
        edits.remove("stream_options");
    }
}

/// Sets the limit where the caller would have: in the field that is there, else in the dialect's
/// own. It is never raised. Two of the caller's become one, the lower in the dialect's own field:
/// upstreams differ in which of two they obey, and some refuse both. The older name becomes the
/// newer one where that is the dialect's own: models that reason refuse the older.
fn set_output_limit(edits: &mut Edits<'_>, attempt: &Attempt, dialect: &Dialect) {
    let surface = attempt.request.surface();
    let fields = surface.output_limits();
    let usual = match surface {
        Surface::Chat => Some(dialect.output_limit.as_str()),
        other => other.output_limits().first().copied(),
    };
    let object = edits.object;
    let mut given = fields.iter().filter(|field| object.has_value(field));
    let is_newer = dialect.output_limit == OutputLimitField::MaxCompletionTokens;
    let (field, is_moved) = match (given.next(), given.next()) {
        (Some(only), None) if is_newer && usual != Some(*only) => (usual, true),
        (Some(only), None) => (Some(*only), false),
        (None, _) => (usual, false),
        (Some(_), Some(_)) => (usual, true),
    };
    if attempt.max_output.is_none() && !is_moved {
        return;
    }
    let limits = [attempt.max_output, attempt.request.max_output_tokens()];
    let (Some(field), Some(limit)) = (field, limits.into_iter().flatten().min()) else {
        return;
    };
    if object.read::<u64>(field).ok().flatten() != Some(limit) {
        edits.set(field, &limit);
    }
    if is_moved {
        for other in fields.iter().filter(|other| **other != field) {
            edits.remove(other);
        }
    }
}

/// Adds what the gateway wants of the providers behind the upstream to what the caller does.
fn set_provider(
    edits: &mut Edits<'_>,
    attempt: &Attempt,
    dialect: &Dialect,
) -> Result<(), ParseError> {
    let preferences = &attempt.endpoints;
    let ceiling = attempt.max_price.as_ref();
    let asks = ceiling.is_some() || !preferences.is_empty();
    if !(asks && dialect.takes_preferences) && dialect.asked_first.is_empty() {
        return Ok(());
    }
    let mut provider: Object = edits.object.read("provider")?.unwrap_or_default();
    if let Some(rates) = ceiling.filter(|_| dialect.takes_preferences) {
        set_max_price(&mut provider, rates)?;
    }
    let is_ordered = ["order", "only", "sort"]
        .iter()
        .any(|key| provider.has_value(key));
    if !is_ordered && !dialect.asked_first.is_empty() {
        provider.set_raw("order", raw(&dialect.asked_first));
    } else if !is_ordered && dialect.takes_preferences {
        set_preferences(&mut provider, &attempt.endpoints);
    }
    edits.set("provider", &provider);
    Ok(())
}

/// Longest name of a conversation that OpenRouter takes, in characters. A longer
/// one is no ground to refuse a request that did not put it there.
const LONGEST_SESSION: usize = 256;

/// Names the conversation where the request does not, so that the upstream stays
/// with the endpoint that has it in its cache.
fn set_session(edits: &mut Edits<'_>, attempt: &Attempt, dialect: &Dialect) {
    let is_taken = dialect.takes_preferences && !edits.object.has_value("session_id");
    let fits =
        |session: &&String| !session.is_empty() && session.chars().count() <= LONGEST_SESSION;
    if let Some(session) = attempt.session.as_ref().filter(fits).filter(|_| is_taken) {
        edits.set("session_id", session);
    }
}

/// What the plan asks of the choice among endpoints, key by key where the caller asks nothing.
/// None of it makes a request fail: endpoints that are not named serve too, and slower ones last.
/// Without fallbacks an order would narrow the choice to itself, so there is none then.
fn set_preferences(provider: &mut Object, preferences: &EndpointPreferences) {
    let stays = provider.read::<bool>("allow_fallbacks").ok().flatten() == Some(false);
    if !stays && !preferences.order.is_empty() {
        let names: Vec<&str> = preferences.order.iter().map(|tag| &**tag).collect();
        provider.set_raw("order", raw(&names));
    }
    // OpenRouter tells latencies in milliseconds, and is told them in seconds.
    let seconds = |ms: u32| f64::from(ms) / 1_000.0;
    let latency = preferences.max_first_token_ms.map(seconds);
    let thresholds = [
        ("preferred_max_latency", latency),
        (
            "preferred_min_throughput",
            preferences.min_tokens_per_second.map(f64::from),
        ),
    ];
    for (key, threshold) in thresholds {
        if let Some(threshold) = threshold.filter(|_| !provider.has_value(key)) {
            provider.set_raw(key, raw(&threshold));
        }
    }
}

/// Merges our ceilings into the caller's; of two, the lower one holds. Tokens are per million,
/// the rest per unit.
fn set_max_price(provider: &mut Object, rates: &Rates) -> Result<(), ParseError> {
    let unit = |rate: Rate| rate.to_string();
    let ceilings = [
        ("prompt", Some(rates.input.per_million().to_string())),
        ("completion", Some(rates.output.per_million().to_string())),
        ("request", rates.request.map(unit)),
        ("image", rates.image.map(unit)),
    ];
    let mut merged: Object = provider
        .read("max_price")
        .map_err(|error| error.at("provider"))?
        .unwrap_or_default();
    for (key, ceiling) in ceilings {
        let Some(ceiling) = ceiling else { continue };
        let callers = merged
            .read::<Decimal>(key)
            .map_err(|error| error.at("provider.max_price"))?;
        if !callers.is_some_and(|callers| lower(callers.as_str(), &ceiling)) {
            merged.set_raw(key, raw(&ceiling));
        }
    }
    provider.set_raw("max_price", raw(&merged));
    Ok(())
}

fn lower(left: &str, right: &str) -> bool {
    matches!((Usd::parse_rounded(left), Usd::parse_rounded(right)), (Ok(left), Ok(right)) if left <= right)
}

fn drop_fields(edits: &mut Edits<'_>, request: &Request, dialect: &Dialect) -> Vec<String> {
    let mut dropped = dropped(request, dialect);
    let drops_reasoning = dropped.iter().any(|field| field == "reasoning");
    if request.surface() == Surface::Chat
        && drops_reasoning
        && !request.object().has_value("reasoning_effort")
    {
        // The one part of `reasoning` that other dialects know.
        if let Some(effort) = request
            .reasoning()
            .ok()
            .flatten()
            .and_then(|reasoning| reasoning.effort)
        {
            edits.set("reasoning_effort", &effort);
        }
    }
    // Nulls too: some upstreams refuse the mere key.
    for field in dialect.drops(request.surface()) {
        edits.remove(field);
    }
    for field in dearer(request, dialect) {
        edits.remove(field);
    }
    // The plan has already used it up.
    dropped.retain(|field| field != "models");
    dropped
}

fn invalid(error: ParseError) -> Failure {
    Failure::new(
        FailureKind::InvalidRequest,
        format!(
            "the request cannot be read at `{}`: {}",
            error.place(),
            error.message()
        ),
    )
}

fn raw<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    to_raw_value(value).expect("texts, numbers and lists of them are always written")
}

/// An object with some members replaced, added or left out, written without copying the rest.
struct Edits<'a> {
    object: &'a Object,
    edits: Vec<(String, Option<Box<RawValue>>)>,
}

impl<'a> Edits<'a> {
    fn new(object: &'a Object) -> Self {
        Self {
            object,
            edits: Vec::new(),
        }
    }

    fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        self.edit(key, Some(raw(value)));
    }

    fn remove(&mut self, key: &str) {
        if self.object.contains(key) {
            self.edit(key, None);
        }
    }

    fn edit(&mut self, key: &str, value: Option<Box<RawValue>>) {
        self.edits.retain(|(edited, _)| edited != key);
        self.edits.push((key.to_owned(), value));
    }

    fn write(&self) -> Vec<u8> {
        if self.edits.is_empty() {
            return self.object.to_vec();
        }
        serde_json::to_vec(self).expect("JSON text is always written to memory")
    }
}

impl Serialize for Edits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.object.iter() {
            match self.edits.iter().find(|(edited, _)| edited == key) {
                None => map.serialize_entry(key, value)?,
                Some((_, Some(new))) => map.serialize_entry(key, new)?,
                Some((_, None)) => {}
            }
        }
        for (key, value) in self
            .edits
            .iter()
            .filter(|(key, _)| !self.object.contains(key))
        {
            if let Some(value) = value {
                map.serialize_entry(key, value)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
