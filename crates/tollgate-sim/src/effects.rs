//! What a fault does to a script.

use crate::fault::{Ending, Fault};
use crate::script::{DATA, Kind, Piece, Script, Step};

/// The script with the fault in it.
///
/// Refusals and omitted parts are not seen to here: they change what is said,
/// not how it is sent, so they are in the script already.
pub(crate) fn apply(fault: &Fault, mut script: Script) -> Script {
    if let Some(head) = script.head_mut() {
        for (name, value) in &fault.headers {
            head.set(name, value);
        }
    }
    if let Some(event) = fault.malformed_event {
        garble(&mut script, event);
    }
    if strikes_inside(fault) {
        halve_body(&mut script);
    }
    if let Some(bytes) = fault.cut_byte {
        cut_byte(&mut script, bytes);
        script.ending = fault.ending;
    }
    // An error in the middle of a stream has made its own cut.
    if let Some(events) = fault.cut_event.filter(|_| !fault.is_error()) {
        truncate(&mut script, events);
        script.ending = fault.ending;
    }
    if let Some(events) = fault.comments_after {
        truncate(&mut script, events);
        script.steps.push(Step::Comments(script.keep_alive));
        if let Some(head) = script.head_mut() {
            // What has no end has no length.
            head.remove("content-length");
        }
    }
    if let Some(events) = fault.stall_after {
        truncate(&mut script, events);
        script.steps.push(Step::Silence);
    }
    delay(&mut script, fault);
    if fault.no_headers {
        script.steps = vec![Step::Silence];
    }
    if fault.resets_at_once() {
        script.steps.retain(|step| matches!(step, Step::Wait(_)));
        script.ending = Ending::Reset;
    }
    script
}

/// Leaves only the first half of an event, or of a body, which is then no JSON.
fn garble(script: &mut Script, event: usize) {
    let events = script.steps.iter_mut().filter_map(|step| match step {
        Step::Send(piece) if piece.kind != Kind::Comment => Some(piece),
        _ => None,
    });
    // A body is all there is, so any number means it.
    let Some((_, piece)) = events
        .enumerate()
        .find(|(index, piece)| index + 1 == event || piece.kind == Kind::Body)
    else {
        return;
    };
    // The name of an event stays whole: without any data there would be no event.
    let data = piece
        .bytes
        .windows(DATA.len())
        .position(|window| window == DATA)
        .unwrap_or(0);
    let half = piece.bytes.slice(..data + (piece.bytes.len() - data) / 2);
    let is_body = piece.kind == Kind::Body;
    piece.bytes = if is_body {
        half
    } else {
        [&half[..], b"\n\n"].concat().into()
    };
    let length = piece.bytes.len().to_string();
    if let (true, Some(head)) = (is_body, script.head_mut()) {
        head.set("content-length", &length);
    }
}

fn strikes_inside(fault: &Fault) -> bool {
    let positions = [
        fault.cut_event.filter(|_| !fault.is_error()),
        fault.stall_after,
        fault.comments_after,
    ];
    positions.into_iter().flatten().any(|events| events > 0)
}

/// A body is one piece; to be struck in the middle it becomes two. What was
/// generated was generated before the first byte, so all tokens go with the
/// first half.
fn halve_body(script: &mut Script) {
    let Some(index) = script
        .steps
        .iter()
        .position(|step| matches!(step, Step::Send(piece) if piece.kind == Kind::Body))
    else {
        return;
    };
    let Step::Send(piece) = &mut script.steps[index] else {
        return;
    };
    let rest = piece.bytes.split_off(piece.bytes.len() / 2);
    let second = Piece {
        bytes: rest,
        tokens: 0,
        kind: Kind::Body,
    };
    script.steps.insert(index + 1, Step::Send(second));
}

/// Drops all steps after the first `events` events.
fn truncate(script: &mut Script, events: usize) {
    // A body has no events but its two halves.
    let is_body = script.pieces().any(|piece| piece.kind == Kind::Body);
    let at = script.after_events(if is_body { events.min(1) } else { events });
    script.steps.truncate(at);
}

fn cut_byte(script: &mut Script, limit: usize) {
    let mut left = limit;
    let mut at = script.steps.len();
    for (index, step) in script.steps.iter_mut().enumerate() {
        let Step::Send(piece) = step else { continue };
        if piece.bytes.len() > left {
            piece.bytes.truncate(left);
            // A token that did not arrive whole was still generated.
            at = index + 1;
            break;
        }
        left -= piece.bytes.len();
    }
    script.steps.truncate(at);
}

fn delay(script: &mut Script, fault: &Fault) {
    let mut steps = Vec::with_capacity(script.steps.len());
    let mut events = 0;
    for step in script.steps.drain(..) {
        let is_head = matches!(step, Step::Head(_));
        if is_head {
            steps.push(Step::Wait(fault.delay_headers));
        }
        if matches!(&step, Step::Send(piece) if piece.kind != Kind::Comment) {
            events += 1;
            if events > 1 {
                steps.push(Step::Wait(fault.delay_between));
            }
        }
        steps.push(step);
        if is_head {
            steps.push(Step::Wait(fault.delay_first_token));
        }
    }
    steps.retain(|step| !matches!(step, Step::Wait(wait) if wait.is_zero()));
    script.steps = steps;
}

#[cfg(test)]
mod tests {
    use super::apply;
    use crate::Fault;
    use crate::dialect::Event;
    use crate::fault::Ending;
    use crate::json::object;
    use crate::script::{Script, Step};

    fn event(name: Option<&'static str>, number: u64) -> Event {
        Event {
            name,
            data: number.to_string().into_bytes(),
            tokens: 2,
        }
    }

    fn stream() -> Script {
        let mut script = Script::stream(b": waiting\n\n");
        script.push_comment();
        for number in 0..5 {
            script.push_event(&event(None, number));
        }
        script
    }

    fn sent(script: &Script) -> String {
        script
            .pieces()
            .map(|piece| String::from_utf8_lossy(&piece.bytes).into_owned())
            .collect()
    }

    #[test]
    fn events_are_counted_without_comments() {
        let script = apply(&Fault::cut_after_events(2), stream());
        assert!(sent(&script).ends_with("data: 0\n\ndata: 1\n\n"));
        assert_eq!((script.ending, script.tokens()), (Ending::Close, 4));
        let nothing = apply(&Fault::cut_after_events(0), stream());
        assert_eq!(nothing.steps.len(), 1, "only the head: {nothing:?}");
    }

    #[test]
    fn bytes_are_counted_exactly() {
        for bytes in [0, 1, 30, 40] {
            assert_eq!(
                sent(&apply(&Fault::cut_after_bytes(bytes), stream())).len(),
                bytes
            );
        }
    }

    #[test]
    fn a_body_is_struck_in_the_middle_and_counts_as_generated() {
        let body = || Script::json(200, &object! { "text": "0123456789" }, 7);
        let script = apply(&Fault::cut_after_events(3), body());
        assert_eq!(
            (sent(&script).as_str(), script.tokens()),
            ("{\"text\":\"0", 7)
        );
        let script = apply(&Fault::named("stall").unwrap(), body());
        assert!(sent(&script).is_empty() && matches!(script.steps.last(), Some(Step::Silence)));
    }

    #[test]
    fn a_garbled_event_keeps_its_frame() {
        let script = apply(&Fault::named("malformed=2").unwrap(), stream());
        assert!(
            sent(&script).contains("data: 0\n\ndata\n\ndata: 2\n\n"),
            "{}",
            sent(&script)
        );
    }

    #[test]
    fn a_garbled_event_keeps_its_name() {
        let mut script = Script::stream(b": waiting\n\n");
        script.push_event(&event(Some("message_start"), 12_345));
        let script = apply(&Fault::named("malformed=1").unwrap(), script);
        assert_eq!(sent(&script), "event: message_start\ndata: \n\n");
    }

    #[test]
    fn a_reset_at_once_sends_nothing() {
        let script = apply(&Fault::named("reset").unwrap(), stream());
        assert!(script.steps.is_empty() && script.ending == Ending::Reset);
    }
}
