//! The settings of a simulator that runs as a program.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::error::Error;
use crate::host::Host;
use crate::scenario::Scenario;
use crate::simulator::Simulator;

/// What `tollgate sim --as --listen --scenario --catalog --seed` sets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimConfig {
    /// Whom to answer as; what the scenario says when absent, else OpenRouter.
    #[serde(rename = "as")]
    pub host: Option<Host>,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// A scenario file (TOML); no faults when absent.
    pub scenario: Option<PathBuf>,
    /// A body of `GET /api/v1/models`; the embedded catalog when absent.
    pub catalog: Option<PathBuf>,
    /// The seed of all chance.
    pub seed: u64,
    /// The second since 1970 at which the simulated clock starts to run; frozen at the
    /// catalog's day when absent. A demonstration passes the current time.
    pub epoch: Option<u64>,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            host: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8787)),
            scenario: None,
            catalog: None,
            seed: 0,
            epoch: None,
        }
    }
}

impl SimConfig {
    /// How many requests, charges and generations a program keeps, each.
    pub const LOG_LIMIT: usize = 10_000;

    /// Reads the files and starts. Since a program may serve for days, it keeps the latest
    /// [`LOG_LIMIT`](Self::LOG_LIMIT) requests, as [`log_limit`](crate::SimulatorBuilder::log_limit) says.
    ///
    /// # Errors
    /// [`Error::Read`] for a file that is not there, [`Error::Scenario`] or [`Error::Catalog`] for
    /// one that is not valid, [`Error::Listen`] when the address is in use.
    pub async fn start(&self) -> Result<Simulator, Error> {
        let mut builder = Simulator::builder()
            .seed(self.seed)
            .listen(self.listen)
            .log_limit(Self::LOG_LIMIT);
        if let Some(host) = self.host {
            builder = builder.host(host);
        }
        if let Some(path) = &self.scenario {
            builder = builder.scenario(Scenario::from_toml(&read(path)?)?);
        }
        if let Some(path) = &self.catalog {
            builder = builder.catalog(Catalog::from_json(&read(path)?)?);
        }
        if let Some(epoch) = self.epoch {
            builder = builder.clock(Clock::Running(epoch));
        }
        builder.start().await
    }
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}
