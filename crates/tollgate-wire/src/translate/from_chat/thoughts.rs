//! Details of reasoning, in the order they came, for the surfaces that keep them otherwise.

use crate::raw::as_text;
use crate::translate::place::Place;
use crate::{Object, ParseError};

use super::value;

/// One detail: its type, the member that holds what it says, and the members besides.
pub(super) struct Thought {
    pub(super) kind: &'static str,
    /// Its place among the details.
    pub(super) index: usize,
    pub(super) said: String,
    pub(super) members: Object,
}

const SAID: &[(&str, &str)] = &[
    ("reasoning.text", "text"),
    ("reasoning.summary", "summary"),
    ("reasoning.encrypted", "data"),
];

/// What an assistant's message thought: its details, or its plain reasoning as one of the kind `""`. Details of other
/// kinds are passed to `lose`.
pub(super) fn of(
    message: &Object,
    place: &Place<'_>,
    mut lose: impl FnMut(&Place<'_>),
) -> Result<Vec<Thought>, ParseError> {
    let place = place.key("reasoning_details");
    let details: Vec<Object> = match value(message, "reasoning_details") {
        Some(details) => place.read(details)?,
        None => Vec::new(),
    };
    let mut thoughts = Vec::new();
    for (index, mut members) in details.into_iter().enumerate() {
        let kind = members.remove("type");
        let kind = kind.as_deref().and_then(as_text);
        let row = SAID
            .iter()
            .find(|(known, _)| kind.as_deref() == Some(known));
        let Some((kind, key)) = row else {
            lose(&place.index(index));
            continue;
        };
        members.remove("index");
        let said = members.remove(key);
        let said = said
            .as_deref()
            .and_then(as_text)
            .unwrap_or_default()
            .into_owned();
        thoughts.push(Thought {
            kind,
            index,
            said,
            members,
        });
    }
    let plain = ["reasoning", "reasoning_content"];
    let plain = plain
        .iter()
        .find_map(|key| value(message, key).and_then(as_text));
    if let (true, Some(said)) = (thoughts.is_empty(), plain.filter(|text| !text.is_empty())) {
        thoughts.push(Thought {
            kind: "",
            index: 0,
            said: said.into_owned(),
            members: Object::new(),
        });
    }
    Ok(thoughts)
}
