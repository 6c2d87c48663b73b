//! Which item a piece of `reasoning_details` belongs to.

use serde_json::value::RawValue;

use super::pieces::{Pieces, Rule};
use crate::Object;
use crate::json::is_null;

/// The item with the same index and type; without an index the last item, when type, format and id do not differ.
pub(super) fn place(items: &[Pieces], piece: &Object) -> Option<usize> {
    let fits = |item: &Pieces, key: &str| match (item.last(key), value(piece, key)) {
        (Some(known), Some(new)) => known.get() == new.get(),
        _ => true,
    };
    if let Some(index) = value(piece, "index") {
        let same_index = |item: &Pieces| {
            item.last("index")
                .is_some_and(|known| known.get() == index.get())
        };
        return items
            .iter()
            .rposition(|item| same_index(item) && fits(item, "type"));
    }
    let last = items.last()?;
    let same =
        last.last("index").is_none() && ["type", "format", "id"].iter().all(|key| fits(last, key));
    same.then_some(items.len() - 1)
}

pub(super) fn rule(key: &str) -> Rule {
    match key {
        "text" | "summary" | "data" => Rule::Append,
        _ => Rule::Last,
    }
}

fn value<'a>(object: &'a Object, key: &str) -> Option<&'a RawValue> {
    object.get(key).filter(|raw| !is_null(raw))
}
