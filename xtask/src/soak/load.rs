//! Requests at a steady rate.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::bench_server::BenchError;
use crate::bench_server::load::{KEY, Load};
use crate::bench_server::quantile::Times;

/// A model that the simulator has, for requests that go to it directly.
const MODEL: &str = "openai/gpt-4o-mini";

/// A key of the form that it knows.
const SIMULATED_KEY: &str = "sk-or-v1-not-a-real-key-000";

/// One request in so many goes to the simulator directly.
const DIRECTLY: u64 = 10;

/// Longest time for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a connection is kept that nobody uses: servers close those that are
/// idle for longer.
const IDLE: Duration = Duration::from_secs(5);

/// What became of the requests.
#[derive(Debug, Default)]
pub(super) struct Steady {
    pub(super) gateway: Times,
    pub(super) direct: Times,
    pub(super) answered: u64,
    pub(super) failures: Vec<String>,
    pub(super) failed: u64,
}

/// One place that is asked.
struct Target {
    address: SocketAddr,
    model: &'static str,
    key: &'static str,
    /// Connections that are free, and since when.
    free: RefCell<Vec<(Load, Instant)>>,
}

impl Target {
    fn new(address: SocketAddr, model: &'static str, key: &'static str) -> Rc<Self> {
        Rc::new(Self {
            address,
            model,
            key,
            free: RefCell::default(),
        })
    }

    async fn ask(&self, streams: bool) -> Result<(), BenchError> {
        // The newest; when that one is old, all are.
        let free = self.free.borrow_mut().pop();
        let mut load = match free {
            Some((load, since)) if since.elapsed() < IDLE => load,
            _ => Load::connect_for(self.address, self.model, self.key).await?,
        };
        match streams {
            true => load.stream().await.map(drop)?,
            false => load.whole().await?,
        }
        self.free.borrow_mut().push((load, Instant::now()));
        Ok(())
    }
}

/// Sends `rate` requests a second until that moment, and waits for the answers.
pub(super) async fn steady(
    gateway: SocketAddr,
    simulator: SocketAddr,
    rate: u32,
    until: Instant,
) -> Steady {
    let local = LocalSet::new();
    local.run_until(send(gateway, simulator, rate, until)).await
}

async fn send(gateway: SocketAddr, simulator: SocketAddr, rate: u32, until: Instant) -> Steady {
    let gateway = Target::new(gateway, "tollgate/balanced", KEY);
    let simulator = Target::new(simulator, MODEL, SIMULATED_KEY);
    let mut steady = Steady::default();
    let mut running = JoinSet::new();
    let mut ticks = interval(Duration::from_secs(1) / rate.max(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = 0_u64;
    loop {
        let due = ticks.tick().await;
        if due >= until {
            break;
        }
        sent += 1;
        let (direct, streams) = (sent.is_multiple_of(DIRECTLY), sent % 4 < 2);
        let target = if direct { &simulator } else { &gateway };
        let target = target.clone();
        running.spawn_local(async move {
            let asked = timeout(PATIENCE, target.ask(streams)).await;
            let asked = asked.unwrap_or(Err(BenchError::Silent {
                address: target.address,
            }));
            (direct, asked.map(|()| due.elapsed()))
        });
        while let Some(ended) = running.try_join_next() {
            steady.note(ended);
        }
    }
    while let Some(ended) = running.join_next().await {
        steady.note(ended);
    }
    steady
}

type Ended = Result<(bool, Result<Duration, BenchError>), tokio::task::JoinError>;

impl Steady {
    fn note(&mut self, ended: Ended) {
        /// Failures that are shown.
        const SHOWN: usize = 5;
        match ended {
            Ok((true, Ok(took))) => self.direct.add(took),
            Ok((false, Ok(took))) => {
                self.answered += 1;
                self.gateway.add(took);
            }
            Ok((true, Err(error))) => self.fail(format!("directly: {error}"), SHOWN),
            Ok((false, Err(error))) => self.fail(error.to_string(), SHOWN),
            Err(error) => self.fail(error.to_string(), SHOWN),
        }
    }

    fn fail(&mut self, why: String, shown: usize) {
        self.failed += 1;
        if self.failures.len() < shown {
            self.failures.push(why);
        }
    }
}
