//! The spans of a server, as a collector gets them.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tollgate_sim::{Fault, Rule, Scenario, Simulator};

use crate::collector::{Collector, Spans, text_of};
use crate::serve::{Server, body, rest, signal};
use crate::support::{Home, base_url, simulator};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Ends a test whose server has stopped to do its work.
const WATCHDOG: Duration = Duration::from_secs(60);

/// A server in front of a simulator, and a collector.
struct Traced {
    simulator: Simulator,
    collector: Collector,
    server: Server,
    // It goes when the test ends.
    _home: Home,
}

impl Traced {
    async fn start(scenario: Scenario, toml: &str) -> Self {
        let simulator = simulator(scenario).await;
        let collector = Collector::start().await;
        let home = Home::new();
        let endpoint = format!("[telemetry]\notlp_endpoint = \"{}\"\n", collector.url());
        home.write("tollgate.toml", &(endpoint + toml));
        let url = base_url(&simulator);
        let server = Server::start(&home, &["serve", "--listen", "127.0.0.1:0", &url]);
        Self {
            simulator,
            collector,
            server,
            _home: home,
        }
    }

    /// Stops the server, which sends what is left.
    async fn spans(self) -> Spans {
        signal("TERM", self.server.id());
        let (status, printed) = self.server.end().await;
        assert_eq!(status.code(), Some(0), "{printed}");
        self.collector.spans()
    }
}

fn struck_by(fault: &str, times: Option<u64>) -> Scenario {
    let rule = Rule::new(Fault::named(fault).unwrap());
    let rule = match times {
        Some(times) => rule.times(times),
        None => rule,
    };
    Scenario::default().with_rule(rule).with_output_tokens(12)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_a_tree_of_its_steps() {
    let traced = Traced::start(Scenario::default().with_output_tokens(12), "").await;
    let reply = traced
        .server
        .post("/v1/chat/completions", &body(false))
        .await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let spans = traced.spans().await;
    assert_eq!(spans.services, ["tollgate"]);
    insta::assert_snapshot!(spans.tree());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_two_attempts() {
    let traced = Traced::start(struck_by("overloaded", Some(1)), "").await;
    let reply = traced
        .server
        .post("/v1/chat/completions", &body(true))
        .await;
    assert!(reply.contains("data: [DONE]"), "{reply}");
    insta::assert_snapshot!(traced.spans().await.tree());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_stream_says_so() {
    let traced = Traced::start(struck_by("cut-event=3", None), "").await;
    let reply = traced
        .server
        .post("/v1/chat/completions", &body(true))
        .await;
    assert!(!reply.contains("[DONE]"), "{reply}");
    insta::assert_snapshot!(traced.spans().await.tree());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_client_has_gone_is_traced_to_its_settlement() {
    let stops = "[openrouter]\nstops_billing = true\n[openrouter.stops_billing_by_provider]\n\
                 Anthropic = true\n\"Amazon Bedrock\" = true\nGoogle = true\n";
    let traced = Traced::start(struck_by("stall=3", None), stops).await;
    let mut stream = traced
        .server
        .begin("/v1/chat/completions", "", &body(true))
        .await;
    stream.read_exact(&mut [0; 64]).await.unwrap();
    drop(stream);
    // How much had come when it left is chance.
    let tree = traced.spans().await.tree();
    let lines = tree.lines().map(|line| match line.split_once(" = ") {
        Some((name, _)) if name.ends_with(".output_tokens") || name.ends_with(".cost_usd") => {
            format!("{name} = *")
        }
        _ => line.to_owned(),
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_refused_by_a_budget_ends_at_its_plan() {
    let budget = "[budgets.small]\nlimit = 0.000001\nwindow = \"day\"\n";
    let traced = Traced::start(Scenario::default(), budget).await;
    let reply = traced
        .server
        .post("/v1/chat/completions", &body(false))
        .await;
    assert!(!reply.starts_with("HTTP/1.1 200"), "{reply}");
    insta::assert_snapshot!(traced.spans().await.tree());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_gone_on_with_and_passed_on_only_when_asked() {
    for (toml, passed_on) in [("", false), ("propagate_upstream = true\n", true)] {
        let traced = Traced::start(Scenario::default().with_output_tokens(2), toml).await;
        let header = format!("traceparent: {PARENT}\r\n");
        let body = body(false);
        let stream = traced.server.begin("/v1/chat/completions", &header, &body);
        let reply = rest(stream.await).await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
        let log = traced.simulator.log();
        let sent = log.iter().find(|seen| seen.method == "POST").unwrap();
        let upstream = sent.header("traceparent").map(str::to_owned);
        let spans = traced.spans().await;
        let (call, attempt) = (
            spans.named("chat anthropic/claude-3-haiku"),
            spans.named("attempt"),
        );
        let hex = |bytes: &[u8]| {
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        assert_eq!(hex(&call.trace_id), PARENT[3..35]);
        assert_eq!(hex(&call.parent_span_id), PARENT[36..52]);
        let expected = format!("00-{}-{}-01", &PARENT[3..35], hex(&attempt.span_id));
        assert_eq!(upstream, passed_on.then_some(expected));
        let id = text_of(&call.attributes, "gen_ai.response.id").unwrap();
        assert!(id.starts_with("gen-"), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_calls_that_are_not_sampled_nothing_is_sent() {
    let traced = Traced::start(Scenario::default(), "sample_ratio = 0.0\n").await;
    let reply = traced
        .server
        .post("/v1/chat/completions", &body(false))
        .await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert!(traced.spans().await.all.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_without_a_collector_and_lost_spans_are_counted() {
    let simulator = simulator(Scenario::default().with_output_tokens(2)).await;
    let home = Home::new();
    // Bound and given up: nobody listens there.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let toml = format!(
        "[telemetry]\nlog_level = \"warn\"\notlp_endpoint = \"http://{address}\"\n\
         [telemetry.otlp_headers]\nauthorization = \"Bearer not-a-real-key\"\n"
    );
    home.write("tollgate.toml", &toml);
    let url = base_url(&simulator);
    let server = Server::start(&home, &["serve", "--listen", "127.0.0.1:0", &url]);
    let reply = server.post("/v1/chat/completions", &body(false)).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let dropped = async {
        loop {
            let page = server.get("/metrics").await;
            // All spans of one call, however they were parted.
            if page.contains(r#"tollgate_spans_total{end="dropped"} 8"#) {
                return page;
            }
            tokio::task::yield_now().await;
        }
    };
    let page = tokio::time::timeout(WATCHDOG, dropped).await.unwrap();
    assert!(
        page.contains(r#"tollgate_spans_total{end="sent"} 0"#),
        "{page}"
    );
    signal("TERM", server.id());
    let (status, printed) = server.end().await;
    assert_eq!(status.code(), Some(0), "{printed}");
    let told = printed.matches("the collector does not take spans").count();
    assert_eq!(told, 1, "{printed}");
    assert!(!printed.contains("not-a-real-key"), "{printed}");
}
