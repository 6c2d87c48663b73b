use serde_json::value::RawValue;

use crate::{Object, Request, Surface, Text};

/// Tools that are the caller's own on every surface.
const OWN: &[&str] = &["function", "custom"];

/// How the types of tools begin that a provider has made up and the caller runs.
const RUN_BY_CALLERS: &[(Surface, &str)] = &[
    (Surface::Messages, "bash_"),
    (Surface::Messages, "computer_"),
    (Surface::Messages, "memory_"),
    (Surface::Messages, "text_editor_"),
    (Surface::Responses, "apply_patch"),
    (Surface::Responses, "local_shell"),
];

/// Fields that bring tools which the provider runs.
const SERVERS: &[(Surface, &str)] = &[(Surface::Messages, "mcp_servers")];

/// Most characters of a tool's type that are repeated.
const SHOWN: usize = 64;

impl Request {
    /// The first tool that the provider would run, as often as its model likes: by
    /// its type, or by the field that brings it.
    ///
    /// ```
    /// use tollgate_wire::{Request, Surface};
    /// let body = br#"{"messages":[{"role":"user","content":"news?"}],"tools":[{"type":"openrouter:web_search"}]}"#;
    /// let request = Request::parse(Surface::Chat, body)?;
    /// assert_eq!(request.server_tool().as_deref(), Some("openrouter:web_search"));
    /// # Ok::<(), tollgate_wire::ParseError>(())
    /// ```
    pub fn server_tool(&self) -> Option<String> {
        let surface = self.surface();
        let field = SERVERS
            .iter()
            .find(|(of, field)| *of == surface && self.object().has_value(field));
        if let Some((_, field)) = field {
            return Some((*field).to_owned());
        }
        let tools: Vec<&RawValue> = serde_json::from_str(self.tools()?.get()).ok()?;
        tools.into_iter().find_map(|tool| run_there(surface, tool))
    }
}

/// The type of a tool that is not run by the caller. A tool without one is a function; what is no
/// tool at all is refused by the provider.
fn run_there(surface: Surface, tool: &RawValue) -> Option<String> {
    let tool = Object::parse(tool.get().as_bytes()).ok()?;
    // Of two types each reader takes the one it likes.
    let mut types = tool
        .iter()
        .filter(|(key, _)| *key == "type")
        .filter_map(|(_, kind)| serde_json::from_str::<Text<'_>>(kind.get()).ok());
    let there = types.find(|kind| !is_callers(surface, kind.as_str()))?;
    Some(there.chars().take(SHOWN).collect())
}

fn is_callers(surface: Surface, kind: &str) -> bool {
    let begins = |(of, beginning): &(Surface, &str)| *of == surface && kind.starts_with(beginning);
    OWN.contains(&kind) || RUN_BY_CALLERS.iter().any(begins)
}

#[cfg(test)]
mod tests;
