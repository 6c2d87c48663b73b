use std::time::Duration;

use serde::Serialize;

use crate::{Capabilities, ModelId, Target, Task, Timestamp, Usd};

/// How many tokens a prompt has, before anyone has counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct TokenBounds {
    /// Hardly fewer than this.
    pub low: u64,
    /// The best guess; ranking uses it.
    pub likely: u64,
    /// Never more than this; limits and holds use it.
    pub high: u64,
}

/// Where a task name came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskSource {
    /// The caller named it.
    Given,
    /// It was read off the request.
    Profiled,
}

/// What routing needs to know of a call, and nothing more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallProfile {
    /// When the call was admitted.
    pub at: Timestamp,
    /// What the caller named as the model; `None` when nothing was named.
    #[serde(serialize_with = "target_text")]
    pub target: Option<Target>,
    /// Further models that the request itself lists as fallbacks.
    pub fallbacks: Vec<ModelId>,
    /// Name of the policy that the caller asked for.
    pub policy: Option<String>,
    /// What the call is about.
    pub task: Task,
    /// Where `task` came from.
    pub task_source: TaskSource,
    /// Prompt tokens.
    pub prompt: TokenBounds,
    /// Images in the prompt.
    pub images: u64,
    /// The caller's own limit of output tokens, per answer.
    pub max_output: Option<u64>,
    /// How many answers are asked for (`n`), at least 1.
    pub answers: u64,
    /// What a model must be able to do.
    pub needs: Capabilities,
    /// Most that the call may cost in total.
    pub ceiling: Option<Usd>,
    /// What one answer is given of the ceiling where a useful answer fits into
    /// that; half of it when absent.
    pub share: Option<Usd>,
    /// Whether free variants go first.
    pub prefer_free: Option<bool>,
    /// Longest acceptable time to a complete answer.
    pub max_latency: Option<Duration>,
}

fn target_text<S: serde::Serializer>(
    target: &Option<Target>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match target {
        Some(target) => serializer.collect_str(target),
        None => serializer.serialize_none(),
    }
}
