//! A collector of OpenTelemetry: takes OTLP over HTTP and keeps it.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Collector {
    address: String,
    taken: Arc<Mutex<Vec<Taken>>>,
}

/// One request.
#[derive(Clone)]
pub(crate) struct Taken {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let keep = taken.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, keep.clone()));
            }
        });
        Self { address, taken }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// All spans, and the service that sent them.
    pub(crate) fn spans(&self) -> Spans {
        let mut all = Vec::new();
        let mut services = Vec::new();
        for taken in self.taken() {
            let request = ExportTraceServiceRequest::decode(taken.body.as_slice()).unwrap();
            for resource in request.resource_spans {
                let attributes = resource.resource.unwrap().attributes;
                services.extend(text_of(&attributes, "service.name"));
                all.extend(
                    resource
                        .scope_spans
                        .into_iter()
                        .flat_map(|scope| scope.spans),
                );
            }
        }
        services.dedup();
        all.sort_by_key(|span| span.start_time_unix_nano);
        Spans { all, services }
    }
}

/// Reads requests until the sender goes, and accepts each.
async fn take(stream: TcpStream, keep: Arc<Mutex<Vec<Taken>>>) {
    let mut stream = BufStream::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match stream.read_line(&mut head).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse().unwrap())
        });
        let mut body = vec![0; length.unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        keep.lock().unwrap().push(Taken { head, body });
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        stream.flush().await.unwrap();
    }
}

pub(crate) struct Spans {
    pub(crate) all: Vec<Span>,
    pub(crate) services: Vec<String>,
}

/// Attributes whose values differ from run to run.
const VOLATILE: [&str; 6] = [
    "gen_ai.response.id",
    "gen_ai.response.time_to_first_chunk",
    "server.port",
    "tollgate.authority",
    "tollgate.call",
    "tollgate.ttft_ms",
];

impl Spans {
    pub(crate) fn named(&self, name: &str) -> &Span {
        self.all.iter().find(|span| span.name == name).unwrap()
    }

    /// The trees of spans as text; what differs from run to run is `*`.
    pub(crate) fn tree(&self) -> String {
        let mut text = String::new();
        let is_root = |span: &&Span| {
            !self
                .all
                .iter()
                .any(|one| one.span_id == span.parent_span_id)
        };
        for root in self.all.iter().filter(is_root) {
            self.print(root, 0, &mut text);
        }
        text
    }

    fn print(&self, span: &Span, depth: usize, text: &mut String) {
        let indent = "  ".repeat(depth);
        let failed = match span.status.as_ref().map_or(0, |status| status.code) {
            2 => " FAILED",
            _ => "",
        };
        writeln!(text, "{indent}{}{failed}", span.name).unwrap();
        let mut attributes: Vec<_> = span.attributes.iter().collect();
        attributes.sort_by_key(|attribute| &attribute.key);
        for KeyValue { key, value, .. } in attributes {
            let value = match VOLATILE.contains(&key.as_str()) {
                true => "*".to_owned(),
                false => shown(value.as_ref().unwrap()),
            };
            writeln!(text, "{indent}  . {key} = {value}").unwrap();
        }
        for below in &self.all {
            if below.parent_span_id == span.span_id && below.trace_id == span.trace_id {
                self.print(below, depth + 1, text);
            }
        }
    }
}

pub(crate) fn text_of(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    Some(shown(attribute.value.as_ref()?))
}

fn shown(value: &AnyValue) -> String {
    match value.value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::BoolValue(it) => it.to_string(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::ArrayValue(list) => {
            let values: Vec<_> = list.values.iter().map(shown).collect();
            format!("[{}]", values.join(", "))
        }
        other => panic!("{other:?}"),
    }
}
