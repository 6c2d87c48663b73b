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

#[cfg(test)]
mod tests {
    use crate::json::steps;
    use crate::{Request, Surface, from_chat, to_chat};

    /// Checks that a translation looks at the members of its objects a few times each, and not at all for each.
    fn check(from: Surface, body: &str, to: Surface) {
        let request = Request::parse(from, body.as_bytes()).unwrap();
        let steps = steps::of(|| {
            let chat = to_chat(&request).unwrap().value;
            if to != Surface::Chat {
                from_chat(to, &chat).unwrap();
            }
        });
        let bytes = body.len();
        assert!(steps < 4 * bytes, "{steps} for {bytes} bytes to {to}");
    }

    #[test]
    fn the_work_of_a_translation_grows_as_its_request_does() {
        const MANY: usize = 5_000;
        let members: Vec<_> = (0..MANY).map(|key| format!("\"{key}\":0")).collect();
        let members = members.join(",");
        let said = |role: &str, content: &str| {
            format!(r#"{{"role":"{role}","content":{content},{members}}}"#)
        };
        let messages = format!(
            "[{},{},{}]",
            said("user", r#""x""#),
            said(
                "user",
                &format!(r#"[{{"type":"text","text":"x",{members}}}]"#)
            ),
            said("assistant", r#""x""#)
        );
        let tools = format!(
            r#"[{{"type":"function","function":{{"name":"f","parameters":{{"type":"object","properties":{{{members}}}}}}}}}]"#
        );
        for to in [Surface::Chat, Surface::Messages, Surface::Responses] {
            let body = format!(r#"{{"messages":{messages},"tools":{tools},{members}}}"#);
            check(Surface::Chat, &body, to);
            check(
                Surface::Messages,
                &format!(r#"{{"messages":{messages},{members}}}"#),
                to,
            );
            check(
                Surface::Responses,
                &format!(r#"{{"input":{messages},{members}}}"#),
                to,
            );
        }
        let items: Vec<_> = (0..MANY)
            .map(|id| format!(r#"{{"type":"function_call","call_id":"{id}","name":"f","arguments":""}},{{"type":"reasoning","id":"{id}","encrypted_content":"x"}}"#))
            .collect();
        check(
            Surface::Responses,
            &format!(r#"{{"input":[{}]}}"#, items.join(",")),
            Surface::Chat,
        );
    }
}
