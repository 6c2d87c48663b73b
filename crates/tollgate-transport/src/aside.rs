//! What was read of an answer that nobody is to see.

use bytes::Bytes;
use tollgate_core::{Billing, Facts, Finish, Frame, UsageReport};
use tollgate_wire::ErrorBody;

use crate::usage::usage_report;

/// A frame that only tells facts: a comment without a text. It goes before a failure, so that what
/// the failed answer used is booked.
pub(crate) fn aside(facts: Facts) -> Frame {
    Frame {
        facts: Facts {
            semantic: false,
            ..facts
        },
        ..Frame::keep_alive(Bytes::new())
    }
}

/// The facts of an answer that has failed, when it says what it used. That it says so is its end:
/// what an answer reports before is not the whole.
pub(crate) fn of_failed(usage: Option<Box<UsageReport>>) -> Option<Facts> {
    Some(Facts {
        usage: Some(usage?),
        finish: Some(Finish::Other),
        ..Facts::default()
    })
}

/// What an error's body says that was used before it.
pub(crate) fn usage_of(error: &ErrorBody, lane: Billing) -> Option<Box<UsageReport>> {
    let usage = error.usage()?;
    Some(Box::new(usage_report(&usage, lane)))
}
