//! A request as the routes see it.

use bytes::Bytes;
use http::request::Parts;

use crate::log::Seen;
use crate::world::Ticket;

/// One request, read to its end.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) ticket: Ticket,
    /// When it came, in seconds since 1970 of simulated time; the same for every use.
    pub(crate) now: u64,
    /// The API key; empty when none was sent.
    pub(crate) key: String,
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    }

    /// A query parameter, with `%XX` and `+` decoded.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let query = self.parts.uri.query()?;
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then(|| decode(value))
        })
    }

    pub(crate) fn wants_metadata(&self) -> bool {
        [
            "x-openrouter-metadata",
            "x-openrouter-experimental-metadata",
        ]
        .into_iter()
        .any(|name| {
            self.header(name)
                .is_some_and(|value| value.eq_ignore_ascii_case("enabled"))
        })
    }
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts
        .headers
        .get(http::header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

/// The log entry with which a request begins.
pub(crate) fn seen(parts: &Parts, body: &Bytes) -> Seen {
    let headers = parts.headers.iter();
    Seen {
        method: parts.method.to_string(),
        path: parts
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        headers: headers
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body: body.clone(),
        key: bearer(parts).map(str::to_owned),
        ..Seen::default()
    }
}

pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let escaped = tail
            .get(..2)
            .and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn escapes_are_decoded_and_broken_ones_left() {
        assert_eq!(decode("a%2Fb+c%zz%"), "a/b c%zz%");
    }
}
