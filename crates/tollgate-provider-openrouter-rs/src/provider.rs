use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use openrouter_rs::OpenRouterClient;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use tollgate_core::{Attempt, Delivery, Failure, FailureKind, Head, LlmProvider, Reply, Scope};

use crate::config::OpenRouterRsConfig;
use crate::error::SetupError;
use crate::failure::Lane;
use crate::request::{Outgoing, outgoing};
use crate::{answer, events};

/// The header of a [`Head`] that names what a request lost on its way; the façade reads it.
const DROPPED_HEADER: &str = "x-tollgate-dropped";

/// What asks for the router's account of an answer. The client has a setter for it, but not for a
/// request that was read from JSON.
const METADATA: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-openrouter-metadata"),
    HeaderValue::from_static("enabled"),
);

/// OpenRouter through the client `openrouter-rs`: chats, whole and streamed. Cheap to clone;
/// clones share their connections.
///
/// ```no_run
/// use tollgate_core::ApiKey;
/// use tollgate_provider_openrouter_rs::{OpenRouterRs, OpenRouterRsConfig};
/// let config = OpenRouterRsConfig { api_key: Some(ApiKey::new("sk-or-…")), ..Default::default() };
/// let theirs = OpenRouterRs::new(config)?;
/// assert_eq!(theirs.to_string(), "OpenRouterRs(https://openrouter.ai/api/v1)");
/// # Ok::<(), tollgate_provider_openrouter_rs::SetupError>(())
/// ```
#[derive(Clone)]
pub struct OpenRouterRs {
    /// Two clients over two pools: how long an answer may be silent is a setting of the pool, and
    /// differs for one that comes whole.
    streaming: OpenRouterClient,
    whole: OpenRouterClient,
    base_url: String,
    lane: Lane,
}

impl OpenRouterRs {
    /// Sets the client up, with redirects and retries off. Nothing is sent.
    ///
    /// # Errors
    /// When the address is none, or is neither encrypted nor of this machine.
    pub fn new(config: OpenRouterRsConfig) -> Result<Self, SetupError> {
        let base_url = config.base_url.trim_end_matches('/').to_owned();
        let host = host(&base_url)?;
        let key = config.api_key.clone().filter(|key| !key.is_empty());
        let client = |idle| {
            let mut client = OpenRouterClient::builder();
            client.base_url(base_url.as_str());
            client.http_client(pool(config.connect, idle).map_err(SetupError::Pool)?);
            if let Some(key) = &key {
                client.api_key(key.reveal());
            }
            client.build().map_err(SetupError::Client)
        };
        Ok(Self {
            streaming: client(config.idle)?,
            whole: client(config.idle_whole)?,
            lane: Lane::new(host, key.clone()),
            base_url,
        })
    }
}

#[async_trait]
impl LlmProvider for OpenRouterRs {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        if attempt.key.is_some() {
            return Err(one_key_alone());
        }
        let Outgoing { request, lost } = outgoing(attempt)?;
        if attempt.strict && !lost.is_empty() {
            return Err(lossy(&lost));
        }
        let lane = self.lane.clone();
        let frames = match attempt.delivery {
            Delivery::Whole => {
                let answer = self.whole.chat().create(&request).await;
                answer::frames(answer.map_err(|error| lane.failure(error))?, &lane)
            }
            Delivery::Stream => {
                let chunks = self.streaming.chat().stream(&request).await;
                events::frames(chunks.map_err(|error| lane.failure(error))?, lane)
            }
        };
        Ok(Reply {
            head: head(&lost),
            frames,
        })
    }
}

/// The client is built with its key: another caller's would be sent for nothing.
fn one_key_alone() -> Failure {
    Failure::new(FailureKind::Auth, "this client takes no keys of callers")
        .with_hint("leave the key out, or configure the lane without this client")
        .with_scope(Scope::None)
}

impl fmt::Display for OpenRouterRs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenRouterRs({})", self.base_url)
    }
}

impl fmt::Debug for OpenRouterRs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client's own shows the key.
        f.debug_struct("OpenRouterRs")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// The client shows nothing of the head but that it was a success.
fn head(lost: &[String]) -> Head {
    let dropped = (DROPPED_HEADER.to_owned(), lost.join(", "));
    Head {
        status: 200,
        headers: Vec::from_iter((!lost.is_empty()).then_some(dropped)),
        ..Head::default()
    }
}

/// Another lane may take all of it. Nothing was sent, so nobody's health suffers.
fn lossy(lost: &[String]) -> Failure {
    crate::request::unable("the request would lose something on its way to the provider")
        .with("lost", lost.join(", "))
        .with_hint("leave it out, or ask without strictness")
}

fn host(base_url: &str) -> Result<String, SetupError> {
    let refuse = || SetupError::Address(base_url.to_owned());
    let url = Url::parse(base_url).map_err(|_| refuse())?;
    let host = url.host_str().ok_or_else(refuse)?;
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse();
    let is_local = host == "localhost" || ip.is_ok_and(|ip: IpAddr| ip.is_loopback());
    let will_do = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    will_do.then(|| host.to_owned()).ok_or_else(refuse)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the client's own pool follows redirects and sends some requests twice"
)]
fn pool(connect: Duration, idle: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .default_headers(HeaderMap::from_iter([METADATA]))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(connect)
        .read_timeout(idle)
        .build()
}

/// What a lane without a key answers.
pub(crate) fn no_key() -> Failure {
    Failure::new(FailureKind::Auth, "the lane has no key").with_hint("give `api_key` to the client")
}

#[cfg(test)]
mod tests {
    use tollgate_core::ApiKey;

    use super::*;

    #[test]
    fn keys_travel_encrypted_or_stay_on_this_machine() {
        let check = |url: &str, expected: bool| assert_eq!(host(url).is_ok(), expected, "{url}");
        check("https://openrouter.ai/api/v1", true);
        check("http://127.0.0.1:80/api/v1", true);
        check("http://[::1]:80", true);
        check("http://localhost:8080", true);
        check("http://openrouter.ai/api/v1", false);
        check("http://127.0.0.1.example.com", false);
        check("ftp://127.0.0.1", false);
        check("openrouter.ai", false);
    }

    #[test]
    fn the_key_is_not_shown() {
        let config = OpenRouterRsConfig {
            api_key: Some(ApiKey::new("sk-or-v1-secret")),
            ..OpenRouterRsConfig::default()
        };
        let theirs = OpenRouterRs::new(config).unwrap();
        assert!(!format!("{theirs} {theirs:?} {:?}", theirs.lane).contains("secret"));
    }
}
