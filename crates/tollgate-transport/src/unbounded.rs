//! What a request may ask of a provider whose list prices are all that is known of its costs: for
//! these things it takes more, and no hold covers that.

use serde_json::value::RawValue;
use tollgate_wire::{Object, Request, Surface, Text};

/// Fields whose values have prices of their own, and the values that cost no more than the list.
/// `auto` is what counts where the field is not there.
const CHOICES: &[(&str, &[&str])] = &[
    (
        "service_tier",
        &["auto", "default", "flex", "standard_only"],
    ),
    ("inference_geo", &["global", "not_available"]),
    ("speed", &["standard"]),
];

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

/// Most characters of a tool's type that a failure repeats.
const SHOWN: usize = 64;

/// The fields of a request whose values cost more than the list says.
pub(crate) fn dearer(request: &Object) -> impl Iterator<Item = &'static str> {
    let is_listed = |field: &str, listed: &[&str]| match request.read::<Text<'_>>(field) {
        Ok(asked) => asked.is_none_or(|asked| listed.contains(&asked.as_str())),
        Err(_) => false,
    };
    CHOICES
        .iter()
        .filter(move |(field, listed)| !is_listed(field, listed))
        .map(|(field, _)| *field)
}

/// The first tool of a request that the provider would run, as often as its model likes.
pub(crate) fn server_tool(request: &Request) -> Option<String> {
    let surface = request.surface();
    let field = SERVERS
        .iter()
        .find(|(of, field)| *of == surface && request.object().has_value(field));
    if let Some((_, field)) = field {
        return Some((*field).to_owned());
    }
    let tools: Vec<&RawValue> = serde_json::from_str(request.tools()?.get()).ok()?;
    tools.into_iter().find_map(|tool| run_there(surface, tool))
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
