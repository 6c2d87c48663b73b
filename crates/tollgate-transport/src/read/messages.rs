//! Messages.

use tollgate_core::{Billing, Facts};
use tollgate_wire::{MessagesEvent, MessagesReply, MessagesUsage, ParseError};

use super::chat::finish;
use super::served_by::ServedBy;
use super::{Body, Event, report, saturate};
use crate::served::served;
use crate::usage::{messages_usage_report, unreadable};

/// The last event, for streams that end without it.
pub(super) const STOP: &[u8] = br#"{"type":"message_stop"}"#;

#[derive(Debug)]
pub(crate) struct Reader {
    lane: Billing,
    pub(super) served: ServedBy,
    /// The counts so far: each event that has some only updates them.
    usage: MessagesUsage,
    finished: bool,
}

impl Reader {
    pub(super) fn new(lane: Billing) -> Self {
        Self {
            lane,
            served: ServedBy::default(),
            usage: MessagesUsage::default(),
            finished: false,
        }
    }

    pub(super) fn event(&mut self, data: &[u8]) -> Result<Event, ParseError> {
        let facts = match MessagesEvent::parse(data)? {
            MessagesEvent::Error(error) => return Ok(Event::Error(error)),
            MessagesEvent::Stop => return Ok(Event::Last(Facts::default())),
            MessagesEvent::Done if self.finished => return Ok(Event::Done),
            MessagesEvent::Done => return Ok(Event::Cut),
            MessagesEvent::Begun(reply) => {
                // What the prompt used is reported when the rest is known.
                if let Ok(Some(usage)) = reply.read_usage() {
                    self.usage = usage;
                }
                let (model, provider, id) = (reply.model(), reply.provider(), reply.id());
                Facts {
                    served: self
                        .served
                        .news(model.as_deref(), provider.as_deref(), id.as_deref()),
                    ..Facts::default()
                }
            }
            MessagesEvent::Delta { text_bytes } => Facts {
                semantic: text_bytes > 0,
                output_bytes: saturate(text_bytes),
                ..Facts::default()
            },
            MessagesEvent::Block => Facts {
                semantic: true,
                ..Facts::default()
            },
            MessagesEvent::Ending { finish: why, usage } => {
                self.finished |= why.is_some();
                let report = match usage {
                    Ok(usage) => usage.map(|newer| {
                        self.usage = self.usage.updated(&newer);
                        messages_usage_report(&self.usage, self.lane)
                    }),
                    Err(_) => Some(unreadable()),
                };
                Facts {
                    finish: why.as_ref().map(finish),
                    usage: report.map(Box::new),
                    ..Facts::default()
                }
            }
            MessagesEvent::Other(_) => Facts::default(),
        };
        Ok(Event::Piece(facts))
    }

    pub(super) fn may_end(&self) -> bool {
        self.finished
    }
}

pub(super) fn body(data: &[u8], lane: Billing) -> Result<Body, ParseError> {
    let reply = match MessagesReply::parse(data)? {
        Ok(reply) => reply,
        Err(error) => return Ok(Body::Error(error)),
    };
    let facts = facts(&reply, lane);
    Ok(match reply.content().is_empty() && facts.finish.is_none() {
        true => Body::Empty(facts),
        false => Body::Answer(facts),
    })
}

fn facts(reply: &MessagesReply, lane: Billing) -> Facts {
    Facts {
        semantic: true,
        output_bytes: saturate(reply.text_bytes()),
        finish: reply.finish_reason().as_ref().map(finish),
        usage: report(reply.read_usage(), |usage| {
            messages_usage_report(usage, lane)
        }),
        served: Some(Box::new(served(
            reply.model().as_deref(),
            reply.provider().as_deref(),
            reply.id().as_deref(),
        ))),
        lost: Vec::new(),
    }
}
