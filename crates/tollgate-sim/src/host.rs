//! Whom a simulator answers as: OpenRouter, or a provider that is asked directly.

mod errors;
mod lack;
mod models;

use std::fmt;
use std::str::FromStr;

use http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::catalog::Model;
use crate::dialect::{CHAT, Dialect, GENERATE, OPENAI_CHAT, PLAIN_MESSAGES};
use crate::endpoint::{Endpoint, Provider, endpoint_of};
use crate::error::Error;
use crate::nearest::nearest;
use crate::request::{bearer, header, query};

pub(crate) use self::errors::Words;
pub(crate) use self::lack::{Lack, too_long};

/// Whom a simulator answers as. Models, answers, faults, delays, log and bill are the same behind
/// all of them; paths, keys, names of models and the words of answers and errors are the host's own.
///
/// ```
/// use tollgate_sim::Host;
///
/// assert_eq!("anthropic".parse::<Host>()?, Host::Anthropic);
/// assert_eq!(Host::default().name(), "openrouter");
/// # Ok::<(), tollgate_sim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Host {
    /// OpenRouter, with all its dialects and pages.
    #[default]
    OpenRouter,
    /// OpenAI: chat, Responses, embeddings and models.
    OpenAi,
    /// Anthropic: Messages, the counting of tokens, and models.
    Anthropic,
    /// Google's Gemini API: content whole and streamed, the counting of tokens, and models.
    Gemini,
}

/// What sets one host apart from another.
struct Facts {
    name: &'static str,
    title: &'static str,
    /// The path that its clients put before every route.
    base_path: &'static str,
    /// What its own keys begin with.
    key_prefix: &'static str,
    /// Where it looks for a key.
    key_places: &'static [KeyPlace],
    /// The header that names a request in answers.
    request_header: Option<&'static str>,
    /// Sent while nothing else is.
    keep_alive: &'static [u8],
    /// The provider that it is; OpenRouter is none.
    provider: Option<Provider>,
}

/// Where a key can be.
#[derive(Clone, Copy)]
enum KeyPlace {
    Bearer,
    Header(&'static str),
    Query(&'static str),
}

const OPENROUTER: Facts = Facts {
    name: "openrouter",
    title: "OpenRouter",
    base_path: "/api/v1",
    key_prefix: "sk-or-",
    key_places: &[KeyPlace::Bearer],
    request_header: None,
    keep_alive: b": OPENROUTER PROCESSING\n\n",
    provider: None,
};

const OPENAI: Facts = Facts {
    name: "openai",
    title: "OpenAI",
    base_path: "/v1",
    key_prefix: "sk-",
    key_places: &[KeyPlace::Bearer],
    request_header: Some("x-request-id"),
    keep_alive: b": keep-alive\n\n",
    provider: Some(Provider::new("OpenAI", "openai", "US")),
};

const ANTHROPIC: Facts = Facts {
    name: "anthropic",
    title: "Anthropic",
    base_path: "/v1",
    key_prefix: "sk-ant-",
    key_places: &[KeyPlace::Header("x-api-key")],
    request_header: Some("request-id"),
    keep_alive: b"event: ping\ndata: {\"type\":\"ping\"}\n\n",
    provider: Some(Provider::new("Anthropic", "anthropic", "US")),
};

const GEMINI: Facts = Facts {
    name: "gemini",
    title: "Gemini",
    base_path: "/v1beta",
    key_prefix: "AIza",
    key_places: &[KeyPlace::Header("x-goog-api-key"), KeyPlace::Query("key")],
    request_header: None,
    keep_alive: b": keep-alive\n\n",
    provider: Some(Provider::new("Google AI Studio", "google-ai-studio", "US")),
};

/// Shorter keys are none anywhere.
const KEY_LENGTH: usize = 20;

impl Host {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::OpenRouter,
        Self::OpenAi,
        Self::Anthropic,
        Self::Gemini,
    ];

    /// The name that `tollgate sim --as` and scenario files use.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The path that clients put before every route: `/api/v1`, `/v1`, `/v1beta`.
    #[must_use]
    pub fn base_path(self) -> &'static str {
        self.facts().base_path
    }

    fn facts(self) -> &'static Facts {
        match self {
            Self::OpenRouter => &OPENROUTER,
            Self::OpenAi => &OPENAI,
            Self::Anthropic => &ANTHROPIC,
            Self::Gemini => &GEMINI,
        }
    }

    /// True for a provider that is asked directly.
    pub(crate) fn is_direct(self) -> bool {
        self != Self::OpenRouter
    }

    /// The dialect of errors where no route says otherwise.
    pub(crate) fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::OpenRouter => CHAT,
            Self::OpenAi => OPENAI_CHAT,
            Self::Anthropic => PLAIN_MESSAGES,
            Self::Gemini => GENERATE,
        }
    }

    pub(crate) fn request_header(self) -> Option<&'static str> {
        self.facts().request_header
    }

    pub(crate) fn keep_alive(self) -> &'static [u8] {
        self.facts().keep_alive
    }

    /// The key of a request, from the first place that has one.
    pub(crate) fn api_key(self, parts: &Parts, dialect: &dyn Dialect) -> Option<String> {
        let also = dialect.key_header().map(KeyPlace::Header);
        let mut places = self.facts().key_places.iter().copied().chain(also);
        places.find_map(|place| place.key(parts))
    }

    /// Whether a key has the form of this host's own. One of OpenRouter's is never another's, so
    /// that a key sent to the wrong place is seen.
    pub(crate) fn issues(self, key: &str) -> bool {
        let is_own = key.starts_with(self.facts().key_prefix) && key.len() >= KEY_LENGTH;
        let is_foreign = Self::ALL
            .into_iter()
            .filter(|other| other.facts().key_prefix.len() > self.facts().key_prefix.len())
            .any(|other| key.starts_with(other.facts().key_prefix));
        is_own && !is_foreign
    }

    /// The one endpoint of a model of a direct provider, at the catalog's price.
    pub(crate) fn endpoint(self, model: &Model, seed: u64) -> Option<Endpoint> {
        let provider = self.facts().provider.as_ref()?;
        Some(endpoint_of(provider, model, seed))
    }
}

impl KeyPlace {
    fn key(self, parts: &Parts) -> Option<String> {
        let key = match self {
            Self::Bearer => bearer(parts)?.to_owned(),
            Self::Header(name) => header(parts, name)?.trim().to_owned(),
            Self::Query(name) => query(parts, name)?,
        };
        Some(key).filter(|key| !key.is_empty())
    }
}

impl fmt::Display for Host {
    /// Writes the name that people use, such as `OpenRouter`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.facts().title)
    }
}

impl FromStr for Host {
    type Err = Error;

    /// Reads the [name](Host::name).
    ///
    /// # Errors
    /// [`Error::Scenario`] with the closest name.
    fn from_str(text: &str) -> Result<Self, Error> {
        let names = || Self::ALL.into_iter().map(Self::name);
        Self::ALL
            .into_iter()
            .find(|host| host.name() == text)
            .ok_or_else(|| {
                let closest = nearest(text, names());
                Error::scenario(format!(
                    "there is no host `{text}`; did you mean `{closest}`?"
                ))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Host;

    #[test]
    fn each_host_knows_its_own_keys_alone() {
        let keys = [
            "sk-or-v1-simulated-key-0001",
            "sk-simulated-key-000000001",
            "sk-ant-simulated-key-0001",
            "AIzaSimulatedKey000000001",
        ];
        for (index, host) in Host::ALL.into_iter().enumerate() {
            for (other, key) in keys.iter().enumerate() {
                assert_eq!(host.issues(key), index == other, "{host} {key}");
            }
            assert!(!host.issues(&keys[index][..10]), "{host}: short");
        }
    }

    #[test]
    fn names_are_read_back() {
        for host in Host::ALL {
            assert_eq!(host.name().parse::<Host>().unwrap(), host);
        }
        let message = "antropic".parse::<Host>().unwrap_err().to_string();
        assert!(message.contains("did you mean `anthropic`"), "{message}");
    }
}
