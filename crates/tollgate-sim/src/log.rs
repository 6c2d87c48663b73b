//! Every request that was seen, and what became of it.

use bytes::Bytes;
use serde::{Serialize, Serializer};

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
    /// All headers, with their values as they came (credentials too).
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    #[serde(serialize_with = "text")]
    pub body: Bytes,
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

    /// The body as text, with bytes that are none replaced.
    #[must_use]
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn text<S: Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(body))
}
