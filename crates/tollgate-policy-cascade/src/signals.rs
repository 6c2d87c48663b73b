//! What an answer shows by itself, without another model.

use serde::Deserialize;
use serde_json::Value;
use tollgate_core::{AnswerJudge, CallProfile, Draft, Judgement, WantedJson};
use tollgate_wire::{Choice, Tool, ToolCall};

use crate::config::{CascadeConfig, Weights};
use crate::schema;

/// Judges answers by what they show by themselves.
///
/// The score is `∏ (1 − weight · (1 − sign))` over the signs that say something,
/// each from 0 (bad) to 1. Of several choices the worst counts.
#[derive(Debug, Clone)]
pub struct Signals {
    accept_at: f32,
    weights: Weights,
    refusals: Vec<String>,
}

impl Signals {
    /// The judge with these weights.
    pub fn new(config: &CascadeConfig) -> Self {
        Self {
            accept_at: config.accept_at,
            weights: config.weights,
            refusals: config.refusals.iter().map(|it| plain(it.chars())).collect(),
        }
    }
}

impl AnswerJudge for Signals {
    fn judge(&self, _: &CallProfile, draft: &Draft<'_>) -> Judgement {
        let penalties = SIGNS.iter().filter_map(|sign| {
            let weight = (sign.weight)(&self.weights);
            let good = (sign.read)(self, draft)?;
            Some((weight * (1.0 - good), sign.bad))
        });
        let (mut score, mut worst) = (1.0, (0.0, ""));
        for (penalty, bad) in penalties {
            score *= 1.0 - penalty;
            if penalty > worst.0 {
                worst = (penalty, bad);
            }
        }
        match score >= self.accept_at {
            true => Judgement::accept(score),
            false => Judgement::reject(score, worst.1),
        }
    }
}

/// One thing to look at.
struct Sign {
    /// What a low value means.
    bad: &'static str,
    weight: fn(&Weights) -> f32,
    /// From 0 (bad) to 1; `None` when it says nothing of this answer.
    read: fn(&Signals, &Draft<'_>) -> Option<f32>,
}

const SIGNS: [Sign; 6] = [
    Sign {
        bad: "it was cut",
        weight: |weights| weights.finish,
        read: |_, draft| draft.ends_well().map(one_or_nothing),
    },
    Sign {
        bad: "it is empty",
        weight: |weights| weights.empty,
        read: |_, draft| Some(one_or_nothing(!is_empty(draft))),
    },
    Sign {
        bad: "it refuses",
        weight: |weights| weights.refusal,
        read: |signals, draft| {
            let mut choices = draft.choices.iter();
            Some(one_or_nothing(
                !choices.any(|choice| signals.refuses(choice)),
            ))
        },
    },
    Sign {
        bad: "it is not the JSON that was asked for",
        weight: |weights| weights.format,
        read: |_, draft| keeps_format(draft).map(one_or_nothing),
    },
    Sign {
        bad: "it calls tools in a way that does not fit them",
        weight: |weights| weights.tools,
        read: |_, draft| calls_fit(draft).map(one_or_nothing),
    },
    Sign {
        bad: "the model finds its own words unlikely",
        weight: |weights| weights.logprob,
        read: |_, draft| likelihood(draft),
    },
];

fn one_or_nothing(is_good: bool) -> f32 {
    if is_good { 1.0 } else { 0.0 }
}

fn is_empty(draft: &Draft<'_>) -> bool {
    let says_nothing = |choice: &Choice| {
        let message = &choice.message;
        choice.text().trim().is_empty()
            && message.refusal.as_deref().is_none_or(str::is_empty)
            && message.tool_calls.is_empty()
            && message.images.is_empty()
            && message.audio.is_none()
    };
    draft.choices.iter().all(says_nothing)
}

/// Characters at the beginning of an answer in which a refusal is looked for.
const BEGINNING: usize = 160;

impl Signals {
    fn refuses(&self, choice: &Choice) -> bool {
        let refusal = choice.message.refusal.as_deref();
        if refusal.is_some_and(|refusal| !refusal.is_empty()) {
            return true;
        }
        let text = choice.text();
        let beginning = plain(text.trim_start().chars().take(BEGINNING));
        let mut phrases = self.refusals.iter();
        phrases.any(|phrase| beginning.contains(phrase.as_str()))
    }
}

/// Letters in lower case, with straight apostrophes.
fn plain(letters: impl Iterator<Item = char>) -> String {
    letters
        .map(|letter| if letter == '\u{2019}' { '\'' } else { letter })
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether the answer is the JSON that was asked for; `None` when none was, when
/// it calls tools instead, and when it was cut, which is another sign.
fn keeps_format(draft: &Draft<'_>) -> Option<bool> {
    let wanted = WantedJson::of(draft.request)?;
    let calls_tools = draft.calls_are_json().is_some();
    if calls_tools || draft.is_cut() {
        return None;
    }
    let WantedJson::By(schema) = wanted else {
        return Some(draft.is_json());
    };
    let schema: Value = serde_json::from_str(schema.get()).ok()?;
    let follows = |choice: &Choice| {
        let value = serde_json::from_str(choice.text().trim());
        value.is_ok_and(|value| schema::follows(&value, &schema))
    };
    Some(draft.choices.iter().all(follows))
}

/// Whether all calls are of tools that are there, with arguments by their
/// schemas; `None` without calls, and when the answer was cut.
fn calls_fit(draft: &Draft<'_>) -> Option<bool> {
    let are_json = draft.calls_are_json().filter(|_| !draft.is_cut())?;
    let tools = draft.request.tools();
    let tools = tools.and_then(|tools| serde_json::from_str::<Vec<Tool>>(tools.get()).ok());
    // A form of tools that is not known says nothing of what fits them.
    let Some(tools) = tools else {
        return Some(are_json);
    };
    let choices = draft.choices.iter();
    let mut calls = choices.flat_map(|choice| &choice.message.tool_calls);
    Some(are_json && calls.all(|call| fits(call, &tools)))
}

fn fits(call: &ToolCall, tools: &[Tool]) -> bool {
    let functions = tools.iter().map(|tool| tool.function.as_ref());
    let named = |name: &str| {
        let mut functions = functions.clone().flatten();
        functions.find(|function| function.name == name)
    };
    // Tools that the server runs are not in the list by the name of a function.
    let has_others = functions.clone().any(|function| function.is_none());
    let Some(function) = call.function.name.as_deref().and_then(named) else {
        return has_others;
    };
    let schema = function.parameters.as_deref();
    let Some(schema) = schema.and_then(|schema| serde_json::from_str(schema.get()).ok()) else {
        return true;
    };
    let arguments = serde_json::from_str(&call.function.arguments_text());
    arguments.is_ok_and(|arguments| schema::follows(&arguments, &schema))
}

/// The geometric mean of the probabilities that the model gave its own tokens,
/// of the least likely choice; `None` where they did not come.
fn likelihood(draft: &Draft<'_>) -> Option<f32> {
    #[derive(Deserialize)]
    struct Logprobs {
        content: Option<Vec<Token>>,
    }
    #[derive(Deserialize)]
    struct Token {
        logprob: f32,
    }
    let choices = draft.choices.iter();
    let means = choices.filter_map(|choice| {
        let raw = choice.logprobs.as_deref()?;
        let tokens = serde_json::from_str::<Logprobs>(raw.get()).ok()?.content?;
        let sum: f32 = tokens.iter().map(|token| token.logprob).sum();
        let mean = sum / tokens.len() as f32;
        mean.is_finite().then(|| mean.exp().min(1.0))
    });
    means.min_by(f32::total_cmp)
}
