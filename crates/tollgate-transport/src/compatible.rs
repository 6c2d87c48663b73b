use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use tollgate_core::{Attempt, Billing, Clock, Failure, LlmProvider, Reply};
use tollgate_wire::Request;

use crate::config::OpenAiCompatibleConfig;
use crate::dialect::Dialect;
use crate::error::TransportError;
use crate::exchange;
use crate::outgoing;
use crate::send::HttpSend;
use crate::upstream::{Setup, Upstream, header_name, header_value, key_header};

/// A provider that speaks OpenAI's chat dialect, reached without OpenRouter. Cheap to clone.
///
/// The same engine as [`OpenRouterProvider`](crate::OpenRouterProvider); what differs is data.
/// Fields that only OpenRouter knows are left out, and named in the reply's head under
/// [`DROPPED_HEADER`](crate::DROPPED_HEADER).
///
/// ```
/// use tollgate_transport::{OpenAiCompatibleConfig, OpenAiCompatibleProvider};
/// let config = OpenAiCompatibleConfig { base_url: "http://127.0.0.1:8080/v1".into(), ..Default::default() };
/// let local = OpenAiCompatibleProvider::new(config)?;
/// assert_eq!(local.to_string(), "OpenAiCompatible(http://127.0.0.1:8080/v1)");
/// # Ok::<(), tollgate_transport::TransportError>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenAiCompatibleProvider {
    upstream: Arc<Upstream>,
}

impl OpenAiCompatibleProvider {
    /// Sets the provider up. Nothing is sent.
    ///
    /// # Errors
    /// When the address is not encrypted (and not this machine), a value cannot travel in a
    /// header, a timer is zero, or the certificates cannot be read.
    pub fn new(config: OpenAiCompatibleConfig) -> Result<Self, TransportError> {
        Self::build(config, None)
    }

    /// Sets the provider up over this, not over connections of its own: a network in memory, or
    /// a client of the program. `timers.connect_ms`, `connection.tls_roots` and
    /// `connection.max_idle_connections` are then its own business.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_http(
        config: OpenAiCompatibleConfig,
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

    /// The fields of a request that this provider would not get.
    pub fn dropped(&self, request: &Request) -> Vec<String> {
        outgoing::dropped(request, &self.upstream.dialect)
    }

    pub(crate) fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    fn build(
        config: OpenAiCompatibleConfig,
        http: Option<Arc<dyn HttpSend>>,
    ) -> Result<Self, TransportError> {
        let upstream = Upstream::new(Setup {
            headers: headers(&config)?,
            dialect: Dialect::openai_compatible(&config),
            base_url: config.base_url,
            chat_path: config.chat_path,
            secret: config.api_key,
            key_header: config.key_header,
            billing: Billing::Direct,
            timers: config.timers,
            connection: config.connection,
            http,
        })?;
        Ok(Self { upstream })
    }
}

#[async_trait]
impl LlmProvider for OpenAiCompatibleProvider {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        exchange::send(&self.upstream, attempt).await
    }
}

/// Shows the wiring: `OpenAiCompatible(http://127.0.0.1:8080/v1)`.
impl fmt::Display for OpenAiCompatibleProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenAiCompatible({})", self.upstream.base())
    }
}

fn headers(config: &OpenAiCompatibleConfig) -> Result<HeaderMap, TransportError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        headers.insert(header_name(name)?, header_value(name, value)?);
    }
    if let Some(key) = config.api_key.as_ref().filter(|key| !key.is_empty()) {
        headers.extend([key_header(config.key_header.as_deref(), key)?]);
    }
    Ok(headers)
}
