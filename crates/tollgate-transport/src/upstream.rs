//! One upstream: where it is, how to speak to it, and what carries requests to it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use reqwest::Url;
use tokio::time::timeout;
use tollgate_core::{ApiKey, Billing, Clock, Failure, FailureKind};
use tollgate_wire::Surface;

use crate::address;
use crate::client::{Address, Client};
use crate::config::{ConnectionConfig, Timers};
use crate::dialect::Dialect;
use crate::error::TransportError;
use crate::send::{HttpBody, HttpError, HttpErrorKind, HttpSend};

/// An upstream that is ready to be sent to.
#[derive(Clone)]
pub(crate) struct Upstream {
    /// Who carries requests.
    pub(crate) http: Arc<dyn HttpSend>,
    base: Url,
    headers: HeaderMap,
    secret: Option<ApiKey>,
    /// The header that carries a key bare; `None` is `Authorization: Bearer`.
    key_header: Option<String>,
    /// Tells what the time is; without it, the date of each answer does.
    pub(crate) clock: Option<Arc<dyn Clock>>,
    /// Where requests of each surface go.
    paths: [Url; Surface::COUNT],
    pub(crate) dialect: Dialect,
    pub(crate) billing: Billing,
    pub(crate) timers: Timers,
    /// How long a stream may send nothing.
    pub(crate) idle: Duration,
    pub(crate) connection: ConnectionConfig,
}

const USER_AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));

/// What makes an upstream, checked when it is built.
pub(crate) struct Setup {
    pub(crate) base_url: String,
    pub(crate) chat_path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) secret: Option<ApiKey>,
    pub(crate) key_header: Option<String>,
    pub(crate) dialect: Dialect,
    pub(crate) billing: Billing,
    pub(crate) timers: Timers,
    pub(crate) connection: ConnectionConfig,
    /// Who carries requests; connections of its own when nobody is given.
    pub(crate) http: Option<Arc<dyn HttpSend>>,
}

impl Upstream {
    pub(crate) fn new(mut setup: Setup) -> Result<Arc<Self>, TransportError> {
        if let Some(name) = setup.timers.unset() {
            return Err(TransportError::Timer { name });
        }
        let base = address::parse(&setup.base_url, setup.connection.allow_plaintext)?;
        setup
            .headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(USER_AGENT));
        Ok(Arc::new(Self {
            http: match setup.http {
                Some(http) => http,
                None => Arc::new(Client::new(&base, &setup.timers, &setup.connection)?),
            },
            paths: Surface::ALL.map(|surface| match surface {
                Surface::Chat => address::below(&base, &setup.chat_path),
                other => address::below(&base, other.path()),
            }),
            base,
            idle: setup.timers.idle_or(setup.dialect.idle),
            headers: setup.headers,
            secret: setup.secret,
            key_header: setup.key_header,
            clock: None,
            dialect: setup.dialect,
            billing: setup.billing,
            timers: setup.timers,
            connection: setup.connection,
        }))
    }

    /// Sends a `POST` with a JSON body, with this key in place of the upstream's own if one is
    /// given, and returns the head. Never sends twice.
    pub(crate) async fn post(
        &self,
        url: &Url,
        body: Bytes,
        key: Option<&ApiKey>,
        patience: Duration,
    ) -> Result<Response<HttpBody>, Failure> {
        let mut request = self.with_body(Method::POST, url, body)?;
        if let Some(key) = key {
            let (name, value) = key_header(self.key_header.as_deref(), key).map_err(unusable)?;
            request.headers_mut().insert(name, value);
        }
        self.exchange(request, patience).await
    }

    /// Sends a request with a JSON body, which may be empty, and returns the head. Never sends
    /// twice.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        body: Bytes,
        patience: Duration,
    ) -> Result<Response<HttpBody>, Failure> {
        let request = self.with_body(method, url, body)?;
        self.exchange(request, patience).await
    }

    fn with_body(&self, method: Method, url: &Url, body: Bytes) -> Result<Request<Bytes>, Failure> {
        let mut request = self.request(method, url, body)?;
        request.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        Ok(request)
    }

    /// Sends a `GET` and returns the head. Never sends twice.
    pub(crate) async fn get(&self, url: &Url) -> Result<Response<HttpBody>, Failure> {
        let request = self.request(Method::GET, url, Bytes::new())?;
        self.exchange(request, self.idle).await
    }

    /// Where requests of a surface go.
    pub(crate) fn path(&self, surface: Surface) -> &Url {
        &self.paths[surface.index()]
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

    /// The first bytes of a body as text, without the key that was shown in it.
    pub(crate) fn excerpt(&self, body: &[u8], limit: usize, key: Option<&ApiKey>) -> String {
        let shown = key.or(self.secret.as_ref());
        let key = shown.map_or("", |key| key.reveal());
        // Longer by the key, which could stand across the limit.
        let start = &body[..body.len().min(limit + key.len())];
        let mut text = String::from_utf8_lossy(start).into_owned();
        if !key.is_empty() {
            text = text.replace(key, "***");
        }
        text.truncate(text.floor_char_boundary(limit));
        text
    }

    fn request(&self, method: Method, url: &Url, body: Bytes) -> Result<Request<Bytes>, Failure> {
        let uri: Uri = url
            .as_str()
            .parse()
            .map_err(|error| self.unanswered(HttpError::new(HttpErrorKind::Invalid, error)))?;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        request.extensions_mut().insert(Address(url.clone()));
        Ok(request)
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        patience: Duration,
    ) -> Result<Response<HttpBody>, Failure> {
        match timeout(patience, self.http.send(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.unanswered(error)),
            Err(_) => Err(Failure::new(
                FailureKind::Interrupted,
                format!("the upstream did not answer within {patience:?}"),
            )
            .with("upstream", self.host())),
        }
    }

    fn unanswered(&self, error: HttpError) -> Failure {
        let kind = match error.kind() {
            HttpErrorKind::Connect => FailureKind::Connect,
            HttpErrorKind::Broken => FailureKind::Interrupted,
            HttpErrorKind::Invalid => FailureKind::Internal,
        };
        Failure::new(kind, error.kind().to_string())
            .with("upstream", self.host())
            .with_source(error.into_source())
    }
}

/// A key of the caller's that no header can carry.
fn unusable(error: TransportError) -> Failure {
    Failure::new(
        FailureKind::InvalidRequest,
        "the key cannot travel in a header",
    )
    .with_hint("a key has visible ASCII characters alone")
    .with_source(error)
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
