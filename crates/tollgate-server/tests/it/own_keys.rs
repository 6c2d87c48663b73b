//! Calls with keys that callers bring: sent with them, paid by them, and no
//! evidence against the gateway's own.

use tollgate::{Billing, Breaker, Dimension, Gateway, ServerConfig, UsageQuery, Usd};
use tollgate_sim::{Fault, Rule, Scenario, Simulator};

use crate::metrics::{CANARY, config};
use crate::support::{JSON, Server, chat};

const CHAT: &str = "/v1/chat/completions";
const OWN: &str = "sk-or-v1-the-callers-own-key-0001";
const BROKEN: &str = "sk-or-v1-a-key-that-was-revoked-2";

struct Rig {
    server: Server,
    gateway: Gateway,
    simulator: Simulator,
}

impl Rig {
    /// A gateway whose budget is too small for anything.
    async fn start(toml: &str) -> Self {
        let revoked = Rule::new(Fault::named("unauthorized").unwrap()).for_key(BROKEN);
        let scenario = Scenario::default().with_rule(revoked);
        let simulator = Simulator::builder().seed(7).scenario(scenario);
        let simulator = simulator.start().await.unwrap();
        let config = config(&simulator.base_url(), toml);
        let gateway = Gateway::builder(config).seed(7).build().await.unwrap();
        Self {
            server: Server::start_limited(gateway.clone(), ServerConfig::default()).await,
            gateway,
            simulator,
        }
    }

    async fn ask(&self, headers: &str, stream: bool) -> String {
        let headers = format!("{JSON}{headers}");
        let client = self
            .server
            .send("POST", CHAT, &headers, &chat(stream))
            .await;
        client.rest().await
    }

    fn keys_seen(&self) -> Vec<Option<String>> {
        let log = self.simulator.log();
        let posts = log.into_iter().filter(|seen| seen.method == "POST");
        posts.map(|seen| seen.key).collect()
    }
}

fn own(key: &str) -> String {
    format!("x-tollgate-key-openrouter: {key}\r\n")
}

const NO_BUDGET: &str = "[budgets.all]\nlimit = 0.000000001\nwindow = \"day\"\n";

#[tokio::test]
async fn a_callers_key_goes_upstream_and_costs_the_gateway_nothing() {
    let rig = Rig::start(NO_BUDGET).await;
    let refused = rig.ask("", false).await;
    assert!(refused.starts_with("HTTP/1.1 402"), "{refused}");
    for stream in [false, true] {
        let reply = rig.ask(&own(OWN), stream).await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    }
    assert_eq!(rig.keys_seen(), vec![Some(OWN.to_owned()); 2]);
    assert!(rig.simulator.bill().total().nanos() > 0);

    let by = vec![Dimension::Billing];
    let query = UsageQuery {
        by,
        ..UsageQuery::default()
    };
    let rows = rig.gateway.usage(&query).await.unwrap();
    let [row] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    assert_eq!(row.key, [Billing::Caller.as_str()]);
    assert_eq!(
        (row.calls, row.cost(), row.unresolved),
        (2, Usd::ZERO, Usd::ZERO)
    );
    assert!(row.tokens.output > 0);
    assert_eq!(rig.gateway.totals().unwrap().held, Usd::ZERO);
}

#[tokio::test]
async fn a_callers_key_that_is_refused_is_no_evidence_against_the_gateways() {
    let rig = Rig::start("").await;
    for _ in 0..6 {
        let reply = rig.ask(&own(BROKEN), false).await;
        assert!(!reply.starts_with("HTTP/1.1 200"), "{reply}");
        assert!(!reply.contains(BROKEN), "{reply}");
    }
    let health = rig.gateway.health();
    let open: Vec<_> = health
        .entries()
        .iter()
        .filter(|entry| entry.breaker == Breaker::Open)
        .collect();
    assert!(open.is_empty(), "{open:?}");
    let reply = rig.ask("", false).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert_eq!(rig.keys_seen().last(), Some(&Some(CANARY.to_owned())));
}

#[tokio::test]
async fn keys_are_for_providers_that_there_are() {
    let rig = Rig::start("").await;
    let reply = rig.ask("x-tollgate-key-opanai: sk-1\r\n", false).await;
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
    assert!(reply.contains("openrouter"), "{reply}");
    assert!(rig.keys_seen().is_empty());
}
