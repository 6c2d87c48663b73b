//! What callers may take, and for how long they are waited for.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tollgate::{FrameKind, ServerConfig};
use tollgate_testkit::providers::{Script, ScriptedProvider};

use crate::support::{After, Client, JSON, MODEL, Server, Upstream, chat, frame, gateway};
use crate::support::{gateway_to, send};

const CHAT: &str = "/v1/chat/completions";

/// An upstream that says one word of a stream and then nothing.
fn silent() -> Upstream {
    let word = r#"{"choices":[{"index":0,"delta":{"content":"Red"}}]}"#;
    Upstream {
        headers: Vec::new(),
        frames: vec![frame(FrameKind::Event, word)],
        after: After::Silence,
    }
}

async fn silent_server(config: ServerConfig) -> Server {
    // What is left is not read to its end, which would not come.
    let toml = "[openrouter]\nstops_billing = true\n";
    Server::start_limited(gateway(silent(), toml).await, config).await
}

async fn answering_server(config: ServerConfig) -> Server {
    let script = Script::answer(&["Red."]);
    let provider = ScriptedProvider::new().on("openrouter", MODEL, script);
    Server::start_limited(gateway_to(Arc::new(provider), "").await, config).await
}

/// Starts a stream that stays open, of a call with those headers.
async fn open(server: &Server, headers: &str, body: &str) -> Client {
    let headers = format!("{JSON}{headers}");
    let mut client = server.send("POST", CHAT, &headers, body).await;
    client.until("Red").await;
    client
}

/// Sends pieces with a pause before each, until the server has had enough.
/// Gives its whole reply, and the time that it took.
async fn trickle(server: &Server, first: &str, pieces: &[u8], pause: u64) -> (String, u64) {
    let start = Instant::now();
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(first.as_bytes()).await.unwrap();
    let pieces = pieces.to_vec();
    let sending = tokio::spawn(async move {
        for piece in pieces {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            if writer.write_all(&[piece]).await.is_err() {
                return;
            }
        }
        std::future::pending().await
    });
    let mut reply = Vec::new();
    let reading = reader.read_to_end(&mut reply);
    let ended = tokio::time::timeout(Duration::from_secs(300), reading).await;
    assert!(ended.is_ok(), "{first:?} is still waited for");
    sending.abort();
    let reply = String::from_utf8_lossy(&reply).into_owned();
    (reply, start.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_header_that_trickles_in_is_cut_off_within_15_s() {
    let server = silent_server(ServerConfig::default()).await;
    let header = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-long: xxxxxxxxxxxxxxxxxx";
    let honest = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for (first, rest) in [
        ("", &b""[..]),
        ("", header),
        ("", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0; 30]),
        (honest, b""),
        (honest, header),
    ] {
        let (reply, seconds) = trickle(&server, first, rest, 5).await;
        assert!((9..=15).contains(&seconds), "{first:?}: {seconds} s");
        assert_eq!(reply.contains("HTTP/1.1 200"), first == honest, "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_get_on_is_given_up() {
    let server = silent_server(ServerConfig::default()).await;
    let head = format!("POST {CHAT} HTTP/1.1\r\n{JSON}content-length: 900\r\n\r\n{{\"messages\":[");
    for rest in [&[][..], &[b' '; 20]] {
        let (reply, seconds) = trickle(&server, &head, rest, 5).await;
        assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");
        assert!(reply.contains("connection: close\r\n"), "{reply}");
        assert!(
            reply.contains("\"error_type\":\"request_timeout\""),
            "{reply}"
        );
        assert!((30..=33).contains(&seconds), "{seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_that_gets_on_may_take_its_time() {
    let server = answering_server(ServerConfig::default()).await;
    let padding = " ".repeat(1 << 10);
    let body = chat(false).replace("{\"model\"", &format!("{{{}\"model\"", padding.repeat(5)));
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\n{JSON}connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    for piece in body.as_bytes().chunks(1 << 10) {
        tokio::time::sleep(Duration::from_secs(25)).await;
        stream.write_all(piece).await.unwrap();
    }
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
}

#[tokio::test]
async fn headers_have_a_number_and_a_size() {
    let server = answering_server(ServerConfig::default()).await;
    let check = async |headers: &str, expected: u16| {
        let client = server.send("GET", "/v1/models", headers, "").await;
        let reply = client.rest().await;
        let status = format!("HTTP/1.1 {expected} ");
        assert!(
            reply.starts_with(&status),
            "{}",
            &reply[..reply.len().min(300)]
        );
    };
    let many = |count: usize| {
        let more: String = (0..count).map(|n| format!("x-{n}: 1\r\n")).collect();
        format!("host: localhost\r\n{more}")
    };
    let long = |bytes: usize| format!("host: localhost\r\nx-long: {}\r\n", "x".repeat(bytes));
    // Beside `host`, `content-length` and `connection`.
    check(&many(61), 200).await;
    check(&many(62), 431).await;
    check(&many(1_000), 431).await;
    check(&long((16 << 10) - "x-long".len()), 200).await;
    check(&long(16 << 10), 431).await;
    check(&long(200 << 10), 431).await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_next_one_after_an_end_is_not() {
    let config = ServerConfig {
        max_connections: 3,
        ..ServerConfig::default()
    };
    let server = silent_server(config).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(open(&server, "", &chat(true)).await);
    }
    let mut refused = TcpStream::connect(server.address()).await.unwrap();
    assert!(matches!(refused.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    drop(streams.pop());
    // The server learns of the end by and by.
    loop {
        let client = server.send("GET", "/health/live", JSON, "").await;
        if client.rest().await.starts_with("HTTP/1.1 200") {
            break;
        }
    }
}

fn is_overloaded(reply: &str) -> bool {
    let told = [
        "retry-after: 1\r\n",
        "x-should-retry: true\r\n",
        "\"overloaded\"",
    ];
    reply.starts_with("HTTP/1.1 503") && told.iter().all(|word| reply.contains(word))
}

#[tokio::test]
async fn calls_that_matter_least_are_refused_first_and_places_come_back() {
    let config = ServerConfig {
        max_in_flight: 20,
        ..ServerConfig::default()
    };
    let server = silent_server(config).await;
    let sheddable = "x-tollgate-criticality: sheddable\r\n";
    let refused = async |headers: &str| {
        let headers = format!("{JSON}{headers}");
        let reply = server.send("POST", CHAT, &headers, &chat(true)).await;
        let reply = reply.rest().await;
        assert!(is_overloaded(&reply), "{reply}");
    };
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(open(&server, sheddable, &chat(true)).await);
    }
    refused(sheddable).await;
    for _ in 16..19 {
        streams.push(open(&server, "", &chat(true)).await);
    }
    refused("").await;
    // Nobody can make its own call critical.
    refused("x-tollgate-criticality: critical\r\n").await;
    let reply = server
        .send("GET", "/v1/models", JSON, "")
        .await
        .rest()
        .await;
    assert!(reply.starts_with("HTTP/1.1 200"), "only calls are counted");

    streams.pop();
    let place = loop {
        let mut client = server.send("POST", CHAT, JSON, &chat(true)).await;
        if client.status().await == 200 {
            break client;
        }
    };
    drop(place);
}

#[tokio::test]
async fn bodies_have_a_size_each_and_together() {
    let config = ServerConfig {
        max_body_bytes: 64 << 10,
        max_buffered_bytes: 100 << 10,
        ..ServerConfig::default()
    };
    let server = silent_server(config).await;
    let padded = |bytes: usize| chat(true).replacen('{', &format!("{{{}", " ".repeat(bytes)), 1);
    let large = padded(60 << 10);

    let first = open(&server, "", &large).await;
    let reply = server.send("POST", CHAT, JSON, &large).await.rest().await;
    assert!(is_overloaded(&reply), "{reply}");
    open(&server, "", &chat(true)).await;
    drop(first);
    loop {
        let mut client = server.send("POST", CHAT, JSON, &large).await;
        if client.status().await == 200 {
            break;
        }
    }

    let reply = server.send("POST", CHAT, JSON, &padded(70 << 10)).await;
    let reply = reply.rest().await;
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
    assert!(reply.contains("at most 65536 bytes"), "{reply}");
    // Without a length, and sent to its end: the answer still arrives.
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000)).repeat(8);
    let headers = format!("{JSON}transfer-encoding: chunked\r\n");
    let request = format!("POST {CHAT} HTTP/1.1\r\n{headers}\r\n{chunk}0\r\n\r\n");
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
}

#[tokio::test]
async fn compressed_bodies_are_refused_and_say_so() {
    let server = answering_server(ServerConfig::default()).await;
    for (encoding, expected) in [
        ("gzip", 415),
        ("br", 415),
        ("identity, gzip", 415),
        ("identity", 200),
    ] {
        let headers = format!("{JSON}content-encoding: {encoding}\r\n");
        let client = server.send("POST", CHAT, &headers, &chat(false)).await;
        let reply = client.rest().await;
        assert!(
            reply.starts_with(&format!("HTTP/1.1 {expected}")),
            "{reply}"
        );
        assert_eq!(
            reply.contains("without the header content-encoding"),
            expected == 415
        );
    }
}

#[tokio::test]
async fn a_wrong_path_names_those_near_to_it_and_a_wrong_method_the_right_ones() {
    let server = answering_server(ServerConfig::default()).await;
    for (method, path, status, word) in [
        (
            "POST",
            "/v1/chat/completion",
            404,
            "near to it are /v1/chat/completions",
        ),
        ("GET", "/v1/model", 404, "/v1/models"),
        ("GET", "/admin", 404, "chats go to /v1/chat/completions"),
        ("GET", CHAT, 405, "allow: POST\r\n"),
        ("DELETE", "/v1/models", 405, "allow: GET,HEAD\r\n"),
    ] {
        let reply = server.send(method, path, JSON, "").await.rest().await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{reply}");
        assert!(reply.contains(word), "{method} {path}: {reply}");
    }
}

#[tokio::test]
async fn a_field_that_cannot_be_right_is_named() {
    let server = answering_server(ServerConfig::default()).await;
    for (old, new, word) in [
        (
            "\"stream\":false",
            "\"max_tokens\":-1",
            "`max_tokens`: has to be a whole number",
        ),
        (
            "\"stream\":false",
            "\"n\":NaN",
            "`n`: expected a value; NaN",
        ),
        (
            "\"stream\":false",
            "\"temperature\":1e999",
            "`temperature`: is too large",
        ),
        (
            "\"stream\":false",
            "\"Stream\":false",
            "`Stream`: is written `stream`",
        ),
        (
            "\"stream\":false",
            "\"api_base\":\"http://x\"",
            "`api_base`: is not for callers",
        ),
        (
            "\"stream\":false",
            "\"mod\\u0065l\":\"a/b\"",
            "`model`: is there twice",
        ),
        (
            "\"content\":",
            "\"role\":\"user\",\"content\":",
            "`messages[0].role`: is there twice",
        ),
    ] {
        let body = chat(false).replace(old, new);
        let reply = send(server.address(), "POST", CHAT, JSON, &body).await;
        let reply = reply.rest().await;
        assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
        assert!(reply.contains(word), "{word}: {reply}");
    }
}
