//! What a scripted upstream does with one attempt.

use std::time::Duration;

use tollgate_core::{Failure, FailureKind, Frame, Head, LimitLeft, Scope};

use super::frames::{
    body_frame, finish_frame, keep_alive_frame, role_frame, text_frame, usage_frame,
};

/// What an upstream does with one attempt.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub(super) head: Head,
    pub(super) before_head: Vec<Step>,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Wait(Duration),
    Stall,
    Fail(Fault),
    Frame(Frame),
}

impl Step {
    pub(super) async fn play(self) -> Result<Option<Frame>, Failure> {
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
