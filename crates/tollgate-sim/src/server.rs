//! Sockets: accepts connections, reads requests, and has the service answer them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::play::{Body, Broken, ResetFlag};
use crate::service::{BODY_LIMIT, Service};

/// After a failed accept (out of files, mostly) a moment's rest is all one can do.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Serves connections until told to stop, then breaks those that are open.
pub(crate) async fn serve(
    listener: TcpListener,
    service: Service,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, service.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    connections.shutdown().await;
}

/// Waits for the word to stop; that the simulator is gone is such a word as well.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopped| *stopped).await;
}

/// One connection, until either side ends it.
async fn connection(stream: TcpStream, service: Service) {
    // Small events must not wait for each other.
    let _ = stream.set_nodelay(true);
    let reset = ResetFlag::default();
    let answer = service_fn(|request| respond(service.clone(), reset.clone(), request));
    // The date is the simulator's own, so that answers are the same every time.
    let mut connection = http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), answer);
    // An error is either a broken script or a client that left; both are over.
    let _ = (&mut connection).await;
    if reset.is_raised() {
        let stream = connection.into_parts().io.into_inner();
        // Closing with a linger time of zero sends a reset.
        let _ = stream.set_zero_linger();
    }
}

async fn respond(
    service: Service,
    reset: ResetFlag,
    request: http::Request<Incoming>,
) -> Result<Response<Body>, Broken> {
    // A request counts from its first byte, so that nobody is idle while one is on its way.
    let _arriving = service.running();
    let (parts, body) = request.into_parts();
    let body = read(body).await?;
    service.respond(parts, body, reset).await
}

/// The whole body, or `None` when it is too large.
async fn read(body: Incoming) -> Result<Option<Bytes>, Broken> {
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(collected) => Ok(Some(collected.to_bytes())),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Ok(None),
        // The client left while sending.
        Err(_) => Err(Broken),
    }
}

/// Listens on an address.
pub(crate) async fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
