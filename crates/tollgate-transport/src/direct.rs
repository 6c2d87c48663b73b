use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use tollgate_core::{Attempt, Billing, Clock, Failure, LlmProvider, Reply};
use tollgate_wire::Request;

use crate::config::DirectConfig;
use crate::dialect::Dialect;
use crate::error::TransportError;
use crate::exchange;
use crate::outgoing;
use crate::send::HttpSend;
use crate::upstream::{Setup, Upstream, header_name, header_value, key_header};

/// A provider that is reached without OpenRouter, and speaks OpenAI's chat dialect, Anthropic's
/// Messages or Google's Gemini. Cheap to clone.
///
/// The same engine as [`OpenRouterProvider`](crate::OpenRouterProvider); what differs is data.
/// What the provider does not take is left out, and named in the reply's head under
/// [`DROPPED_HEADER`](crate::DROPPED_HEADER).
///
/// ```
/// use tollgate_transport::{DirectConfig, DirectProvider, Speech};
/// let config = DirectConfig { base_url: "http://127.0.0.1:8080/v1".into(), ..Default::default() };
/// let local = DirectProvider::new(config)?;
/// assert_eq!(local.to_string(), "OpenAiCompatible(http://127.0.0.1:8080/v1)");
/// let config = DirectConfig {
///     base_url: "https://api.anthropic.com/v1".into(),
///     dialect: Speech::Messages,
///     ..Default::default()
/// };
/// assert_eq!(DirectProvider::new(config)?.to_string(), "Messages(https://api.anthropic.com/v1)");
/// # Ok::<(), tollgate_transport::TransportError>(())
/// ```
#[derive(Debug, Clone)]
pub struct DirectProvider {
    upstream: Arc<Upstream>,
}

impl DirectProvider {
    /// Sets the provider up. Nothing is sent.
    ///
    /// # Errors
    /// When the address is not encrypted (and not this machine), a value cannot travel in a
    /// header, a timer is zero, or the certificates cannot be read.
    pub fn new(config: DirectConfig) -> Result<Self, TransportError> {
        Self::build(config, None)
    }

    /// Sets the provider up over this, not over connections of its own: a network in memory, or
    /// a client of the program. `timers.connect_ms`, `connection.tls_roots` and
    /// `connection.max_idle_connections` are then its own business.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_http(
        config: DirectConfig,
        http: Arc<dyn HttpSend>,
    ) -> Result<Self, TransportError> {
        Self::build(config, Some(http))
    }

    /// Puts something around what carries requests, such as whatever adds a header to each.
    #[must_use]
    pub fn with_around(
        mut self,
        around: impl FnOnce(Arc<dyn HttpSend>) -> Arc<dyn HttpSend>,
    ) -> Self {
        let http = &mut Arc::make_mut(&mut self.upstream).http;
        *http = around(http.clone());
        self
    }

    /// Turns the dates in answers into delays by this clock, not by the date that each answer
    /// carries.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        Arc::make_mut(&mut self.upstream).clock = Some(clock);
        self
    }

    /// The fields of a request that this provider would not get, though it speaks its surface.
    pub fn dropped(&self, request: &Request) -> Vec<String> {
        outgoing::dropped(request, &self.upstream.dialect)
    }

    pub(crate) fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    fn build(
        config: DirectConfig,
        http: Option<Arc<dyn HttpSend>>,
    ) -> Result<Self, TransportError> {
        let key_header = key_header_name(&config);
        let upstream = Upstream::new(Setup {
            headers: headers(&config)?,
            dialect: Dialect::direct(&config),
            base_url: config.base_url,
            chat_path: config.chat_path,
            secret: config.api_key,
            key_header,
            billing: Billing::Direct,
            timers: config.timers,
            connection: config.connection,
            http,
        })?;
        Ok(Self { upstream })
    }
}

#[async_trait]
impl LlmProvider for DirectProvider {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        exchange::send(&self.upstream, attempt).await
    }
}

/// Shows the wiring: `OpenAiCompatible(http://127.0.0.1:8080/v1)`, `Gemini(…)`.
impl fmt::Display for DirectProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.upstream.dialect.speech.name();
        write!(f, "{name}({})", self.upstream.base())
    }
}

fn headers(config: &DirectConfig) -> Result<HeaderMap, TransportError> {
    let mut headers = HeaderMap::new();
    let required = config.dialect.headers().iter();
    let given = config.headers.iter();
    let given = given.map(|(name, value)| (name.as_str(), value.as_str()));
    // Later ones win: another version may be wanted.
    for (name, value) in required.copied().chain(given) {
        headers.insert(header_name(name)?, header_value(name, value)?);
    }
    if let Some(key) = config.api_key.as_ref().filter(|key| !key.is_empty()) {
        headers.extend([key_header(key_header_name(config).as_deref(), key)?]);
    }
    Ok(headers)
}

/// The header that carries a key bare.
fn key_header_name(config: &DirectConfig) -> Option<String> {
    let usual = config.dialect.key_header().map(str::to_owned);
    config.key_header.clone().or(usual)
}
