use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Capabilities, LaneId, ModelId, Reading, Target, Task, Timestamp, Usd};

/// How many tokens a prompt has, before anyone has counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenBounds {
    /// Hardly fewer than this.
    pub low: u64,
    /// The best guess; ranking uses it.
    pub likely: u64,
    /// Never more than this; limits and holds use it.
    pub high: u64,
}

/// Where a task name came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskSource {
    /// The caller named it.
    Given,
    /// It was read off the request.
    Profiled,
}

/// Whether an answer can be judged before its caller sees any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judging {
    /// It comes in one piece anyway, or the caller lets a stream be held back.
    #[default]
    Ready,
    /// It is a stream, which would be held back to its end.
    Delays,
    /// No: it is no chat, or the caller wants its stream as it comes.
    Never,
}

/// What routing needs to know of a call, and nothing more: no prompt, no
/// answer, no key. It can be kept, and read back to decide anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallProfile {
    /// When the call was admitted.
    pub at: Timestamp,
    /// What the caller named as the model; `None` when nothing was named.
    #[serde(default, serialize_with = "target_text", deserialize_with = "target")]
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
    /// Web searches that the request asks for, each at the model's price for one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub searches: u64,
    /// The first thing of the request that runs at the upstream for as long as it
    /// takes, such as a server tool: no price list says what that costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unbounded: Option<String>,
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
    #[serde(default)]
    pub share: Option<Usd>,
    /// Whether free variants go first.
    pub prefer_free: Option<bool>,
    /// Longest acceptable time to a complete answer.
    pub max_latency: Option<Duration>,
    /// The lanes for which the call brings keys of its own: then it takes no
    /// others. Empty for all other calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_keys: Vec<LaneId>,
    /// Whether the request names its conversation, so that an upstream can stay
    /// with the host that has the conversation in its cache.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_conversation: bool,
    /// Whether the request itself says which hosts of a model go first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub orders_endpoints: bool,
    /// Where a prompt that begins like this one is likely to be cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<Warm>,
    /// Whether an answer can be judged before its caller sees any of it.
    #[serde(default)]
    pub judging: Judging,
    /// What a learned router read in the prompt, where one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl CallProfile {
    /// The profile of a call that says no more: one answer of text, which can be
    /// judged, within no limits.
    pub const fn new(at: Timestamp, task: Task, prompt: TokenBounds) -> Self {
        Self {
            at,
            target: None,
            fallbacks: Vec::new(),
            policy: None,
            task,
            task_source: TaskSource::Given,
            prompt,
            images: 0,
            searches: 0,
            unbounded: None,
            max_output: None,
            answers: 1,
            needs: Capabilities::TEXT_OUTPUT,
            ceiling: None,
            share: None,
            prefer_free: None,
            max_latency: None,
            own_keys: Vec::new(),
            in_conversation: false,
            orders_endpoints: false,
            warm: None,
            judging: Judging::Ready,
            reading: None,
        }
    }
}

/// A model on a lane that has read the beginning of a prompt a short while ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warm {
    /// The model.
    pub model: ModelId,
    /// The lane.
    pub lane: LaneId,
    /// Prompt tokens that are expected to be read from its cache.
    pub tokens: u64,
    /// The order in which its endpoints were asked for, as their tags; empty
    /// where the choice was left to the upstream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<Arc<str>>,
}

fn target_text<S: Serializer>(target: &Option<Target>, serializer: S) -> Result<S::Ok, S::Error> {
    match target {
        Some(target) => serializer.collect_str(target),
        None => serializer.serialize_none(),
    }
}

fn target<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Target>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let target = text.map(|text| text.parse()).transpose();
    target.map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LearnedId;

    fn profile(target: &str) -> CallProfile {
        CallProfile {
            at: Timestamp::from_millis(1_786_190_400_123),
            target: Some(target.parse().unwrap()),
            fallbacks: vec![ModelId::new("b/two").unwrap()],
            policy: Some("quality".into()),
            task: Task::Code,
            task_source: TaskSource::Profiled,
            prompt: TokenBounds {
                low: 1,
                likely: 2,
                high: 3,
            },
            images: 1,
            searches: 2,
            unbounded: Some("openrouter:web_search".into()),
            max_output: None,
            answers: 1,
            needs: Capabilities::TOOLS | Capabilities::IMAGE_INPUT,
            ceiling: Some(Usd::from_nanos(100_000_000)),
            share: None,
            prefer_free: None,
            max_latency: Some(Duration::from_millis(1_500)),
            own_keys: Vec::new(),
            in_conversation: true,
            orders_endpoints: true,
            warm: Some(Warm {
                model: ModelId::new("a/one").unwrap(),
                lane: LaneId::new("openrouter").unwrap(),
                tokens: 1,
                order: vec!["host/fp8".into()],
            }),
            judging: Judging::Delays,
            reading: Some(Reading {
                by: LearnedId::of_checksum(0xfeed),
                outputs: vec![0.1, -1.0 / 3.0],
                rest: 0.9,
                evidence: 12.5,
                novelty: 0.25,
                trust: 0.75,
                difficulty: -0.5,
            }),
        }
    }

    #[test]
    fn a_profile_is_read_back_as_it_was() {
        for target in ["a/one", "tollgate/auto", "tollgate/balanced:code"] {
            let profile = profile(target);
            let text = serde_json::to_string(&profile).unwrap();
            assert_eq!(serde_json::from_str::<CallProfile>(&text).unwrap(), profile);
        }
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        let mut value = serde_json::to_value(profile("a/one")).unwrap();
        value["needs"] = serde_json::json!(["flying"]);
        let refused = serde_json::from_value::<CallProfile>(value.clone()).unwrap_err();
        assert!(refused.to_string().contains("flying"), "{refused}");
        value["needs"] = serde_json::json!([]);
        value["target"] = serde_json::json!("tollgate/");
        assert!(serde_json::from_value::<CallProfile>(value).is_err());
    }
}
