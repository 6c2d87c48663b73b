//! Accepts connections until told to stop, then lets running answers end.

use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate::Gateway;

use crate::guard::loopback_only;
use crate::line::Lines;
use crate::router::router;
use crate::running::Running;

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
/// let draining = tollgate_server::serve(listener, gateway.clone(), stop).await?;
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
    stop: impl Future<Output = ()>,
) -> io::Result<Draining> {
    serve_router(listener, router(gateway), stop).await
}

/// [`serve`] for a router that has more than [`router()`].
pub(crate) async fn serve_router(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()>,
) -> io::Result<Draining> {
    let router = if listener.local_addr()?.ip().is_loopback() {
        loopback_only(router)
    } else {
        router
    };
    let (router, running) = Running::watch(router);
    let (phase, watching) = watch::channel(Phase::Serving);
    let draining = reached(watching.clone(), Phase::Draining);
    let lines = Lines::new(listener, move || reached(watching.clone(), Phase::Cut));
    let server = axum::serve(lines, router).with_graceful_shutdown(draining);
    let server = tokio::spawn(server.into_future());
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
    server: JoinHandle<io::Result<()>>,
    running: Running,
}

impl Draining {
    /// Lets running answers end until `cut` is ready, then cuts the rest: their
    /// connections close in the middle, and what they cost is booked as for
    /// every abandoned answer. After it, [`Gateway::shutdown`] finds them all.
    pub async fn until(mut self, cut: impl Future<Output = ()>) -> Stopped {
        let stopped = tokio::select! {
            biased;
            _ = &mut self.server => Stopped::Drained,
            () = cut => Stopped::Cut,
        };
        let Self {
            phase,
            server,
            running,
        } = self;
        phase.send_replace(Phase::Cut);
        let last = async move {
            if stopped == Stopped::Cut {
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
    Draining,
    Cut,
}

/// Waits for a phase; a server whose owner has gone has reached them all.
async fn reached(mut watching: watch::Receiver<Phase>, phase: Phase) {
    let _ = watching.wait_for(|now| *now >= phase).await;
}
