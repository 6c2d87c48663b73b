//! One upstream: where it is, how to speak to it, and the pool of connections to it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Request, Url};
use tokio::time::timeout;
use tollgate_core::{ApiKey, Billing, Clock, Failure, FailureKind};

use crate::address;
use crate::config::{ConnectionConfig, Timers};
use crate::dialect::Dialect;
use crate::error::TransportError;

/// An upstream that is ready to be sent to.
#[derive(Clone)]
pub(crate) struct Upstream {
    client: Client,
    base: Url,
    headers: HeaderMap,
    secret: Option<ApiKey>,
    /// Tells what the time is; without it, the date of each answer does.
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) chat: Url,
    pub(crate) dialect: Dialect,
    pub(crate) billing: Billing,
    pub(crate) timers: Timers,
    /// How long a stream may send nothing.
    pub(crate) idle: Duration,
    pub(crate) connection: ConnectionConfig,
}

/// What makes an upstream, checked when it is built.
pub(crate) struct Setup {
    pub(crate) base_url: String,
    pub(crate) chat_path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) secret: Option<ApiKey>,
    pub(crate) dialect: Dialect,
    pub(crate) billing: Billing,
    pub(crate) timers: Timers,
    pub(crate) connection: ConnectionConfig,
}

impl Upstream {
    pub(crate) fn new(setup: Setup) -> Result<Arc<Self>, TransportError> {
        if let Some(name) = setup.timers.unset() {
            return Err(TransportError::Timer { name });
        }
        let base = address::parse(&setup.base_url, setup.connection.allow_plaintext)?;
        Ok(Arc::new(Self {
            client: client(&base, &setup.timers, &setup.connection)?,
            chat: address::below(&base, &setup.chat_path),
            base,
            idle: setup.timers.idle_or(setup.dialect.idle),
            headers: setup.headers,
            secret: setup.secret,
            clock: None,
            dialect: setup.dialect,
            billing: setup.billing,
            timers: setup.timers,
            connection: setup.connection,
        }))
    }

    /// Sends a `POST` with a JSON body and returns the head. Never sends twice.
    pub(crate) async fn post(
        &self,
        url: Url,
        body: Bytes,
        patience: Duration,
    ) -> Result<Response<reqwest::Body>, Failure> {
        let mut request = self.request(Method::POST, url);
        request.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        *request.body_mut() = Some(body.into());
        self.exchange(request, patience).await
    }

    /// Sends a `GET` and returns the head. Never sends twice.
    pub(crate) async fn get(&self, url: Url) -> Result<Response<reqwest::Body>, Failure> {
        self.exchange(self.request(Method::GET, url), self.idle)
            .await
    }

    /// The address of a path below the base.
    pub(crate) fn url(&self, path: &str) -> Url {
        address::below(&self.base, path)
    }

    /// The host, for messages.
    pub(crate) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// The base address, without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whether requests carry a key.
    pub(crate) fn has_key(&self) -> bool {
        self.secret.is_some()
    }

    /// The first bytes of a body as text, without the key in it.
    pub(crate) fn excerpt(&self, body: &[u8], limit: usize) -> String {
        let key = self.secret.as_ref().map_or("", |key| key.reveal());
        // Longer by the key, which could stand across the limit.
        let start = &body[..body.len().min(limit + key.len())];
        let mut text = String::from_utf8_lossy(start).into_owned();
        if !key.is_empty() {
            text = text.replace(key, "***");
        }
        text.truncate(text.floor_char_boundary(limit));
        text
    }

    fn request(&self, method: Method, url: Url) -> Request {
        let mut request = Request::new(method, url);
        *request.headers_mut() = self.headers.clone();
        request
    }

    async fn exchange(
        &self,
        request: Request,
        patience: Duration,
    ) -> Result<Response<reqwest::Body>, Failure> {
        match timeout(patience, self.client.execute(request)).await {
            Ok(Ok(response)) => Ok(response.into()),
            Ok(Err(error)) => Err(self.unsent_or_lost(error)),
            Err(_) => Err(Failure::new(
                FailureKind::Interrupted,
                format!("the upstream did not answer within {patience:?}"),
            )
            .with("upstream", self.host())),
        }
    }

    /// Without a connection nothing was accepted. With one, nobody can know whether the upstream
    /// acts: an idle connection that closes while it is written to looks the same as a crash in
    /// the middle of the work.
    fn unsent_or_lost(&self, error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let (kind, message) = if error.is_connect() {
            (FailureKind::Connect, "the upstream cannot be reached")
        } else if error.is_builder() {
            (FailureKind::Internal, "the request cannot be built")
        } else {
            (
                FailureKind::Interrupted,
                "the connection to the upstream broke before it answered",
            )
        };
        Failure::new(kind, message)
            .with("upstream", self.host())
            .with_source(error)
    }
}

/// The header that carries a key, marked so that nothing prints it.
pub(crate) fn key_header(
    name: Option<&str>,
    key: &ApiKey,
) -> Result<(HeaderName, HeaderValue), TransportError> {
    let (name, text) = match name {
        None => (header::AUTHORIZATION, format!("Bearer {}", key.reveal())),
        Some(name) => (header_name(name)?, key.reveal().to_owned()),
    };
    let mut value = header_value("api_key", &text)?;
    value.set_sensitive(true);
    Ok((name, value))
}

pub(crate) fn header_name(name: &str) -> Result<HeaderName, TransportError> {
    name.parse().map_err(|_| TransportError::Header {
        name: name.to_owned(),
    })
}

pub(crate) fn header_value(what: &str, text: &str) -> Result<HeaderValue, TransportError> {
    // Only visible ASCII: what else a header may hold, servers read in different ways.
    let visible = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    HeaderValue::from_str(text)
        .ok()
        .filter(|_| visible)
        .ok_or_else(|| TransportError::Header {
            name: what.to_owned(),
        })
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("base", &self.base.as_str())
            .field("dialect", &self.dialect)
            .field("billing", &self.billing)
            .field("timers", &self.timers)
            .field("idle", &self.idle)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// Builds the pool. It never sends a request twice and never follows a redirect: the first would
/// hide an attempt from the ledger, the second would carry the key to another host. There is no
/// total timeout; a stream may be long.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where HTTP clients are made"
)]
fn client(
    base: &Url,
    timers: &Timers,
    connection: &ConnectionConfig,
) -> Result<Client, TransportError> {
    install_crypto();
    let mut builder = Client::builder()
        .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(timers.connect())
        .pool_idle_timeout(timers.pool_idle())
        .pool_max_idle_per_host(connection.max_idle_connections)
        .tcp_nodelay(true)
        .tcp_keepalive(timers.keep_alive())
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(timers.keep_alive())
        .http2_keep_alive_timeout(timers.keep_alive())
        .http2_keep_alive_while_idle(true);
    if address::is_loopback(base) {
        // A proxy cannot reach what is on this machine.
        builder = builder.no_proxy();
    }
    if let Some(path) = &connection.tls_roots {
        let refuse = |source| TransportError::Roots {
            path: path.clone(),
            source,
        };
        let pem = std::fs::read(path).map_err(|error| refuse(error.into()))?;
        let roots = Certificate::from_pem_bundle(&pem).map_err(|error| refuse(error.into()))?;
        if roots.is_empty() {
            return Err(refuse("it holds no certificate".into()));
        }
        builder = builder.tls_certs_merge(roots);
    }
    builder.build().map_err(TransportError::Client)
}

/// Without a provider of cryptography the client panics; with two, the first one stays.
fn install_crypto() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        // An error says that the program has installed one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
