//! An upstream that takes no time: answers that were made before they are asked for.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::BenchError;
use crate::workspace;

/// Chunks of a stream, before the `[DONE]`: a role, texts, the end, the usage.
pub(super) const CHUNKS: usize = 43;

/// What OpenRouter says that its models are, in the workspace.
const MODELS: &str = "crates/tollgate-catalog/catalog/models-2026-08-08.json";

/// What follows the id, model and time that an answer and its chunks begin with.
const WHOLE: &str = r#""object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Blue is the colour of a clear sky at noon, because air scatters short waves of light more than long ones. Towards evening the way of the light through the air is longer, and what is left is red.","refusal":null},"logprobs":null,"finish_reason":"stop","native_finish_reason":"stop"}],"usage":{"prompt_tokens":212,"completion_tokens":43,"total_tokens":255,"cost":0.0000121,"cost_details":{"upstream_inference_cost":null}}}"#;
const END: &str = r#""object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop","native_finish_reason":"stop","logprobs":null}]}"#;
const USAGE: &str = r#""object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":{"prompt_tokens":212,"completion_tokens":43,"total_tokens":255,"cost":0.0000121,"cost_details":{"upstream_inference_cost":null}}}"#;

type Body = UnsyncBoxBody<Bytes, Infallible>;

#[derive(Clone)]
struct Answers {
    models: Bytes,
    whole: Bytes,
    events: Vec<Bytes>,
}

/// Listens, and answers for as long as the runtime lives.
pub(super) async fn start() -> Result<SocketAddr, BenchError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.map_err(BenchError::io("listen as the upstream"))?;
    let address = listener.local_addr();
    let address = address.map_err(BenchError::io("listen as the upstream"))?;
    let models = std::fs::read(workspace::root().join(MODELS));
    let answers = Answers::new(
        models
            .map_err(BenchError::io(format!("read {MODELS}")))?
            .into(),
    );
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let answers = answers.clone();
            let service = service_fn(move |request| answer(answers.clone(), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    Ok(address)
}

async fn answer(
    answers: Answers,
    request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let is_question = request.method() == Method::GET;
    let asked = request.into_body().collect().await?.to_bytes();
    Ok(if is_question {
        whole(answers.models)
    } else if asks_for_stream(&asked) {
        events(answers.events)
    } else {
        whole(answers.whole)
    })
}

fn asks_for_stream(body: &[u8]) -> bool {
    const STREAM: &[u8] = br#""stream":true"#;
    body.windows(STREAM.len()).any(|window| window == STREAM)
}

fn whole(body: Bytes) -> Response<Body> {
    respond("application/json", Full::new(body).boxed_unsync())
}

/// All chunks at once, each a chunk of HTTP: a fast model, or a slow network.
fn events(events: Vec<Bytes>) -> Response<Body> {
    let frames = events.into_iter().map(|event| Ok(Frame::data(event)));
    let body = StreamBody::new(stream::iter(frames)).boxed_unsync();
    respond("text/event-stream", body)
}

fn respond(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

impl Answers {
    fn new(models: Bytes) -> Self {
        let texts = (1..CHUNKS - 1).map(|number| {
            format!(r#""object":"chat.completion.chunk","choices":[{{"index":0,"delta":{{"role":"assistant","content":" word-{number}"}},"finish_reason":null,"native_finish_reason":null,"logprobs":null}}]}}"#)
        });
        let chunks = texts.chain([END.to_owned(), USAGE.to_owned()]);
        let events = chunks.map(|chunk| format!("data: {}\n\n", beginning() + &chunk));
        let done = "data: [DONE]\n\n".to_owned();
        Self {
            models,
            whole: (beginning() + WHOLE).into(),
            events: events.chain([done]).map(Bytes::from).collect(),
        }
    }
}

fn beginning() -> String {
    r#"{"id":"gen-1796000000-abcdefghijklmnopqrst","provider":"Example","model":"openai/gpt-4o-mini","created":1796000000,"#.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_as_many_chunks_as_it_says_and_all_are_json() {
        let Answers { whole, events, .. } = Answers::new(Bytes::new());
        assert_eq!(events.len(), CHUNKS + 1);
        let chunks = events[..CHUNKS].iter().map(|event| &event[6..]);
        for json in chunks.chain([&whole[..]]) {
            serde_json::from_slice::<serde_json::Value>(json).unwrap();
        }
    }

    #[test]
    fn a_stream_is_what_was_asked_for() {
        assert!(asks_for_stream(br#"{"stream":true}"#));
        assert!(!asks_for_stream(br#"{"stream":false}"#));
    }
}
