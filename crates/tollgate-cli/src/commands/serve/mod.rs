mod callers;
mod reload;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use tollgate_server::{Metrics, SpanCounts, Stopped, measured_and_known, router, serve_router};

use crate::args::{Global, ServeArgs};
use crate::exit::{Trouble, code};
use crate::otel::Counts;
use crate::{config, ui};

use self::callers::Doorkeeper;
use self::reload::Configuration;

pub(crate) async fn run(
    args: ServeArgs,
    global: &Global,
    spans: Option<Arc<Counts>>,
) -> Result<(), Trouble> {
    let (configuration, mut config) = Configuration::read(global)?;
    let mut doorkeeper = Doorkeeper::open(&mut config, args.listen).await?;
    let mut metrics = Metrics::new();
    if let Some(counts) = spans {
        metrics = metrics.with_spans(move || SpanCounts {
            sent: counts.sent(),
            dropped: counts.dropped(),
        });
    }
    let metrics = Arc::new(metrics);
    let limits = config.server.clone();
    let gateway = config::gateway(config, metrics.clone()).await?;
    let listener = tokio::net::TcpListener::bind(args.listen)
        .await
        .map_err(|error| {
            Trouble::new(
                code::USAGE,
                format!("cannot listen on {}: {error}", args.listen),
            )
        })?;
    let mut signals = Signals::listen()?;
    ui::note(format!("listening on http://{}/v1", listener.local_addr()?));

    let router = router(gateway.clone(), &limits);
    let router = measured_and_known(
        router,
        gateway.clone(),
        metrics,
        doorkeeper.callers.clone(),
        doorkeeper.without_keys,
    );
    let stop = async {
        tokio::select! {
            () = signals.next() => {}
            () = configuration.follow(&gateway, &mut doorkeeper) => {}
        }
    };
    let draining = serve_router(listener, router, &limits, stop).await?;
    ui::note(format!(
        "stopping: running answers have {} s to end; a second signal cuts them now",
        args.drain
    ));
    let patience = async {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(args.drain)) => {}
            () = signals.next() => {}
        }
    };
    ui::note(match draining.until(patience).await {
        Stopped::Drained => "all answers have ended",
        Stopped::Cut => "the answers that still ran were cut",
    });
    doorkeeper.stop().await;
    gateway.shutdown().await;
    ui::note("stopped: every call is booked");
    Ok(())
}

/// The signals that ask a server to stop.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Takes them over from now on; before, they end the process.
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // Where there is no such signal, the server runs until it is killed.
            std::future::pending().await
        }
    }
}
