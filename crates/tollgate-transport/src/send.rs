//! The seam to the network: one request out, one head and one body back.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;

/// The body of an answer on its way.
pub type HttpBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// Sends HTTP requests: the pool of connections by default, or a network in memory.
///
/// # Contract
/// A request is sent once or not at all, never twice; a redirect is an answer like any other and
/// is not followed. How long connecting may take is decided here; how long an answer may take is
/// decided by the caller, who drops the future or the body.
///
/// # Cancellation
/// Dropping the future or the body closes the connection, so that the upstream notices.
///
/// ```
/// use async_trait::async_trait;
/// use bytes::Bytes;
/// use http_body_util::{BodyExt, Full};
/// use tollgate_transport::{HttpBody, HttpError, HttpSend};
///
/// #[derive(Debug)]
/// struct Gone;
///
/// #[async_trait]
/// impl HttpSend for Gone {
///     async fn send(&self, _: http::Request<Bytes>) -> Result<http::Response<HttpBody>, HttpError> {
///         let body = Full::from("gone").map_err(|never| match never {}).boxed_unsync();
///         let mut response = http::Response::new(body);
///         *response.status_mut() = http::StatusCode::GONE;
///         Ok(response)
///     }
/// }
/// ```
#[async_trait]
pub trait HttpSend: Send + Sync + fmt::Debug {
    /// Sends the request and returns the head of its answer, whatever its status.
    ///
    /// # Errors
    /// [`HttpError`] when there is no answer; its kind says whether the request may have had an
    /// effect.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<HttpBody>, HttpError>;
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct HttpError {
    kind: HttpErrorKind,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl HttpError {
    /// An error with its cause.
    pub fn new(kind: HttpErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        Self { kind, source }
    }

    /// What is known of the request.
    pub fn kind(&self) -> HttpErrorKind {
        self.kind
    }

    /// The cause.
    pub fn into_source(self) -> Box<dyn Error + Send + Sync> {
        self.source
    }
}

/// What is known of a request that got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpErrorKind {
    /// Nobody accepted it: name resolution, TCP, TLS, or an upstream that says so. It can be sent
    /// again without harm.
    Connect,
    /// The connection broke afterwards. Nobody can know whether the upstream acts on it.
    Broken,
    /// It cannot be built.
    Invalid,
}

impl fmt::Display for HttpErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "the upstream cannot be reached",
            Self::Broken => "the connection to the upstream broke before it answered",
            Self::Invalid => "the request cannot be built",
        })
    }
}
