//! Many nodes at once: nothing is spent twice, nothing is lost, nobody is stuck.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio_postgres::Client;
use tollgate_core::{BudgetLeases, LeaseAsk, LedgerEvent, LedgerStore};
use tollgate_ledger_postgres::{Commit, PostgresConfig, PostgresStore};

use crate::events::{dispatch_in, settle_in, usd, window};
use crate::server::{Server, expire, node, number};

const BUDGETS: [&str; 4] = ["a", "b", "c", "d"];
const EACH: i64 = 1_000_000;
/// Rounds of a node; each asks for all budgets.
const ROUNDS: usize = 150;

/// What no moment may show: a budget of which more is spent and leased than
/// there is, or less than nothing is.
const BROKEN: &str = "SELECT count(*) FROM (
    SELECT b.spent_nanos + coalesce(sum(l.left_nanos), 0) AS used
    FROM budget_window AS b LEFT JOIN lease AS l USING (budget, key, start_ms)
    GROUP BY b.budget, b.key, b.start_ms, b.spent_nanos
) AS each WHERE used NOT BETWEEN 0 AND 1000000";

/// A node as a careful program is one: it admits what it has leased.
struct Careful {
    store: Arc<PostgresStore>,
    name: String,
    client: Client,
    random: Random,
    epoch: u64,
    /// Of each budget, what it may spend and does not hold for an attempt.
    free: [i64; BUDGETS.len()],
    running: Vec<Running>,
}

struct Running {
    call: u128,
    budget: usize,
    worst: i64,
    epoch: u64,
}

/// Small, repeatable picks.
struct Random(u64);

impl Random {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

fn ask(budget: usize, take: i64, give: i64) -> LeaseAsk {
    LeaseAsk {
        window: window(BUDGETS[budget]),
        limit: usd(EACH),
        take: usd(take),
        give: usd(give),
    }
}

impl Careful {
    async fn lease(&mut self) {
        let asks: Vec<LeaseAsk> = (0..BUDGETS.len())
            .map(|budget| {
                let give = self.random.below(self.free[budget] + 1);
                ask(budget, self.random.below(EACH / 50), give)
            })
            .collect();
        let leased = self.store.lease(&asks).await.unwrap();
        let same = self.epoch == leased.epoch;
        self.begin(leased.epoch);
        for (budget, (ask, grant)) in asks.iter().zip(&leased.grants).enumerate() {
            let given = if same { ask.give.nanos() } else { 0 };
            self.free[budget] += grant.granted.nanos() - given;
        }
    }

    /// In a new epoch, all that was leased before is gone.
    fn begin(&mut self, epoch: u64) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.free = [0; BUDGETS.len()];
        }
    }

    async fn dispatch(&mut self, call: u128) {
        let budget = usize::try_from(self.random.below(4)).unwrap();
        let worst = self.random.below(self.free[budget] / 2);
        let event = dispatch_in(&[BUDGETS[budget]], call, worst, self.epoch);
        let refused = self.store.append(&[event]).await.unwrap();
        if refused.is_empty() {
            self.free[budget] -= worst;
            self.running.push(Running {
                call,
                budget,
                worst,
                epoch: self.epoch,
            });
        }
    }

    async fn settle(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let one = self
            .random
            .below(i64::try_from(self.running.len()).unwrap());
        let one = self.running.swap_remove(usize::try_from(one).unwrap());
        let cost = self.random.below(one.worst + 1);
        let event = settle_in(&[BUDGETS[one.budget]], one.call, cost);
        self.store.append(&[event]).await.unwrap();
        if one.epoch == self.epoch {
            self.free[one.budget] += one.worst - cost;
        }
    }

    async fn round(&mut self, call: u128) {
        self.lease().await;
        self.dispatch(call).await;
        match self.random.below(12) {
            0 => self.begin(self.store.renew().await.unwrap()),
            // Nobody hears of it for too long, and another node ends its leases.
            1 => expire(&self.client, &self.name).await,
            2 => {}
            _ => self.settle().await,
        }
    }
}

/// Samples until it is told to stop; returns how often it did.
async fn watch(client: Client, stop: Arc<AtomicBool>) -> u64 {
    let mut samples = 0;
    while !stop.load(Ordering::Relaxed) {
        assert_eq!(number(&client, BROKEN).await, 0, "at sample {samples}");
        samples += 1;
    }
    samples
}

async fn nodes_share(nodes: u64) {
    let Some(server) = Server::find("nodes that share budgets") else {
        return;
    };
    let config = PostgresConfig {
        commit: Commit::Soon,
        connections: 2,
        ..server.config()
    };
    let stop = Arc::new(AtomicBool::new(false));
    let first = node(&config, "first").await;
    let watcher = tokio::spawn(watch(server.watch(&config).await, Arc::clone(&stop)));
    let calls = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for n in 0..nodes {
        let name = format!("node {n}");
        let store = Arc::new(node(&config, &name).await);
        let epoch = store.renew().await.unwrap();
        let mut careful = Careful {
            store,
            name,
            client: server.watch(&config).await,
            random: Random(n + 1),
            epoch,
            free: [0; BUDGETS.len()],
            running: Vec::new(),
        };
        let calls = Arc::clone(&calls);
        tasks.push(tokio::spawn(async move {
            for _ in 0..ROUNDS {
                let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
                careful.round(call.into()).await;
            }
            while !careful.running.is_empty() {
                careful.settle().await;
            }
            expire(&careful.client, &careful.name).await;
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert!(watcher.await.unwrap() > 100, "the watcher saw too little");

    // All are gone and hold nothing, so all that is not spent can be leased.
    first.renew().await.unwrap();
    let asks: Vec<_> = (0..BUDGETS.len())
        .map(|budget| ask(budget, EACH, 0))
        .collect();
    let leased = first.lease(&asks).await.unwrap();
    for grant in &leased.grants {
        assert_eq!((grant.granted + grant.spent).nanos(), EACH);
        assert!(grant.spent.nanos() > 0, "something was spent");
        assert_eq!(grant.nodes, 1);
    }
    assert_eq!(first.verify().await.unwrap(), [""; 0]);
    server.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_never_lease_more_than_there_is() {
    nodes_share(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_never_lease_more_than_there_is() {
    nodes_share(4).await;
}

/// Everything that locks, in opposite orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opposite_orders_wait_for_each_other_and_never_in_a_circle() {
    let Some(server) = Server::find("locks in opposite orders") else {
        return;
    };
    let config = PostgresConfig {
        commit: Commit::Soon,
        ..server.config()
    };
    let client = server.watch(&config).await;
    let stores = [node(&config, "one").await, node(&config, "two").await].map(Arc::new);
    let mut tasks = Vec::new();
    for task in 0..8_usize {
        let store = Arc::clone(&stores[task / 4]);
        tasks.push(tokio::spawn(async move {
            let mut budgets = BUDGETS;
            budgets.rotate_left(task % 4);
            if task % 2 == 0 {
                budgets.reverse();
            }
            let epoch = store.renew().await.unwrap();
            for round in 0..25 {
                let call = |n: usize| u128::try_from(task * 1_000 + round * 10 + n).unwrap();
                let mut events: Vec<LedgerEvent> = Vec::new();
                for (n, budget) in budgets.into_iter().enumerate() {
                    events.push(dispatch_in(&[budget], call(n), 1, epoch));
                    events.push(settle_in(&[budget], call(n), 1));
                }
                let asks = budgets.map(|budget| {
                    let place = BUDGETS.iter().position(|one| *one == budget).unwrap();
                    ask(place, 10, 5)
                });
                assert_eq!(store.append(&events).await.unwrap(), [0; 0]);
                store.lease(&asks).await.unwrap();
                store.renew().await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let each = "SELECT count(*) FROM budget_window WHERE spent_nanos = 200";
    assert_eq!(number(&client, each).await, 4);
    assert_eq!(stores[0].verify().await.unwrap(), [""; 0]);
    server.clean().await;
}
