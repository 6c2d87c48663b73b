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
    let first = create(&home, &["first"]).await;
    let server = Server::start(
        &home,
        &["serve", "--listen", "127.0.0.1:0", &base_url(&simulator)],
    );
    let chat = body(false);
    let stranger = server.post_as("tg-00000000-", CHAT, &chat).await;
    assert!(stranger.starts_with("HTTP/1.1 401"), "{stranger}");
    let known = server.post_as(&first, CHAT, &chat).await;
    assert!(known.starts_with("HTTP/1.1 200"), "{known}");

    let second = create(&home, &["second"]).await;
    until(&server, &second, CHAT, &chat, "HTTP/1.1 200").await;
    revoke(&home, "first").await;
    until(&server, &first, CHAT, &chat, "HTTP/1.1 401").await;
}

const CHAT: &str = "/v1/chat/completions";

/// Does something with keys, whether or not the server's configuration works.
async fn keys(home: &Home, arguments: &[&str]) -> String {
    home.write("empty.toml", "");
    let run = [&["--config", "empty.toml", "keys"], arguments].concat();
    let run = home.run(&run).await;
    assert_eq!(run.code(), 0, "{}", run.err());
    run.out().trim().to_owned()
}

/// Makes a key.
async fn create(home: &Home, arguments: &[&str]) -> String {
    keys(home, &[&["create"], arguments].concat()).await
}

async fn revoke(home: &Home, name: &str) {
    keys(home, &["revoke", name]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_a_budget_is_revoked_like_any_other() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let rich = create(&home, &["rich", "--budget", "10/month"]).await;
    let server = Server::start(
        &home,
        &["serve", "--listen", "127.0.0.1:0", &base_url(&simulator)],
    );
    until(&server, &rich, CHAT, &body(false), "HTTP/1.1 200").await;
    revoke(&home, "rich").await;
    until(&server, &rich, CHAT, &body(false), "HTTP/1.1 401").await;
    let second = create(&home, &["second"]).await;
    until(&server, &second, CHAT, &body(false), "HTTP/1.1 200").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_change_while_the_configuration_does_not_work() {
    let simulator = simulator(Scenario::default()).await;
    for broken in [
        "[openrouter.routing]\nchat_model = []\n",
        "[record]\nenabled = true\n",
    ] {
        let home = Home::new();
        home.write("tollgate.toml", &listing(SMALL));
        let first = create(&home, &["first"]).await;
        let server = Server::start(
            &home,
            &["serve", "--listen", "127.0.0.1:0", &base_url(&simulator)],
        );
        home.write("tollgate.toml", broken);
        let second = create(&home, &["second"]).await;
        until(&server, &second, CHAT, &body(false), "HTTP/1.1 200").await;
        revoke(&home, "first").await;
        until(&server, &first, CHAT, &body(false), "HTTP/1.1 401").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_when_the_last_key_is_revoked() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let only = create(&home, &["only"]).await;
    let server = Server::start(
        &home,
        &["serve", "--listen", "127.0.0.1:0", &base_url(&simulator)],
    );
    until(&server, &only, CHAT, &body(false), "HTTP/1.1 200").await;
    revoke(&home, "only").await;
    until(&server, &only, CHAT, &body(false), "knows no callers").await;
    let reply = server.post_as("", CHAT, &body(false)).await;
    assert!(reply.starts_with("HTTP/1.1 401"), "{reply}");
}

/// Ends the server; gives back what it printed.
#[cfg(unix)]
async fn printed(server: Server) -> String {
    crate::serve::signal("TERM", server.id());
    let (status, printed) = server.end().await;
    assert!(status.success(), "{printed}");
    printed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_a_new_budget_spends_from_it_at_once() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    create(&home, &["first"]).await;
    let server = Server::start(
        &home,
        &["serve", "--listen", "127.0.0.1:0", &base_url(&simulator)],
    );
    let rich = create(&home, &["rich", "--budget", "10/month"]).await;
    until(&server, &rich, CHAT, &body(false), "HTTP/1.1 200").await;
    let poor = create(&home, &["poor", "--budget", "0.000000001/month"]).await;
    until(&server, &poor, CHAT, &body(false), "HTTP/1.1 402").await;
    let reply = server.post_as(&rich, CHAT, &body(false)).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_follow_their_file() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    home.write("tollgate.toml", &listing(SMALL));
    let only = create(&home, &["only"]).await;
    let server = Server::start(
        &home,
        &["serve", "--listen", "127.0.0.1:0", &base_url(&simulator)],
    );
    until(&server, &only, CHAT, &body(false), "HTTP/1.1 200").await;
    let budget = |limit| format!("{}[budgets.all]\nlimit = {limit}\n", listing(SMALL));
    for (toml, expected) in [
        (budget("0.000000001"), "HTTP/1.1 402"),
        (budget("9"), "HTTP/1.1 200"),
        (budget("0.000000002"), "HTTP/1.1 402"),
        (listing(SMALL), "HTTP/1.1 200"),
    ] {
        home.write("tollgate.toml", &toml);
        until(&server, &only, CHAT, &body(false), expected).await;
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_taken_over_is_told_once_and_tried_until_it_can_be() {
    use std::os::unix::fs::PermissionsExt;

    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    home.write("tollgate.toml", &listing(SMALL));
    let first = create(&home, &["first"]).await;
    let file = home.path().join(".local/share/tollgate/keys.toml");
    let with_one = std::fs::read(&file).unwrap();
    let second = create(&home, &["second"]).await;
    let server = Server::start(
        &home,
        &["serve", "--listen", "127.0.0.1:0", &base_url(&simulator)],
    );
    let mode = |mode| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o666);
    std::fs::write(&file, with_one).unwrap();
    // Files are looked at together, so the keys were tried when a later change
    // of the configuration holds.
    let plan = r#"{"messages":[{"role":"user","content":"Name a colour."}]}"#;
    for model in [OTHER, SMALL] {
        home.write("tollgate.toml", &listing(model));
        let text = format!("\"candidates\":[{{\"model\":\"{model}\"");
        until(&server, &first, "/v1/plan", plan, &text).await;
    }
    let reply = server.post_as(&second, CHAT, &body(false)).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    mode(0o600);
    until(&server, &second, CHAT, &body(false), "HTTP/1.1 401").await;
    let printed = printed(server).await;
    assert_eq!(printed.matches("chmod 600").count(), 1, "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_replaced_or_do_nothing_is_refused_at_the_start() {
    let home = Home::new();
    let check = async |toml: &str, words: [&str; 2]| {
        home.write("tollgate.toml", toml);
        let run = home.run(&["serve", "--listen", "127.0.0.1:0"]).await;
        assert_eq!(run.code(), 3, "{}", run.err());
        for word in words {
            assert!(run.err().contains(word), "{word}: {}", run.err());
        }
    };
    check(
        "[budgets.\"keys.ci\"]\nlimit = 1\n",
        ["budgets.\"keys.ci\"", "table of the key ci"],
    )
    .await;
    let key = tollgate_keys::NewKey::generate().unwrap();
    let hash = key.digest().hash(None);
    check(
        &format!("[keys.ci]\nhash = \"{hash}\"\nrequests_per_minute = 0\n"),
        ["keys.ci.requests_per_minute", "at least 1"],
    )
    .await;
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
