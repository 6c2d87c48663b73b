//! Heads that two readers understand differently, from callers and upstreams:
//! none of it becomes a request, a header or an answer of its own.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate::{Gateway, ServerConfig};
use tollgate_sim::Scenario;

use crate::metrics::config;
use crate::simulated::Simulated;
use crate::support::{JSON, MODEL, Server, chat};

const SECOND: &str = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// What one connection answers to bytes that are sent all at once.
async fn talk(server: &Server, sent: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // The server may have had enough before the end.
    let _ = stream.write_all(sent.as_bytes()).await;
    let _ = stream.shutdown().await;
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply).await;
    String::from_utf8_lossy(&reply).into_owned()
}

fn answers(reply: &str) -> usize {
    reply.matches("HTTP/1.1 ").count()
}

#[tokio::test]
async fn a_request_of_two_lengths_is_the_last_of_its_connection() {
    let rig = Simulated::start(Scenario::default(), ServerConfig::default()).await;
    let body = chat(false);
    let length = body.len();
    let chunks = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    for framing in [
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n".to_owned(),
        "transfer-encoding: chunked\r\n".to_owned(),
    ] {
        let request =
            format!("POST /v1/chat/completions HTTP/1.1\r\n{JSON}{framing}\r\n{chunks}{SECOND}");
        let reply = talk(&rig.server, &request).await;
        assert_eq!(answers(&reply), 1, "{framing}: {reply}");
        assert!(reply.contains("connection: close\r\n"), "{reply}");
        assert!(rig.server.chat(false).await.starts_with("HTTP/1.1 200"));
    }
    let twice = format!(
        "POST /v1/chat/completions HTTP/1.1\r\n{JSON}content-length: 5\r\ncontent-length: {length}\r\n\r\n{body}{SECOND}"
    );
    let reply = talk(&rig.server, &twice).await;
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
    assert_eq!(answers(&reply), 1, "{reply}");
}

#[tokio::test]
async fn a_folded_or_broken_header_line_ends_its_connection() {
    let rig = Simulated::start(Scenario::default(), ServerConfig::default()).await;
    for line in [
        "x-a: 1\r\n folded: 2\r\n",
        "x-a: 1\r\n\tfolded\r\n",
        "x-a: 1\rx-b: 2\r\n",
        "x-a : 1\r\n",
        "content-length : 5\r\n",
    ] {
        let request = format!("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n{line}\r\n{SECOND}");
        let reply = talk(&rig.server, &request).await;
        assert!(reply.starts_with("HTTP/1.1 400"), "{line:?}: {reply}");
        assert_eq!(answers(&reply), 1, "{line:?}: {reply}");
        assert!(talk(&rig.server, SECOND).await.starts_with("HTTP/1.1 200"));
    }
}

/// RFC 9112 lets a recipient take a line feed alone for the end of a line. It
/// ends one line then, in heads and nowhere else, and hides nothing.
#[tokio::test]
async fn a_bare_line_feed_ends_a_line_of_a_head_and_none_of_a_chunk() {
    let rig = Simulated::start(Scenario::default(), ServerConfig::default()).await;
    let head = "GET /v1/models HTTP/1.1\nhost: localhost\nx-a: 1\n\n";
    let reply = talk(&rig.server, &format!("{head}{SECOND}")).await;
    assert_eq!(answers(&reply), 2, "{reply}");
    let body = chat(false);
    let chunks = format!("{:x}\n{body}\n0\n\n", body.len());
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\n{JSON}transfer-encoding: chunked\r\n\r\n{chunks}{SECOND}"
    );
    let posts = rig.posts();
    let reply = talk(&rig.server, &request).await;
    assert!(!reply.contains("HTTP/1.1 200"), "{reply}");
    assert_eq!(rig.posts(), posts, "{reply}");
    assert!(rig.server.chat(false).await.starts_with("HTTP/1.1 200"));
}

/// Answers what is posted: the first with the one, all else with the other.
async fn upstream(first: String, others: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut answers = [first].into_iter().chain(std::iter::repeat(others));
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1 << 16];
            let _ = stream.read(&mut request).await;
            if request.starts_with(b"POST") {
                let answer = answers.next().unwrap();
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    format!("http://{address}/api/v1")
}

/// An answer with more lines in its head, whose generation has that id.
fn answer(lines: &str, id: &str) -> String {
    let body = format!(
        r#"{{"id":"{id}","model":"{MODEL}","choices":[{{"index":0,"message":{{"role":"assistant","content":"Red."}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":1,"completion_tokens":1}}}}"#
    );
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n{lines}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn what_an_upstream_hides_in_its_head_reaches_nobody() {
    let cases = [
        (answer("x-a: 1\r\n set-cookie: a=b\r\n", "gen-1"), 502),
        (answer("x-a: 1\rset-cookie: a=b\r\n", "gen-1"), 502),
        (answer("content-length: 5\r\n", "gen-1"), 502),
        (answer("set-cookie: a=b\r\n", "gen-1"), 200),
        (answer("", "gen\\r\\nset-cookie: a=b"), 200),
    ];
    for (hostile, status) in cases {
        let url = upstream(hostile.clone(), answer("", "gen-2")).await;
        let config = config(&url, "[failover]\nattempts = 1\n");
        let gateway = Gateway::builder(config).seed(7).build().await.unwrap();
        let server = Server::start(gateway).await;
        let reply = server.chat(false).await;
        let (head, _) = reply.split_once("\r\n\r\n").unwrap();
        assert!(!head.to_lowercase().contains("cookie"), "{head}");
        let expected = format!("HTTP/1.1 {status}");
        assert!(head.starts_with(&expected), "{hostile}: {reply}");
        let next = server.chat(false).await;
        assert!(next.starts_with("HTTP/1.1 200"), "{hostile}: {next}");
        assert!(next.contains("Red."), "{next}");
    }
}
