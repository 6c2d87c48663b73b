//! The simulated service itself: a request in, a response out, over a socket or not.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response};
use tokio::sync::oneshot;

use crate::bill::Bill;
use crate::clock::http_date;
use crate::control;
use crate::error::Error;
use crate::host::Host;
use crate::log::Seen;
use crate::play::{Body, Broken, Outcome, ResetFlag, play};
use crate::request::{Request, seen};
use crate::routes::{dialect, perform};
use crate::scenario::Scenario;
use crate::script::Script;
use crate::world::{Running, World};

/// Larger bodies get 413.
pub(crate) const BODY_LIMIT: usize = 64 << 20;

/// The simulated service without sockets: requests are function calls, in this process.
///
/// It is what [`Simulator`](crate::Simulator) puts behind a socket, so answers, faults, log and bill
/// are the same. Everything that takes time takes it on Tokio's clock. On a paused clock a day of
/// traffic is over in moments; on a current-thread runtime a run is the same every time. Clones are
/// handles to the same service.
///
/// ```
/// use http_body_util::BodyExt as _;
/// use tollgate_sim::Simulator;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = Simulator::builder().seed(7).service()?;
/// let request = http::Request::post("/api/v1/chat/completions")
///     .header("authorization", "Bearer sk-or-v1-any-key-will-do")
///     .body(r#"{"model":"openai/gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}"#.into())?;
/// let response = service.call(request).await?;
/// assert_eq!(response.status(), 200);
/// let answer = response.into_body().collect().await?.to_bytes();
/// assert!(answer.starts_with(b"{\"id\":\"gen-"));
/// assert_eq!(service.bill().lines.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Service {
    world: Arc<World>,
}

impl Service {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world: Arc::new(world),
        }
    }

    /// Answers one request; it returns when the head is there. Path and query of the URI count, its
    /// host does not. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// [`Broken`] when the connection ends before the head. A connection that ends later is an
    /// error of the body.
    ///
    /// # Cancellation
    /// Dropping the future or the body is a client that goes away: it is noticed a moment later
    /// ([`idle`](Self::idle) waits for that) and charged as the scenario says.
    pub async fn call(&self, request: http::Request<Bytes>) -> Result<Response<Body>, Broken> {
        let (parts, body) = request.into_parts();
        let body = Some(body).filter(|body| body.len() <= BODY_LIMIT);
        self.respond(parts, body, ResetFlag::default()).await
    }

    /// Whom requests are answered as.
    #[must_use]
    pub fn host(&self) -> Host {
        self.world.host()
    }

    /// The requests seen since the start or the last reset; with a
    /// [limit](crate::SimulatorBuilder::log_limit), the latest of them.
    #[must_use]
    pub fn log(&self) -> Vec<Seen> {
        self.world.records().log.to_vec()
    }

    /// How many requests were seen since the start or the last reset.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.world.records().log.count()
    }

    /// Everything charged since the start or the last reset.
    #[must_use]
    pub fn bill(&self) -> Bill {
        self.world.records().till.bill()
    }

    /// Forgets all requests, charges, generations and rule counts. Numbers begin at 1 again, so
    /// the same requests get the same answers again.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Replaces the scenario; the counts of its rules begin at 0.
    ///
    /// # Errors
    /// [`Error::Scenario`] when a rule built in code is not valid.
    pub fn set_scenario(&self, scenario: Scenario) -> Result<(), Error> {
        scenario.check()?;
        self.world.set_scenario(scenario);
        Ok(())
    }

    /// Waits until every request has ended and is in the bill. A client that has left is noticed
    /// a moment after it did, so tests that leave a stream call this before they look.
    pub async fn idle(&self) {
        self.world.idle().await;
    }

    /// Counts a request as running for as long as the result is held.
    pub(crate) fn running(&self) -> Running {
        self.world.running()
    }

    /// Answers a request whose body was read to its end, or is `None` because it is too large.
    pub(crate) async fn respond(
        &self,
        parts: Parts,
        body: Option<Bytes>,
        reset: ResetFlag,
    ) -> Result<Response<Body>, Broken> {
        let world = &self.world;
        let (seat, response) = oneshot::channel();
        if parts.uri.path().starts_with(control::PREFIX) {
            let script = control::answer(world, &parts, &body);
            tokio::spawn(play(script, seat, reset, |_| {}));
        } else {
            let running = world.running();
            let (script, settle) = prepare(world, parts, body);
            tokio::spawn(async move {
                play(script, seat, reset, settle).await;
                drop(running);
            });
        }
        let mut response = response.await.map_err(|_| Broken)?;
        if let Ok(date) = HeaderValue::try_from(http_date(world.now())) {
            response.headers_mut().insert(http::header::DATE, date);
        }
        Ok(response)
    }
}

/// The script of a request, and what to do at its end.
fn prepare(
    world: &Arc<World>,
    parts: Parts,
    body: Option<Bytes>,
) -> (Script, impl FnOnce(Outcome) + Send + use<>) {
    let too_large = body.is_none();
    let body = body.unwrap_or_default();
    let host = world.host();
    let dialect = dialect(host, parts.uri.path());
    let key = host.api_key(&parts, dialect);
    let ticket = world.admit(seen(&parts, &body, key.as_deref()));
    let request = Request {
        ticket,
        host,
        id: world.request_id(ticket),
        now: world.now(),
        dialect,
        key: key.unwrap_or_default(),
        parts,
        body,
    };
    let mut performance = if too_large {
        crate::routes::too_large(world, &request)
    } else {
        perform(world, &request)
    };
    if let Some(name) = host.request_header() {
        performance.script = performance.script.with_header(name, &request.id);
    }
    let world = Arc::clone(world);
    let account = performance.account;
    let settle = move |outcome: Outcome| {
        world.note(ticket, |seen| {
            seen.status = outcome.status;
            seen.bytes_sent = outcome.bytes;
            seen.tokens_sent = outcome.tokens;
            seen.cancelled = outcome.cancelled;
            seen.finished = true;
        });
        if let Some(account) = account {
            account.settle(&world, outcome);
        }
    };
    (performance.script, settle)
}
