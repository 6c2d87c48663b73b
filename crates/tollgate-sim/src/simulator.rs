//! A running simulator, as tests hold it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::bill::Bill;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::error::Error;
use crate::log::Seen;
use crate::scenario::Scenario;
use crate::server;
use crate::world::World;

/// A running simulator. It stops when it is dropped; [`shutdown`](Self::shutdown) waits for that.
#[derive(Debug)]
pub struct Simulator {
    world: Arc<World>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

/// Sets a simulator up; see [`Simulator::builder`].
#[derive(Clone, Debug)]
pub struct SimulatorBuilder {
    seed: u64,
    scenario: Scenario,
    catalog: Option<Catalog>,
    clock: Clock,
    listen: SocketAddr,
}

impl Simulator {
    /// A simulator with seed 0, no faults, the embedded catalog, and a free port of the loopback address.
    #[must_use]
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder {
            seed: 0,
            scenario: Scenario::default(),
            catalog: None,
            clock: Clock::default(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        }
    }

    /// The address that is listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, for the `/sim/…` routes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `http://127.0.0.1:PORT/api/v1`, to give to a client in place of OpenRouter's.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/api/v1", self.address)
    }

    /// Every request seen since the start or the last reset.
    #[must_use]
    pub fn log(&self) -> Vec<Seen> {
        self.world.records().log.clone()
    }

    /// Everything charged since the start or the last reset.
    #[must_use]
    pub fn bill(&self) -> Bill {
        self.world.records().bill.clone()
    }

    /// Forgets all requests, charges, generations and rule counts. Numbers begin at 1 again, so
    /// the same requests get the same answers again.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Replaces the scenario; the counts of its rules begin at 0.
    ///
    /// # Errors
    /// [`Error::Scenario`] when a rule built in code is not valid.
    pub fn set_scenario(&self, scenario: Scenario) -> Result<(), Error> {
        scenario.check()?;
        self.world.set_scenario(scenario);
        Ok(())
    }

    /// Waits until every request has ended and is in the bill. A client that has left is noticed
    /// a moment after it did, so tests that leave a stream call this before they look.
    pub async fn idle(&self) {
        self.world.idle().await;
    }

    /// Stops listening, breaks all connections, and waits until that is done.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // An error would be a panic in the server, which has then ended as well.
        let _ = (&mut self.server).await;
        self.world.idle().await;
    }

    /// Waits until the simulator ends by itself, which it never does: for programs that only serve.
    pub async fn run(mut self) {
        let _ = (&mut self.server).await;
    }
}

impl SimulatorBuilder {
    /// Sets the seed of all chance; the same seed and requests give the same bytes.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the behaviour and the faults.
    #[must_use]
    pub fn scenario(mut self, scenario: Scenario) -> Self {
        self.scenario = scenario;
        self
    }

    /// Sets the models and prices.
    #[must_use]
    pub fn catalog(mut self, catalog: Catalog) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// Sets the simulated time of day.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the address to listen on; port 0 takes a free one.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Starts listening; must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// [`Error::Listen`] when the address is in use, [`Error::Scenario`] when a rule built in code
    /// is not valid.
    pub async fn start(self) -> Result<Simulator, Error> {
        self.scenario.check()?;
        let (listener, address) =
            server::listen(self.listen)
                .await
                .map_err(|source| Error::Listen {
                    address: self.listen,
                    source,
                })?;
        let catalog = self.catalog.unwrap_or_else(Catalog::embedded);
        let world = Arc::new(World::new(self.seed, catalog, self.clock, self.scenario));
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(server::serve(listener, Arc::clone(&world), stopped));
        Ok(Simulator {
            world,
            address,
            stop,
            server,
        })
    }
}
