//! Transactions that were committed, and whose node never hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::config::Host;
use tollgate_core::{ApiKey, BudgetLeases, LedgerStore};
use tollgate_keys::{KeyConfig, KeyStore};
use tollgate_ledger_postgres::{PostgresConfig, PostgresStore};

use crate::events::{LIMIT, ask, dispatch, settle};
use crate::leases::check;
use crate::server::{Server, blocked, node};

/// The end of a transaction, as the client sends it: the whole of a simple
/// query, or the statement that an extended one begins with.
const COMMIT: &[u8] = b"COMMIT\0";
/// A key that is revoked, in the same two ways.
const REVOKE: &[u8] = b"alice";

/// A network that now and then loses a reply.
struct Network {
    config: PostgresConfig,
    /// How many more replies to lose.
    losing: Arc<AtomicU32>,
}

impl Network {
    /// Loses replies to what has these bytes.
    async fn to(server: &Server, config: &PostgresConfig, words: &'static [u8]) -> Self {
        let address: tokio_postgres::Config = server.url().parse().unwrap();
        let Host::Tcp(host) = &address.get_hosts()[0] else {
            panic!("the server under test is reached by TCP");
        };
        let target = format!("{host}:{}", address.get_ports()[0]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = listener.local_addr().unwrap().to_string();
        let url = server.url().replace(&target, &way);
        assert_ne!(url, server.url());
        // Who listens has to understand what is said.
        let sign = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{sign}sslmode=disable");
        let losing = Arc::new(AtomicU32::new(0));
        tokio::spawn(pass_on(listener, target, words, Arc::clone(&losing)));
        Self {
            config: PostgresConfig {
                url: ApiKey::new(url),
                ..config.clone()
            },
            losing,
        }
    }

    fn lose_one(&self) {
        self.losing.store(1, Ordering::SeqCst);
    }

    fn has_lost_it(&self) -> bool {
        self.losing.load(Ordering::SeqCst) == 0
    }
}

async fn pass_on(
    listener: TcpListener,
    target: String,
    words: &'static [u8],
    losing: Arc<AtomicU32>,
) {
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let far = TcpStream::connect(&target).await.unwrap();
        tokio::spawn(connection(near, far, words, Arc::clone(&losing)));
    }
}

async fn connection(
    mut near: TcpStream,
    mut far: TcpStream,
    words: &'static [u8],
    losing: Arc<AtomicU32>,
) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        let sent = tokio::select! {
            Ok(read @ 1..) = near.read(&mut asked) => {
                let asked = &asked[..read];
                if far.write_all(asked).await.is_err() {
                    return;
                }
                let less = |left: u32| left.checked_sub(1);
                let is_lost = asked.windows(words.len()).any(|some| some == words)
                    && losing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok();
                if is_lost {
                    // It has been done by the time that it is answered.
                    assert!(far.read(&mut answered).await.unwrap() > 0);
                    return;
                }
                Ok(())
            }
            Ok(read @ 1..) = far.read(&mut answered) => near.write_all(&answered[..read]).await,
            else => return,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// A node that keeps its side of the contract.
struct Careful {
    store: PostgresStore,
    /// What it may spend, as far as it knows.
    free: i64,
}

impl Careful {
    async fn new(config: &PostgresConfig, name: &str) -> Self {
        let store = node(config, name).await;
        Self { store, free: 0 }
    }

    async fn lease(&mut self, take: i64, give: i64) {
        self.free -= give;
        match self.store.lease(&[ask(take, give)]).await {
            Ok(leased) => self.free += leased.grants[0].granted.nanos(),
            Err(_) => {
                self.store.begin().await.unwrap();
                self.free = 0;
            }
        }
    }
}

/// One node has leased `leased` and asks for more, or gives back: the answer is
/// lost. Another one takes all that is left.
async fn lose(leased: i64, (take, give): (i64, i64)) {
    let Some(server) = Server::find("a lease whose answer is lost") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let network = Network::to(&server, &config, COMMIT).await;
    let mut one = Careful::new(&network.config, "one").await;
    let mut two = Careful::new(&config, "two").await;
    one.lease(leased, 0).await;
    assert_eq!(one.free, leased);
    network.lose_one();
    one.lease(take, give).await;
    assert!(network.has_lost_it());
    two.lease(LIMIT, 0).await;
    assert!(
        one.free + two.free <= LIMIT,
        "one may spend {} and two {} of {LIMIT}",
        one.free,
        two.free
    );
    // Nor is anything out of reach.
    one.lease(LIMIT, 0).await;
    assert_eq!(one.free + two.free, LIMIT);
    check(&client, &two.store, 0, LIMIT).await;
    server.clean().await;
}

#[tokio::test]
async fn what_is_given_back_is_given_back_once() {
    lose(100, (0, 40)).await;
}

#[tokio::test]
async fn what_is_taken_is_taken_once() {
    lose(50, (10, 0)).await;
}

#[tokio::test]
async fn what_is_taken_and_given_back_at_once_is_so_once() {
    lose(50, (10, 30)).await;
}

#[tokio::test]
async fn an_ask_whose_connection_the_server_ends_is_not_asked_again() {
    let Some(server) = Server::find("a lease that is broken off") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let activity = server.watch(&config).await;
    let name = config.schema.clone();
    let one = node(&config, &name).await;
    one.lease(&[ask(50, 0)]).await.unwrap();
    let lock = "BEGIN; SELECT FROM budget_window FOR UPDATE";
    client.batch_execute(lock).await.unwrap();
    let asks = [ask(0, 40)];
    let end = async {
        blocked(&activity, &name).await;
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name = 'tollgate ' || $1 AND wait_event_type = 'Lock'";
        let ended: i64 = activity.query_one(sql, &[&name]).await.unwrap().get(0);
        assert_eq!(ended, 1);
        client.batch_execute("ROLLBACK").await.unwrap();
    };
    let (leased, ()) = tokio::join!(one.lease(&asks), end);
    leased.unwrap_err();
    check(&client, &one, 0, 50).await;
    server.clean().await;
}

#[tokio::test]
async fn events_are_appended_again_and_count_once() {
    let Some(server) = Server::find("a batch whose answer is lost") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let network = Network::to(&server, &config, COMMIT).await;
    let one = node(&network.config, "one").await;
    let epoch = one.renew().await.unwrap();
    one.lease(&[ask(50, 0)]).await.unwrap();
    network.lose_one();
    let refused = one.append(&[dispatch(1, 9, epoch), settle(1, 5)]).await;
    assert_eq!(refused.unwrap(), [0; 0]);
    assert!(network.has_lost_it());
    check(&client, &one, 5, 45).await;
    server.clean().await;
}

#[tokio::test]
async fn a_key_that_was_revoked_is_not_said_to_be_unknown() {
    let Some(server) = Server::find("a key whose revocation is not heard of") else {
        return;
    };
    let config = server.config();
    let network = Network::to(&server, &config, REVOKE).await;
    let one = node(&network.config, "one").await;
    one.create("alice", &KeyConfig::default()).await.unwrap();
    network.lose_one();
    let error = one.revoke("alice").await.unwrap_err();
    assert!(network.has_lost_it());
    assert!(error.to_string().contains("cannot revoke a key"), "{error}");
    assert!(one.load().await.unwrap().is_empty());
    server.clean().await;
}
