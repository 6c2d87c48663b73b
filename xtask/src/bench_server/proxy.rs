//! The yardstick: the least that can stand between a client and an upstream.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;

use http_body_util::{BodyExt, Empty, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::BenchError;
use super::child::{Measured, free_address};
use super::gateway::until_answered;

type Pool = Client<HttpConnector, Incoming>;
type Answer = Response<BoxBody<Bytes, hyper::Error>>;

/// Starts one in a process of its own.
pub(super) async fn start(upstream: SocketAddr) -> Result<(Measured, SocketAddr), BenchError> {
    let this = std::env::current_exe().map_err(BenchError::io("find this program"))?;
    let address = free_address()?;
    let (listen, upstream) = (address.to_string(), upstream.to_string());
    let arguments = [
        "bench-server",
        "--role",
        "proxy",
        "--listen",
        &listen,
        "--upstream",
        &upstream,
    ];
    let process = Measured::start(&this, &arguments, Path::new("/"))?;
    until_answered(address).await?;
    Ok((process, address))
}

/// Passes everything on, over connections that it keeps, on the same runtime as
/// the gateway's, until it is killed.
pub(super) fn run(listen: SocketAddr, upstream: SocketAddr) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Runtime::new().map_err(BenchError::io("start a runtime"))?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await;
        let listener = listener.map_err(BenchError::io(format!("listen on {listen}")))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool = Client::builder(TokioExecutor::new()).build(connector);
        loop {
            let (stream, _) = listener.accept().await.map_err(BenchError::io("accept"))?;
            let _ = stream.set_nodelay(true);
            let pool: Pool = pool.clone();
            let service = service_fn(move |request| pass_on(pool.clone(), upstream, request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    })
}

async fn pass_on(
    pool: Pool,
    upstream: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let path = request.uri().path();
    let answer = match format!("http://{upstream}{path}").parse::<Uri>() {
        Ok(uri) => {
            *request.uri_mut() = uri;
            pool.request(request).await.ok()
        }
        Err(_) => None,
    };
    Ok(match answer {
        Some(answer) => answer.map(BodyExt::boxed),
        None => bad_gateway(),
    })
}

fn bad_gateway() -> Answer {
    let nothing = Empty::new().map_err(|never| match never {});
    let mut answer = Response::new(nothing.boxed());
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}
