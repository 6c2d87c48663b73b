//! Gemini, whose events and whole answers have one shape.

use tollgate_core::{Billing, Facts};
use tollgate_wire::{FinishReason, GeminiReply, ParseError};

use super::chat::finish;
use super::served_by::ServedBy;
use super::{Body, Event, report, saturate};
use crate::served::served;
use crate::usage::gemini_usage_report;

#[derive(Debug)]
pub(crate) struct Reader {
    lane: Billing,
    pub(super) served: ServedBy,
    /// Answers that have begun and that have ended, a bit each.
    begun: u64,
    ended: u64,
    /// Whether one of them has called a function.
    has_called: bool,
}

impl Reader {
    pub(super) fn new(lane: Billing) -> Self {
        Self {
            lane,
            served: ServedBy::default(),
            begun: 0,
            ended: 0,
            has_called: false,
        }
    }

    pub(super) fn event(&mut self, data: &[u8]) -> Result<Event, ParseError> {
        if data.trim_ascii() == b"[DONE]" {
            // Gateways that know it from chats send it.
            return Ok(match self.has_ended() {
                true => Event::Done,
                false => Event::Cut,
            });
        }
        let reply = match GeminiReply::parse(data)? {
            Ok(reply) => reply,
            Err(error) => return Ok(Event::Error(error)),
        };
        self.note(&reply);
        let why = why(&reply, self.has_called);
        let facts = Facts {
            semantic: reply.is_semantic(),
            finish: why.as_ref().map(finish),
            served: self.served.news(
                reply.model_version.as_deref(),
                None,
                reply.response_id.as_deref(),
            ),
            ..counts(&reply, self.lane)
        };
        Ok(match why {
            Some(FinishReason::Error) => Event::BrokenOff(facts.usage),
            // Each event tells what was used so far; only the last tells all of it.
            _ if !self.has_ended() => Event::Piece(Facts {
                usage: None,
                ..facts
            }),
            _ => Event::Piece(facts),
        })
    }

    pub(super) fn may_end(&self, answers: u32) -> bool {
        self.has_ended() && self.ended.count_ones() >= answers
    }

    fn has_ended(&self) -> bool {
        self.ended != 0 && self.begun == self.ended
    }

    fn note(&mut self, reply: &GeminiReply<'_>) {
        for candidate in reply.candidates() {
            let bit = 1 << candidate.index.min(63);
            self.begun |= bit;
            if candidate.finish_reason().is_some() {
                self.ended |= bit;
            }
            let mut parts = candidate.parts().iter();
            self.has_called |= parts.any(|part| part.function_call.is_some());
        }
    }
}

/// Why the answer ends: one that ends well with a call waits for what the call gives.
fn why(reply: &GeminiReply<'_>, has_called: bool) -> Option<FinishReason> {
    let reasons = || {
        let candidates = reply.candidates().iter();
        candidates.filter_map(|one| one.finish_reason())
    };
    let failed = reasons().find(|reason| *reason == FinishReason::Error);
    failed
        .or_else(|| reasons().next())
        .map(|reason| match reason {
            FinishReason::Stop if has_called => FinishReason::ToolCalls,
            reason => reason,
        })
}

pub(super) fn body(data: &[u8], lane: Billing) -> Result<Body, ParseError> {
    let reply = match GeminiReply::parse(data)? {
        Ok(reply) => reply,
        Err(error) => return Ok(Body::Error(error)),
    };
    let why = why(&reply, false);
    let facts = Facts {
        semantic: true,
        finish: why.as_ref().map(finish),
        served: Some(Box::new(served(
            reply.model_version.as_deref(),
            None,
            reply.response_id.as_deref(),
        ))),
        ..counts(&reply, lane)
    };
    Ok(match why {
        Some(FinishReason::Error) => Body::BrokenOff(facts),
        None if !reply.is_semantic() => Body::Empty(facts),
        _ => Body::Answer(facts),
    })
}

fn counts(reply: &GeminiReply<'_>, lane: Billing) -> Facts {
    Facts {
        output_bytes: saturate(reply.text_bytes()),
        usage: report(reply.read_usage(), |usage| gemini_usage_report(usage, lane)),
        ..Facts::default()
    }
}
