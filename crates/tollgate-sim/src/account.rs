//! Settling an answer when its performance is over: bill, log and generation record.

use std::time::Duration;

use crate::answer::Finish;
use crate::bill::{BillLine, Charge};
use crate::byok::WORKSPACE;
use crate::clock::iso_date;
use crate::draw::hash;
use crate::host::Host;
use crate::json::{Object, object};
use crate::log::Attempt;
use crate::play::Outcome;
use crate::pricing::Tokens;
use crate::select::Selection;
use crate::world::{Ticket, World};

/// What must be known of an answer to charge for it, however it ends.
#[derive(Debug)]
pub(crate) struct Account {
    /// Who answered.
    pub(crate) host: Host,
    pub(crate) ticket: Ticket,
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) selection: Selection,
    /// The charge for the whole answer.
    pub(crate) charge: Charge,
    /// Output tokens that the script sends; fewer than charged when a fault cuts it.
    pub(crate) planned: u64,
    /// Charge the whole answer in any case.
    pub(crate) bill_anyway: bool,
    /// Charge only what was sent when the client leaves.
    pub(crate) stops_with_client: bool,
    pub(crate) streamed: bool,
    pub(crate) finish: Option<Finish>,
    /// Seconds since 1970.
    pub(crate) asked_at: u64,
    pub(crate) first_token: Duration,
    pub(crate) generation_time: Duration,
    pub(crate) session: Option<String>,
    pub(crate) origin: String,
    pub(crate) user_agent: Option<String>,
    pub(crate) kind: AnswerKind,
}

/// What was generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// Charged by output tokens, and not at all without any.
    Text,
    /// Charged by input tokens alone.
    Embedding,
}

impl Account {
    /// Writes down how it ended.
    pub(crate) fn settle(self, world: &World, outcome: Outcome) {
        let charge = self.final_charge(outcome);
        let line = self.bill_line(&charge, outcome);
        let generation = self.generation(&charge, outcome);
        let mut records = world.records();
        if records.is_current(self.ticket) {
            records.till.charge(line);
            records.keep_generation(self.id, generation);
        }
    }

    /// The charge for what was generated, as far as the user is charged for it.
    fn final_charge(&self, outcome: Outcome) -> Charge {
        let whole = self.charge.tokens;
        let completion = if self.bill_anyway {
            whole.completion
        } else if outcome.cancelled && !self.stops_with_client {
            self.planned
        } else {
            outcome.tokens
        };
        let tokens = Tokens {
            completion,
            reasoning: whole.reasoning.min(completion),
            ..whole
        };
        let charge = Charge::new(
            tokens,
            &self.selection.endpoint.pricing,
            self.asked_at,
            self.charge.byok,
        );
        // Zero-completion insurance: nothing generated, nothing charged.
        if completion == 0 && self.kind == AnswerKind::Text {
            charge.waived()
        } else {
            charge
        }
    }

    fn bill_line(&self, charge: &Charge, outcome: Outcome) -> BillLine {
        let Tokens {
            prompt,
            cached,
            completion,
            reasoning,
        } = charge.tokens;
        BillLine {
            host: self.host,
            generation: self.id.clone(),
            request: self.ticket.number,
            at: self.asked_at,
            key: self.key.clone(),
            model: self.selection.model.id.clone(),
            provider: self.selection.endpoint.provider.name.to_owned(),
            prompt_tokens: prompt,
            cached_tokens: cached,
            completion_tokens: completion,
            reasoning_tokens: reasoning,
            credits: charge.credits(),
            fee: charge.fee(),
            provider_cost: charge.provider_cost(),
            is_byok: charge.byok.is_some(),
            cancelled: outcome.cancelled,
        }
    }

    /// The record of `GET /generation`, with every key that its clients insist on.
    fn generation(&self, charge: &Charge, outcome: Outcome) -> Object {
        const NULL: Option<&str> = None;
        let Tokens {
            prompt,
            cached,
            completion,
            reasoning,
        } = charge.tokens;
        let whole = !outcome.cancelled && completion == self.charge.tokens.completion;
        let finish = self.finish.filter(|_| whole);
        let provider = self.selection.endpoint.provider.name;
        let slug = self.selection.served_slug();
        let is_byok = charge.byok.is_some();
        let upstream = is_byok.then(|| charge.provider_cost());
        let trail: Vec<Object> = self
            .selection
            .attempts
            .iter()
            .map(|attempt| {
                object! {
                    "status": attempt.status, "provider_name": attempt.provider,
                    "endpoint_id": endpoint_id(attempt),
                    "model_permaslug": attempt.model, "is_byok": attempt.is_byok, "latency": milliseconds(self.first_token),
                }
            })
            .collect();
        object! {
            "id": self.id,
            "request_id": format!("req-{}", self.ticket.number),
            "session_id": self.session,
            "created_at": iso_date(self.asked_at),
            "model": slug,
            "api_type": self.kind.api_type(),
            "router": NULL,
            "data_region": "global",
            "provider_name": provider,
            "upstream_id": format!("up-{}", self.ticket.number),
            "streamed": self.streamed,
            "cancelled": outcome.cancelled,
            "is_byok": is_byok,
            "total_cost": charge.cost(),
            "usage": charge.cost(),
            "upstream_inference_cost": upstream,
            "cache_discount": NULL,
            "latency": milliseconds(self.first_token),
            "generation_time": milliseconds(self.generation_time),
            "moderation_latency": NULL,
            "finish_reason": finish.map(Finish::word),
            "native_finish_reason": finish.map(Finish::native_word),
            "tokens_prompt": prompt,
            "tokens_completion": completion,
            "native_tokens_prompt": prompt,
            "native_tokens_completion": completion,
            "native_tokens_reasoning": reasoning,
            "native_tokens_cached": cached,
            "native_tokens_completion_images": NULL,
            "num_media_prompt": NULL,
            "num_media_completion": NULL,
            "num_input_audio_prompt": NULL,
            "num_search_results": NULL,
            "num_fetches": NULL,
            "origin": self.origin,
            "http_referer": self.origin,
            "user_agent": self.user_agent,
            "app_id": NULL,
            "external_user": NULL,
            "workspace_id": WORKSPACE,
            "preset_id": NULL,
            "service_tier": "default",
            "web_search_engine": NULL,
            "response_cache_source_id": NULL,
            "provider_responses": trail,
        }
    }
}

impl AnswerKind {
    fn api_type(self) -> &'static str {
        match self {
            Self::Text => "completions",
            Self::Embedding => "embeddings",
        }
    }
}

/// Clients insist on a text here.
fn endpoint_id(attempt: &Attempt) -> String {
    let endpoint = format!("{} {}", attempt.provider, attempt.model);
    format!("ep-{:016x}", hash(endpoint.as_bytes()))
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
