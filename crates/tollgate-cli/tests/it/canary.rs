//! Secrets stay where they belong: nothing that a server writes, shows or sends
//! holds a key, a password or a prompt, whatever goes wrong.

use std::fs;
use std::path::Path;

use tokio::task::JoinSet;
use tollgate_sim::{Fault, Rule, Scenario, Simulator};

use crate::collector::Collector;
use crate::serve::{Server, rest, signal};
use crate::support::{Home, base_url};

const UPSTREAM_KEY: &str = "sk-or-v1-canary-of-the-upstream";
const OWN_KEY: &str = "sk-canary-of-the-caller";
const COLLECTOR_KEY: &str = "canary-of-the-collector";
const PROMPT: &str = "Canary zebrafinch 90125: my pass phrase is quokkaberry";
const PASSWORD: &str = "canarypassword";

/// What must be nowhere: words of the secrets, whole or in part.
const CANARIES: [&str; 6] = [
    "canary-of",
    "zebrafinch",
    "90125",
    "quokkaberry",
    PASSWORD,
    "pass phrase",
];

/// Places by name, as bytes.
struct Places(Vec<(String, Vec<u8>)>);

impl Places {
    fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((name.into(), bytes.into()));
    }

    fn add_folder(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.add_folder(&path);
            } else if !is_known(&path) {
                self.add(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }

    fn check(&self) {
        self.check_for(&CANARIES);
    }

    fn check_for(&self, canaries: &[&str]) {
        for (name, bytes) in &self.0 {
            let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
            for canary in canaries {
                let found = text.find(&canary.to_ascii_lowercase());
                let around = found.map(|at| {
                    text[text.floor_char_boundary(at.saturating_sub(200))..]
                        .chars()
                        .take(400)
                        .collect::<String>()
                });
                assert!(around.is_none(), "{canary} in {name}: {around:?}");
            }
        }
    }
}

/// The configuration, which holds the keys, and the catalog as it was fetched.
fn is_known(path: &Path) -> bool {
    path.ends_with("tollgate.toml") || path.ends_with("models.json")
}

/// Refusals whose bodies repeat what they were sent, in the ways that upstreams
/// have.
fn echoes() -> Vec<Fault> {
    let raw = format!(r#"{{\"error\":{{\"message\":\"near \\\"{PROMPT}\\\"\\n\"}}}}"#);
    [
        (400, format!(r#"{{"error":{{"code":400,"message":"cannot read: {PROMPT}"}}}}"#)),
        (502, format!(r#"{{"error":{{"code":502,"message":"Provider returned error","metadata":{{"raw":"{raw}"}}}}}}"#)),
        (401, format!(r#"{{"error":{{"code":401,"message":"key {UPSTREAM_KEY} is unknown"}}}}"#)),
        (500, format!("<html>{}</html>", PROMPT.to_uppercase())),
    ]
    .map(|(status, body)| Fault::status(status).with_body(body))
    .into()
}

async fn struck_by(fault: Option<Fault>) -> Simulator {
    let scenario = Scenario::default().with_output_tokens(8);
    let scenario = match fault {
        Some(fault) => scenario.with_rule(Rule::new(fault)),
        None => scenario,
    };
    Simulator::builder()
        .scenario(scenario)
        .start()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_log_a_span_a_metric_an_error_or_a_file() {
    let named = [
        "rate-limited",
        "context-length",
        "moderation",
        "error-mid-stream",
        "cut-event=3",
        "malformed",
    ];
    let named = named.map(|name| Fault::named(name).unwrap());
    let faults = named.into_iter().chain(echoes()).map(Some);
    let mut runs: JoinSet<()> = [None].into_iter().chain(faults).map(serve).collect();
    while let Some(run) = runs.join_next().await {
        run.unwrap();
    }
}

/// Has a server answer, streamed and whole, while its upstream has that fault.
async fn serve(fault: Option<Fault>) {
    let refuses = fault.as_ref().is_some_and(|fault| fault.status.is_some());
    let simulator = struck_by(fault).await;
    let collector = Collector::start().await;
    let home = Home::new();
    home.write(
        "tollgate.toml",
        &format!(
            "[openrouter]\napi_key = \"{UPSTREAM_KEY}\"\n[record]\nenabled = true\n\
             [failover]\nmax_wait_ms = 500\n\
                 [telemetry]\nlog_level = \"trace\"\nlog_format = \"json\"\notlp_endpoint = \"{}\"\n\
                 [telemetry.otlp_headers]\nx-key = \"{COLLECTOR_KEY}\"\n",
            collector.url(),
        ),
    );
    let url = base_url(&simulator);
    let server = Server::start(&home, &["serve", "--listen", "127.0.0.1:0", &url]);
    let mut places = Places(Vec::new());
    for stream in [false, true] {
        let body = serde_json::json!({
            "model": "anthropic/claude-3-haiku", "stream": stream, "user": "somebody",
            "messages": [{ "role": "user", "content": PROMPT }],
        });
        let head = format!("x-api-key: {OWN_KEY}\r\n");
        let path = "/v1/chat/completions";
        let reply = rest(server.begin(path, &head, &body.to_string()).await).await;
        // Whoever asked may read what a model answers.
        if refuses {
            places.add("the reply", reply);
        }
    }
    let wrong = format!(r#"{{"model":7,"messages":"{PROMPT}"}}"#);
    places.add(
        "a refusal",
        server.post("/v1/chat/completions", &wrong).await,
    );
    places.add("metrics", server.get("/metrics").await);
    signal("TERM", server.id());
    let (status, printed) = server.end().await;
    assert_eq!(status.code(), Some(0), "{printed}");
    assert!(printed.contains("call settled"), "{printed}");
    // What upstreams say is in it, else there would be nothing to find.
    assert!(!refuses || printed.contains(r#""detail":""#), "{printed}");
    places.add("the log", printed);
    let taken = collector.taken();
    assert!(!taken.is_empty());
    for taken in taken {
        assert!(taken.head.contains(COLLECTOR_KEY), "{}", taken.head);
        places.add("spans", taken.body);
    }
    places.add_folder(home.path());
    places.check();
}

/// The key of a caller is shown once, when it is made. What is kept, logged and
/// told of it afterwards does not hold any half of its secret, whether it was
/// good or nearly so.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_caller_is_in_no_file_and_no_message() {
    let simulator = struck_by(None).await;
    let home = Home::new();
    home.write(
        "tollgate.toml",
        "[openrouter]\napi_key = \"sk-or-v1-not-a-real-key-000\"\n[record]\nenabled = true\n\
         [telemetry]\nlog_level = \"trace\"\nlog_format = \"json\"\n",
    );
    let made = home
        .run(&["keys", "create", "ci", "--budget", "10/month"])
        .await;
    let (out, err) = (made.out(), made.err());
    let mut words = out.split_whitespace().chain(err.split_whitespace());
    let key = words.find(|word| word.starts_with("tg-")).unwrap();
    // After `tg-`, eight digits that are no secret, and a hyphen.
    let secret = &key[12..];
    let halves = secret.split_at(secret.len() / 2);

    let url = base_url(&simulator);
    let server = Server::start(&home, &["serve", "--listen", "127.0.0.1:0", &url]);
    let mut places = Places(Vec::new());
    let (good, path) = (crate::serve::body(false), "/v1/chat/completions");
    let reply = server.post_as(key, path, &good).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    places.add("the answer", reply);
    let other = if key.ends_with('A') { "B" } else { "A" };
    let nearly = format!("{}{other}", &key[..key.len() - 1]);
    let reply = server.post_as(&nearly, path, &good).await;
    assert!(reply.starts_with("HTTP/1.1 401"), "{reply}");
    places.add("the refusal", reply);
    signal("TERM", server.id());
    let (status, printed) = server.end().await;
    assert_eq!(status.code(), Some(0), "{printed}");
    assert!(printed.contains("call settled"), "{printed}");
    places.add("the log", printed);
    places.add(
        "the list of keys",
        home.run(&["keys", "list", "--json"]).await.out(),
    );
    places.add_folder(home.path());
    let files = places.0.iter().filter(|(name, _)| name.contains('/'));
    assert!(files.count() > 2, "keys and ledger are among them");
    places.check_for(&[halves.0, halves.1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_of_a_database_is_in_no_message() {
    let home = Home::new();
    let url = format!("postgres://tollgate:{PASSWORD}@127.0.0.1:1/ledger?sslmode=disable");
    home.write(
        "tollgate.toml",
        &format!("[ledger]\nstore = \"postgres\"\nurl = \"{url}\"\nnode = \"one\"\n"),
    );
    let run = home
        .run(&["-vvv", "serve", "--listen", "127.0.0.1:0"])
        .await;
    assert_ne!(run.code(), 0);
    assert!(!run.err().is_empty());
    let mut places = Places(Vec::new());
    places.add("standard error", run.err());
    places.add("standard output", run.out());
    places.check();
}
