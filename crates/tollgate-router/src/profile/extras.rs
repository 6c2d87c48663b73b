//! What a request has the upstream do beside answering.

use tollgate_wire::{Object, Request, Text};

/// Plugins that cost nothing of their own.
const WITHOUT_PRICE: [&str; 7] = [
    "auto-beta-router",
    "auto-router",
    "context-compression",
    "jev-router",
    "moderation",
    "pareto-router",
    "response-healing",
];
/// The plugin that searches once for each request, unless it is told how often.
const SEARCH: &str = "web";
/// Its engine that has the model's price; others have prices of their own.
const NATIVE: &str = "native";
/// The suffix of a model that searches once for each request.
const ONLINE: &str = ":online";
/// Most characters of a name that are repeated.
const SHOWN: usize = 64;

/// What costs more than tokens.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    /// Web searches, each at the model's price for one.
    pub(crate) searches: u64,
    /// The first thing that runs at the upstream for as long as it takes.
    pub(crate) unbounded: Option<String>,
}

pub(crate) fn extras(request: &Request) -> Extras {
    let object = request.object();
    let is_online = request.model().is_some_and(|model| model.ends_with(ONLINE));
    let mut extras = Extras {
        searches: u64::from(is_online || object.has_value("web_search_options")),
        unbounded: request.server_tool(),
    };
    // What is no list of plugins is refused where it is sent.
    let plugins: Vec<Object> = object.read("plugins").ok().flatten().unwrap_or_default();
    for plugin in plugins {
        if plugin.read::<bool>("enabled").ok().flatten() == Some(false) {
            continue;
        }
        let Ok(Some(id)) = plugin.read::<Text<'_>>("id") else {
            continue;
        };
        let is_search = id.as_str() == SEARCH;
        if is_search {
            let uses = plugin.read::<u64>("max_uses").ok().flatten();
            extras.searches = extras.searches.saturating_add(uses.unwrap_or(1));
        }
        let engine = plugin.read::<Text<'_>>("engine").ok().flatten();
        let is_native = is_search && engine.is_some_and(|engine| engine.as_str() == NATIVE);
        if !is_native && !WITHOUT_PRICE.contains(&id.as_str()) && extras.unbounded.is_none() {
            extras.unbounded = Some(id.chars().take(SHOWN).collect());
        }
    }
    extras
}

#[cfg(test)]
mod tests {
    use tollgate_wire::Surface;

    use super::*;

    fn of(members: &str) -> Extras {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"x"}}]{members}}}"#);
        extras(&Request::parse(Surface::Chat, body.as_bytes()).expect("a request"))
    }

    #[test]
    fn searches_are_counted_and_what_has_no_end_is_named() {
        for (members, searches, unbounded) in [
            ("", 0, None),
            (r#","web_search_options":null,"plugins":[]"#, 0, None),
            (r#","web_search_options":{}"#, 1, None),
            (r#","model":"a/b:online""#, 1, None),
            (r#","plugins":[{"id":"web"}]"#, 1, Some("web")),
            (
                r#","plugins":[{"id":"web","engine":"native","max_uses":4}]"#,
                4,
                None,
            ),
            (r#","plugins":[{"id":"web","enabled":false}]"#, 0, None),
            (r#","plugins":[{"id":"response-healing"}]"#, 0, None),
            (
                r#","plugins":[{"id":"moderation"},{"id":"file-parser"}]"#,
                0,
                Some("file-parser"),
            ),
            (
                r#","plugins":[{"id":"of-tomorrow"}]"#,
                0,
                Some("of-tomorrow"),
            ),
            (r#","plugins":"web""#, 0, None),
            (r#","tools":[{"type":"function"}]"#, 0, None),
            (
                r#","tools":[{"type":"openrouter:web_search"}],"plugins":[{"id":"fusion"}]"#,
                0,
                Some("openrouter:web_search"),
            ),
        ] {
            let expected = Extras {
                searches,
                unbounded: unbounded.map(str::to_owned),
            };
            assert_eq!(of(members), expected, "{members}");
        }
    }
}
