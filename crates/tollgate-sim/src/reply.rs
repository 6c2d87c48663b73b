//! From what a dialect writes to a script: whole answers, streams, and errors in every place.

use crate::dialect::{Dialect, Event, Frame};
use crate::host::Host;
use crate::json::Object;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::script::{Kind, Script};
use crate::speed::Speed;

/// Whether the client asked for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Stream,
}

/// A whole answer, when all of it is there.
pub(crate) fn whole(host: Host, body: &Object, tokens: u64, speed: Speed) -> Script {
    let script = Script::json(200, body, tokens).after(speed.total(tokens));
    Script {
        keep_alive: host.keep_alive(),
        ..script
    }
}

/// An answer in events, each when its tokens are there.
pub(crate) fn stream(host: Host, events: &[Event], comments: u32, speed: Speed) -> Script {
    let mut script = Script::stream(host.keep_alive());
    // Of all hosts only OpenRouter begins with comments.
    for _ in 0..if host.is_direct() { 0 } else { comments } {
        script.push_comment();
    }
    script.push_wait(speed.first_token);
    for (index, event) in events.iter().enumerate() {
        // The first event comes with the first token.
        if index > 0 {
            script.push_wait(speed.tokens(event.tokens));
        }
        script.push_event(event);
    }
    script
}

/// Ends a stream with an error after the events that the fault lets pass.
pub(crate) fn break_off(
    dialect: &dyn Dialect,
    frame: &Frame<'_>,
    mut script: Script,
    refusal: &Refusal,
) -> Script {
    let at = script.after_events(frame.fault.cut_event.unwrap_or(0));
    script.steps.truncate(at);
    let sent = script
        .pieces()
        .filter(|piece| piece.kind == Kind::Event)
        .count();
    for event in dialect.error_events(frame, refusal, sent) {
        script.push_event(&event);
    }
    script
}

/// HTTP 200 with an error where the answer should be.
pub(crate) fn error_inside(
    request: &Request,
    frame: &Frame<'_>,
    refusal: &Refusal,
    form: Form,
) -> Script {
    let (dialect, host) = (request.dialect, request.host);
    match form {
        Form::Whole => Script::json(200, &dialect.whole_error(frame, refusal), 0),
        Form::Stream => {
            let mut script = Script::stream(host.keep_alive());
            if !host.is_direct() {
                script.push_comment();
            }
            for event in dialect.error_events(frame, refusal, 0) {
                script.push_event(&event);
            }
            script
        }
    }
}
