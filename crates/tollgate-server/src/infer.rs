//! The paths that models answer on: one per surface, all alike.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::MethodRouter;
use futures_util::{Stream, StreamExt};
use serde_json::{Value, json};
use tollgate::{Answer, BoxFuture, Error, FrameKind, Gateway, StreamMode, Surface};

use crate::allowance::Allowance;
use crate::asked::Asked;
use crate::ending::FailureEvent;
use crate::limits::Limits;
use crate::posted::{self, Posted};
use crate::reply::Refusal;
use crate::so_far::SoFar;
use crate::{allowance, disclose, events};

/// How long the status line of a stream waits for the answer to begin. Until it
/// is sent, a failure has a status of its own; clients and proxies are known to
/// give up on a silent connection from half a minute on.
const STATUS_WAITS: Duration = Duration::from_secs(15);

/// A request whose answer has not begun.
pub(crate) type Pending = BoxFuture<'static, Result<Answer, Error>>;

/// `POST` of a surface.
pub(crate) fn at(surface: Surface, limits: &Arc<Limits>) -> MethodRouter<Gateway> {
    posted::to(limits, move |gateway, posted| {
        answer(gateway, surface, posted)
    })
}

async fn answer(gateway: Gateway, surface: Surface, posted: Posted) -> Result<Response, Refusal> {
    let Asked {
        order,
        mode,
        silence,
        entry,
    } = Asked::read(surface, &posted)?;
    // The order has copied what it needs.
    drop(posted);
    let (mut allowance, chat) = Allowance::take(entry.as_ref(), gateway, order)?;
    match mode {
        StreamMode::Stream => stream(surface, chat, allowance, silence).await,
        StreamMode::Whole => whole(allowance.noting(chat.await)?, allowance).await,
    }
}

/// The answer as events. Its status is known when it begins, or is taken for
/// good when that takes too long: then comments keep the connection alive, and
/// a failure is an event. `silence` is the longest that its client bears, if it
/// says so.
async fn stream(
    surface: Surface,
    mut chat: Pending,
    mut allowance: Allowance,
    silence: Option<Duration>,
) -> Result<Response, Refusal> {
    let so_far = SoFar::of(surface);
    let status_waits = silence.map_or(STATUS_WAITS, |silence| silence.min(STATUS_WAITS));
    match tokio::time::timeout(status_waits, &mut chat).await {
        Ok(answer) => {
            let answer = allowance.noting(answer)?;
            let disclosed = disclose::answer(&answer);
            let events = events::of(so_far.clone(), answer, allowance, silence);
            Ok(event_stream(so_far, disclosed, events))
        }
        Err(_) => {
            let events = events::awaited(so_far.clone(), chat, allowance, silence);
            Ok(event_stream(so_far, HeaderMap::new(), events))
        }
    }
}

fn event_stream<S>(so_far: SoFar, disclosed: HeaderMap, events: S) -> Response
where
    S: Stream<Item = Bytes> + Send + 'static,
{
    let body = Body::from_stream(events.map(Ok::<_, std::convert::Infallible>));
    let mut response = of_kind("text/event-stream", disclosed, body);
    let no_cache = HeaderValue::from_static("no-cache");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_cache);
    response.extensions_mut().insert(FailureEvent(so_far));
    response
}

/// A good answer. Its headers go out as they are, without being added one by one to others.
fn of_kind(kind: &'static str, mut headers: HeaderMap, body: Body) -> Response {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response
}

/// The answer as one body: the upstream's own, byte for byte, when it came in
/// one piece. Cost and attempts are in headers.
async fn whole(mut answer: Answer, mut allowance: Allowance) -> Result<Response, Refusal> {
    let mut body = Bytes::new();
    while let Some(frame) = answer.next().await {
        match frame {
            Ok(frame) if frame.kind == FrameKind::Body => body = frame.data,
            Ok(_) => {}
            Err(failure) => return Err(allowance.note(answer.into_error(failure)).into()),
        }
    }
    let disclosed = disclose::answer(&answer);
    let mut response = of_kind("application/json", disclosed, Body::from(body));
    if let Some(receipt) = answer.receipt() {
        allowance.correct(receipt);
        response.headers_mut().extend(disclose::receipt(receipt));
    }
    Ok(response)
}

/// `POST /v1/messages/count_tokens`: the tokens of a prompt as they are
/// estimated for routing, since the model's own count would be a call.
pub(crate) async fn count_tokens(gateway: Gateway, posted: Posted) -> Result<Json<Value>, Refusal> {
    allowance::take_one_request(posted.extensions())?;
    let asked = Asked::read(Surface::Messages, &posted)?;
    let tokens = gateway.prompt_tokens(asked.order)?;
    Ok(Json(json!({ "input_tokens": tokens.likely })))
}
