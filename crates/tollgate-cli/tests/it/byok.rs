//! `tollgate byok` against the simulator: what is stored, what is said, and that the key is in none of it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tollgate_sim::{Fault, Rule, Scenario, Simulator};

use crate::support::{Home, MODEL, base_url, simulator};

const MANAGED: &str = "--set=openrouter.management_key=sk-or-management-not-real-000";
const SECRET: &str = "sk-canary-of-a-provider-0123456789";

/// What a command printed, both ways, and its exit code.
struct Ended {
    out: String,
    err: String,
    code: i32,
}

impl Ended {
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}", self.out))
    }

    /// The key, or much of it, is nowhere.
    fn is_silent(&self) {
        for text in [&self.out, &self.err] {
            assert!(!text.contains("canary"), "{text}");
        }
    }
}

/// Runs a command with this on standard input.
async fn feed(mut command: Command, input: &'static str) -> Ended {
    let ran = tokio::task::spawn_blocking(move || {
        let piped = || Stdio::piped();
        command.stdin(piped()).stdout(piped()).stderr(piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses at once may be gone by now.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    });
    let output = ran.await.unwrap();
    let ended = Ended {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    };
    ended.is_silent();
    ended
}

async fn byok(
    home: &Home,
    simulator: &Simulator,
    arguments: &[&str],
    input: &'static str,
) -> Ended {
    let url = base_url(simulator);
    let arguments = [&["byok"], arguments, &[MANAGED, &url]].concat();
    feed(home.command(&arguments), input).await
}

async fn list(home: &Home, simulator: &Simulator) -> Vec<Value> {
    let rows = byok(home, simulator, &["list", "--json"], "").await.json();
    rows.as_array().unwrap().clone()
}

/// The providers of the model that the tests call.
async fn providers(home: &Home, simulator: &Simulator) -> Vec<String> {
    let url = base_url(simulator);
    let run = home
        .run(&["chat", "Name a colour.", "-m", MODEL, &url])
        .await;
    assert_eq!(run.code(), 0, "{}", run.err());
    simulator.idle().await;
    let bill = simulator.bill();
    let slug = |name: &str| name.to_lowercase().replace(' ', "-");
    bill.lines.iter().map(|line| slug(&line.provider)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_stored_used_disabled_and_removed() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let provider = providers(&home, &simulator).await.remove(0);
    let added = byok(
        &home,
        &simulator,
        &["add", &provider, "--name", "mine", "--json"],
        SECRET,
    )
    .await;
    let row = added.json();
    assert_eq!(
        (&row["provider"], &row["label"]),
        (&provider.as_str().into(), &"sk-c...6789".into())
    );
    let id = row["id"].as_str().unwrap();
    assert_eq!(
        list(&home, &simulator).await[..],
        std::slice::from_ref(&row)[..]
    );

    // OpenRouter has it now, so the next call is billed by the provider.
    providers(&home, &simulator).await;
    let own = simulator.bill().lines.last().unwrap().clone();
    assert!(own.is_byok, "{own:?}");

    let table = byok(&home, &simulator, &["list"], "").await.out;
    assert!(
        table.contains(id) && table.contains("first") && table.contains("mine"),
        "{table}"
    );
    let disabled = byok(&home, &simulator, &["disable", id], "").await;
    assert!(disabled.out.contains("never: disabled"), "{}", disabled.out);
    assert_eq!(list(&home, &simulator).await[0]["disabled"], true);
    let enabled = byok(&home, &simulator, &["enable", id, "--json"], "").await;
    assert_eq!(enabled.json()["disabled"], false);
    let removed = byok(&home, &simulator, &["remove", id, "--json"], "").await;
    assert_eq!(removed.json()["removed"], true);
    assert!(list(&home, &simulator).await.is_empty());
    let none = byok(&home, &simulator, &["list"], "").await;
    assert!(
        none.out.is_empty() && none.err.contains("byok add"),
        "{}",
        none.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_can_come_from_a_variable_and_have_limits() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let url = base_url(&simulator);
    let arguments = [
        "byok",
        "add",
        "alpha-cloud",
        "--key-env",
        "PROVIDER_KEY",
        "--model",
        MODEL,
        "--required",
        "--json",
        MANAGED,
        &url,
    ];
    let mut command = home.command(&arguments);
    command.env("PROVIDER_KEY", SECRET);
    let row = feed(command, "").await.json();
    assert_eq!(
        (&row["is_required"], &row["allowed_models"][0]),
        (&true.into(), &MODEL.into())
    );
    let table = byok(&home, &simulator, &["list"], "").await.out;
    assert!(table.contains("always") && table.contains(MODEL), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_how_to_mend_and_never_repeat_a_key() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    for (arguments, input, code, part) in [
        (
            &["add", "alpha-cloud"][..],
            "",
            2,
            "no key in standard input",
        ),
        (&["add", "alpha-cloud"], "sk-canary one\n", 2, "one word"),
        (
            &["add", "alpha-cloud", "--key-env", "CANARY_IS_NOT_SET"],
            "",
            2,
            "is not set",
        ),
        (&["add", "alpha-cloud", SECRET], "", 2, "only the provider"),
        (
            &["add", "alpha-clowd"],
            SECRET,
            4,
            "provider must be one of alpha-cloud",
        ),
        (
            &["remove", "00000000-none"],
            "",
            4,
            "`tollgate byok list` shows the ids",
        ),
        (&["disable", "../keys/1"], "", 4, "letters, digits"),
    ] {
        let ended = byok(&home, &simulator, arguments, input).await;
        assert_eq!(ended.code, code, "{part}: {}", ended.err);
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
        assert!(ended.out.is_empty(), "{}", ended.out);
    }
    assert!(list(&home, &simulator).await.is_empty());

    let url = base_url(&simulator);
    let without = feed(home.command(&["byok", "list", &url]), "").await;
    assert_eq!(without.code, 3, "{}", without.err);
    assert!(
        without.err.contains("OPENROUTER_MANAGEMENT_KEY"),
        "{}",
        without.err
    );
    let ordinary = "--set=openrouter.management_key=sk-or-v1-an-ordinary-key";
    let refused = feed(home.command(&["byok", "list", ordinary, &url]), "").await;
    assert_eq!(refused.code, 5, "{}", refused.err);
    assert!(
        refused.err.contains("a key for calls will not do"),
        "{}",
        refused.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_openrouter_repeats_is_in_no_output_and_no_file() {
    let echo = format!(r#"{{"error":{{"code":400,"message":"cannot use {SECRET}"}}}}"#);
    // The end of what is kept of a body may be in the middle of the key.
    let long = format!(
        r#"{{"error":{{"code":400,"message":"{}"}}}}"#,
        SECRET.repeat(200)
    );
    for body in [echo, long] {
        let rule = Rule::new(Fault::status(400).with_body(body)).for_route("byok");
        let simulator = simulator(Scenario::default().with_rule(rule)).await;
        let home = Home::new();
        for verbosity in ["--json", "-v", "-vv"] {
            let ended = byok(
                &home,
                &simulator,
                &["add", "alpha-cloud", verbosity],
                SECRET,
            )
            .await;
            assert_eq!(ended.code, 4, "{}", ended.err);
            assert!(ended.err.contains("***"), "{}", ended.err);
        }
        let sent = simulator.log();
        assert!(
            sent.iter().all(|seen| seen.contains(SECRET)),
            "it was sent, and only there"
        );
        silent(home.path());
    }
}

/// No file under the folder holds the key.
fn silent(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            silent(&path);
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            assert!(!text.contains("canary"), "{}", path.display());
        }
    }
}
