use tollgate::FrameKind;

use crate::support::{After, Client, Server, Upstream, chat, frame, gateway};

async fn server() -> Server {
    let upstream = Upstream {
        headers: Vec::new(),
        frames: vec![frame(
            FrameKind::Body,
            r#"{"choices":[{"message":{"content":"Red."},"finish_reason":"stop"}]}"#,
        )],
        after: After::End,
    };
    Server::start(gateway(upstream, "").await).await
}

/// Sends one request and checks its status and a word of the answer.
async fn check(server: &Server, method: &str, path: &str, headers: &str, expected: (u16, &str)) {
    let body = if method == "POST" {
        chat(false)
    } else {
        String::new()
    };
    let client: Client = server.send(method, path, headers, &body).await;
    let reply = client.rest().await;
    let (status, word) = expected;
    assert!(
        reply.starts_with(&format!("HTTP/1.1 {status} ")) && reply.contains(word),
        "{method} {path} {headers:?} should be {status} with {word}: {reply}"
    );
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn what_is_posted_must_say_that_it_is_json() {
    let server = server().await;
    for path in [CHAT, "/api/v1/chat/completions", "/v1/plan"] {
        for headers in [
            "host: localhost\r\n",
            "host: localhost\r\ncontent-type: text/plain\r\n",
            "host: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n",
        ] {
            let refused = (415, "content-type: application/json");
            check(&server, "POST", path, headers, refused).await;
        }
        let headers = "host: localhost\r\ncontent-type: application/json; charset=utf-8\r\n";
        check(&server, "POST", path, headers, (200, "{")).await;
    }
    check(
        &server,
        "GET",
        "/v1/models",
        "host: localhost\r\n",
        (200, "data"),
    )
    .await;
    check(
        &server,
        "POST",
        "/v1/models",
        "host: localhost\r\n",
        (405, "\"code\":405"),
    )
    .await;
    check(
        &server,
        "POST",
        "/v1/nowhere",
        "host: localhost\r\n",
        (404, "/v1/chat"),
    )
    .await;
}

#[tokio::test]
async fn a_name_that_was_rebound_to_this_machine_is_refused_on_every_path() {
    let server = server().await;
    let refused = (403, "http://localhost");
    for (method, path) in [("POST", CHAT), ("GET", "/v1/models"), ("GET", "/nowhere")] {
        let headers = "host: rebound.example:8787\r\ncontent-type: application/json\r\n";
        check(&server, method, path, headers, refused).await;
    }
    let headers = "host: localhost\r\n";
    check(
        &server,
        "GET",
        "http://rebound.example/v1/models",
        headers,
        refused,
    )
    .await;
    for host in ["127.0.0.1:1", "[::1]:8787", "localhost"] {
        let headers = format!("host: {host}\r\n");
        check(&server, "GET", "/v1/models", &headers, (200, "data")).await;
    }
}

#[tokio::test]
async fn pages_of_other_machines_are_refused() {
    let server = server().await;
    let json = "host: localhost\r\ncontent-type: application/json\r\n";
    for origin in [
        "https://website.example",
        "null",
        "https://localhost.example",
    ] {
        let headers = format!("{json}origin: {origin}\r\n");
        check(&server, "POST", CHAT, &headers, (403, "other machines")).await;
    }
    let headers = format!("{json}origin: http://localhost:3000\r\n");
    check(&server, "POST", CHAT, &headers, (200, "Red.")).await;
}

#[tokio::test]
async fn requests_that_are_no_chats_are_refused_alike_on_both_paths() {
    let server = server().await;
    for path in [CHAT, "/v1/plan"] {
        let headers = "host: localhost\r\ncontent-type: application/json\r\n";
        let reply = server
            .send("POST", path, headers, "{\"messages\":")
            .await
            .rest()
            .await;
        assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
        assert!(reply.contains("`messages`: the text ends"), "{reply}");

        let headers = format!("{headers}x-tollgate-max-cost: much\r\n");
        let reply = server
            .send("POST", path, &headers, &chat(false))
            .await
            .rest()
            .await;
        assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
        assert!(reply.contains("header x-tollgate-max-cost: "), "{reply}");
    }
}
