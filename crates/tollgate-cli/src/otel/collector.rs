//! The way to the collector, over the connections that the gateway uses too.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tollgate::{ConnectionConfig, HttpSend, Timers, TransportError, http_pool};

/// Longest that one request may take: the default of OpenTelemetry's exporters.
const LONGEST: Duration = Duration::from_secs(10);

/// Most of an answer that is read, in bytes. It says how many spans were refused.
const MOST: usize = 64 * 1024;

/// Sends batches from a thread that is none of the runtime's.
#[derive(Debug)]
pub(super) struct Collector {
    http: Arc<dyn HttpSend>,
    runtime: Handle,
}

impl Collector {
    /// # Panics
    /// Outside of a runtime.
    pub(super) fn new(endpoint: &str) -> Result<Self, TransportError> {
        Ok(Self {
            http: http_pool(endpoint, &Timers::default(), &ConnectionConfig::default())?,
            runtime: Handle::current(),
        })
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // All that is secret in it is in a header, and nothing prints those.
        for value in request.headers_mut().values_mut() {
            value.set_sensitive(true);
        }
        let http = self.http.clone();
        // A timer is made on the runtime only.
        let sent = async move { timeout(LONGEST, exchange(http, request)).await };
        match self.runtime.spawn(sent).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(late)) => Err(late.into()),
            Err(stopped) => Err(stopped.into()),
        }
    }
}

async fn exchange(
    http: Arc<dyn HttpSend>,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let (head, mut body) = http.send(request).await?.into_parts();
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) if read.len() + data.len() <= MOST => read.extend_from_slice(&data),
            // Nobody needs trailers.
            Ok(Err(_)) => {}
            Ok(Ok(_)) => return Err("the collector's answer is too long".into()),
            Err(error) => return Err(error),
        }
    }
    Ok(Response::from_parts(head, read.into()))
}
