//! Responses.

use tollgate_core::{Billing, Facts};
use tollgate_wire::{FinishReason, ParseError, ResponsesEvent, ResponsesReply};

use super::chat::finish;
use super::served_by::ServedBy;
use super::{Body, Event, report, saturate};
use crate::served::served;
use crate::usage::usage_report;

#[derive(Debug)]
pub(crate) struct Reader {
    lane: Billing,
    pub(super) served: ServedBy,
    /// Whether deltas have shown something; else the last event shows all of it.
    shown: bool,
}

impl Reader {
    pub(super) fn new(lane: Billing) -> Self {
        Self {
            lane,
            served: ServedBy::default(),
            shown: false,
        }
    }

    pub(super) fn event(&mut self, data: &[u8]) -> Result<Event, ParseError> {
        Ok(match ResponsesEvent::parse(data)? {
            // Nobody reads on after the surface's own end, so it has not come.
            ResponsesEvent::Done => Event::Cut,
            ResponsesEvent::Error(error) => Event::Error(error),
            ResponsesEvent::Begun(reply) => Event::Piece(Facts {
                served: self.news(&reply),
                ..Facts::default()
            }),
            ResponsesEvent::Delta { text_bytes } => {
                self.shown |= text_bytes > 0;
                Event::Piece(Facts {
                    semantic: text_bytes > 0,
                    output_bytes: saturate(text_bytes),
                    ..Facts::default()
                })
            }
            ResponsesEvent::Item => {
                self.shown = true;
                Event::Piece(Facts {
                    semantic: true,
                    ..Facts::default()
                })
            }
            ResponsesEvent::Ended(reply) => {
                let of_reply = facts(&reply, self.lane);
                Event::Last(Facts {
                    semantic: !self.shown && of_reply.output_bytes > 0,
                    output_bytes: if self.shown { 0 } else { of_reply.output_bytes },
                    served: self.news(&reply),
                    ..of_reply
                })
            }
            ResponsesEvent::Other(_) => Event::Piece(Facts::default()),
        })
    }

    fn news(&mut self, reply: &ResponsesReply) -> Option<Box<tollgate_core::Served>> {
        let (model, provider, id) = (reply.model(), reply.provider(), reply.id());
        self.served
            .news(model.as_deref(), provider.as_deref(), id.as_deref())
    }
}

pub(super) fn body(data: &[u8], lane: Billing) -> Result<Body, ParseError> {
    let reply = match ResponsesReply::parse(data)? {
        Ok(reply) => reply,
        Err(error) => return Ok(Body::Error(error)),
    };
    let facts = facts(&reply, lane);
    let is_empty = reply.output().is_empty() && reply.finish_reason() == Some(FinishReason::Stop);
    Ok(match is_empty {
        true => Body::Empty(facts),
        false => Body::Answer(facts),
    })
}

fn facts(reply: &ResponsesReply, lane: Billing) -> Facts {
    Facts {
        semantic: true,
        output_bytes: saturate(reply.text_bytes()),
        finish: reply.finish_reason().as_ref().map(finish),
        usage: report(reply.read_usage(), |usage| usage_report(usage, lane)),
        served: Some(Box::new(served(
            reply.model().as_deref(),
            reply.provider().as_deref(),
            reply.id().as_deref(),
        ))),
        lost: Vec::new(),
    }
}
