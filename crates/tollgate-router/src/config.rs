use serde::{Deserialize, Serialize};
use tollgate_core::{ModelId, Ranking, Task, Usd};

use crate::RouterError;

/// How calls are routed. Absent keys take their default; unknown keys are errors.
///
/// ```
/// use tollgate_router::RouterConfig;
/// let config: RouterConfig = serde_json::from_str(r#"{"policy":"cheapest","max_cost_per_request":"0.10"}"#)?;
/// assert_eq!(config.plan_limit, 8);
/// assert!(serde_json::from_str::<RouterConfig>(r#"{"polcy":"cheapest"}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouterConfig {
    /// Name of the policy that ranks when the call names none. Default `balanced`.
    pub policy: String,
    /// What a call stands for that names no model and hints at neither policy
    /// nor task; may be a virtual model such as `tollgate/cheapest`. Without it,
    /// or when the catalog does not have it, the policy picks.
    pub default_model: Option<ModelId>,
    /// Models that compete, per task.
    pub lists: TaskLists,
    /// Models that are tried after the others, in this order.
    pub fallback_chain: Vec<ModelId>,
    /// Whether a plan may hold more than its first candidate. Default `true`.
    pub fallback: bool,
    /// Most that one call may cost in total, in US dollars.
    pub max_cost_per_request: Option<Usd>,
    /// Whether free variants go ahead of paid models. Default `false`.
    pub prefer_free_tier: bool,
    /// Whether free variants compete with paid models, at no cost, without
    /// going first. Default `false`: they are rate-limited and may keep prompts.
    pub allow_free: bool,
    /// Shortest output limit, in tokens, that is worth paying a prompt for: a
    /// ceiling that leaves room for less rules a model out. Default 256.
    pub min_answer_tokens: u32,
    /// Most candidates that a policy puts into a plan, 1 to 16; the fallback
    /// chain, and the choice on each other host, come on top. Default 8.
    pub plan_limit: usize,
    /// Whether calls ask for endpoints where an upstream chooses among several
    /// hosts of a model. Default `true`.
    pub endpoint_preferences: bool,
    /// What is assumed of the length of answers.
    pub output: OutputPriors,
    /// What is assumed of the speed of models without published figures.
    pub speed: SpeedPriors,
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            policy: "balanced".into(),
            default_model: None,
            lists: TaskLists::default(),
            fallback_chain: Vec::new(),
            fallback: true,
            max_cost_per_request: None,
            prefer_free_tier: false,
            allow_free: false,
            min_answer_tokens: 256,
            plan_limit: 8,
            endpoint_preferences: true,
            output: OutputPriors::default(),
            speed: SpeedPriors::default(),
        }
    }
}

impl RouterConfig {
    pub(crate) fn check(&self) -> Result<(), RouterError> {
        if !(1..=Ranking::LIMIT).contains(&self.plan_limit) {
            return Err(RouterError::PlanLimit(self.plan_limit));
        }
        self.output.check()
    }
}

/// The models that compete for each task; an empty list means all of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskLists {
    /// Models for conversation.
    pub chat: Vec<ModelId>,
    /// Models for programs.
    pub code: Vec<ModelId>,
    /// Models for answers that need steps.
    pub reasoning: Vec<ModelId>,
}

impl TaskLists {
    /// The list of a task.
    pub fn of(&self, task: Task) -> &[ModelId] {
        match task {
            Task::Chat => &self.chat,
            Task::Code => &self.code,
            Task::Reasoning => &self.reasoning,
        }
    }
}

/// Answer lengths before anything was measured: log-normal, one median per
/// task, one spread.
///
/// The median (349 tokens) and the spread come from a month of real traffic,
/// whose per-model median is 349 and whose mean is 465 completion tokens: a
/// log-normal has `mean / median = exp(σ²/2)`, hence σ = 0.758. That code and
/// reasoning take twice the tokens of chat is an assumption.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputPriors {
    /// Median tokens of a chat answer, without reasoning.
    pub chat: f32,
    /// Median tokens of an answer that writes code, without reasoning.
    pub code: f32,
    /// Median tokens of an answer that needs steps, without reasoning.
    pub reasoning: f32,
    /// Standard deviation of the natural logarithm of the length.
    pub sigma: f32,
}

impl Default for OutputPriors {
    fn default() -> Self {
        Self {
            chat: 349.0,
            code: 698.0,
            reasoning: 698.0,
            sigma: 0.758,
        }
    }
}

impl OutputPriors {
    /// Expected visible tokens of an answer: the mean of the log-normal.
    pub(crate) fn mean(&self, task: Task) -> f32 {
        let median = match task {
            Task::Chat => self.chat,
            Task::Code => self.code,
            Task::Reasoning => self.reasoning,
        };
        median * (self.sigma * self.sigma / 2.0).exp()
    }

    fn check(&self) -> Result<(), RouterError> {
        let named = [
            ("chat", self.chat),
            ("code", self.code),
            ("reasoning", self.reasoning),
            ("sigma", self.sigma),
        ];
        match named
            .into_iter()
            .find(|(_, value)| !(value.is_finite() && *value > 0.0))
        {
            Some((name, _)) => Err(RouterError::OutputPrior(name)),
            None => Ok(()),
        }
    }
}

/// Speeds before anything was measured: the medians over 1,001 public
/// endpoints with statistics on 2026-08-08.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpeedPriors {
    /// Milliseconds to the first token.
    pub first_token_ms: f32,
    /// Output tokens per second.
    pub tokens_per_second: f32,
}

impl Default for SpeedPriors {
    fn default() -> Self {
        Self {
            first_token_ms: 1_127.0,
            tokens_per_second: 44.0,
        }
    }
}
