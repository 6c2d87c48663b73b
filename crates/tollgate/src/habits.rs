//! What a complete answer teaches: how long its model's answers are, how it
//! counts prompts, and how much of a conversation it has read.

use std::sync::Arc;

use tollgate_catalog::AnswerLength;
use tollgate_core::{
    AttemptEnd, AttemptRecord, Call, CallProfile, Capabilities, CatalogView, Ended, Finish,
    HabitSums, ModelId, Plan, Receipt,
};
use tollgate_wire::Surface;

use crate::gateway::Parts;
use crate::learning::Subject;
use crate::meter::Meter;
use crate::sessions::{Conversation, Turn};

/// Tokens that a prompt is expected to have at least for its count to be
/// compared: in short ones, what providers put around a prompt weighs too much.
const LEAST_COMPARED: u64 = 256;

/// How many times its estimate a prompt is believed to have, or a fraction of
/// that. Vocabularies differ by less; beyond, something else was counted.
const MOST_BELIEVED: f64 = 3.0;

/// Prompts that have more in them than text, which the estimate knows well.
const MORE_THAN_TEXT: [Capabilities; 4] = [
    Capabilities::IMAGE_INPUT,
    Capabilities::AUDIO_INPUT,
    Capabilities::VIDEO_INPUT,
    Capabilities::FILE_INPUT,
];

/// What is to be learned from one answer, once it is complete.
pub(crate) struct Lesson {
    parts: Arc<Parts>,
    profile: Arc<CallProfile>,
    surface: Surface,
    conversation: Option<Conversation>,
}

impl Lesson {
    pub(crate) fn new(
        parts: Arc<Parts>,
        call: &Call,
        plan: &Plan,
        conversation: Option<Conversation>,
    ) -> Self {
        Self {
            parts,
            profile: plan.profile.clone(),
            surface: call.request.surface(),
            conversation,
        }
    }

    /// Takes note of what a complete answer used. One that was put together
    /// from parts says nothing of any model, nor does a report that is missing
    /// or cannot be right.
    pub(crate) fn learn(self, receipt: &Receipt, meter: &Meter) {
        let broke_off = |one: &AttemptRecord| matches!(one.end, AttemptEnd::Cut { .. });
        let is_whole = receipt.ended == Ended::Complete && !receipt.attempts.iter().any(broke_off);
        if !is_whole || !meter.knows_usage() || !meter.doubts().is_empty() {
            return;
        }
        let view = self.parts.catalog.view();
        let Some((served, subject)) = receipt.served().zip(Subject::of(receipt, &view)) else {
            return;
        };
        let prompt = self.factor(served);
        let answer = self.answer(served, meter.finish());
        self.parts.learning.note_used(|known| {
            let mut sums = prompt;
            if let Some((tokens, is_cut)) = answer {
                sums += match is_cut {
                    true => known
                        .length(
                            subject.model.as_str(),
                            subject.task,
                            subject.reasoning_share,
                        )
                        .cut(tokens),
                    false => AnswerLength::seen(tokens),
                };
            }
            subject.used(sums)
        });
        self.remember(served, meter, &view);
    }

    /// Tokens of an answer, and whether a limit has cut it; `None` where that
    /// says nothing of its length.
    fn answer(&self, served: &AttemptRecord, finish: Option<Finish>) -> Option<(f64, bool)> {
        let tokens = served.tokens.output_total();
        let says_something = self.surface != Surface::Embeddings
            && tokens > 0
            && finish != Some(Finish::ContentFilter);
        let each = tokens as f64 / self.profile.answers.max(1) as f64;
        says_something.then_some((each, finish == Some(Finish::Length)))
    }

    /// How the model has counted the prompt, beside the estimate.
    fn factor(&self, served: &AttemptRecord) -> HabitSums {
        let (profile, tokens) = (&self.profile, &served.tokens);
        let has_more = profile.images > 0
            || MORE_THAN_TEXT.iter().any(|one| profile.needs.contains(*one))
            || tokens.audio_input > 0
            // What was found is counted as part of the prompt.
            || tokens.web_searches > 0;
        let (counted, likely) = (tokens.prompt_total(), profile.prompt.likely);
        if has_more || likely < LEAST_COMPARED || counted == 0 {
            return HabitSums::default();
        }
        let factor = (counted as f64 / likely as f64).clamp(1.0 / MOST_BELIEVED, MOST_BELIEVED);
        HabitSums {
            prompts: 1,
            log_factors: (factor.ln() * 1_000.0).round() as i64,
            ..HabitSums::default()
        }
    }

    fn remember(&self, served: &AttemptRecord, meter: &Meter, view: &CatalogView) {
        let Some(conversation) = self.conversation else {
            return;
        };
        let planned = meter.planned();
        let tokens = &served.tokens;
        let cached = [tokens.cache_write, tokens.cache_write_1h];
        let writes_cost = planned
            .rates(tokens.prompt_total(), self.profile.at)
            .is_some_and(|rates| rates.cache_write.is_some());
        self.parts.sessions.note(
            conversation,
            Turn {
                at: self.profile.at,
                model: offered(view, &planned.model, served),
                lane: &planned.lane.id,
                prompt: tokens.prompt_total(),
                cached: cached
                    .into_iter()
                    .fold(tokens.cache_read, u64::saturating_add),
                writes_cost,
                order: planned
                    .endpoints
                    .as_ref()
                    .map_or(&[], |choice| &choice.preferences.order),
            },
        );
    }
}

/// The name under which the model that has answered competes: that of the plan,
/// unless the upstream has gone on to another of a list.
fn offered<'a>(view: &'a CatalogView, planned: &'a ModelId, served: &AttemptRecord) -> &'a ModelId {
    let canonical = |name| Some(&view.model(view.find_served(name)?).canonical);
    match view
        .find_served(served.model())
        .map(|place| view.model(place))
    {
        Some(facts) if canonical(planned) != Some(&facts.canonical) => &facts.id,
        _ => planned,
    }
}
