//! Keys and configuration that change while `tollgate serve` runs.

use std::time::Duration;

use tollgate_sim::Scenario;

use crate::serve::{Server, body};
use crate::support::{Home, base_url, simulator};

/// How long a change is waited for; it takes a second or two.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until the reply contains a text.
async fn until(server: &Server, key: &str, path: &str, body: &str, text: &str) -> String {
    let asking = async {
        loop {
            let reply = server.post_as(key, path, body).await;
            if reply.contains(text) {
                return reply;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(reply) => reply,
        Err(_) => panic!("{path} never said {text}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_a_running_server_until_it_is_revoked() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let first = home.run(&["keys", "create", "first"]).await.out();
    let server = Server::start(
        &home,
        &["serve", "--listen", "127.0.0.1:0", &base_url(&simulator)],
    );
    let (path, chat) = ("/v1/chat/completions", body(false));
    let stranger = server.post_as("tg-00000000-", path, &chat).await;
    assert!(stranger.starts_with("HTTP/1.1 401"), "{stranger}");
    let known = server.post_as(first.trim(), path, &chat).await;
    assert!(known.starts_with("HTTP/1.1 200"), "{known}");

    let second = home.run(&["keys", "create", "second"]).await.out();
    until(&server, second.trim(), path, &chat, "HTTP/1.1 200").await;
    let revoked = home.run(&["keys", "revoke", "first"]).await;
    assert_eq!(revoked.code(), 0, "{}", revoked.err());
    until(&server, first.trim(), path, &chat, "HTTP/1.1 401").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_let_near_only_when_there_are_keys() {
    let home = Home::new();
    let run = home.run(&["serve", "--listen", "0.0.0.0:0"]).await;
    assert_eq!(run.code(), 2, "{}", run.err());
    assert!(run.err().contains("tollgate keys create"), "{}", run.err());
}

const SMALL: &str = "openai/gpt-4o-mini";
const OTHER: &str = "anthropic/claude-3-haiku";

fn listing(model: &str) -> String {
    format!("[openrouter.routing]\nchat_models = [\"{model}\"]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_is_taken_over_and_one_that_does_not_work_is_not() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    home.write("tollgate.toml", &listing(SMALL));
    let server = Server::start(
        &home,
        &["serve", "--listen", "127.0.0.1:0", &base_url(&simulator)],
    );
    let plan = r#"{"messages":[{"role":"user","content":"Name a colour."}]}"#;
    let first = |model: &str| format!("\"candidates\":[{{\"model\":\"{model}\"");
    until(&server, "", "/v1/plan", plan, &first(SMALL)).await;
    home.write("tollgate.toml", &listing(OTHER));
    until(&server, "", "/v1/plan", plan, &first(OTHER)).await;

    home.write("tollgate.toml", "[openrouter.routing]\nchat_model = []\n");
    #[cfg(unix)]
    {
        crate::serve::signal("HUP", server.id());
        tokio::time::sleep(Duration::from_millis(200)).await;
        let reply = server.post_as("", "/v1/plan", plan).await;
        assert!(reply.contains(&first(OTHER)), "{reply}");
        crate::serve::signal("TERM", server.id());
        let (status, printed) = server.end().await;
        assert!(status.success(), "{printed}");
        assert!(
            printed.contains("the old configuration stays in use"),
            "{printed}"
        );
        assert!(printed.contains("chat_models"), "{printed}");
    }
}
