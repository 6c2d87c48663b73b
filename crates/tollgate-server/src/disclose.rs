//! What answers say about themselves: in headers, and inside of streams, whose
//! headers come before their end is known.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;
use tollgate::{Answer, CallId, CostSource, ModelId, ProviderId, Receipt, Usd};

/// What is known when an answer begins: the upstream's headers that callers may
/// see, among them `x-tollgate-dropped`, and what the gateway did.
pub(crate) fn answer(answer: &Answer) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(MOST_HEADERS);
    for (name, text) in &answer.head().headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Some(value)) = (name, value(text))
            && !is_of_this_hop(&name)
            && !REQUEST_IDS.contains(&name.as_str())
        {
            headers.append(name, value);
        }
    }
    let served = answer.served();
    let facts = [
        ("x-tollgate-model", value(answer.model().as_str())),
        (
            "x-tollgate-provider",
            served.provider.as_ref().and_then(|id| value(id.as_str())),
        ),
        (
            "x-generation-id",
            served.generation.as_ref().and_then(|id| value(id.as_str())),
        ),
        (
            "x-tollgate-dropped",
            dropped(answer).and_then(|lost| value(&lost)),
        ),
        (
            "x-tollgate-max-tokens",
            answer.output_limit().map(HeaderValue::from),
        ),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers.extend(call(answer.call()));
    for warning in answer.warnings() {
        if let Some(value) = value(warning) {
            headers.append(HeaderName::from_static("x-tollgate-warning"), value);
        }
    }
    headers
}

/// As many headers as an answer usually has, those of its body and its receipt
/// included.
const MOST_HEADERS: usize = 16;

/// The headers in which clients look for the id of a request. The upstream's
/// own is in `x-generation-id`.
const REQUEST_IDS: [&str; 2] = ["x-request-id", "request-id"];

/// The id of a call, under which the ledger has it.
pub(crate) fn call(id: CallId) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let value = value(&id.to_string());
    let names = REQUEST_IDS.into_iter().map(HeaderName::from_static);
    names.filter_map(move |name| Some((name, value.clone()?)))
}

/// What is known when an answer has ended.
pub(crate) fn receipt(receipt: &Receipt) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let cost = receipt.cost();
    let facts = [
        (
            "x-tollgate-attempts",
            Some(HeaderValue::from(receipt.attempts.len())),
        ),
        (
            "x-tollgate-cost",
            cost.and_then(|cost| value(&cost.amount().to_string())),
        ),
        (
            "x-tollgate-cost-source",
            cost.map(|cost| HeaderValue::from_static(cost.source.as_str())),
        ),
    ];
    let said = facts.into_iter();
    said.filter_map(|(name, value)| Some((HeaderName::from_static(name), value?)))
}

/// What is known when a stream has ended, for its last event. What the headers
/// said is in it as well: they can be sent before there is an answer.
#[derive(Serialize)]
pub(crate) struct InBand<'a> {
    attempts: usize,
    call: CallId,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_source: Option<CostSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    model: &'a ModelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a ProviderId>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

impl<'a> InBand<'a> {
    pub(crate) fn of(answer: &'a Answer, receipt: &'a Receipt) -> Self {
        let served = receipt.served();
        let cost = receipt.cost();
        Self {
            attempts: receipt.attempts.len(),
            call: receipt.facts.call,
            cost: cost.map(|cost| cost.amount()),
            cost_source: cost.map(|cost| cost.source),
            dropped: dropped(answer),
            max_tokens: answer.output_limit(),
            model: answer.model(),
            provider: served.and_then(|attempt| attempt.provider()),
            warnings: answer.warnings(),
        }
    }
}

/// What was lost on the way.
fn dropped(answer: &Answer) -> Option<String> {
    places(&answer.lost().collect::<Vec<_>>())
}

/// Most bytes that tell what was lost. Callers choose the keys that places are
/// made of, and a client or a proxy that has no room for a header loses all of
/// the answer: Python's has 64 kB for a line, nginx 4 kB for all headers.
const MOST_DROPPED: usize = 2 << 10;

/// Places in a row, and how many there is no room for.
fn places(lost: &[&str]) -> Option<String> {
    let mut text = String::new();
    for (told, place) in lost.iter().enumerate() {
        let rest = format!("and {} more", lost.len() - told);
        let room = MOST_DROPPED - rest.len() - ", ".len();
        if text.len() + place.len() > room {
            text.push_str(&rest);
            return Some(text);
        }
        text.push_str(place);
        if told + 1 < lost.len() {
            text.push_str(", ");
        }
    }
    (!text.is_empty()).then_some(text)
}

/// Headers that describe the bytes of one connection. The bytes that we send
/// are framed anew, whatever a provider of the program's own lets through.
fn is_of_this_hop(name: &HeaderName) -> bool {
    [
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
    ]
    .contains(name)
}

/// A header's value; text that no header can hold, such as a line end, is none.
fn value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_told_in_two_kibibytes() {
        assert_eq!(places(&[]), None);
        assert_eq!(places(&["a", "b.c"]).unwrap(), "a, b.c");
        for length in [30, 700, 1_900, 200_000] {
            let place = "p".repeat(length);
            let lost = vec![&*place; 3_000];
            let text = places(&lost).unwrap();
            assert!(text.len() <= MOST_DROPPED, "{} of {length}", text.len());
            let told = text.matches(&place).count();
            let fit = (MOST_DROPPED - "and 3000 more".len()) / (length + ", ".len());
            assert_eq!(told, fit, "of {length}");
            assert!(text.ends_with(&format!("and {} more", lost.len() - told)));
        }
    }
}
