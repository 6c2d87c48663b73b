//! Two clients before one simulator.

use std::sync::Arc;

use futures_util::StreamExt;
use tollgate_core::{
    ApiKey, Attempt, Delivery, Failure, FailureKind, Frame, FrameKind, Head, LlmProvider,
    TokenUsage, Usd,
};
use tollgate_provider_openrouter_rs::{OpenRouterRs, OpenRouterRsConfig};
use tollgate_sim::{Fault, Rule, Scenario, Simulator};
use tollgate_testkit::builders;
use tollgate_transport::{OpenRouterConfig, OpenRouterProvider};
use tollgate_wire::ChatRequest;

pub(crate) const KEY: &str = "sk-or-v1-not-a-real-key-000";
pub(crate) const MODEL: &str = "openai/gpt-4o-mini";

pub(crate) fn theirs_at(base_url: &str) -> OpenRouterRs {
    OpenRouterRs::new(OpenRouterRsConfig {
        api_key: Some(ApiKey::new(KEY)),
        base_url: base_url.to_owned(),
        ..OpenRouterRsConfig::default()
    })
    .unwrap()
}

/// A simulator, and both clients before it.
pub(crate) struct Both {
    pub(crate) simulator: Simulator,
    pub(crate) ours: OpenRouterProvider,
    pub(crate) theirs: OpenRouterRs,
}

impl Both {
    pub(crate) async fn before(scenario: Scenario) -> Self {
        let simulator = Simulator::builder()
            .scenario(scenario)
            .start()
            .await
            .unwrap();
        let ours = OpenRouterProvider::new(OpenRouterConfig {
            api_key: Some(ApiKey::new(KEY)),
            base_url: simulator.base_url(),
            ..OpenRouterConfig::default()
        });
        Self {
            theirs: theirs_at(&simulator.base_url()),
            ours: ours.unwrap(),
            simulator,
        }
    }

    /// Every answer has this fault.
    pub(crate) async fn struck_by(fault: Fault) -> Self {
        let both = Self::before(Scenario::default()).await;
        both.strike(fault);
        both
    }

    /// From now on every answer has this fault.
    pub(crate) fn strike(&self, fault: Fault) {
        let scenario = Scenario::default().with_rule(Rule::new(fault));
        self.simulator.set_scenario(scenario).unwrap();
    }

    /// Every answer is this body.
    pub(crate) async fn told(status: u16, content_type: &str, body: &str) -> Self {
        let fault = Fault::status(status)
            .with_body(body)
            .with_header("content-type", content_type);
        Self::struck_by(fault).await
    }

    /// Every answer is a stream of these events.
    pub(crate) async fn streamed(events: &[&str]) -> Self {
        let body: String = events
            .iter()
            .map(|data| format!("data: {data}\n\n"))
            .collect();
        Self::told(200, "text/event-stream", &body).await
    }

    /// What becomes of the attempt with ours, and with theirs.
    pub(crate) async fn outcomes(&self, attempt: &Attempt) -> (Outcome, Outcome) {
        let ours = Outcome::of(&self.ours, attempt).await;
        (ours, Outcome::of(&self.theirs, attempt).await)
    }

    /// What becomes of a plain attempt.
    pub(crate) async fn plain(&self, delivery: Delivery) -> (Outcome, Outcome) {
        self.outcomes(&attempt(delivery)).await
    }
}

/// What became of an attempt.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) head: Head,
    pub(crate) frames: Vec<Frame>,
    pub(crate) failure: Option<Failure>,
}

impl Outcome {
    pub(crate) async fn of(provider: &dyn LlmProvider, attempt: &Attempt) -> Self {
        let mut outcome = Self::default();
        match provider.send(attempt).await {
            Err(failure) => outcome.failure = Some(failure),
            Ok(mut reply) => {
                outcome.head = reply.head;
                while let Some(item) = reply.frames.next().await {
                    match item {
                        Ok(frame) => outcome.frames.push(frame),
                        Err(failure) => outcome.failure = Some(failure),
                    }
                }
            }
        }
        outcome
    }

    pub(crate) fn failure(&self) -> &Failure {
        self.failure.as_ref().expect("the attempt fails")
    }

    pub(crate) fn kind(&self) -> Option<FailureKind> {
        self.failure.as_ref().map(Failure::kind)
    }

    /// All data, one frame after the other.
    pub(crate) fn data(&self) -> String {
        let data = self.frames.iter().map(|frame| &frame.data[..]);
        String::from_utf8(data.collect::<Vec<_>>().concat()).unwrap()
    }

    pub(crate) fn count(&self, kind: FrameKind) -> usize {
        self.frames
            .iter()
            .filter(|frame| frame.kind == kind)
            .count()
    }

    pub(crate) fn is_semantic(&self) -> bool {
        self.frames.iter().any(|frame| frame.facts.semantic)
    }

    pub(crate) fn output_bytes(&self) -> u32 {
        self.frames
            .iter()
            .map(|frame| frame.facts.output_bytes)
            .sum()
    }

    pub(crate) fn tokens(&self) -> Option<TokenUsage> {
        let usage = self
            .frames
            .iter()
            .find_map(|frame| frame.facts.usage.as_ref());
        usage.map(|usage| usage.tokens)
    }

    /// What the answer says it cost.
    pub(crate) fn cost(&self) -> Option<Usd> {
        let usage = self
            .frames
            .iter()
            .find_map(|frame| frame.facts.usage.as_ref());
        usage?.cost.map(|cost| cost.amount())
    }
}

pub(crate) fn attempt(delivery: Delivery) -> Attempt {
    attempt_at(
        delivery,
        r#"{"model":"a/b","messages":[{"role":"user","content":"Say hello."}]}"#,
    )
}

pub(crate) fn attempt_at(delivery: Delivery, request: &str) -> Attempt {
    Attempt {
        request: Arc::new(ChatRequest::parse(request.as_bytes()).unwrap().into()),
        delivery,
        max_output: Some(200),
        ..builders::attempt(1, MODEL, "openrouter")
    }
}

/// A chunk with these members in its one choice, and these beside it.
pub(crate) fn chunk(choice: &str, beside: &str) -> String {
    format!(
        r#"{{"id":"gen-1","object":"chat.completion.chunk","created":1,"model":"a/b","provider":"Alpha","choices":[{{"index":0,{choice}}}]{beside}}}"#
    )
}

pub(crate) fn text(text: &str) -> String {
    chunk(&format!(r#""delta":{{"content":"{text}"}}"#), "")
}

pub(crate) fn stop() -> String {
    chunk(r#""delta":{},"finish_reason":"stop""#, "")
}
