//! Every request that was seen, and what became of it.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::base64::encode;
use crate::recent::Recent;

/// One request to the simulated service. (Requests to `/sim/…` are not logged.)
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Seen {
    /// Counted from 1, in order of arrival.
    pub number: u64,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// All headers in order, repeated ones too, with their values as they came (credentials
    /// too); names in lower case. Bytes that are no text are replaced.
    pub headers: Vec<(String, String)>,
    /// The body as it came, byte for byte. In JSON, `body` is its text, and where that would lose
    /// bytes, `body_base64` has them all.
    #[serde(flatten, serialize_with = "text_or_bytes")]
    pub body: Bytes,
    /// The body is not kept any more, because later ones are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub body_dropped: bool,
    /// The API key.
    pub key: Option<String>,
    /// The first model that was asked for.
    pub requested_model: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// The provider that answered.
    pub provider: Option<String>,
    /// All attempts at providers, the answering one last.
    pub attempts: Vec<Attempt>,
    /// The fault that the client could see.
    pub fault: Option<String>,
    /// The generation id.
    pub generation: Option<String>,
    /// The HTTP status that was sent, if one was.
    pub status: Option<u16>,
    /// Bytes of body handed to the connection.
    pub bytes_sent: u64,
    /// Output tokens handed to the connection.
    pub tokens_sent: u64,
    /// The client left before the end.
    pub cancelled: bool,
    /// The request has ended, whichever way.
    pub finished: bool,
}

/// One attempt at a provider, inside one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Attempt {
    /// The provider's name.
    pub provider: String,
    /// The canonical slug of the model.
    pub model: String,
    /// The provider's HTTP status.
    pub status: u16,
    /// It was asked with the user's own key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_byok: bool,
}

/// The latest requests, and of their bodies as much as there is room for.
#[derive(Debug)]
pub(crate) struct Log {
    requests: Recent<Seen>,
    /// Bytes of all bodies that are kept, and the most of them.
    bytes: usize,
    room: usize,
    /// The number of the oldest request whose body is kept.
    first_with_body: u64,
}

impl Log {
    /// Bytes of bodies that a log keeps which keeps a limited number of requests.
    const ROOM: usize = 64 << 20;

    pub(crate) fn new(limit: usize) -> Self {
        let is_limited = limit < usize::MAX;
        Self {
            requests: Recent::new(limit),
            bytes: 0,
            room: if is_limited { Self::ROOM } else { usize::MAX },
            first_with_body: 1,
        }
    }

    /// Adds a request, and returns its number.
    pub(crate) fn push(&mut self, mut seen: Seen) -> u64 {
        let number = self.requests.count() + 1;
        seen.number = number;
        self.bytes = self.bytes.saturating_add(seen.body.len());
        if let Some(oldest) = self.requests.push(seen) {
            self.bytes = self.bytes.saturating_sub(oldest.body.len());
        }
        while self.bytes > self.room && self.first_with_body <= number {
            if let Some(oldest) = self.requests.get_mut(self.first_with_body) {
                let body = std::mem::take(&mut oldest.body);
                oldest.body_dropped = !body.is_empty();
                self.bytes = self.bytes.saturating_sub(body.len());
            }
            self.first_with_body += 1;
        }
        number
    }

    pub(crate) fn count(&self) -> u64 {
        self.requests.count()
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Seen> {
        self.requests.get_mut(number)
    }

    pub(crate) fn to_vec(&self) -> Vec<Seen> {
        self.requests.to_vec()
    }
}

impl Seen {
    /// The value of a header, by its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All values of a header, by its name in any case.
    pub fn headers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// True when the text came anywhere: in the path, a header's name or value, or the body. A
    /// gateway's test asserts so that its own key went no further.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        let in_headers =
            |(name, value): &(String, String)| name.contains(text) || value.contains(text);
        self.path.contains(text)
            || self.headers.iter().any(in_headers)
            || self.body_text().contains(text)
    }

    /// The body as text, with bytes that are none replaced.
    #[must_use]
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A body in JSON.
#[derive(Serialize)]
struct Told<'a> {
    body: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

fn text_or_bytes<S: Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    let text = String::from_utf8_lossy(body);
    let loses = matches!(text, Cow::Owned(_));
    Told {
        body_base64: loses.then(|| encode(body)),
        body: text,
    }
    .serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_log_keeps_the_latest_bodies() {
        let mut log = Log {
            room: 10,
            ..Log::new(3)
        };
        let kept = |log: &Log| -> Vec<_> {
            let told = |seen: &Seen| (seen.number, seen.body_text(), seen.body_dropped);
            log.to_vec().iter().map(told).collect()
        };
        for body in ["one", "", "three", "four"] {
            log.push(Seen {
                body: body.into(),
                ..Seen::default()
            });
        }
        let texts = |seen: &(u64, String, bool)| (seen.0, seen.1.clone());
        let all: Vec<_> = kept(&log).iter().map(texts).collect();
        let expected = [(2, ""), (3, "three"), (4, "four")];
        assert_eq!(
            all,
            expected.map(|(number, body)| (number, body.to_owned()))
        );
        log.push(Seen {
            body: "fifth".into(),
            ..Seen::default()
        });
        let expected = [(3, "", true), (4, "four", false), (5, "fifth", false)];
        let expected = expected.map(|(number, body, dropped)| (number, body.to_owned(), dropped));
        assert_eq!(kept(&log), expected);
    }
}
