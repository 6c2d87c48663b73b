//! The pool of connections: [`HttpSend`] over the network.

use std::error::Error;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::response::Parts;
use http::{Request, Response};
use http_body_util::BodyExt;
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, Url};

use crate::address;
use crate::config::{ConnectionConfig, Timers};
use crate::error::TransportError;
use crate::gathered::gathered;
use crate::send::{HttpBody, HttpError, HttpErrorKind, HttpSend};

/// A pool of connections for what else a program has to send, such as telemetry, with the same
/// care: nothing is sent twice, and no redirect is followed. Any address will do, encrypted or not.
///
/// # Errors
/// When the address is none, or the certificates cannot be read.
pub fn http_pool(
    base_url: &str,
    timers: &Timers,
    connection: &ConnectionConfig,
) -> Result<Arc<dyn HttpSend>, TransportError> {
    let base = address::parse(base_url, true)?;
    Ok(Arc::new(Client::new(&base, timers, connection)?))
}

/// Sends over connections of its own, which it keeps for the next request.
#[derive(Debug)]
pub(crate) struct Client(reqwest::Client);

impl Client {
    /// Builds the pool. It never sends a request twice and never follows a redirect: the first would
    /// hide an attempt from the ledger, the second would carry the key to another host. There is no
    /// total timeout; a stream may be long.
    pub(crate) fn new(
        base: &Url,
        timers: &Timers,
        connection: &ConnectionConfig,
    ) -> Result<Self, TransportError> {
        let mut builder = builder(timers, connection);
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
        builder.build().map(Self).map_err(TransportError::Client)
    }
}

#[async_trait]
impl HttpSend for Client {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<HttpBody>, HttpError> {
        let request = with_address(request)?;
        let response = self.0.execute(request).await.map_err(lost)?;
        let (head, body) = Response::from(response).into_parts();
        let body = body.map_err(|error| error.without_url().into());
        let body = match is_of_events(&head) {
            true => gathered(body.boxed_unsync()),
            false => body.boxed_unsync(),
        };
        Ok(Response::from_parts(head, body))
    }
}

fn is_of_events(head: &Parts) -> bool {
    let kind = head.headers.get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// Where a request goes, among its extensions: whoever made it has the address already, and to
/// read it again was two fifths of the instructions that sending took here.
#[derive(Debug, Clone)]
pub(crate) struct Address(pub(crate) Url);

fn with_address(mut request: Request<Bytes>) -> Result<reqwest::Request, HttpError> {
    let Some(Address(url)) = request.extensions_mut().remove() else {
        return request.try_into().map_err(lost);
    };
    let (parts, body) = request.into_parts();
    let mut request = reqwest::Request::new(parts.method, url);
    *request.headers_mut() = parts.headers;
    *request.body_mut() = Some(body.into());
    Ok(request)
}

/// Without a connection nothing was accepted. With one, nobody can know whether the upstream
/// acts: an idle connection that closes while it is written to looks the same as a crash in
/// the middle of the work. Only HTTP/2 has words for it.
fn lost(error: reqwest::Error) -> HttpError {
    let error = error.without_url();
    let kind = if error.is_builder() {
        HttpErrorKind::Invalid
    } else if error.is_connect() || is_turned_away(&error) {
        HttpErrorKind::Connect
    } else {
        HttpErrorKind::Broken
    };
    HttpError::new(kind, error)
}

/// Whether the upstream said that it did not look at the request: it is about to close the
/// connection (`GOAWAY`, for streams after the last that it serves), or has no room for one more
/// stream.
fn is_turned_away(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let graceful = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
            let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            return error.is_remote() && (graceful || refused);
        }
        cause = error.source();
    }
    false
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where HTTP clients are made"
)]
fn builder(timers: &Timers, connection: &ConnectionConfig) -> ClientBuilder {
    install_crypto();
    reqwest::Client::builder()
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
        .http2_keep_alive_while_idle(true)
}

/// Without a provider of cryptography the client panics; with two, the first one stays.
fn install_crypto() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        // An error says that the program has installed one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

#[cfg(test)]
mod tests;
