use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[policies.cascade]`: which model is tried first, and when its answer will do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CascadeConfig {
    /// Name of the policy that chooses the second model, and everything where
    /// no first one is worth a try. Default `quality`.
    pub base: String,
    /// Least score of an answer that is accepted, from 0 to 1. Default 0.5.
    pub accept_at: f32,
    /// Least share of its answers that must be expected to be accepted for a
    /// model to be tried first, from 0 to 1, however cheap it is. Default 0.7.
    pub least_acceptance: f32,
    /// Standard errors that are taken off an uncertain quality. Default 0.5.
    pub z: f32,
    /// Whether streams are held back to their end, so that they can be judged.
    /// Default false: streams are answered by the base policy's choice, unless
    /// the call itself lets them be held back.
    pub buffer_streams: bool,
    /// How much each sign against an answer weighs.
    pub weights: Weights,
    /// How answers begin that refuse, in lower case: those that hold one of
    /// these in their first 160 characters. Default: some twenty in English.
    pub refusals: Vec<String>,
}

/// `policies.cascade.weights`: from 0, which ignores a sign, to 1, with which it
/// alone brings the score of an answer down to 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// It was cut by a filter, or by a limit that nobody has set. Default 1.
    pub finish: f32,
    /// There is nothing in it, whatever was thought before. Default 1.
    pub empty: f32,
    /// It refuses. Default 1.
    pub refusal: f32,
    /// JSON was asked for, and it is none, or not by the schema. Default 1.
    pub format: f32,
    /// It calls a tool that is not there, or with arguments that are not by the
    /// tool's schema. Default 1.
    pub tools: f32,
    /// How unlikely the model itself finds its words, where log probabilities
    /// came with them. Default 0.5, with which it rejects nothing alone.
    pub logprob: f32,
}

impl Default for CascadeConfig {
    fn default() -> Self {
        Self {
            base: "quality".to_owned(),
            accept_at: 0.5,
            least_acceptance: 0.7,
            z: 0.5,
            buffer_streams: false,
            weights: Weights::default(),
            refusals: REFUSALS.map(str::to_owned).to_vec(),
        }
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            finish: 1.0,
            empty: 1.0,
            refusal: 1.0,
            format: 1.0,
            tools: 1.0,
            logprob: 0.5,
        }
    }
}

impl CascadeConfig {
    /// A key of the table that cannot work, and what is wrong with it.
    ///
    /// ```
    /// use tollgate_policy_cascade::CascadeConfig;
    /// let config = CascadeConfig { accept_at: 2.0, ..CascadeConfig::default() };
    /// assert_eq!(config.problem(), Some(("accept_at", "2 is not between 0 and 1".into())));
    /// ```
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let Weights {
            finish,
            empty,
            refusal,
            format,
            tools,
            logprob,
        } = self.weights;
        let shares = [
            ("accept_at", self.accept_at),
            ("least_acceptance", self.least_acceptance),
            ("weights.finish", finish),
            ("weights.empty", empty),
            ("weights.refusal", refusal),
            ("weights.format", format),
            ("weights.tools", tools),
            ("weights.logprob", logprob),
        ];
        let wrong = shares.into_iter().find(|(_, it)| !(0.0..=1.0).contains(it));
        if let Some((key, value)) = wrong {
            return Some((key, format!("{value} is not between 0 and 1")));
        }
        if self.refusals.iter().any(|phrase| phrase.trim().is_empty()) {
            let message = "a phrase is empty, which every answer has in it; leave it out";
            return Some(("refusals", message.to_owned()));
        }
        let is_sound = self.z.is_finite() && self.z >= 0.0;
        (!is_sound).then(|| ("z", format!("{} is no number of at least 0", self.z)))
    }
}

/// Phrases by which models decline, with straight apostrophes. Each says whom or
/// what it will not serve: "I can't" alone begins too many good answers.
const REFUSALS: [&str; 22] = [
    "as an ai language model",
    "as a large language model",
    "i'm sorry, but i can't",
    "i'm sorry, but i cannot",
    "i am sorry, but i cannot",
    "sorry, i can't",
    "sorry, i cannot",
    "i can't help with",
    "i cannot help with",
    "i can't assist",
    "i cannot assist",
    "i can't provide",
    "i cannot provide",
    "i can't fulfill",
    "i cannot fulfill",
    "i can't comply",
    "i cannot comply",
    "i'm unable to",
    "i am unable to",
    "i'm not able to",
    "i am not able to",
    "i must decline",
];
