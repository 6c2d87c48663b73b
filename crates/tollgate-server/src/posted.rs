//! What comes before and after the answer to whatever is posted, in one
//! function: each layer of a router costs every request a few allocations and
//! a copy of all that is within.

use std::pin::pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use opentelemetry::trace::FutureExt;
use tollgate::Gateway;

use crate::limits::Limits;
use crate::running::until_gone;
use crate::words::Wording;
use crate::{guard, trace};

/// A request with its body in memory.
pub(crate) type Posted = http::Request<Bytes>;

/// `POST` of a path that `answer` answers, once a request was let in. Errors
/// are said in the words of the path.
pub(crate) fn to<A, F>(limits: &Arc<Limits>, answer: A) -> MethodRouter<Gateway>
where
    A: Fn(Gateway, Posted) -> F + Clone + Send + Sync + 'static,
    F: Future<Output: IntoResponse> + Send + 'static,
{
    let limits = limits.clone();
    post(
        move |State(gateway): State<Gateway>, request: Request| async move {
            let wording = Wording::of(request.uri().path());
            let caller = trace::remote(request.headers());
            let answered = pin!(answered(&limits, request, |posted| answer(gateway, posted)));
            let response = match caller {
                Some(context) => answered.with_context(context).await,
                None => answered.await,
            };
            wording.say(response)
        },
    )
}

async fn answered<F>(
    limits: &Limits,
    request: Request,
    answer: impl FnOnce(Posted) -> F,
) -> Response
where
    F: Future<Output: IntoResponse>,
{
    let checked = guard::check_json(request.headers());
    let let_in = match checked {
        Ok(()) => limits.let_in(request).await,
        Err(refusal) => Err(refusal),
    };
    match let_in {
        Ok((posted, held)) => until_gone(answer(posted).await.into_response(), held),
        Err(refusal) => refusal.into_response(),
    }
}
