//! Which headers pass the gateway: none of the caller's, and few of the
//! upstream's.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate::{Gateway, ServerConfig};
use tollgate_sim::Scenario;

use crate::metrics::{CANARY, config};
use crate::simulated::Simulated;
use crate::support::{JSON, Server, chat};

const CHAT: &str = "/v1/chat/completions";
const SECRET: &str = "callers-own-secret";

/// Headers that carry a key, a tenant or a route in one system or another.
const CALLERS: [&str; 34] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-auth-token",
    "x-access-token",
    "x-amz-security-token",
    "x-amz-date",
    "x-csrf-token",
    "openai-organization",
    "openai-project",
    "anthropic-version",
    "anthropic-beta",
    "http-referer",
    "referer",
    "x-title",
    "x-openrouter-title",
    "x-openrouter-categories",
    "x-tenant-id",
    "x-org-id",
    "x-user-id",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
    "forwarded",
    "via",
    "x-portkey-custom-host",
    "x-portkey-api-key",
    "helicone-auth",
    "x-litellm-api-key",
    "x-sim-fault",
    "traceparent",
];

#[tokio::test]
async fn no_header_of_a_caller_reaches_an_upstream() {
    let rig = Simulated::start(Scenario::default(), ServerConfig::default()).await;
    let plain = rig.server.chat(false).await;
    assert!(plain.starts_with("HTTP/1.1 200"), "{plain}");
    let own: String = CALLERS
        .iter()
        .map(|name| format!("{name}: {SECRET}\r\n"))
        .collect();
    let headers = format!("{JSON}user-agent: {SECRET}\r\naccept: {SECRET}\r\n{own}");
    let client = rig.server.send("POST", CHAT, &headers, &chat(false)).await;
    let reply = client.rest().await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");

    let log = rig.simulator.log();
    let chats: Vec<_> = log.iter().filter(|it| it.path.contains("/chat/")).collect();
    let [plain, spoilt] = chats[..] else {
        panic!("two chats, not {}", chats.len());
    };
    // The one with the headers and the one without are the same request.
    assert_eq!(plain.headers, spoilt.headers);
    assert_eq!(plain.body, spoilt.body);
    let key = format!("Bearer {CANARY}");
    assert_eq!(spoilt.header("authorization"), Some(key.as_str()));
}

/// The reply to a chat whose upstream answers with those headers, byte by byte.
async fn reply_to(headers: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let upstream = tokio::spawn(async move {
        let body = r#"{"id":"gen-1","model":"openai/gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"Red."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"cost":0.0001}}"#;
        let length = body.len();
        let reply = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}connection: close\r\n\r\n{body}"
        );
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"}") {
                let mut piece = [0; 4_096];
                match stream.read(&mut piece).await {
                    Ok(length) if length > 0 => seen.extend(&piece[..length]),
                    _ => break,
                }
            }
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    });
    let toml = "[catalog]\noffline = true\n[openrouter]\ncompare_hourly = false\n";
    let config = config(&format!("http://{address}/api/v1"), toml);
    let gateway = Gateway::builder(config).seed(7).build().await.unwrap();
    let reply = Server::start(gateway).await.chat(false).await;
    upstream.abort();
    reply
}

#[tokio::test]
async fn only_harmless_headers_of_an_upstream_reach_a_caller() {
    let reply = reply_to(
        "set-cookie: a=b\r\nserver: hidden\r\nlocation: http://evil.example/\r\nx-api-key: k\r\n\
         access-control-allow-origin: *\r\nx-tollgate-cost: 0\r\nalt-svc: h3\r\ncf-ray: shown\r\nx-request-id: theirs\r\n",
    )
    .await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let (head, _) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("cf-ray: shown"), "{head}");
    for hidden in [
        "set-cookie",
        "hidden",
        "evil",
        "x-api-key",
        "access-control",
        "alt-svc",
        "x-tollgate-cost: 0\r\n",
        "theirs",
    ] {
        assert!(!head.contains(hidden), "{hidden}: {head}");
    }
}

#[tokio::test]
async fn an_upstream_cannot_write_lines_of_its_own_into_an_answer() {
    for headers in [
        "x-request-id: a\rset-cookie: evil=1\r\n",
        "x-request-id: a\r\n set-cookie: evil=1\r\n",
        "x-request-id: a\0set-cookie: evil=1\r\n",
        "x-request-id: a%0d%0aset-cookie: evil=1\r\n",
        "x-request-id: a\nset-cookie: evil=1\r\n",
        "x-request-id: a\u{560d}\u{560a}set-cookie: evil=1\r\n",
    ] {
        let reply = reply_to(headers).await;
        let (head, _) = reply.split_once("\r\n\r\n").unwrap();
        let status = ["HTTP/1.1 200", "HTTP/1.1 502"];
        assert!(
            status.iter().any(|it| head.starts_with(it)),
            "{headers:?}: {head}"
        );
        let lines = || head.split(['\r', '\n']);
        assert!(!lines().any(|it| it.starts_with("set-cookie")), "{head}");
        assert!(
            !head.replace("\r\n", "").contains(['\r', '\n', '\0']),
            "{head}"
        );
    }
}
