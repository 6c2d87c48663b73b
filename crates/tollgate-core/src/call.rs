use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_wire::Request;

use crate::{
    AfterCommit, ApiKey, CallId, CallerId, InvalidId, LaneId, ModelId, Timestamp, UpstreamStream,
    Usd,
};

/// What a call is about; selects lists, quality figures and output lengths.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Conversation, writing, knowledge, everything else.
    #[default]
    Chat,
    /// Writing, reading or changing programs.
    Code,
    /// Mathematics, logic, planning: answers that need steps.
    Reasoning,
}

impl Task {
    /// How many tasks there are; tasks index arrays of this length.
    pub const COUNT: usize = 3;
    /// All tasks, in index order.
    pub const ALL: [Self; Self::COUNT] = [Self::Chat, Self::Code, Self::Reasoning];

    /// The task's place in arrays.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name used in configuration, targets and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Code => "code",
            Self::Reasoning => "reasoning",
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Task {
    type Err = UnknownTask;
    fn from_str(text: &str) -> Result<Self, UnknownTask> {
        Self::ALL
            .into_iter()
            .find(|task| task.as_str() == text)
            .ok_or_else(|| UnknownTask(text.chars().take(40).collect()))
    }
}

/// A task name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown task {0:?}; tasks are chat, code and reasoning")]
pub struct UnknownTask(String);

/// What a caller names as the model.
///
/// ```
/// use tollgate_core::{Target, Task};
/// let target: Target = "tollgate/balanced:code".parse()?;
/// assert_eq!(target, Target::Policy { policy: Some("balanced".into()), task: Some(Task::Code) });
/// assert_eq!("tollgate/auto".parse(), Ok(Target::Policy { policy: None, task: None }));
/// assert!(matches!("author/slug".parse(), Ok(Target::Model(_))));
/// # Ok::<(), tollgate_core::InvalidTarget>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This model, then the fallback chain.
    Model(ModelId),
    /// Whatever the policy picks for the task.
    Policy {
        /// The policy's name; the configured one when absent (`auto`).
        policy: Option<String>,
        /// The task; profiled from the request when absent.
        task: Option<Task>,
    },
}

impl Target {
    /// The author name of virtual models.
    pub const VIRTUAL_AUTHOR: &'static str = "tollgate";
}

/// Why a text names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTarget {
    /// Not a valid model id.
    #[error("not a model id: {0}")]
    Id(#[from] InvalidId),
    /// The part after the colon of a virtual model names no task.
    #[error("{0}")]
    Task(#[from] UnknownTask),
}

impl FromStr for Target {
    type Err = InvalidTarget;
    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let Some(rest) = text.strip_prefix("tollgate/") else {
            return Ok(Self::Model(ModelId::new(text)?));
        };
        let (policy, task) = match rest.split_once(':') {
            Some((policy, task)) => (policy, Some(task.parse()?)),
            None => (rest, None),
        };
        let policy = match policy {
            "" => return Err(InvalidId::Empty.into()),
            "auto" => None,
            name => Some(name.to_owned()),
        };
        Ok(Self::Policy { policy, task })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(model) => fmt::Display::fmt(model, f),
            Self::Policy { policy, task } => {
                write!(f, "tollgate/{}", policy.as_deref().unwrap_or("auto"))?;
                task.map_or(Ok(()), |task| write!(f, ":{task}"))
            }
        }
    }
}

/// How the caller wants the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Event by event, as it is made.
    Stream,
    /// In one piece; nothing is shown before it is complete.
    #[default]
    Whole,
}

/// What a caller asks of the gateway beside the request itself. Absent fields
/// take the configured value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hints {
    /// Name of the policy.
    pub policy: Option<String>,
    /// The task, instead of guessing it.
    pub task: Option<Task>,
    /// Most that the call may cost in total.
    pub max_cost: Option<Usd>,
    /// Whether free variants go first.
    pub prefer_free: Option<bool>,
    /// Longest acceptable time to a complete answer.
    pub max_latency: Option<Duration>,
    /// What becomes of an answer that breaks off after some of it was shown.
    pub after_commit: Option<AfterCommit>,
    /// Whether an answer that is wanted in one piece is asked for as a stream.
    pub upstream_stream: Option<UpstreamStream>,
    /// Whether a stream may be held back to its end, for a policy that has
    /// answers judged before anybody is shown them.
    pub hold_back: Option<bool>,
    /// Whether lanes are passed over on which the request would lose something.
    pub strict: Option<bool>,
    /// What the caller calls the conversation that the call goes on with, where
    /// the request does not say.
    pub session: Option<String>,
    /// Free-form tags that land in the ledger.
    pub tags: Vec<(String, String)>,
}

/// One call as it was admitted.
#[derive(Debug, Clone)]
pub struct Call {
    /// Unique over all nodes.
    pub id: CallId,
    /// Who calls.
    pub caller: CallerId,
    /// When the call was admitted; prices and budget windows go by this moment.
    pub at: Timestamp,
    /// Total time for all attempts, from admission.
    pub timeout: Duration,
    /// How the caller wants the answer.
    pub delivery: Delivery,
    /// What the caller asks of the gateway.
    pub hints: Hints,
    /// The request as it came.
    pub request: Arc<Request>,
    /// The caller's own keys; with any, the call takes their lanes alone, and
    /// no budget of the gateway counts it.
    pub keys: CallerKeys,
}

/// Keys that a caller brings, by lane. Cheap to clone.
///
/// ```
/// use tollgate_core::{ApiKey, CallerKeys, LaneId};
/// let lane = LaneId::new("openai")?;
/// let keys = CallerKeys::default().with(lane.clone(), ApiKey::new("sk-0123"));
/// assert!(keys.of(&lane).is_some());
/// assert!(!format!("{keys:?}").contains("sk-"));
/// # Ok::<(), tollgate_core::InvalidId>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerKeys(Option<Arc<Vec<(LaneId, ApiKey)>>>);

impl CallerKeys {
    /// Adds a key, in place of another for the same lane.
    #[must_use]
    pub fn with(self, lane: LaneId, key: ApiKey) -> Self {
        let mut keys = self.0.map(Arc::unwrap_or_clone).unwrap_or_default();
        keys.retain(|(other, _)| *other != lane);
        keys.push((lane, key));
        Self(Some(Arc::new(keys)))
    }

    /// The key for a lane.
    pub fn of(&self, lane: &LaneId) -> Option<&ApiKey> {
        let mut keys = self.0.iter().flat_map(|keys| keys.iter());
        keys.find_map(|(of, key)| (of == lane).then_some(key))
    }

    /// Lanes and keys.
    pub fn iter(&self) -> impl Iterator<Item = (&LaneId, &ApiKey)> {
        let keys = self.0.iter().flat_map(|keys| keys.iter());
        keys.map(|(lane, key)| (lane, key))
    }

    /// The lanes that there are keys for.
    pub fn lanes(&self) -> impl Iterator<Item = &LaneId> {
        self.iter().map(|(lane, _)| lane)
    }

    /// Whether the caller brings none.
    pub fn is_empty(&self) -> bool {
        self.lanes().next().is_none()
    }
}
