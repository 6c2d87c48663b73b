//! Responses: each item begins empty, gets all it has at once, and is done.

use serde_json::{Value, json};
use tollgate_wire::{Object, ParseError};

use super::{object, text};

pub(super) fn events_of(body: &Object) -> Result<Vec<Object>, ParseError> {
    let items: Vec<Object> = body.read("output")?.unwrap_or_default();
    let mut begun = body.clone();
    begun.set("status", "in_progress")?;
    begun.set("output", &[(); 0])?;
    for key in ["usage", "completed_at"] {
        if begun.contains(key) {
            begun.set(key, &())?;
        }
    }
    let mut events = vec![
        object([("type", &"response.created"), ("response", &begun)])?,
        object([("type", &"response.in_progress"), ("response", &begun)])?,
    ];
    for (index, item) in items.iter().enumerate() {
        events.push(object([
            ("type", &"response.output_item.added"),
            ("output_index", &index),
            ("item", &empty(item)?),
        ])?);
        for (kind, members) in filling(item)? {
            let mut event = object([
                ("type", &kind),
                ("output_index", &index),
                ("item_id", &text(item, "id")),
            ])?;
            for (key, value) in members {
                event.set(key, &value)?;
            }
            events.push(event);
        }
        events.push(object([
            ("type", &"response.output_item.done"),
            ("output_index", &index),
            ("item", item),
        ])?);
    }
    let end = match text(body, "status").as_deref() {
        Some("incomplete") => "response.incomplete",
        _ => "response.completed",
    };
    events.push(object([("type", &end), ("response", body)])?);
    for (number, event) in events.iter_mut().enumerate() {
        event.set("sequence_number", &number)?;
    }
    Ok(events)
}

/// An item as it begins.
fn empty(item: &Object) -> Result<Object, ParseError> {
    let mut empty = item.clone();
    match text(item, "type").as_deref() {
        Some("message") => empty.set("content", &[(); 0])?,
        Some("function_call") => empty.set("arguments", "")?,
        _ => return Ok(empty),
    }
    empty.set("status", "in_progress")?;
    Ok(empty)
}

/// What fills an item: the type of each event, and its members.
type Filling = Vec<(&'static str, Vec<(&'static str, Value)>)>;

fn filling(item: &Object) -> Result<Filling, ParseError> {
    let mut filling = Vec::new();
    match text(item, "type").as_deref() {
        Some("message") => {
            let parts: Vec<Object> = item.read("content")?.unwrap_or_default();
            for (index, part) in parts.iter().enumerate() {
                fill_part(&mut filling, index, part)?;
            }
        }
        Some("function_call") => {
            let arguments = text(item, "arguments").unwrap_or_default();
            filling.push((
                "response.function_call_arguments.delta",
                vec![("delta", json!(arguments))],
            ));
            filling.push((
                "response.function_call_arguments.done",
                vec![
                    ("name", json!(text(item, "name"))),
                    ("arguments", json!(arguments)),
                ],
            ));
        }
        _ => {}
    }
    Ok(filling)
}

fn fill_part(filling: &mut Filling, index: usize, part: &Object) -> Result<(), ParseError> {
    let (key, delta, done) = match text(part, "type").as_deref() {
        Some("refusal") => ("refusal", "response.refusal.delta", "response.refusal.done"),
        _ => (
            "text",
            "response.output_text.delta",
            "response.output_text.done",
        ),
    };
    let said = text(part, key).unwrap_or_default();
    let mut empty = part.clone();
    empty.set(key, "")?;
    let place = ("content_index", json!(index));
    let with = |member: (&'static str, Value)| vec![place.clone(), member];
    filling.push(("response.content_part.added", with(("part", json!(empty)))));
    filling.push((delta, with(("delta", json!(said)))));
    filling.push((done, with((key, json!(said)))));
    filling.push(("response.content_part.done", with(("part", json!(part)))));
    Ok(())
}
