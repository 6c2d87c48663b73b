//! Requests over HTTP: the page that is scraped, and what it says of them.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tollgate::{Gateway, ServerConfig};

use super::Metrics;
use super::labels::{self, Name};
use crate::callers::{Callers, WithoutKeys, ask, operators_only};
use crate::reply::RefusedAs;
use crate::running::until_gone;
use crate::serve::{Draining, guarded, serve_router};
use crate::{reply, router};

/// Adds `GET /metrics` to a router and counts its requests.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use tollgate_server::Metrics;
/// # fn mount(gateway: tollgate::Gateway, metrics: Arc<Metrics>) -> axum::Router {
/// let router = tollgate_server::router(gateway.clone(), &tollgate::ServerConfig::default());
/// tollgate_server::measured(router, gateway, metrics)
/// # }
/// ```
pub fn measured(router: Router, gateway: Gateway, metrics: Arc<Metrics>) -> Router {
    counted(with_page(router, gateway, metrics.clone()), metrics)
}

/// [`measured`], [`known`](crate::known) and [`counted`] in one layer, for
/// servers that have them all: layers are paid for by every request.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use tollgate_server::{Callers, Metrics, WithoutKeys};
/// # fn mount(gateway: tollgate::Gateway, metrics: Arc<Metrics>, callers: Callers) -> axum::Router {
/// let router = tollgate_server::router(gateway.clone(), &tollgate::ServerConfig::default());
/// tollgate_server::measured_and_known(router, gateway, metrics, callers, WithoutKeys::Nobody)
/// # }
/// ```
pub fn measured_and_known(
    router: Router,
    gateway: Gateway,
    metrics: Arc<Metrics>,
    callers: Callers,
    without_keys: WithoutKeys,
) -> Router {
    let router = with_page(router, gateway, metrics.clone());
    let around = move |request: Request, next: Next| {
        let (metrics, callers) = (metrics.clone(), callers.clone());
        async move {
            count(metrics, request, async |request| {
                ask(&callers, without_keys, request, next).await
            })
            .await
        }
    };
    router.layer(middleware::from_fn(around))
}

/// A router with the page that is scraped.
fn with_page(router: Router, gateway: Gateway, metrics: Arc<Metrics>) -> Router {
    let page = move || async move {
        let headers = [(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)];
        (headers, metrics.text(&gateway))
    };
    let page = Router::new()
        .route("/metrics", get(page))
        .route_layer(middleware::from_fn(operators_only))
        .method_not_allowed_fallback(reply::wrong_method);
    router.merge(page)
}

/// Counts the requests of a router, and what they were refused with; to be
/// applied last, around [`known`](crate::known), whose refusals never come to
/// [`measured`] within. What was counted here is not counted there again.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use tollgate_server::{Callers, Metrics, WithoutKeys};
/// # fn mount(gateway: tollgate::Gateway, metrics: Arc<Metrics>, callers: Callers) -> axum::Router {
/// use tollgate_server::{counted, known, measured, router};
/// let router = router(gateway.clone(), &tollgate::ServerConfig::default());
/// let router = measured(router, gateway, metrics.clone());
/// counted(known(router, callers, WithoutKeys::Nobody), metrics)
/// # }
/// ```
pub fn counted(router: Router, metrics: Arc<Metrics>) -> Router {
    let count = move |request: Request, next: Next| {
        let metrics = metrics.clone();
        async move { count(metrics, request, |request| next.run(request)).await }
    };
    router.layer(middleware::from_fn(count))
}

/// [`serve`](crate::serve), with `GET /metrics`.
///
/// # Errors
/// When the listener has no local address.
///
/// # Cancellation
/// Dropping the future cuts every running answer.
pub async fn serve_measured(
    listener: TcpListener,
    gateway: Gateway,
    metrics: Arc<Metrics>,
    config: &ServerConfig,
    stop: impl Future<Output = ()>,
) -> io::Result<Draining> {
    let router = measured(router(gateway.clone(), config), gateway, metrics);
    let router = guarded(&listener, router)?;
    serve_router(listener, router, config, stop).await
}

/// Says, as an extension of a request, that somebody counts it.
#[derive(Clone, Copy)]
struct IsCounted;

async fn count<A>(
    metrics: Arc<Metrics>,
    mut request: Request,
    answer: impl FnOnce(Request) -> A,
) -> Response
where
    A: Future<Output = Response>,
{
    let again = request.extensions_mut().insert(IsCounted).is_some();
    let counted = (!again).then(|| Counted::new(metrics, &request));
    let response = answer(request).await;
    let Some(mut counted) = counted else {
        return response;
    };
    counted.labels.status_class = class(response.status());
    if let Some(RefusedAs(kind)) = response.extensions().get().copied() {
        let refusals = &counted.metrics.families.refusals;
        refusals.get_or_create(&labels::Kind { kind }).inc();
    }
    until_gone(response, counted)
}

/// A request that is counted when it is gone, however it ends: a client that
/// leaves ends it by dropping it.
struct Counted {
    metrics: Arc<Metrics>,
    labels: labels::Request,
    since: Instant,
}

impl Counted {
    fn new(metrics: Arc<Metrics>, request: &Request) -> Self {
        metrics.families.active_requests.inc();
        let route = request.extensions().get::<MatchedPath>();
        Self {
            labels: labels::Request {
                http_request_method: method(request.method()),
                http_route: route.map(|route| Name::from(route.as_str())),
                status_class: "none",
            },
            metrics,
            since: Instant::now(),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let families = &self.metrics.families;
        families.active_requests.dec();
        let took = self.since.elapsed();
        let requests = families.requests.get_or_create(&self.labels);
        requests.observe(took.as_secs_f64());
    }
}

/// Methods that are not HTTP's own are the caller's text.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "_OTHER",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
