//! A whole gateway on a network in memory, and a clock that jumps to whatever happens next.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tollgate::{Clock, Config, ConfigError, Failure, Gateway, Loader, Timestamp};
use tollgate_sim::{Latency, Scenario, Service, Simulator};

use crate::caller::{self, Ask, MODEL, Outcome};
use crate::contact::Contacts;
use crate::host::Host;
use crate::network::Network;
use crate::trace::Trace;
use crate::witness::Witness;

/// Noon UTC of the day whose catalog gateway and simulator have, in seconds since 1970.
const NOON: u32 = 1_786_190_400;

/// How a rig is set up.
#[derive(Clone, Debug)]
#[must_use]
pub struct Setup {
    seed: u64,
    hosts: Vec<Host>,
    keys: Vec<(String, String)>,
    scenario: Scenario,
    keep: Keep,
}

/// What is kept of a run; each has what the one before it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// Outcomes, contacts and sums: enough to count, and small enough for a hundred thousand calls.
    #[default]
    Sums,
    /// The bytes on the wire.
    Wire,
    /// Receipts, bills and the lines of the trace.
    Everything,
}

/// A rig that could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is not valid.
    #[error("the configuration of the trial is not valid: {0}")]
    Config(#[from] ConfigError),
    /// The gateway could not be built.
    #[error("the gateway of the trial cannot be built: {0}")]
    Gateway(#[from] Failure),
    /// A scenario is not valid.
    #[error("the simulator of the trial cannot be set up: {0}")]
    Simulator(#[from] tollgate_sim::Error),
}

impl Setup {
    /// A gateway with the compiled defaults in front of hosts A and B, which take 300 ms to their
    /// first token and 5 ms for each further one.
    pub fn new(seed: u64) -> Self {
        let scenario = Scenario::default()
            .with_output_tokens(12)
            .with_latency(Latency::Fixed {
                first_token_ms: 300,
                tokens_per_second: 200,
            });
        Self {
            seed,
            hosts: vec![Host::A, Host::B],
            keys: Vec::new(),
            scenario,
            keep: Keep::Sums,
        }
    }

    /// Sets which hosts the configuration has.
    pub fn hosts(mut self, hosts: &[Host]) -> Self {
        self.hosts = hosts.to_vec();
        self
    }

    /// Sets one dotted key of the configuration.
    pub fn key(mut self, key: &str, value: impl ToString) -> Self {
        self.keys.push((key.to_owned(), value.to_string()));
        self
    }

    /// Gives calls a fallback chain: further models, which all hosts serve. An attempt that may have
    /// been billed is not repeated on its target, so a call needs more targets than hosts that may
    /// fail.
    pub fn with_chain(self) -> Self {
        let ids = CHAIN.map(|(model, ..)| format!("'{model}'")).join(", ");
        self.key("openrouter.optimization.fallback_chain", format!("[{ids}]"))
    }

    /// Keeps breakers from ever opening, for trials of what happens to single calls.
    pub fn without_breakers(self) -> Self {
        self.key("failover.breaker.failures", 1_000_000)
            .key("failover.breaker.min_success_percent", 0)
            .key("failover.retries.share_percent", 1_000)
            .key("failover.retries.per_second", 1_000_000)
    }

    /// Sets how the simulators behave.
    pub fn scenario(mut self, scenario: Scenario) -> Self {
        self.scenario = scenario;
        self
    }

    /// How the simulators behave.
    pub fn sims(&self) -> Scenario {
        self.scenario.clone()
    }

    /// Gives a host so many more keys, each of which is a lane.
    pub fn keys(self, host: Host, more: u32) -> Self {
        let table = match host {
            Host::A => "openrouter".to_owned(),
            _ => format!("providers.{}", host.lane()),
        };
        let keys = (2..2 + more).map(|number| format!("'{}'", host.key(number)));
        let keys: Vec<String> = keys.collect();
        self.key(
            &format!("{table}.api_keys"),
            format!("[{}]", keys.join(", ")),
        )
    }

    /// Sets what is kept.
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Builds everything; inside [`in_virtual_time`].
    ///
    /// # Errors
    /// [`Error`], when configuration or scenario are not valid.
    pub async fn start(self) -> Result<Rig, Error> {
        let everything = self.keep == Keep::Everything;
        let trace = Arc::new(Trace::new(everything));
        let services = self.services()?;
        let contacts = Contacts::new(self.keep >= Keep::Wire, Arc::clone(&trace));
        let network = Arc::new(Network::new(services, self.seed, contacts));
        let witness = Arc::new(Witness::new(everything, Arc::clone(&trace)));
        let gateway = Gateway::builder(self.config()?)
            .http(network.clone())
            .clock(clock())
            .seed(self.seed)
            .observer(witness.clone())
            .build()
            .await?;
        Ok(Rig {
            gateway,
            network,
            witness,
            trace,
        })
    }

    /// The simulators: of the hosts that are like each other all, of the others those that are set.
    fn services(&self) -> Result<BTreeMap<Host, Service>, tollgate_sim::Error> {
        let is_there = |host: &Host| Host::ALL.contains(host) || self.hosts.contains(host);
        let hosts = Host::EVERY.into_iter().filter(is_there);
        hosts.map(|host| Ok((host, self.service(host)?))).collect()
    }

    fn service(&self, host: Host) -> Result<Service, tollgate_sim::Error> {
        let kept = match self.keep {
            Keep::Sums | Keep::Wire => 0,
            Keep::Everything => usize::MAX,
        };
        Simulator::builder()
            .seed(self.seed.wrapping_mul(3).wrapping_add(host as u64))
            .host(host.answers_as())
            .clock(tollgate_sim::Clock::Running(NOON.into()))
            .scenario(self.scenario.clone())
            .log_limit(kept)
            .service()
    }

    fn config(&self) -> Result<Config, ConfigError> {
        let mut loader = Loader::new()
            .with_environment(Vec::new())
            .with_key("catalog.offline", "true")
            .with_key("openrouter.default_model", MODEL)
            .with_key("openrouter.track_usage", self.tracks_usage());
        for host in &self.hosts {
            loader = loader.with_text(format!("{host}.toml"), lane(*host));
        }
        for (key, value) in &self.keys {
            loader = loader.with_key(key, value);
        }
        loader.load()
    }

    fn tracks_usage(&self) -> &'static str {
        match self.keep {
            Keep::Sums | Keep::Wire => "false",
            Keep::Everything => "true",
        }
    }
}

/// The part of a configuration that leads to a host.
fn lane(host: Host) -> String {
    let (lane, base_url, key) = (host.lane(), host.base_url(), host.key(1));
    let access = format!("base_url = '{base_url}'\napi_key = '{key}'\n");
    match host {
        Host::A => format!("[openrouter]\n{access}"),
        // What else there is to know of them is in the gateway's own tables.
        Host::OpenAi | Host::Anthropic | Host::Gemini => format!("[providers.{lane}]\n{access}"),
        Host::B | Host::C => {
            let served = || [FIRST].into_iter().chain(CHAIN);
            let models: String = served()
                .map(|(model, ..)| format!("'{model}' = '{model}'\n"))
                .collect();
            let prices: String = served()
                .map(|(model, input, output)| {
                    format!(
                        "'{model}' = {{ base = {{ input = '{input}', output = '{output}' }} }}\n"
                    )
                })
                .collect();
            format!(
                "[providers.{lane}]\n{access}[providers.{lane}.models]\n{models}\
                 [providers.{lane}.prices]\n{prices}"
            )
        }
    }
}

/// A model, and the prices of a token in and out that the simulator charges.
type Priced = (&'static str, &'static str, &'static str);

const FIRST: Priced = (MODEL, "0.000000019", "0.00000003");

const CHAIN: [Priced; 2] = [
    ("openai/gpt-4o-mini", "0.00000015", "0.0000006"),
    ("amazon/nova-micro-v1", "0.000000035", "0.00000014"),
];

/// The time of day, which goes on with the virtual clock.
fn clock() -> Arc<dyn Clock> {
    let began = Instant::now();
    let noon = Timestamp::from_secs(NOON.into());
    Arc::new(move || noon.plus(began.elapsed()))
}

/// A gateway, the network that it is on, and those who watch.
#[derive(Debug)]
pub struct Rig {
    /// The gateway.
    pub gateway: Gateway,
    /// The network.
    pub network: Arc<Network>,
    /// What the gateway told.
    pub witness: Arc<Witness>,
    /// All of it, in order.
    pub trace: Arc<Trace>,
}

/// A row of calls, evenly spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// How many calls.
    pub calls: u32,
    /// How many in a second.
    pub per_second: f64,
}

impl Load {
    /// So many calls at that rate.
    #[must_use]
    pub fn new(calls: u32, per_second: f64) -> Self {
        Self { calls, per_second }
    }

    /// So many calls in that time.
    #[must_use]
    pub fn over(calls: u32, span: Duration) -> Self {
        Self::new(calls, f64::from(calls) / span.as_secs_f64())
    }
}

impl Rig {
    /// When the clock started.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.trace.began()
    }

    /// Makes the calls, and returns what became of them in their order when all have ended.
    pub async fn run(&self, load: Load, ask: impl Fn(u32) -> Ask) -> Vec<Outcome> {
        let first = Instant::now();
        let mut outcomes = Vec::with_capacity(load.calls as usize);
        let mut running = JoinSet::new();
        for number in 0..load.calls {
            let at = f64::from(number) / load.per_second;
            sleep_until(first + Duration::from_secs_f64(at)).await;
            running.spawn(caller::call(self.gateway.clone(), ask(number), number));
            while let Some(ended) = running.try_join_next() {
                outcomes.extend(ended);
            }
        }
        while let Some(ended) = running.join_next().await {
            outcomes.extend(ended);
        }
        outcomes.sort_by_key(|outcome| outcome.number);
        outcomes
    }

    /// Waits until everything is settled, and the hosts have noticed every end.
    pub async fn rest(&self) {
        for host in self.network.hosts() {
            self.network.service(host).idle().await;
        }
        // The settler's task runs when nothing else does.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Runs a future in virtual time: nothing waits, and the clock jumps to whatever happens next.
///
/// # Panics
/// When there is not even the memory for a runtime without threads and I/O.
pub fn in_virtual_time<T>(run: impl Future<Output = T>) -> T {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without threads and I/O asks nothing of the system")
        .block_on(run)
}
