//! Calls with keys that callers bring: sent with them, paid by them, and no
//! evidence against the gateway's own.

use tollgate::{Billing, Breaker, Dimension, Gateway, ServerConfig, UsageQuery, Usd};
use tollgate_sim::{Fault, Rule, Scenario, Simulator};

use crate::metrics::{CANARY, config};
use crate::support::{JSON, Server, chat};

const CHAT: &str = "/v1/chat/completions";
const OWN: &str = "sk-or-v1-the-callers-own-key-0001";
const BROKEN: &str = "sk-or-v1-a-key-that-was-revoked-2";

const DRY: &str = "sk-or-v1-a-key-without-any-money-03";
const POOR: &str = "sk-or-v1-a-key-with-little-money-05";
const NO_ACCESS: &str = "sk-or-v1-a-key-without-the-model-04";

struct Rig {
    server: Server,
    gateway: Gateway,
    simulator: Simulator,
}

impl Rig {
    /// A gateway whose budget is too small for anything.
    async fn start(toml: &str) -> Self {
        let rule = |fault: &str, key: &str| Rule::new(Fault::named(fault).unwrap()).for_key(key);
        let scenario = Scenario::default()
            .with_rule(rule("unauthorized", BROKEN))
            .with_rule(rule("credits", DRY))
            .with_rule(rule("affordable", POOR))
            .with_rule(rule("no-endpoints", NO_ACCESS));
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
async fn one_callers_key_says_nothing_of_anothers_nor_of_the_models() {
    let rig = Rig::start("").await;
    for key in [DRY, POOR, NO_ACCESS, BROKEN] {
        for _ in 0..6 {
            let reply = rig.ask(&own(key), false).await;
            assert!(!reply.starts_with("HTTP/1.1 200"), "{reply}");
        }
        let others = rig.ask(&own(OWN), false).await;
        assert!(others.starts_with("HTTP/1.1 200"), "after {key}: {others}");
        let gateways = rig.ask("", false).await;
        assert!(
            gateways.starts_with("HTTP/1.1 200"),
            "after {key}: {gateways}"
        );
    }
}

#[tokio::test]
async fn names_of_providers_have_no_case_and_a_server_without_a_key_takes_none() {
    let local =
        "[providers.Local]\nbase_url = \"http://127.0.0.1:9/v1\"\nmodels = { \"a/b\" = \"b\" }\n";
    let rig = Rig::start(local).await;
    let reply = rig.ask("x-tollgate-key-local: sk-1\r\n", false).await;
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
    let taking = Rig::start(&format!("{local}takes_callers_keys = true\n")).await;
    let reply = taking.ask("x-tollgate-key-local: sk-1\r\n", false).await;
    // It leads nowhere with that model, but the key was taken.
    assert!(!reply.contains("takes no keys"), "{reply}");
}

#[tokio::test]
async fn keys_are_for_providers_that_there_are() {
    let rig = Rig::start("").await;
    let reply = rig.ask("x-tollgate-key-opanai: sk-1\r\n", false).await;
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
    assert!(reply.contains("openrouter"), "{reply}");
    assert!(rig.keys_seen().is_empty());
}
