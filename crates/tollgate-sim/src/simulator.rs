//! A running simulator, as tests hold it.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::bill::Bill;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::error::Error;
use crate::host::Host;
use crate::log::Seen;
use crate::scenario::Scenario;
use crate::server;
use crate::service::Service;
use crate::world::World;

/// A running simulator. It stops when it is dropped; [`shutdown`](Self::shutdown) waits for that.
#[derive(Debug)]
pub struct Simulator {
    service: Service,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

/// Sets a simulator up; see [`Simulator::builder`].
#[derive(Clone, Debug)]
pub struct SimulatorBuilder {
    pub(crate) seed: u64,
    pub(crate) scenario: Scenario,
    pub(crate) host: Option<Host>,
    pub(crate) catalog: Option<Catalog>,
    pub(crate) clock: Clock,
    pub(crate) log_limit: usize,
    listen: SocketAddr,
}

impl Simulator {
    /// A simulator with seed 0, no faults, the embedded catalog, and a free port of the loopback address.
    #[must_use]
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder {
            seed: 0,
            scenario: Scenario::default(),
            host: None,
            catalog: None,
            clock: Clock::default(),
            log_limit: usize::MAX,
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

    /// `http://127.0.0.1:PORT/api/v1`, to give to a client in place of OpenRouter's; of another
    /// [host](SimulatorBuilder::host), with its own [path](Host::base_path). Anthropic's clients add
    /// `/v1` by themselves and are given the [`url`](Self::url).
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.address, self.service.host().base_path())
    }

    /// The service behind the socket, to be called without one.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service.clone()
    }

    /// [`Service::log`].
    #[must_use]
    pub fn log(&self) -> Vec<Seen> {
        self.service.log()
    }

    /// [`Service::bill`].
    #[must_use]
    pub fn bill(&self) -> Bill {
        self.service.bill()
    }

    /// [`Service::reset`].
    pub fn reset(&self) {
        self.service.reset();
    }

    /// [`Service::set_scenario`].
    ///
    /// # Errors
    /// [`Error::Scenario`] when a rule built in code is not valid.
    pub fn set_scenario(&self, scenario: Scenario) -> Result<(), Error> {
        self.service.set_scenario(scenario)
    }

    /// [`Service::idle`].
    pub async fn idle(&self) {
        self.service.idle().await;
    }

    /// Stops listening, breaks all connections, and waits until that is done.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // An error would be a panic in the server, which has then ended as well.
        let _ = (&mut self.server).await;
        self.service.idle().await;
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

    /// Sets whom to answer as, whatever scenarios say; OpenRouter unless told otherwise.
    #[must_use]
    pub fn host(mut self, host: Host) -> Self {
        self.host = Some(host);
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

    /// Keeps only the latest `requests` in the log, and as many charges and generations; sums and
    /// counts are of all. Of their bodies, the latest 64 MiB are kept; requests before those have
    /// [`body_dropped`](crate::Seen::body_dropped). By default everything is kept, about a kilobyte
    /// per request and what its body has.
    #[must_use]
    pub fn log_limit(mut self, requests: usize) -> Self {
        self.log_limit = requests;
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
        let address = self.listen;
        let service = self.service()?;
        let (listener, address) = server::listen(address)
            .await
            .map_err(|source| Error::Listen { address, source })?;
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(server::serve(listener, service.clone(), stopped));
        Ok(Simulator {
            service,
            address,
            stop,
            server,
        })
    }

    /// The service alone, without listening; must be called inside a Tokio runtime, whose clock
    /// it starts on.
    ///
    /// # Errors
    /// [`Error::Scenario`] when a rule built in code is not valid.
    pub fn service(self) -> Result<Service, Error> {
        self.scenario.check()?;
        Ok(Service::new(World::new(self)))
    }
}
