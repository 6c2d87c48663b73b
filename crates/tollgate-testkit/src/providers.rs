//! A scripted provider, a ledger that grants everything, and the contract
//! suite of `LlmProvider`.
//!
//! ```
//! use tollgate_core::FailureKind;
//! use tollgate_testkit::providers::{Fault, Script, ScriptedProvider};
//!
//! let provider = ScriptedProvider::new()
//!     .on("openrouter", "a/one", Script::refuse(Fault::new(FailureKind::Upstream).status(502)))
//!     .on("openrouter", "a/one", Script::answer(&["the second attempt ", "answers"]));
//! assert_eq!(provider.sent().len(), 0);
//! ```

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use tollgate_core::{
    Attempt, BoxFuture, Call, CallFacts, Delivery, Doubts, Facts, Failure, FailureKind, Finish,
    Frame, FrameKind, Head, Hold, LaneId, Ledger, LimitLeft, LlmProvider, ModelId, Outcome, Plan,
    Receipt, Reply, Scope, Served, TokenUsage, UsageReport, Usd,
};

use crate::builders::{lane_id, model};

/// An upstream that does what its script says, on tokio's clock.
///
/// Scripts are kept per lane and model (the first of an attempt's models).
/// Each attempt takes the next one; the last repeats for ever.
#[derive(Debug, Default)]
pub struct ScriptedProvider {
    scripts: Mutex<HashMap<(LaneId, ModelId), VecDeque<Script>>>,
    journal: Journal,
    open: Arc<AtomicUsize>,
}

impl ScriptedProvider {
    /// A provider without scripts: it refuses everything as not found.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes into that journal, which may be shared with a [`NullLedger`].
    #[must_use]
    pub fn with_journal(mut self, journal: &Journal) -> Self {
        self.journal = journal.clone();
        self
    }

    /// Adds the script of the next attempt of `id` on `lane`.
    ///
    /// # Panics
    /// When one of the two is no valid id.
    #[must_use]
    pub fn on(self, lane: &str, id: &str, script: Script) -> Self {
        let key = (lane_id(lane), model(id));
        lock(&self.scripts)
            .entry(key)
            .or_default()
            .push_back(script);
        self
    }

    /// The attempts that were sent, in order.
    pub fn sent(&self) -> Vec<Attempt> {
        let entries = self.journal.entries();
        entries
            .into_iter()
            .filter_map(|entry| match entry {
                Entry::Sent { attempt, .. } => Some(*attempt),
                Entry::Dispatched { .. } | Entry::Settled(_) => None,
            })
            .collect()
    }

    /// How many upstream connections are open at the moment.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn next_script(&self, attempt: &Attempt) -> Option<Script> {
        let key = (attempt.lane.clone(), attempt.models.first()?.clone());
        let mut scripts = lock(&self.scripts);
        let queue = scripts.get_mut(&key)?;
        if queue.len() > 1 {
            queue.pop_front()
        } else {
            queue.front().cloned()
        }
    }
}

#[async_trait]
impl LlmProvider for ScriptedProvider {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        let connection = Connection::open(&self.open);
        self.journal.write(Entry::Sent {
            attempt: Box::new(attempt.clone()),
            at: Instant::now(),
        });
        let Some(mut script) = self.next_script(attempt) else {
            return Err(Fault::new(FailureKind::NotFound).status(404).failure());
        };
        for step in std::mem::take(&mut script.before_head) {
            step.play().await?;
        }
        let steps = script.steps.into_iter();
        let frames = stream::unfold((steps, Some(connection)), |(mut steps, connection)| async {
            let connection = connection?;
            loop {
                match steps.next()?.play().await {
                    Ok(None) => {}
                    Ok(Some(frame)) => return Some((Ok(frame), (steps, Some(connection)))),
                    Err(failure) => return Some((Err(failure), (steps, None))),
                }
            }
        });
        Ok(Reply {
            head: script.head,
            frames: frames.boxed(),
        })
    }
}

/// Counts itself as open until it is dropped.
#[derive(Debug)]
struct Connection(Arc<AtomicUsize>);

impl Connection {
    fn open(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

// === scripts ===

/// What an upstream does with one attempt.
#[derive(Debug, Clone, Default)]
pub struct Script {
    head: Head,
    before_head: Vec<Step>,
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Wait(Duration),
    Stall,
    Fail(Fault),
    Frame(Frame),
}

impl Step {
    async fn play(self) -> Result<Option<Frame>, Failure> {
        match self {
            Self::Wait(duration) => tokio::time::sleep(duration).await,
            Self::Stall => std::future::pending().await,
            Self::Fail(fault) => return Err(fault.failure()),
            Self::Frame(frame) => return Ok(Some(frame)),
        }
        Ok(None)
    }
}

impl Script {
    /// A reply with an empty body, to be filled step by step. It ends well
    /// after its last step.
    pub fn new() -> Self {
        Self {
            head: Head {
                status: 200,
                ..Head::default()
            },
            ..Self::default()
        }
    }

    /// No reply but a failure.
    pub fn refuse(fault: Fault) -> Self {
        Self::new().before_head(Step::Fail(fault))
    }

    /// No reply at all.
    pub fn unreachable() -> Self {
        Self::new().before_head(Step::Stall)
    }

    /// A complete stream: a role, these pieces of text, a finish, usage, the end.
    pub fn answer(texts: &[&str]) -> Self {
        Self::new()
            .frame(role_frame())
            .frames(texts.iter().map(|text| text_frame(text)))
            .frame(finish_frame())
            .frame(usage_frame(10, texts.len() as u64))
            .frame(Frame::done())
    }

    /// A complete answer in one piece.
    pub fn body(text: &str) -> Self {
        Self::new().frame(body_frame(text))
    }

    /// Says in the head what is left of rate limits.
    #[must_use]
    pub fn limits(mut self, limits: Vec<LimitLeft>) -> Self {
        self.head.limits = limits;
        self
    }

    /// Waits before the head.
    #[must_use]
    pub fn delayed(mut self, duration: Duration) -> Self {
        self.before_head.insert(0, Step::Wait(duration));
        self
    }

    /// Sends a frame.
    #[must_use]
    pub fn frame(self, frame: Frame) -> Self {
        self.step(Step::Frame(frame))
    }

    /// Sends frames at once.
    #[must_use]
    pub fn frames(self, frames: impl IntoIterator<Item = Frame>) -> Self {
        frames.into_iter().fold(self, Self::frame)
    }

    /// Waits.
    #[must_use]
    pub fn wait(self, duration: Duration) -> Self {
        self.step(Step::Wait(duration))
    }

    /// Sends this many keep-alives with that much time before each.
    #[must_use]
    pub fn keep_alives(self, count: usize, every: Duration) -> Self {
        (0..count).fold(self, |script, _| {
            script.wait(every).frame(keep_alive_frame())
        })
    }

    /// Says nothing any more, and does not end.
    #[must_use]
    pub fn stall(self) -> Self {
        self.step(Step::Stall)
    }

    /// Breaks off.
    #[must_use]
    pub fn cut(self, fault: Fault) -> Self {
        self.step(Step::Fail(fault))
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    fn before_head(mut self, step: Step) -> Self {
        self.before_head.push(step);
        self
    }
}

/// A failure that can be made again and again.
#[derive(Debug, Clone)]
pub struct Fault {
    kind: FailureKind,
    status: Option<u16>,
    retry_after: Option<Duration>,
    scope: Option<Scope>,
}

impl Fault {
    /// A failure of that kind.
    pub fn new(kind: FailureKind) -> Self {
        Self {
            kind,
            status: None,
            retry_after: None,
            scope: None,
        }
    }

    /// With the upstream's status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// With the delay that the upstream asks for.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// With another scope than the kind's own.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// The failure.
    pub fn failure(&self) -> Failure {
        let mut failure = Failure::new(self.kind, format!("scripted {}", self.kind));
        if let Some(status) = self.status {
            failure = failure.with_status(status);
        }
        if let Some(after) = self.retry_after {
            failure = failure.with_retry_after(after);
        }
        if let Some(scope) = self.scope {
            failure = failure.with_scope(scope);
        }
        failure
    }
}

// === frames ===

/// An event that only names the role.
pub fn role_frame() -> Frame {
    event(
        r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#.to_owned(),
        Facts::default(),
    )
}

/// An event with a piece of text.
pub fn text_frame(text: &str) -> Frame {
    let content = serde_json::Value::from(text);
    let facts = Facts {
        semantic: true,
        output_bytes: length(text),
        ..Facts::default()
    };
    event(
        format!(r#"{{"choices":[{{"delta":{{"content":{content}}}}}]}}"#),
        facts,
    )
}

/// An event with a piece of text, from an upstream that names the model.
///
/// # Panics
/// When `by` is no valid model id.
pub fn served_text_frame(text: &str, by: &str) -> Frame {
    let mut frame = text_frame(text);
    let served = Served {
        model: Some(model(by)),
        ..Served::default()
    };
    frame.facts.served = Some(Box::new(served));
    frame
}

/// An event that says that the model is done.
pub fn finish_frame() -> Frame {
    let facts = Facts {
        finish: Some(Finish::Stop),
        ..Facts::default()
    };
    event(
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#.to_owned(),
        facts,
    )
}

/// An event with the tokens that were used.
pub fn usage_frame(input: u64, output: u64) -> Frame {
    let tokens = TokenUsage {
        input,
        output,
        ..TokenUsage::default()
    };
    let usage = UsageReport {
        tokens,
        cost: None,
        billing: None,
        doubts: Doubts::default(),
    };
    let text = format!(
        r#"{{"choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":{output}}}}}"#
    );
    event(
        text,
        Facts {
            usage: Some(Box::new(usage)),
            ..Facts::default()
        },
    )
}

/// A comment.
pub fn keep_alive_frame() -> Frame {
    Frame::keep_alive(Bytes::from_static(b"PROCESSING"))
}

/// The whole body of an answer.
pub fn body_frame(text: &str) -> Frame {
    let content = serde_json::Value::from(text);
    let data = format!(
        r#"{{"choices":[{{"message":{{"role":"assistant","content":{content}}},"finish_reason":"stop"}}]}}"#
    );
    let facts = Facts {
        semantic: !text.is_empty(),
        output_bytes: length(text),
        finish: Some(Finish::Stop),
        ..Facts::default()
    };
    Frame {
        kind: FrameKind::Body,
        data: data.into(),
        facts,
    }
}

fn event(text: String, facts: Facts) -> Frame {
    Frame {
        kind: FrameKind::Event,
        data: text.into(),
        facts,
    }
}

fn length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

// === journal ===

/// What happened, in order. Clones share the same journal.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<Entry>>>);

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Entry {
    /// The ledger was told of an attempt.
    Dispatched {
        /// Number of the attempt.
        number: u32,
        /// Most that it can cost.
        worst: Usd,
        /// What is held after that.
        held: Usd,
    },
    /// The provider was given an attempt.
    Sent {
        /// The attempt.
        attempt: Box<Attempt>,
        /// When.
        at: Instant,
    },
    /// A call was settled.
    Settled(Receipt),
}

impl Journal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// All entries so far.
    pub fn entries(&self) -> Vec<Entry> {
        lock(&self.0).clone()
    }

    fn write(&self, entry: Entry) {
        lock(&self.0).push(entry);
    }
}

/// A ledger that keeps nothing but a journal, and grants every hold; attempts
/// only up to an optional limit per call.
#[derive(Debug, Clone, Default)]
pub struct NullLedger {
    journal: Journal,
    limit: Option<Usd>,
}

impl NullLedger {
    /// A ledger without a limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes into that journal.
    #[must_use]
    pub fn with_journal(mut self, journal: &Journal) -> Self {
        self.journal = journal.clone();
        self
    }

    /// Refuses attempts for which a call would need more than `limit`.
    #[must_use]
    pub fn with_limit(mut self, limit: Usd) -> Self {
        self.limit = Some(limit);
        self
    }

    /// What happened so far.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    fn check(&self, amount: Usd) -> Result<(), Failure> {
        match self.limit {
            Some(limit) if amount > limit => Err(Failure::new(
                FailureKind::BudgetExceeded,
                "the test's limit has no room for this attempt",
            )),
            _ => Ok(()),
        }
    }
}

impl Ledger for NullLedger {
    fn hold(&self, call: &Call, plan: &Plan) -> Result<Hold, Failure> {
        Ok(Hold::new(CallFacts::of(call, plan), plan.worst()))
    }

    fn dispatch<'a>(
        &'a self,
        hold: &'a mut Hold,
        attempt: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let needed = hold.needed_for(attempt.worst);
            self.check(needed)?;
            hold.raise_to(needed);
            hold.count_dispatch();
            let Attempt { number, worst, .. } = *attempt;
            self.journal.write(Entry::Dispatched {
                number,
                worst,
                held: hold.amount(),
            });
            Ok(())
        })
    }

    fn settle(&self, hold: Hold, outcome: Outcome) -> Receipt {
        let receipt = Receipt::new(&hold, outcome);
        self.journal.write(Entry::Settled(receipt.clone()));
        receipt
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === contract ===

/// The contract of [`LlmProvider`], for one attempt that the upstream answers
/// or refuses: whatever it does, the reply must have the promised form, a
/// second sending must not depend on the first, and leaving in the middle must
/// leave the provider usable.
///
/// # Panics
/// When the provider breaks the contract.
pub async fn contract(provider: &dyn LlmProvider, attempt: &Attempt) {
    let first = check_reply(provider, attempt).await;
    if let Ok(mut reply) = provider.send(attempt).await {
        drop(reply.frames.next().await);
        drop(reply);
    }
    let second = check_reply(provider, attempt).await;
    assert_eq!(first, second, "the same attempt must end the same way");
}

/// How a reply ended: with how many semantic frames, or with which failure.
async fn check_reply(provider: &dyn LlmProvider, attempt: &Attempt) -> Result<usize, FailureKind> {
    let mut reply = provider
        .send(attempt)
        .await
        .map_err(|failure| failure.kind())?;
    let (mut semantic, mut bodies, mut finished, mut done) = (0, 0, false, false);
    while let Some(item) = reply.frames.next().await {
        assert!(!done, "nothing follows the end marker");
        let frame = match item {
            Ok(frame) => frame,
            Err(failure) => {
                let after = reply.frames.next().await;
                assert!(
                    after.is_none(),
                    "nothing follows a failure, but {after:?} came"
                );
                return Err(failure.kind());
            }
        };
        check_frame(&frame, attempt.delivery);
        semantic += usize::from(frame.facts.semantic);
        finished |= frame.facts.finish.is_some();
        bodies += usize::from(frame.kind == FrameKind::Body);
        done = frame.kind == FrameKind::Done;
    }
    assert!(
        semantic > 0 || finished,
        "an answer without content and finish is a bad reply"
    );
    assert!(
        bodies <= 1,
        "an answer in one piece has one body, not {bodies}"
    );
    Ok(semantic)
}

fn check_frame(frame: &Frame, delivery: Delivery) {
    match frame.kind {
        FrameKind::Event | FrameKind::Body => {
            let json = serde_json::from_slice::<serde_json::Value>(&frame.data);
            assert!(json.is_ok(), "an event or body is JSON: {:?}", frame.data);
        }
        FrameKind::KeepAlive => {
            assert!(
                !frame.facts.semantic,
                "a comment shows nothing of the answer"
            );
        }
        FrameKind::Done => assert!(frame.data.is_empty(), "the end marker has no data"),
        FrameKind::Notice => panic!("only the gateway itself gives notices"),
    }
    let whole = frame.kind == FrameKind::Body;
    assert!(
        !(whole && delivery == Delivery::Stream),
        "a stream has events, not a body"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builders;

    fn attempt(delivery: Delivery) -> Attempt {
        Attempt {
            call: builders::call(1, "a/one").id,
            number: 1,
            lane: lane_id("openrouter"),
            models: vec![model("a/one")],
            planned: vec![model("a/one")],
            request: Arc::new(builders::request("a/one").into()),
            delivery,
            strict: false,
            session: None,
            max_output: None,
            max_price: None,
            endpoints: Default::default(),
            worst: Usd::ZERO,
            key: None,
        }
    }

    async fn check(delivery: Delivery, script: Script) {
        let provider = ScriptedProvider::new().on("openrouter", "a/one", script);
        contract(&provider, &attempt(delivery)).await;
        assert_eq!(provider.open(), 0);
        assert_eq!(provider.sent().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_scripted_provider_keeps_the_contract() {
        let fault = || Fault::new(FailureKind::Truncated);
        check(Delivery::Stream, Script::answer(&["Hel", "lo"])).await;
        check(
            Delivery::Stream,
            Script::new().frame(text_frame("Hel")).cut(fault()),
        )
        .await;
        check(Delivery::Stream, Script::refuse(fault())).await;
        check(
            Delivery::Whole,
            Script::body("Hello").delayed(Duration::from_secs(5)),
        )
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "nothing follows the end marker")]
    async fn the_contract_catches_frames_after_the_end() {
        check(
            Delivery::Stream,
            Script::answer(&["Hello"]).frame(text_frame("!")),
        )
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "without content and finish")]
    async fn the_contract_catches_an_empty_answer() {
        check(
            Delivery::Stream,
            Script::new().frame(role_frame()).frame(Frame::done()),
        )
        .await;
    }
}
