//! Looking at an answer before it is handed over.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use tollgate_wire::{ChatResponse, Choice, RawValue, Request};

use crate::{CallProfile, Finish};

/// Says whether a whole answer will do, before anybody is shown it.
///
/// It is asked of the answers that a policy has put [on
/// trial](crate::Ranking::with_trial). A rejected answer is paid for, and the
/// call goes on with the rest of its plan; it comes back only when nobody else
/// answers.
///
/// # Contract
/// - Synchronous and quick, some milliseconds at most: it runs where the call
///   does, and the caller waits.
/// - Pure, as far as it can be: the same answer gets the same judgement. It is
///   asked once for each answer on trial, and keeps no count of its own.
/// - The reason of a rejection is kept in the ledger and in logs, so it repeats
///   nothing of the prompt or of the answer.
///
/// ```
/// use tollgate_core::{AnswerJudge, CallProfile, Draft, Judgement};
///
/// /// A unit check: an answer has to hold a program.
/// #[derive(Debug)]
/// struct HoldsCode;
///
/// impl AnswerJudge for HoldsCode {
///     fn judge(&self, _: &CallProfile, draft: &Draft<'_>) -> Judgement {
///         match draft.text().contains("```") {
///             true => Judgement::accept(1.0),
///             false => Judgement::reject(0.0, "no code in it"),
///         }
///     }
/// }
/// ```
pub trait AnswerJudge: Send + Sync + std::fmt::Debug {
    /// Judges one whole answer.
    fn judge(&self, call: &CallProfile, draft: &Draft<'_>) -> Judgement;
}

/// What a judge says of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "judgement")]
pub enum Judgement {
    /// It will do.
    Accepted {
        /// How good it is, from 0 to 1.
        score: f32,
    },
    /// Another model should answer.
    Rejected {
        /// How good it is, from 0 to 1.
        score: f32,
        /// Why, in few words.
        why: Cow<'static, str>,
    },
}

impl Judgement {
    /// It will do.
    pub fn accept(score: f32) -> Self {
        Self::Accepted { score }
    }

    /// It will not do, for that reason.
    pub fn reject(score: f32, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Rejected {
            score,
            why: why.into(),
        }
    }

    /// How good the answer is, from 0 to 1.
    pub fn score(&self) -> f32 {
        match self {
            Self::Accepted { score } | Self::Rejected { score, .. } => *score,
        }
    }

    /// Why the answer was rejected, if it was.
    pub fn rejection(&self) -> Option<&str> {
        match self {
            Self::Accepted { .. } => None,
            Self::Rejected { why, .. } => Some(why),
        }
    }
}

/// A whole answer that nobody has seen yet, beside what was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Draft<'a> {
    /// The request as it came.
    pub request: &'a Request,
    /// The answer; of a stream, what its pieces make together.
    pub response: &'a ChatResponse,
    /// What `response` offers; one unless more were asked for.
    pub choices: Vec<Choice>,
    /// Why the answer ended, by the upstream's word.
    pub finish: Option<Finish>,
    /// Whether its length was limited, by the caller or by the gateway, so that
    /// reaching a limit is as it was wanted.
    pub is_limited: bool,
}

impl<'a> Draft<'a> {
    /// An answer to a request; `output_limit` is the limit that the gateway set
    /// in place of the caller's missing one.
    pub fn new(
        request: &'a Request,
        response: &'a ChatResponse,
        finish: Option<Finish>,
        output_limit: Option<u64>,
    ) -> Self {
        Self {
            request,
            response,
            choices: response.choices(),
            finish,
            is_limited: output_limit.is_some() || request.max_output_tokens().is_some(),
        }
    }

    /// The text of the first choice; empty when there is none.
    pub fn text(&self) -> String {
        self.choices.first().map(Choice::text).unwrap_or_default()
    }

    // === what it shows by itself ===

    /// Whether the answer came to its own end; `None` when its end says nothing,
    /// as at a limit that was wanted.
    pub fn ends_well(&self) -> Option<bool> {
        let as_wanted = |finish: &Finish| *finish == Finish::Length && self.is_limited;
        let finish = self.finish.filter(|finish| !as_wanted(finish))?;
        finish.is_own_end()
    }

    /// Whether a limit or a filter cut it: then it is no JSON either, through no
    /// other fault.
    pub fn is_cut(&self) -> bool {
        matches!(self.finish, Some(Finish::Length | Finish::ContentFilter))
    }

    /// Whether the arguments of all its tool calls are JSON; `None` without calls.
    pub fn calls_are_json(&self) -> Option<bool> {
        let calls = self.choices.iter();
        let mut calls = calls
            .flat_map(|choice| &choice.message.tool_calls)
            .peekable();
        calls.peek()?;
        Some(calls.all(|call| is_json(&call.function.arguments_text())))
    }

    /// Whether the text of all choices is JSON.
    pub fn is_json(&self) -> bool {
        let mut choices = self.choices.iter();
        choices.all(|choice| is_json(choice.text().trim()))
    }
}

/// The JSON that a request wants for an answer.
///
/// ```
/// use tollgate_core::WantedJson;
/// use tollgate_wire::{Request, Surface};
/// let request = Request::parse(Surface::Chat, br#"{"messages":[{"role":"user","content":"Hi"}],"response_format":
///     {"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object"}}}}"#)?;
/// let Some(WantedJson::By(schema)) = WantedJson::of(&request) else { panic!("a schema") };
/// assert_eq!(schema.get(), r#"{"type":"object"}"#);
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WantedJson {
    /// Any.
    Any,
    /// What follows this JSON Schema.
    By(Box<RawValue>),
}

impl WantedJson {
    /// What a request wants; `None` where it wants text.
    pub fn of(request: &Request) -> Option<Self> {
        #[derive(Deserialize)]
        struct Format {
            #[serde(rename = "type")]
            kind: String,
            // The surfaces differ in where the schema stands.
            json_schema: Option<Named>,
            schema: Option<Box<RawValue>>,
        }
        #[derive(Deserialize)]
        struct Named {
            schema: Option<Box<RawValue>>,
        }
        let format = request.answer_format()?;
        let format: Format = serde_json::from_str(format.get()).ok()?;
        let nested = format.json_schema.and_then(|named| named.schema);
        match format.kind.as_str() {
            "json_object" => Some(Self::Any),
            "json_schema" => Some(nested.or(format.schema).map_or(Self::Any, Self::By)),
            _ => None,
        }
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const _: fn(&dyn AnswerJudge) = |_| {};

    fn draft_ends_well(finish: Option<Finish>, body: &[u8]) -> Option<bool> {
        let request = Request::parse(tollgate_wire::Surface::Chat, body).unwrap();
        let response = ChatResponse::from_object(tollgate_wire::Object::new());
        Draft::new(&request, &response, finish, None).ends_well()
    }

    #[test]
    fn the_end_of_an_answer_tells_unless_it_is_as_it_was_wanted() {
        let open = br#"{"messages":[{"role":"user","content":"Hi"}]}"#;
        let limited = br#"{"messages":[{"role":"user","content":"Hi"}],"max_tokens":9}"#;
        for (finish, body, expected) in [
            (Some(Finish::Stop), &open[..], Some(true)),
            (Some(Finish::ToolCalls), &limited[..], Some(true)),
            (Some(Finish::ContentFilter), limited, Some(false)),
            (Some(Finish::Length), open, Some(false)),
            (Some(Finish::Length), limited, None),
            (Some(Finish::Other), open, None),
            (None, open, None),
        ] {
            assert_eq!(draft_ends_well(finish, body), expected, "{finish:?}");
        }
    }

    #[test]
    fn a_verdict_says_why_it_rejects() {
        assert_eq!(Judgement::accept(0.9).rejection(), None);
        let rejected = Judgement::reject(0.2, "empty");
        assert_eq!(
            (rejected.score(), rejected.rejection()),
            (0.2, Some("empty"))
        );
    }
}
