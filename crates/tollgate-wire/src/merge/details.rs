//! Which item a piece of `reasoning_details` belongs to.

use super::items::{ItemRules, Items, Name, value};
use super::pieces::{Pieces, Rule};
use crate::Object;

pub(super) const RULES: ItemRules = ItemRules {
    place,
    names,
    members: rule,
};

/// The item with the same index and type; without an index the last item, when type, format and id do not differ.
fn place(items: &Items, piece: &Object) -> Option<usize> {
    let fits = |item: &Pieces, key: &str| match (item.last(key), value(piece, key)) {
        (Some(known), Some(new)) => known.get() == new.get(),
        _ => true,
    };
    if let Some(index) = value(piece, "index") {
        let index = || index.get().into();
        let (position, last) = items.named(&Name::Index(index()))?;
        if fits(last, "type") {
            return Some(position);
        }
        // An item without a type takes any piece, so where there are several of an index, each has its own.
        let kind = value(piece, "type")?.get().into();
        let (position, _) = items.named(&Name::IndexOfType(index(), kind))?;
        return Some(position);
    }
    let (position, last) = items.last()?;
    let same =
        last.last("index").is_none() && ["type", "format", "id"].iter().all(|key| fits(last, key));
    same.then_some(position)
}

fn names(item: &Pieces) -> Vec<Name> {
    let Some(index) = item.last("index") else {
        return Vec::new();
    };
    let index = || index.get().into();
    let kind = item.last("type");
    let kind = kind.map(|kind| Name::IndexOfType(index(), kind.get().into()));
    [Name::Index(index())].into_iter().chain(kind).collect()
}

fn rule(key: &str) -> Rule {
    match key {
        "text" | "summary" | "data" => Rule::Append,
        _ => Rule::Last,
    }
}
