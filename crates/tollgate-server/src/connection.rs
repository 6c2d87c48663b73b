//! One connection, and what its client may do with it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tollgate::ServerConfig;

use crate::ending;
use crate::limits::{Connections, Seat};
use crate::line::Line;
use crate::running::{Guard, until_gone};
use crate::untaken::{Streams, watched};

/// How often a silent HTTP/2 client is asked whether it is there, and how long
/// it may take to answer. One that sends a header byte by byte cannot answer in
/// between, so this bounds that too; HTTP/1 has its own clock for headers.
const H2_PING_EVERY: Duration = Duration::from_secs(10);
const H2_PONG_WITHIN: Duration = Duration::from_secs(20);

/// Requests that an HTTP/2 client may take back before they are looked at; more
/// end the connection. It is the number that h2 was given after rapid reset
/// (CVE-2023-44487).
const H2_RESETS: usize = 20;

/// Streams that an HTTP/2 client may make us reset by its own mistakes; more
/// end the connection. h2's default, spelt out.
const H2_MISTAKES: usize = 1_024;

/// Most bytes of answers that wait in memory for one HTTP/2 request. What is
/// more waits upstream.
const H2_SEND_BUFFER: usize = 64 << 10;

/// Who answers the requests of connections.
#[derive(Clone)]
pub(crate) struct Answering<E> {
    pub(crate) router: Router,
    /// When answers have to end.
    pub(crate) end: E,
    /// Held by each until it is gone.
    pub(crate) guard: Guard,
}

/// How connections are served.
#[derive(Clone)]
pub(crate) struct Host<E> {
    answering: Answering<E>,
    http: Arc<auto::Builder<Streams>>,
    connections: Connections,
    header_timeout: Duration,
}

impl<E, F> Host<E>
where
    E: Fn() -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    pub(crate) fn new(answering: Answering<E>, config: &ServerConfig) -> Self {
        Self {
            answering,
            http: Arc::new(builder(config)),
            connections: Connections::new(config),
            header_timeout: config.header_timeout(),
        }
    }

    /// A seat for one more connection; see [`Connections::admit`].
    pub(crate) fn admit(&self, address: IpAddr) -> Option<Seat> {
        self.connections.admit(address)
    }

    /// Serves a connection to its end. When `draining` is ready, what was begun
    /// is finished and nothing more is taken.
    pub(crate) async fn serve(self, line: Line, draining: impl Future<Output = ()>) {
        let heard = AtomicBool::new(false);
        let heard = Arc::new(heard);
        let (router, hears) = (self.answering.router, heard.clone());
        let (end, guard) = (self.answering.end, self.answering.guard);
        let router = TowerToHyperService::new(router);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            hears.store(true, Ordering::Relaxed);
            let is_last = may_be_ambiguous(&request);
            let answer = router.call(request).map(|Ok(response)| response);
            let (end, guard) = (end.clone(), guard.clone());
            async move {
                let mut response = ending::until(end, answer).await;
                if is_last {
                    let headers = response.headers_mut();
                    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(watched(until_gone(response, guard)))
            }
        });
        let connection = self.http.serve_connection(TokioIo::new(line), service);
        let mut connection = pin!(connection);
        // Before it is known which HTTP a client speaks, nobody else watches it.
        let mut first = pin!(tokio::time::sleep(self.header_timeout));
        let mut waits = true;
        let mut draining = pin!(draining);
        let mut drains = false;
        loop {
            tokio::select! {
                // An error is a client that left or broke the rules. hyper has
                // told it what there is to tell.
                _ = connection.as_mut() => return,
                () = &mut draining, if !drains => {
                    drains = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = &mut first, if waits => {
                    waits = false;
                    if !heard.load(Ordering::Relaxed) {
                        return;
                    }
                }
            }
        }
    }
}

/// Whether the request may have told its length in two ways. hyper goes by the
/// chunks then, as it should, and keeps quiet of the other length; whoever went
/// by that one sees another request begin in the middle of this one. So nothing
/// more is read after a request in chunks (RFC 9112, section 6.1).
fn may_be_ambiguous<B>(request: &hyper::Request<B>) -> bool {
    request.headers().contains_key(header::TRANSFER_ENCODING)
}

fn builder(config: &ServerConfig) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(Streams {
        limit: config.write_stall(),
    });
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout())
        .max_headers(config.max_headers)
        .max_buf_size(config.max_headers_bytes);
    let headers = u32::try_from(config.max_headers_bytes).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.h2_max_streams)
        .max_header_list_size(headers)
        .max_pending_accept_reset_streams(H2_RESETS)
        .max_local_error_reset_streams(H2_MISTAKES)
        .max_send_buf_size(H2_SEND_BUFFER)
        .keep_alive_interval(H2_PING_EVERY)
        .keep_alive_timeout(H2_PONG_WITHIN);
    builder
}
