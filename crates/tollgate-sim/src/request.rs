//! A request as the routes see it.

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Map, Value};

use crate::dialect::Dialect;
use crate::host::Host;
use crate::log::Seen;
use crate::world::Ticket;

/// One request, read to its end.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) ticket: Ticket,
    /// Who is asked.
    pub(crate) host: Host,
    /// What a direct host calls the request in headers and errors.
    pub(crate) id: String,
    /// When it came, in seconds since 1970 of simulated time; the same for every use.
    pub(crate) now: u64,
    /// The dialect of the route, in which errors are told as well.
    pub(crate) dialect: &'static dyn Dialect,
    /// The API key; empty when none was sent.
    pub(crate) key: String,
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
}

impl Request {
    /// The body as an object.
    ///
    /// # Errors
    /// The message for a 400.
    pub(crate) fn fields(&self) -> Result<Map<String, Value>, String> {
        let body: Value = serde_json::from_slice(&self.body)
            .map_err(|error| format!("Invalid JSON in request body: {error}"))?;
        match body {
            Value::Object(fields) => Ok(fields),
            _ => Err("Invalid request: the body must be an object".into()),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.parts, name)
    }

    pub(crate) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// A query parameter, with `%XX` and `+` decoded.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        query(&self.parts, name)
    }

    pub(crate) fn wants_metadata(&self) -> bool {
        let asks = [
            "x-openrouter-metadata",
            "x-openrouter-experimental-metadata",
        ]
        .into_iter()
        .any(|name| {
            self.header(name)
                .is_some_and(|value| value.eq_ignore_ascii_case("enabled"))
        });
        asks && !self.host.is_direct()
    }
}

/// The value of a header.
pub(crate) fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

/// A query parameter, with `%XX` and `+` decoded.
pub(crate) fn query(parts: &Parts, name: &str) -> Option<String> {
    parts.uri.query()?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| decode(value))
    })
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
pub(crate) fn seen(parts: &Parts, body: &Bytes, key: Option<&str>) -> Seen {
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
        key: key.map(str::to_owned),
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
