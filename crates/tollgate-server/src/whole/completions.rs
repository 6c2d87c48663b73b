//! Completions: the body without its usage, then the usage.

use tollgate_wire::{Object, ParseError};

pub(super) fn events_of(mut body: Object) -> Result<Vec<Object>, ParseError> {
    let choices: Vec<Object> = body.read("choices")?.unwrap_or_default();
    let usage = body.remove("usage");
    let mut last = body.clone();
    body.set("choices", &choices)?;
    let mut events = vec![body];
    if let Some(usage) = usage {
        last.set("choices", &[(); 0])?;
        last.set_raw("usage", usage);
        events.push(last);
    }
    Ok(events)
}
