use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_core::Usd;

/// `[feedback]`: what is made of what is said of answers. Ratings are taken in
/// any case; they are kept with the ledger.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FeedbackConfig {
    /// Whether the gateway judges chats by itself too: by why they end, by
    /// whether the arguments of tool calls and answers by a JSON schema are
    /// JSON, and by the same prompt of the same caller within a minute. Default
    /// false.
    pub automatic: bool,
    /// How many ratings the published quality of a model counts for, 1 to
    /// 10000. With few, the first ratings decide much; with many, it takes long to
    /// leave a score that is wrong. Default 20.
    pub prior_weight: u32,
    /// Whether now and then another model than the best by what is known is
    /// tried: `{ budget_per_day = 0.50, max_cost_ratio = 2.0, share = 0.02 }`.
    /// Default: never.
    pub exploration: Option<Exploration>,
}

/// `feedback.exploration`: how much is tried.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Exploration {
    /// What it may be expected to cost more in a UTC day than the policy's own
    /// choices, in US dollars, on this node. Default 0.50.
    #[schemars(with = "f64")]
    pub budget_per_day: Usd,
    /// How many times the policy's own choice another model may be expected to
    /// cost, at least 1. Default 2.
    pub max_cost_ratio: f64,
    /// Share of calls that explore, from 0 to 1. Default 0.02.
    pub share: f64,
}

impl Default for Exploration {
    fn default() -> Self {
        Self {
            budget_per_day: Usd::from_nanos(500_000_000),
            max_cost_ratio: 2.0,
            share: 0.02,
        }
    }
}

impl Default for FeedbackConfig {
    fn default() -> Self {
        Self {
            automatic: false,
            prior_weight: 20,
            exploration: None,
        }
    }
}

impl Exploration {
    fn problem(&self) -> Option<(&'static str, String, &'static str)> {
        let Self {
            budget_per_day,
            max_cost_ratio,
            share,
        } = self;
        [
            (
                *budget_per_day >= Usd::ZERO,
                "feedback.exploration.budget_per_day",
                budget_per_day as &dyn std::fmt::Display,
                "give an amount of US dollars, 0 or more",
            ),
            (
                (1.0..=1_000.0).contains(max_cost_ratio),
                "feedback.exploration.max_cost_ratio",
                max_cost_ratio,
                "give a number from 1 to 1000",
            ),
            (
                (0.0..=1.0).contains(share),
                "feedback.exploration.share",
                share,
                "give a number from 0 (no calls) to 1 (all)",
            ),
        ]
        .into_iter()
        .find(|(fits, ..)| !fits)
        .map(|(_, key, value, hint)| (key, format!("{value} is out of range"), hint))
    }
}

impl FeedbackConfig {
    /// What cannot work: a key, what is wrong with it, and how to mend it.
    pub(super) fn problem(&self) -> Option<(&'static str, String, &'static str)> {
        if !(1..=10_000).contains(&self.prior_weight) {
            return Some((
                "feedback.prior_weight",
                format!("{} is out of range", self.prior_weight),
                "give a number of ratings from 1 to 10000",
            ));
        }
        self.exploration.as_ref()?.problem()
    }
}
