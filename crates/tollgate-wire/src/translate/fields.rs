//! Members that go from one object to another, by table.

use crate::json::is_null;
use crate::{Object, ParseError};

use super::losses::Losses;
use super::place::Place;

/// What becomes of a member. One that no rule names goes on as it is.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// It has another name.
    Named(&'static str),
    /// It frames the object it is in, or is translated in code.
    Apart,
    /// It has no counterpart. The texts listed mean no more than absence does, so nothing is lost with them.
    Lost(&'static [&'static str], &'static str),
    /// Without it the request would mean something else. The texts listed mean no more than absence does.
    Refused(&'static [&'static str], &'static str),
}

/// What becomes of the members of one kind of object.
pub(super) type Rules = &'static [(&'static str, Rule)];

/// Takes every member of `from` to `to`, by the rules.
pub(super) fn carry(
    from: &Object,
    to: &mut Object,
    rules: Rules,
    place: &Place<'_>,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    for (key, value) in from.iter() {
        let rule = rules.iter().find(|(name, _)| *name == key);
        match rule.map(|(_, rule)| rule) {
            None => to.set_raw(key, value.to_owned()),
            Some(Rule::Apart) => {}
            Some(_) if is_null(value) => {}
            Some(Rule::Named(name)) => to.set_raw(name, value.to_owned()),
            Some(Rule::Lost(nothing, _) | Rule::Refused(nothing, _))
                if nothing.contains(&value.get()) => {}
            Some(Rule::Lost(_, why)) => losses.add(&place.key(key), why),
            Some(Rule::Refused(_, why)) => return Err(place.key(key).error(*why)),
        }
    }
    Ok(())
}
