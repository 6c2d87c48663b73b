//! A server in front of the simulator, which keeps a log of its own.

use tollgate::{Gateway, ServerConfig};
use tollgate_sim::{Scenario, Simulator};

use crate::metrics::config;
use crate::support::Server;

pub(crate) struct Simulated {
    pub(crate) server: Server,
    pub(crate) gateway: Gateway,
    pub(crate) simulator: Simulator,
}

impl Simulated {
    pub(crate) async fn start(scenario: Scenario, limits: ServerConfig) -> Self {
        let simulator = Simulator::builder().seed(7).scenario(scenario);
        let simulator = simulator.start().await.unwrap();
        let config = config(&simulator.base_url(), "");
        let gateway = Gateway::builder(config).seed(7).build().await.unwrap();
        Self {
            server: Server::start_limited(gateway.clone(), limits).await,
            gateway,
            simulator,
        }
    }

    /// How many requests of any surface have reached the upstream.
    pub(crate) fn posts(&self) -> usize {
        let log = self.simulator.log();
        log.iter().filter(|seen| seen.method == "POST").count()
    }

    /// How many chats have reached the upstream.
    pub(crate) fn chats(&self) -> usize {
        let log = self.simulator.log();
        let chats = log.iter().filter(|seen| seen.path.contains("/chat/"));
        chats.count()
    }
}
