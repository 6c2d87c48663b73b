//! Sockets: accepts connections, reads requests, and lets scripts be performed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::clock::http_date;
use crate::control;
use crate::play::{Broken, ResetFlag, Stage, play};
use crate::request::{Request, bearer, seen};
use crate::routes::perform;
use crate::script::Script;
use crate::world::World;

/// Larger bodies get 413.
const BODY_LIMIT: usize = 64 << 20;

/// After a failed accept (out of files, mostly) a moment's rest is all one can do.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Serves connections until told to stop, then breaks those that are open.
pub(crate) async fn serve(
    listener: TcpListener,
    world: Arc<World>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&world)));
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
async fn connection(stream: TcpStream, world: Arc<World>) {
    // Small events must not wait for each other.
    let _ = stream.set_nodelay(true);
    let reset = ResetFlag::default();
    let service = service_fn(|request| respond(Arc::clone(&world), reset.clone(), request));
    // The date is the simulator's own, so that answers are the same every time.
    let mut connection = http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    // An error is either a broken script or a client that left; both are over.
    let _ = (&mut connection).await;
    if reset.is_raised() {
        let stream = connection.into_parts().io.into_inner();
        // Closing with a linger time of zero sends a reset.
        let _ = stream.set_zero_linger();
    }
}

async fn respond(
    world: Arc<World>,
    reset: ResetFlag,
    request: http::Request<Incoming>,
) -> Result<Response<Stage>, Broken> {
    let running = world.running();
    let (parts, body) = request.into_parts();
    let body = read(body).await?;
    let (seat, response) = oneshot::channel();
    if parts.uri.path().starts_with(control::PREFIX) {
        let script = control::answer(&world, &parts, &body);
        tokio::spawn(play(script, seat, reset, |_| {}));
    } else {
        let (script, settle) = prepare(&world, parts, body);
        tokio::spawn(async move {
            play(script, seat, reset, settle).await;
            drop(running);
        });
    }
    let mut response = response.await.map_err(|_| Broken)?;
    if let Ok(date) = HeaderValue::try_from(http_date(world.now())) {
        response.headers_mut().insert(http::header::DATE, date);
    }
    Ok(response)
}

/// The script of a request, and what to do at its end.
fn prepare(
    world: &Arc<World>,
    parts: http::request::Parts,
    body: Option<Bytes>,
) -> (Script, impl FnOnce(crate::play::Outcome) + Send + use<>) {
    let too_large = body.is_none();
    let body = body.unwrap_or_default();
    let ticket = world.admit(seen(&parts, &body));
    let key = bearer(&parts).unwrap_or_default().to_owned();
    let request = Request {
        ticket,
        now: world.now(),
        key,
        parts,
        body,
    };
    let performance = if too_large {
        crate::routes::too_large(world, &request)
    } else {
        perform(world, &request)
    };
    let world = Arc::clone(world);
    let account = performance.account;
    let settle = move |outcome: crate::play::Outcome| {
        world.note(ticket, |seen| {
            seen.status = outcome.status;
            seen.bytes_sent = outcome.bytes;
            seen.tokens_sent = outcome.tokens;
            seen.cancelled = outcome.cancelled;
            seen.finished = true;
        });
        if let Some(account) = account {
            account.settle(&world, outcome);
        }
    };
    (performance.script, settle)
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
