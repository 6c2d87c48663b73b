//! What nobody here knows passes in both directions, on every native surface.

use std::sync::Arc;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tollgate::{Gateway, Surface};
use tollgate_wire::{Object, SseDecoder, SseItem};

use crate::metrics::config;
use crate::support::{JSON, MODEL, Server};

/// Surfaces whose answers come in streams.
const NATIVE: &[Surface] = &[Surface::Chat, Surface::Responses, Surface::Messages];

/// Fields that the gateway owns, or that a request may not have.
const OURS: &[&str] = &["model", "models", "fallbacks", "stream", "provider"];

fn sample(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/");
    std::fs::read_to_string(format!("{folder}{name}")).unwrap()
}

/// The plainest request of a surface, and samples of its answers.
fn surface(surface: Surface) -> (String, Vec<String>, Vec<String>) {
    let reads = match surface {
        Surface::Responses => r#""input":"Hi""#,
        Surface::Embeddings => r#""input":["Hi"]"#,
        Surface::Completions => r#""prompt":"Hi""#,
        Surface::Chat => r#""messages":[{"role":"user","content":"Hi"}]"#,
        Surface::Messages => r#""max_tokens":9,"messages":[{"role":"user","content":"Hi"}]"#,
    };
    let model = match surface {
        Surface::Embeddings => "example/embed-small",
        _ => MODEL,
    };
    let (whole, streams): (&[&str], &[&str]) = match surface {
        Surface::Chat => (
            &["chat.json", "chat-tools.json"],
            &["chat-stream.sse", "chat-stream-text.sse"],
        ),
        Surface::Responses => (&[], &["responses-stream.sse"]),
        Surface::Messages => (&[], &["messages-stream.sse"]),
        _ => (&["embeddings.json"], &[]),
    };
    let read = |names: &[&str]| names.iter().map(|name| sample(name)).collect();
    (
        format!(r#""model":"{model}",{reads}"#),
        read(whole),
        read(streams),
    )
}

/// An upstream that keeps the last body it got, and answers as it is told.
#[derive(Clone)]
struct Upstream {
    url: String,
    got: Arc<Mutex<Vec<u8>>>,
    says: Arc<Mutex<(&'static str, String)>>,
}

impl Upstream {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self {
            url: format!("http://{}/api/v1", listener.local_addr().unwrap()),
            got: Arc::default(),
            says: Arc::default(),
        };
        let serving = upstream.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut seen = Vec::new();
                let body = loop {
                    let mut piece = [0; 4_096];
                    let length = stream.read(&mut piece).await.unwrap();
                    seen.extend(&piece[..length]);
                    if length == 0 || seen.starts_with(b"GET ") || body_of(&seen).is_some() {
                        break body_of(&seen);
                    }
                };
                // What an answer did cost is asked seconds later, when a slow machine is still
                // busy; nobody knows.
                let Some(body) = body else { continue };
                *serving.got.lock().await = body;
                let (kind, text) = serving.says.lock().await.clone();
                let head =
                    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
                stream.write_all((head + &text).as_bytes()).await.unwrap();
            }
        });
        upstream
    }
}

fn body_of(seen: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(seen).to_lowercase();
    let end = text.find("\r\n\r\n")? + 4;
    let length = text.split("content-length: ").nth(1)?;
    let length: usize = length.split("\r\n").next()?.parse().ok()?;
    (seen.len() >= end + length).then(|| seen[end..end + length].to_vec())
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?[1-9][0-9]{0,22}(\\.[0-9]{1,12})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..3).prop_map(|all| {
                let members: Vec<_> = all
                    .iter()
                    .map(|(key, value)| format!("\"{key}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Members that no surface has, as JSON text.
fn members() -> impl Strategy<Value = Vec<(String, String)>> {
    let all = prop::collection::btree_map("zz_[a-z]{1,8}", value(), 1..4);
    all.prop_map(|all| all.into_iter().collect())
}

fn text_of(members: &[(String, String)]) -> String {
    let members = members
        .iter()
        .map(|(key, value)| format!("\"{key}\":{value}"));
    members.collect::<Vec<_>>().join(",")
}

/// The object with the members in front.
fn with(members: &[(String, String)], object: &str) -> String {
    format!(
        "{{{},{}",
        text_of(members),
        object.trim().strip_prefix('{').unwrap()
    )
}

fn data_of(stream: &str) -> Vec<String> {
    let mut decoder = SseDecoder::new();
    decoder.push(stream.as_bytes());
    let items = std::iter::from_fn(|| decoder.next());
    let data = items.filter_map(|item| match item.unwrap() {
        SseItem::Event { data, .. } => Some(String::from_utf8(data.to_vec()).unwrap()),
        SseItem::Comment(_) => None,
    });
    data.collect()
}

/// The stream with the members in each of its events.
fn with_in_each(members: &[(String, String)], stream: &str) -> String {
    let lines = stream
        .lines()
        .map(|line| match line.strip_prefix("data: {") {
            Some(rest) => format!("data: {}", with(members, &format!("{{{rest}"))),
            None => line.to_owned(),
        });
    lines.map(|line| line + "\n").collect()
}

/// The body of a reply, its chunks put together.
fn body(reply: &str) -> String {
    let (head, mut body) = reply.split_once("\r\n\r\n").unwrap();
    if !head.contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole.push_str(&rest[..length]);
        body = rest.get(length + 2..).unwrap_or_default();
    }
    whole
}

/// An event as the upstream would have sent it.
fn without_ours(event: &str) -> String {
    let Ok(mut object) = Object::parse(event.as_bytes()) else {
        return event.to_owned();
    };
    match object.remove("tollgate") {
        Some(_) => String::from_utf8(object.to_vec()).unwrap(),
        None => event.to_owned(),
    }
}

async fn check(
    server: &Server,
    upstream: &Upstream,
    of: Surface,
    asked: &[(String, String)],
    answered: &[(String, String)],
) {
    let (plain, whole, streams) = surface(of);
    let path = format!("/v1/{}", of.path());
    let ask = async |stream: bool| {
        let stream = if stream { r#","stream":true"# } else { "" };
        let request = with(asked, &format!("{{{plain}{stream}}}"));
        let reply = server
            .send("POST", &path, JSON, &request)
            .await
            .rest()
            .await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{of}: {reply}");
        let got = Object::parse(&upstream.got.lock().await).unwrap();
        let sent = Object::parse(request.as_bytes()).unwrap();
        for (key, value) in sent.iter().filter(|(key, _)| !OURS.contains(key)) {
            assert_eq!(
                got.get(key).map(|got| got.get()),
                Some(value.get()),
                "{of}: {key}"
            );
        }
        body(&reply)
    };
    for sample in &whole {
        let said = with(answered, sample);
        *upstream.says.lock().await = ("application/json", said.clone());
        assert_eq!(ask(false).await, said, "{of}");
    }
    for sample in &streams {
        let said = with_in_each(answered, sample);
        *upstream.says.lock().await = ("text/event-stream", said.clone());
        let heard = data_of(&ask(true).await);
        let told = data_of(&said);
        assert_eq!(heard.len(), told.len(), "{of}: {heard:?}");
        for (heard, told) in heard.iter().zip(&told) {
            let without_ours = without_ours(heard);
            let same = without_ours == *told
                || Object::parse(told.as_bytes())
                    .is_ok_and(|told| told.to_vec() == without_ours.as_bytes());
            assert!(same, "{of}: {told} became {without_ours}");
        }
    }
}

#[test]
fn unknown_members_pass_in_both_directions_on_every_native_surface() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (server, upstream) = runtime.block_on(async {
        let upstream = Upstream::start().await;
        let toml = "[catalog]\noffline = true\n[openrouter]\ncompare_hourly = false\n";
        let gateway = Gateway::builder(config(&upstream.url, toml));
        let gateway = gateway.seed(7).build().await.unwrap();
        (Server::start(gateway).await, upstream)
    });
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(48)
    };
    proptest!(config, |(of in prop::sample::select(NATIVE), asked in members(), answered in members())| {
        runtime.block_on(check(&server, &upstream, of, &asked, &answered));
    });
}
