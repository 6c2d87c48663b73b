//! The end of a stream, kept back until there is a receipt to tell of.

use axum::body::Bytes;
use tollgate::{Answer, Frame};
use tollgate_wire::Object;

use crate::disclose::InBand;

/// The events from the one on that says what the answer used. What can only be
/// said at the end is said there, since headers are long sent.
#[derive(Default)]
pub(crate) struct Tail {
    /// The first says what was used.
    events: Vec<Bytes>,
}

/// What may follow the usage before the end: the end of a message, a repeated
/// usage, the account of a router. More than that is no end.
const LONGEST: usize = 8;

impl Tail {
    /// Keeps a frame that belongs to the end of an answer. Whether it does.
    pub(crate) fn keep(&mut self, frame: &Frame) -> bool {
        let begins = frame.facts.usage.is_some() || !self.events.is_empty();
        let belongs = begins && !frame.facts.semantic && self.events.len() < LONGEST;
        if belongs {
            self.events.push(frame.data.clone());
        }
        belongs
    }

    /// Keeps an event of the end of an answer that came whole.
    pub(crate) fn push(&mut self, event: Bytes) {
        self.events.push(event);
    }

    /// What was kept, as it came.
    pub(crate) fn release(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.events)
    }

    /// What was kept, with what headers say of answers that come whole.
    pub(crate) fn disclosed(&mut self, answer: &Answer) -> Vec<Bytes> {
        let mut events = self.release();
        if let (Some(place), Some(receipt)) = (says_most(&events), answer.receipt())
            && let Ok(mut event) = Object::parse(&events[place])
            && event.set("tollgate", &InBand::of(answer, receipt)).is_ok()
        {
            events[place] = event.to_vec().into();
        }
        events
    }
}

/// The event that says last what was used. The surfaces that nest it say it in
/// the first that was kept, with which the end begins.
fn says_most(events: &[Bytes]) -> Option<usize> {
    let has_usage =
        |event: &Bytes| Object::parse(event).is_ok_and(|event| event.has_value("usage"));
    let first = (!events.is_empty()).then_some(0);
    events.iter().rposition(has_usage).or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(events: &[&'static str], expected: Option<usize>) {
        let events: Vec<_> = events
            .iter()
            .map(|event| Bytes::from_static(event.as_bytes()))
            .collect();
        assert_eq!(says_most(&events), expected, "{events:?}");
    }

    #[test]
    fn what_is_disclosed_stands_where_usage_is_said_last() {
        const FINISH: &str = r#"{"choices":[{"finish_reason":"stop"}],"usage":null}"#;
        const USAGE: &str = r#"{"choices":[],"usage":{"total_tokens":3}}"#;
        const NESTED: &str = r#"{"type":"response.completed","response":{"usage":{}}}"#;
        check(&[], None);
        check(&[USAGE], Some(0));
        check(&[FINISH, USAGE], Some(1));
        check(&[FINISH, USAGE, USAGE, FINISH], Some(2));
        check(&[NESTED], Some(0));
        check(&[NESTED, FINISH], Some(0));
    }
}
