//! What a scrape says, compared with the receipts and the ledger.

use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tollgate::{Config, Ended, Event, Gateway, Loader, Receipt, Usd};
use tollgate_server::{Metrics, measured, router};
use tollgate_sim::{Fault, Rule, Scenario, Simulator};

use crate::openmetrics::Page;
use crate::support::{JSON, MODEL, OTHER, Server, chat, send};

pub(crate) const CANARY: &str = "sk-or-v1-canary-not-a-real-key-000";

/// A gateway in front of a simulator, its metrics, and the receipts of its calls.
struct Rig {
    server: Server,
    gateway: Gateway,
    receipts: Arc<Mutex<Vec<Receipt>>>,
    _simulator: Simulator,
}

impl Rig {
    async fn start(scenario: Scenario, toml: &str) -> Self {
        let simulator = Simulator::builder().seed(7).scenario(scenario);
        let simulator = simulator.start().await.unwrap();
        let config = config(&simulator.base_url(), toml);
        let metrics = Arc::new(Metrics::new());
        let receipts = Arc::new(Mutex::new(Vec::new()));
        let kept = receipts.clone();
        let keep = move |event: &Event| {
            if let Event::Settled { receipt } = event {
                kept.lock().unwrap().push(receipt.clone());
            }
        };
        let gateway = Gateway::builder(config)
            .observer(metrics.clone())
            .observer(Arc::new(keep))
            .seed(7)
            .build()
            .await
            .unwrap();
        Self {
            server: Server::start_measured(gateway.clone(), metrics).await,
            gateway,
            receipts,
            _simulator: simulator,
        }
    }

    async fn scrape(&self) -> Page {
        let client = self.server.send("GET", "/metrics", JSON, "").await;
        let reply = client.rest().await;
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let content_type = format!("content-type: {}\r\n", Metrics::CONTENT_TYPE);
        assert!(head.contains(&content_type), "{head}");
        for secret in [CANARY, "Name a colour", "tenant-42", "local"] {
            assert!(!body.contains(secret), "{secret} in {body}");
        }
        Page::parse(body)
    }

    /// Everything that scrapes and receipts both know.
    async fn scrape_and_compare(&self) -> Page {
        let page = self.scrape().await;
        let receipts = self.receipts.lock().unwrap();
        let sum = |of: fn(&Receipt) -> u64| receipts.iter().map(of).sum::<u64>();
        let all = |name| page.sum(name, &[]);
        assert_eq!(all("tollgate_calls_total"), sum(|_| 1));
        assert_eq!(
            all("tollgate_attempts_total"),
            sum(|it| it.attempts.len() as u64)
        );
        assert_eq!(
            all("tollgate_failovers_total"),
            sum(|it| it.failovers() as u64)
        );
        let tokens = |it: &Receipt| it.tokens().prompt_total() + it.tokens().output_total();
        assert_eq!(all("tollgate_tokens_total"), sum(tokens));
        let reasoning = [("class", "reasoning")];
        assert_eq!(
            page.sum("tollgate_tokens_total", &reasoning),
            sum(|it| it.tokens().reasoning)
        );

        let nanos = |amount: Usd| u64::try_from(amount.nanos()).unwrap();
        let cost = |it: &Receipt| it.cost().map_or(Usd::ZERO, |cost| cost.amount());
        let booked: u64 = receipts.iter().map(|it| nanos(cost(it))).sum();
        let open: u64 = receipts.iter().map(|it| nanos(it.unresolved())).sum();
        let worst = [("source", "worst_case")];
        assert_eq!(all("tollgate_cost_nanodollars_total"), booked + open);
        assert_eq!(page.sum("tollgate_cost_nanodollars_total", &worst), open);

        let totals = self.gateway.totals().unwrap();
        let payee = |payee| page.sum("tollgate_booked_nanodollars", &[("payee", payee)]);
        assert_eq!(payee("openrouter"), nanos(totals.credits));
        assert_eq!(payee("provider"), nanos(totals.provider));
        assert_eq!(all("tollgate_held_nanodollars"), nanos(totals.held));
        assert_eq!(
            all("tollgate_unresolved_nanodollars"),
            nanos(totals.unresolved)
        );
        page
    }
}

pub(crate) fn config(base_url: &str, toml: &str) -> Config {
    Loader::new()
        .with_environment(Vec::new())
        .with_key("openrouter.api_key", CANARY)
        .with_key("openrouter.base_url", base_url)
        .with_text("test.toml", toml)
        .load()
        .unwrap()
}

const TAGGED: &str =
    "host: localhost\r\ncontent-type: application/json\r\nx-tollgate-tags: team=tenant-42\r\n";

#[tokio::test]
async fn what_is_scraped_is_what_was_booked() {
    let down = Rule::new(Fault::named("overloaded").unwrap());
    let scenario = Scenario::default().with_rule(down.after(2).times(1));
    let chain = format!(
        "[openrouter.optimization]\nfallback_chain = [\"{OTHER}\"]\n[budgets.all]\nlimit = 5\n[budgets.each]\nlimit = 5\nper = \"tag.team\"\n"
    );
    let rig = Rig::start(scenario, &chain).await;
    for stream in [false, true, false] {
        let path = "/v1/chat/completions";
        let client = rig.server.send("POST", path, TAGGED, &chat(stream)).await;
        let reply = client.rest().await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    }
    rig.server
        .send("GET", "/v1/nowhere", JSON, "")
        .await
        .rest()
        .await;

    let page = rig.scrape_and_compare().await;
    let policy = rig.receipts.lock().unwrap()[0].facts.policy.clone();
    let calls = [("ended", "complete"), ("kind", ""), ("policy", &policy)];
    assert_eq!(page.sum("tollgate_calls_total", &calls), 3);
    let failed = [("end", "failed"), ("lane", "openrouter")];
    assert_eq!(page.sum("tollgate_attempts_total", &failed), 1);
    assert_eq!(page.sum("tollgate_failovers_total", &[]), 1);
    for name in ["duration", "time_to_first_chunk"] {
        let name = format!("gen_ai_client_inference_{name}_seconds_count");
        let labels = [("gen_ai_provider_name", "openrouter")];
        assert_eq!(page.sum(&name, &labels), 3, "{name}");
    }

    let requests = "http_server_request_duration_seconds_count";
    let chats = [
        ("http_route", "/v1/chat/completions"),
        ("http_request_method", "POST"),
        ("status_class", "2xx"),
    ];
    assert_eq!(page.sum(requests, &chats), 3);
    let nowhere = [("http_route", ""), ("status_class", "4xx")];
    assert_eq!(page.sum(requests, &nowhere), 1);
    assert_eq!(
        page.sum("http_server_active_requests", &[]),
        1,
        "the scrape"
    );

    let shared = [("budget", "all")];
    let spent = page.sum("tollgate_budget_spent_nanodollars", &shared);
    assert_eq!(spent, page.sum("tollgate_cost_nanodollars_total", &[]));
    let limit = page.sum("tollgate_budget_limit_nanodollars", &shared);
    assert_eq!(limit, 5_000_000_000);
    assert_eq!(page.values("budget"), ["all"].into(), "none that has keys");

    let endpoints = [("scope", "endpoint"), ("breaker", "closed")];
    assert!(page.sum("tollgate_targets", &endpoints) > 0);
    let target = format!("openrouter {MODEL}");
    assert!(page.values("target").contains(&*target));
}

#[tokio::test]
async fn a_refusal_shows_by_its_kind_and_books_nothing() {
    let toml = "[budgets.all]\nlimit = 0.000000001\n";
    let rig = Rig::start(Scenario::default(), toml).await;
    let reply = rig.server.chat(false).await;
    assert!(reply.starts_with("HTTP/1.1 402"), "{reply}");
    let page = rig.scrape_and_compare().await;
    assert_eq!(page.sum("tollgate_calls_total", &[]), 0);
    let refused = [("kind", "budget_exceeded")];
    assert_eq!(page.sum("tollgate_refusals_total", &refused), 1);
    let requests = "http_server_request_duration_seconds_count";
    assert_eq!(page.sum(requests, &[("status_class", "4xx")]), 1);
}

#[tokio::test]
async fn a_call_that_fails_everywhere_shows_its_kind_and_its_breaker() {
    let down = Rule::new(Fault::named("overloaded").unwrap());
    let rig = Rig::start(Scenario::default().with_rule(down), "").await;
    let calls: u64 = 8;
    for _ in 0..calls {
        let reply = rig.server.chat(false).await;
        assert!(reply.starts_with("HTTP/1.1 50"), "{reply}");
    }
    let page = rig.scrape_and_compare().await;
    let receipts = rig.receipts.lock().unwrap().clone();
    assert!(!receipts.is_empty());
    for receipt in &receipts {
        let Ended::Failed(kind) = receipt.ended else {
            panic!("{receipt}");
        };
        let alike = receipts.iter().filter(|it| it.ended == receipt.ended);
        let failed = [("ended", "failed"), ("kind", kind.rule().name)];
        let counted = page.sum("tollgate_calls_total", &failed);
        assert_eq!(counted, alike.count() as u64, "{kind}");
    }
    let open = [("breaker", "open")];
    let opened = page.sum("tollgate_breaker_changes_total", &open);
    assert!(opened > 0 && page.sum("tollgate_targets", &open) > 0);
    assert!(page.sum("tollgate_target_breaker", &[]) >= 2);
    assert_eq!(page.sum("tollgate_refusals_total", &[]), calls);
}

#[tokio::test]
async fn a_stream_is_in_flight_until_its_end() {
    let stall = Rule::new(Fault::named("stall=3").unwrap());
    let rig = Rig::start(Scenario::default().with_rule(stall), "").await;
    let path = "/v1/chat/completions";
    let mut client = rig.server.send("POST", path, JSON, &chat(true)).await;
    client.until("data: ").await;
    let page = rig.scrape().await;
    assert_eq!(page.sum("http_server_active_requests", &[]), 2);
    assert!(page.sum("tollgate_held_nanodollars", &[]) > 0);
    drop(client);
    loop {
        let page = rig.scrape().await;
        if page.sum("http_server_active_requests", &[]) == 1 {
            let chats = [("http_route", path), ("status_class", "2xx")];
            let requests = "http_server_request_duration_seconds_count";
            assert_eq!(page.sum(requests, &chats), 1);
            break;
        }
    }
}

#[tokio::test]
async fn a_program_can_mount_the_page_elsewhere() {
    let config = config("http://127.0.0.1:9", "[catalog]\noffline = true\n");
    let metrics = Arc::new(Metrics::new());
    let gateway = Gateway::builder(config).seed(7).build().await.unwrap();
    let mounted = measured(
        router(gateway.clone(), &tollgate::ServerConfig::default()),
        gateway,
        metrics.clone(),
    );
    let app = axum::Router::new().nest("/llm", mounted);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(axum::serve(listener, app).into_future());
    for (method, expected) in [("GET", "# EOF"), ("POST", "does not take that method")] {
        let reply = send(&address.to_string(), method, "/llm/metrics", JSON, "").await;
        let reply = reply.rest().await;
        assert!(reply.contains(expected), "{reply}");
    }
    serving.abort();
}
