//! Accepts connections until told to stop, then lets running answers end.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tollgate::{Gateway, ServerConfig};

use crate::connection::{Answering, Host};
use crate::guard::loopback_only;
use crate::line::Line;
use crate::router::router;
use crate::running::Running;

/// Longest wait for clients to take the last event of answers that were cut.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Longest wait for connections that were cut. They end at once, unless their
/// client has sent the next request ahead, which hides the cut for a while.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// Serves a gateway until `stop` is ready, then takes no more connections and
/// gives back what still runs. On a loopback address only callers that address
/// this machine are let in; see [`loopback_only`].
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn run(gateway: tollgate::Gateway, stop: impl Future<Output = ()>) -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8787").await?;
/// let config = tollgate::ServerConfig::default();
/// let draining = tollgate_server::serve(listener, gateway.clone(), &config, stop).await?;
/// draining.until(tokio::time::sleep(Duration::from_secs(30))).await;
/// gateway.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the listener has no local address.
///
/// # Cancellation
/// Dropping the future cuts every running answer.
pub async fn serve(
    listener: TcpListener,
    gateway: Gateway,
    config: &ServerConfig,
    stop: impl Future<Output = ()>,
) -> io::Result<Draining> {
    let router = guarded(&listener, router(gateway, config))?;
    serve_router(listener, router, config, stop).await
}

/// A router that lets only callers of this machine in where the listener is
/// reached by no others.
pub(crate) fn guarded(listener: &TcpListener, router: Router) -> io::Result<Router> {
    Ok(match listener.local_addr()?.ip().is_loopback() {
        true => loopback_only(router),
        false => router,
    })
}

/// [`serve`] for a router of the program's own, such as one whose callers are
/// [`known`](crate::known). Who may call is the router's own business.
///
/// # Errors
/// None yet; as [`serve`].
///
/// # Cancellation
/// Dropping the future cuts every running answer.
pub async fn serve_router(
    listener: TcpListener,
    router: Router,
    config: &ServerConfig,
    stop: impl Future<Output = ()>,
) -> io::Result<Draining> {
    let (phase, watching) = watch::channel(Phase::Serving);
    let (guard, running) = Running::watch();
    let ends = watching.clone();
    let end = move || reached(ends.clone(), Phase::Ending);
    let host = Host::new(Answering { router, end, guard }, config);
    let stall = config.write_stall();
    let server = tokio::spawn(accept(listener, host, stall, watching));
    stop.await;
    phase.send_replace(Phase::Draining);
    Ok(Draining {
        phase,
        server,
        running,
    })
}

/// What still runs after a server was told to stop.
///
/// # Cancellation
/// Dropping it cuts every running answer.
#[derive(Debug)]
#[must_use = "dropping it cuts the answers that still run"]
pub struct Draining {
    phase: watch::Sender<Phase>,
    server: JoinHandle<()>,
    running: Running,
}

impl Draining {
    /// Lets running answers end until `cut` is ready, then cuts the rest: streams
    /// end with an error event, calls without an answer get 503, and whoever
    /// takes neither within 2 s loses the connection. What cut answers cost is
    /// booked as for every abandoned one. After it, [`Gateway::shutdown`] finds
    /// them all.
    pub async fn until(mut self, cut: impl Future<Output = ()>) -> Stopped {
        let stopped = tokio::select! {
            biased;
            _ = &mut self.server => Stopped::Drained,
            () = cut => Stopped::Cut,
        };
        let Self {
            phase,
            mut server,
            running,
        } = self;
        if stopped == Stopped::Cut {
            phase.send_replace(Phase::Ending);
            let _ = tokio::time::timeout(LAST_WORDS, &mut server).await;
        }
        phase.send_replace(Phase::Cut);
        let last = async move {
            if !server.is_finished() {
                let _ = server.await;
            }
            running.ended().await;
        };
        let _ = tokio::time::timeout(LAST_MOMENT, last).await;
        stopped
    }
}

/// How a server came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Every answer ended by itself.
    Drained,
    /// Some connections were still open, and were cut.
    Cut,
}

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// Connections take no more requests.
    Draining,
    /// Answers end.
    Ending,
    /// Connections end.
    Cut,
}

/// Takes connections until the server drains, and waits until they have ended.
async fn accept<E, F>(
    mut listener: TcpListener,
    host: Host<E>,
    stall: Duration,
    phase: watch::Receiver<Phase>,
) where
    E: Fn() -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut draining = pin!(reached(phase.clone(), Phase::Draining));
    loop {
        let (stream, address) = tokio::select! {
            () = &mut draining => break,
            Some(_) = connections.join_next() => continue,
            // axum's own waits when there are no more files to open.
            accepted = Listener::accept(&mut listener) => accepted,
        };
        let Some(seat) = host.admit(address.ip()) else {
            continue;
        };
        let line = Line::new(stream, stall, reached(phase.clone(), Phase::Cut));
        let draining = reached(phase.clone(), Phase::Draining);
        let host = host.clone();
        connections.spawn(async move {
            host.serve(line, draining).await;
            drop(seat);
        });
    }
    drop((listener, host));
    while connections.join_next().await.is_some() {}
}

/// Waits for a phase; a server whose owner has gone has reached them all.
async fn reached(mut watching: watch::Receiver<Phase>, phase: Phase) {
    let _ = watching.wait_for(|now| *now >= phase).await;
}
