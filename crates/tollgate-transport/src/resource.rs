//! Requests whose answer is one JSON document: the catalog, the account, embeddings.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};
use reqwest::Url;
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_core::{Failure, FailureKind};
use tollgate_wire::{ErrorBody, ParseError};

use crate::evidence::{Asked, Evidence, Progress};
use crate::exchange::ERROR_BODY;
use crate::incoming::Incoming;
use crate::send::HttpBody;
use crate::upstream::Upstream;

pub(crate) async fn get(upstream: &Arc<Upstream>, url: Url) -> Result<Bytes, Failure> {
    let response = upstream.get(&url).await?;
    document(upstream, response).await
}

pub(crate) async fn post(
    upstream: &Arc<Upstream>,
    url: Url,
    body: Bytes,
) -> Result<Bytes, Failure> {
    let response = upstream
        .post(&url, body, None, upstream.timers.idle_whole())
        .await?;
    document(upstream, response).await
}

/// Sends a request of any method; its answer comes as soon as a page's does.
pub(crate) async fn send(
    upstream: &Arc<Upstream>,
    method: Method,
    url: Url,
    body: Bytes,
) -> Result<Bytes, Failure> {
    let response = upstream.send(method, &url, body, upstream.idle).await?;
    document(upstream, response).await
}

/// Reads the body; a failed status and an error with status 200 are failures alike.
async fn document(
    upstream: &Arc<Upstream>,
    response: Response<HttpBody>,
) -> Result<Bytes, Failure> {
    let (parts, body) = response.into_parts();
    let mut incoming = Incoming::new(body, upstream.idle);
    let evidence = Evidence::new(Arc::clone(upstream), parts, Asked::default());
    if !evidence.status().is_success() {
        return Err(evidence.refused(&incoming.some(ERROR_BODY).await));
    }
    let body = match incoming.all(upstream.connection.max_body_bytes).await {
        Ok(body) => body,
        Err(gone) => return Err(evidence.cut(Some(gone), Progress::default())),
    };
    if holds_error(&body) {
        return Err(evidence.error(&ErrorBody::lossy(&body), &body, Progress::default()));
    }
    Ok(body)
}

/// Looks for an error without keeping the rest, which may be a megabyte of catalog.
fn holds_error(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Peek<'a> {
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
    }
    serde_json::from_slice::<Peek<'_>>(body).is_ok_and(|peek| peek.error.is_some())
}

/// The failure that a document of another shape is.
pub(crate) fn unreadable(upstream: &Upstream, error: ParseError) -> Failure {
    Failure::new(
        FailureKind::BadReply,
        "the upstream's answer cannot be read",
    )
    .with("upstream", upstream.host())
    .with_source(error)
}
