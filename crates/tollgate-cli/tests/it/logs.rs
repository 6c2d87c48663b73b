//! The log of a server, as a collector reads it.

use serde_json::Value;
use tollgate_sim::{Fault, Rule, Scenario};

use crate::serve::{Server, body, signal};
use crate::support::{Home, base_url, simulator};

const KEY: &str = "sk-or-v1-canary-not-a-real-key-000";

/// Serves an answer that needed two attempts, and gives back the log.
async fn log_of_a_call(arguments: &[&str], toml: &str) -> String {
    let down = Rule::new(Fault::named("overloaded").unwrap()).times(1);
    let simulator = simulator(Scenario::default().with_rule(down)).await;
    let home = Home::new();
    let toml = format!("[openrouter]\napi_key = \"{KEY}\"\n{toml}");
    home.write("tollgate.toml", &toml);
    let url = base_url(&simulator);
    let all = [&["serve", "--listen", "127.0.0.1:0", &url], arguments].concat();
    let server = Server::start(&home, &all);
    let reply = server.post("/v1/chat/completions", &body(true)).await;
    assert!(reply.contains("data: [DONE]"), "{reply}");
    signal("TERM", server.id());
    let (status, printed) = server.end().await;
    assert_eq!(status.code(), Some(0), "{printed}");
    printed
}

/// Each line as an object; what a line must not lack is checked.
fn objects(log: &str) -> Vec<Value> {
    let parse = |line: &str| {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?}"));
        for key in ["timestamp", "level", "target", "message"] {
            assert!(object[key].is_string(), "{key}: {line}");
        }
        object
    };
    log.lines().map(parse).collect()
}

fn with_message<'a>(objects: &'a [Value], message: &str) -> Option<&'a Value> {
    objects.iter().find(|object| object["message"] == message)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_an_object_and_none_has_a_secret() {
    let toml = "[telemetry]\nlog_format = \"json\"\nlog_level = \"trace\"\n";
    let log = log_of_a_call(&[], toml).await;
    let objects = objects(&log);
    let settled = with_message(&objects, "call settled").unwrap();
    assert_eq!(settled["level"], "INFO");
    assert_eq!(settled["attempts"], 2);
    assert_eq!(settled["ended"], "complete");
    assert!(with_message(&objects, "attempt failed").is_some());
    assert!(with_message(&objects, "all answers have ended").is_some());
    assert!(objects.iter().any(|object| object["level"] == "TRACE"));
    for secret in [KEY, "canary", "Name a colour."] {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret}: {line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_level_decides_and_a_flag_wins_over_it() {
    let quiet = "[telemetry]\nlog_format = \"json\"\nlog_level = \"error\"\n";
    let log = log_of_a_call(&[], quiet).await;
    let own: Vec<Value> = objects(&log);
    assert!(
        own.iter().all(|object| object["target"] == "tollgate_cli"),
        "{log}"
    );
    assert!(with_message(&own, "all answers have ended").is_some());

    let log = log_of_a_call(&["-v"], quiet).await;
    assert!(with_message(&objects(&log), "call settled").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_for_people_and_off_unless_asked_for() {
    let log = log_of_a_call(&[], "").await;
    assert!(!log.contains("call settled"), "{log}");
    let log = log_of_a_call(&[], "[telemetry]\nlog_level = \"info\"\n").await;
    assert!(log.contains("call settled"), "{log}");
    let is_json = |line: &str| serde_json::from_str::<Value>(line).is_ok();
    assert!(!log.lines().any(is_json), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_format_is_told_with_what_it_can_be() {
    let home = Home::new();
    home.write("tollgate.toml", "[telemetry]\nlog_format = \"xml\"\n");
    let run = home.run(&["check"]).await;
    assert_ne!(run.code(), 0);
    let told = run.err() + &run.out();
    for word in ["telemetry.log_format", "text", "json"] {
        assert!(told.contains(word), "{word}: {told}");
    }
}
