mod byok;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use tollgate_core::{
    Attempt, Clock, CostLookup, Failure, FailureKind, GenerationId, LaneId, LlmProvider, ModelId,
    Reconciled, Reply,
};
use tollgate_wire::{
    ActivityReply, ActivityRow, Credits, CreditsReply, EmbeddingsRequest, EmbeddingsResponse,
    Endpoints, EndpointsReply, Generation, GenerationReply, KeyInfo, KeyReply, ModelsPage,
    ParseError, ProvidersReply,
};

use crate::config::OpenRouterConfig;
use crate::dialect::Dialect;
use crate::error::TransportError;
use crate::exchange;
use crate::resource::{self, unreadable};
use crate::send::HttpSend;
use crate::upstream::{Setup, Upstream, header_value, key_header};
use crate::usage::reconciled;

pub use self::byok::NewByokKey;

/// OpenRouter, behind [`LlmProvider`] and [`CostLookup`]. Cheap to clone; clones share their
/// connections.
///
/// ```no_run
/// use tollgate_core::ApiKey;
/// use tollgate_transport::{OpenRouterConfig, OpenRouterProvider};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config = OpenRouterConfig { api_key: Some(ApiKey::new("sk-or-…")), ..Default::default() };
/// let openrouter = OpenRouterProvider::new(config)?;
/// println!("{} models", openrouter.models().await?.data.len());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct OpenRouterProvider {
    upstream: Arc<Upstream>,
}

/// What a model may answer with to be of use here.
const OUTPUTS: &str = "text,image,audio,embeddings";

impl OpenRouterProvider {
    /// Sets the provider up. Nothing is sent. Without a key, or with an empty one, the public
    /// resources can be read (models, endpoints, providers) and each attempt fails with a hint.
    ///
    /// # Errors
    /// When the address is not encrypted (and not this machine), a value cannot travel in a
    /// header, a timer is zero, or the certificates cannot be read.
    pub fn new(config: OpenRouterConfig) -> Result<Self, TransportError> {
        Self::build(config, None)
    }

    /// Sets the provider up over this, not over connections of its own: a network in memory, or
    /// a client of the program. `timers.connect_ms`, `connection.tls_roots` and
    /// `connection.max_idle_connections` are then its own business.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_http(
        config: OpenRouterConfig,
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

    /// The model catalog as it came, about a megabyte: all models whose answers are text, images,
    /// sound or vectors. Without being asked OpenRouter lists those of text alone.
    ///
    /// # Errors
    /// As every call here: a classified [`Failure`].
    pub async fn models_raw(&self) -> Result<Bytes, Failure> {
        self.get("models", &[("output_modalities", OUTPUTS)]).await
    }

    /// The model catalog.
    ///
    /// # Errors
    /// As [`OpenRouterProvider::models_raw`].
    pub async fn models(&self) -> Result<ModelsPage, Failure> {
        let body = self.models_raw().await?;
        self.parsed(&body, ModelsPage::parse)
    }

    /// The endpoints of a model as they came.
    ///
    /// # Errors
    /// As [`OpenRouterProvider::models_raw`].
    pub async fn endpoints_raw(&self, model: &ModelId) -> Result<Bytes, Failure> {
        self.get(&format!("models/{model}/endpoints"), &[]).await
    }

    /// The endpoints of a model: who serves it, at which price, how well.
    ///
    /// # Errors
    /// As [`OpenRouterProvider::models_raw`].
    pub async fn endpoints(&self, model: &ModelId) -> Result<Endpoints, Failure> {
        let body = self.endpoints_raw(model).await?;
        Ok(self.parsed(&body, EndpointsReply::parse)?.data)
    }

    /// The directory of providers.
    ///
    /// # Errors
    /// As [`OpenRouterProvider::models_raw`].
    pub async fn providers(&self) -> Result<ProvidersReply, Failure> {
        self.read("providers", &[], ProvidersReply::parse).await
    }

    /// What is known of the key: its limits, budgets and use. A free way to see whether the key
    /// works.
    ///
    /// # Errors
    /// As [`OpenRouterProvider::models_raw`].
    pub async fn key(&self) -> Result<KeyInfo, Failure> {
        Ok(self.read("key", &[], KeyReply::parse).await?.data)
    }

    /// The credits of the account; may need a management key, and lags behind.
    ///
    /// # Errors
    /// As [`OpenRouterProvider::models_raw`].
    pub async fn credits(&self) -> Result<Credits, Failure> {
        Ok(self.read("credits", &[], CreditsReply::parse).await?.data)
    }

    /// What the account used, by day, model and endpoint: whole UTC days, 30 of them. Needs a
    /// management key. With the hash of a key, that key's use alone.
    ///
    /// # Errors
    /// As [`OpenRouterProvider::models_raw`].
    pub async fn activity(&self, api_key_hash: Option<&str>) -> Result<Vec<ActivityRow>, Failure> {
        let query: Vec<_> = api_key_hash
            .map(|hash| ("api_key_hash", hash))
            .into_iter()
            .collect();
        let reply = self.read("activity", &query, ActivityReply::parse).await?;
        Ok(reply.data)
    }

    /// The record of a generation; `None` while there is none, which is usual for some seconds
    /// after its end.
    ///
    /// # Errors
    /// As [`OpenRouterProvider::models_raw`].
    pub async fn generation(&self, id: &GenerationId) -> Result<Option<Generation>, Failure> {
        match self
            .read("generation", &[("id", id.as_str())], GenerationReply::parse)
            .await
        {
            Ok(reply) => Ok(Some(reply.data)),
            Err(failure) if failure.kind() == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Embeddings. The vectors stay as they came; [`usage_report`](crate::usage_report) reads
    /// what they cost.
    ///
    /// # Errors
    /// As [`OpenRouterProvider::models_raw`].
    pub async fn embeddings(
        &self,
        request: &EmbeddingsRequest,
    ) -> Result<EmbeddingsResponse, Failure> {
        let url = self.upstream.url("embeddings");
        let body = resource::post(&self.upstream, url, request.to_vec().into()).await?;
        self.parsed(&body, EmbeddingsResponse::parse)
    }

    /// Any other resource below the base address, as it came: for endpoints without a method here.
    ///
    /// # Errors
    /// As [`OpenRouterProvider::models_raw`].
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Bytes, Failure> {
        let mut url = self.upstream.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        resource::get(&self.upstream, url).await
    }

    fn build(
        mut config: OpenRouterConfig,
        http: Option<Arc<dyn HttpSend>>,
    ) -> Result<Self, TransportError> {
        config.api_key = config.api_key.filter(|key| !key.is_empty());
        let upstream = Upstream::new(Setup {
            headers: headers(&config)?,
            base_url: config.base_url,
            chat_path: "chat/completions".to_owned(),
            secret: config.api_key,
            key_header: None,
            dialect: Dialect::openrouter().asking_first(config.asked_first),
            billing: config.mode.into(),
            timers: config.timers,
            connection: config.connection,
            http,
        })?;
        Ok(Self { upstream })
    }

    /// Says what is missing before anything is sent.
    pub(crate) fn needs_key(&self) -> Result<(), Failure> {
        if self.upstream.has_key() {
            return Ok(());
        }
        Err(
            Failure::new(FailureKind::Configuration, "there is no key for OpenRouter").with_hint(
                "set OPENROUTER_API_KEY, or openrouter.api_key in the configuration; \
                 without a key there is `tollgate demo`",
            ),
        )
    }

    async fn read<T>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        parse: Parse<T>,
    ) -> Result<T, Failure> {
        let body = self.get(path, query).await?;
        self.parsed(&body, parse)
    }

    fn parsed<T>(&self, body: &[u8], parse: Parse<T>) -> Result<T, Failure> {
        parse(body).map_err(|error| unreadable(&self.upstream, error))
    }
}

type Parse<T> = fn(&[u8]) -> Result<T, ParseError>;

#[async_trait]
impl LlmProvider for OpenRouterProvider {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        if attempt.key.is_none() {
            self.needs_key()?;
        }
        exchange::send(&self.upstream, attempt).await
    }
}

#[async_trait]
impl CostLookup for OpenRouterProvider {
    async fn look_up(
        &self,
        _lane: &LaneId,
        generation: &GenerationId,
    ) -> Result<Option<Reconciled>, Failure> {
        Ok(self
            .generation(generation)
            .await?
            .as_ref()
            .and_then(reconciled))
    }
}

/// Shows the wiring: `OpenRouter(https://openrouter.ai/api/v1)`.
impl fmt::Display for OpenRouterProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenRouter({})", self.upstream.base())
    }
}

/// The headers of every request: the key, and who we are.
fn headers(config: &OpenRouterConfig) -> Result<HeaderMap, TransportError> {
    let mut headers = HeaderMap::new();
    if let Some(key) = &config.api_key {
        headers.extend([key_header(None, key)?]);
    }
    if let Some(url) = &config.app_url {
        headers.insert("http-referer", header_value("app_url", url)?);
    }
    if let Some(title) = &config.app_title {
        headers.insert("x-openrouter-title", header_value("app_title", title)?);
    }
    if !config.app_categories.is_empty() {
        headers.insert(
            "x-openrouter-categories",
            header_value("app_categories", &config.app_categories.join(","))?,
        );
    }
    if config.router_metadata {
        // The only trail of OpenRouter's own failover.
        headers.insert("x-openrouter-metadata", HeaderValue::from_static("enabled"));
    }
    Ok(headers)
}
