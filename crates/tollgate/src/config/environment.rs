//! Environment variables that set keys of the configuration, and those that were
//! meant to.

use serde_json::Value;

use super::error::{Origin, Problem};
use super::schema::config_schema;

/// Prefix of the environment variables that set configuration keys:
/// `TOLLGATE_OPENROUTER__MODE` sets `openrouter.mode`.
pub const ENV_PREFIX: &str = "TOLLGATE_";

/// Stands between the parts of a key.
const BETWEEN: &str = "__";

/// Variables of ours that are read elsewhere: by the command line, and by
/// clients of the server as the guides show them.
const OTHERS: [&str; 3] = ["CONFIG", "LOG", "URL"];

/// What is read by tests alone begins so.
const TESTS: &str = "TEST_";

#[expect(
    clippy::disallowed_methods,
    reason = "the loader is the home of the environment"
)]
pub(crate) fn of_the_process() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The dotted key that a variable of this name sets.
pub(crate) fn key(name: &str) -> Option<String> {
    let key = name.strip_prefix(ENV_PREFIX)?;
    let key = key.contains(BETWEEN).then(|| key.to_ascii_lowercase())?;
    Some(key.replace(BETWEEN, "."))
}

/// A variable with our prefix that sets nothing.
pub(crate) enum Stray {
    /// It is a key but for its underscores.
    Misspelt(Problem),
    /// It may be somebody else's; this is what to say of it.
    Unknown(String),
}

/// The variables that set nothing; `is_read` knows those that files ask for.
pub(crate) fn strays(variables: &[(String, String)], is_read: &dyn Fn(&str) -> bool) -> Vec<Stray> {
    let idle = variables.iter().filter_map(|(name, value)| {
        let rest = name.strip_prefix(ENV_PREFIX)?;
        let is_known = OTHERS.contains(&rest) || rest.starts_with(TESTS);
        let is_idle = !rest.contains(BETWEEN) && !is_known && !is_read(name);
        (is_idle && !is_of_a_cluster(rest, value)).then_some((name, rest))
    });
    let idle: Vec<_> = idle.collect();
    if idle.is_empty() {
        return Vec::new();
    }
    let schema = config_schema();
    let stray = |(name, rest): (&String, &str)| match key_of_letters(&schema, rest) {
        Some(parts) => Stray::Misspelt(misspelt(name, &parts)),
        None => Stray::Unknown(format!(
            "environment variable {name} sets nothing; a key is set by {ENV_PREFIX}SECTION{BETWEEN}KEY"
        )),
    };
    idle.into_iter().map(stray).collect()
}

fn misspelt(name: &str, parts: &[String]) -> Problem {
    let right = parts.join(BETWEEN).to_ascii_uppercase();
    Problem {
        key: parts.join("."),
        message: "is not set by a variable of this name".to_owned(),
        origin: Origin::Environment(name.to_owned()),
        hint: Some(format!("did you mean {ENV_PREFIX}{right}?")),
    }
}

/// Whether a cluster sets it in each container, for a service whose name begins
/// as ours does: `TOLLGATE_SERVICE_HOST`, `TOLLGATE_PORT=tcp://10.0.0.7:8787`,
/// `TOLLGATE_PORT_8787_TCP_ADDR` and so on.
fn is_of_a_cluster(rest: &str, value: &str) -> bool {
    let words: Vec<&str> = rest.split('_').collect();
    let is_port = |three: &[&str]| {
        let is_number = three[1].bytes().all(|digit| digit.is_ascii_digit());
        three[0] == "PORT" && is_number && ["TCP", "UDP", "SCTP"].contains(&three[2])
    };
    words.ends_with(&["SERVICE", "HOST"])
        || words.windows(2).any(|two| two == ["SERVICE", "PORT"])
        || words.windows(3).any(is_port)
        || words.ends_with(&["PORT"]) && value.contains("://")
}

// === the key behind a misspelt name ===

/// The parts of the key that has these letters, wherever its underscores stand.
fn key_of_letters(schema: &Value, rest: &str) -> Option<Vec<String>> {
    below(schema, schema, &rest.to_ascii_lowercase())
}

fn below(schema: &Value, table: &Value, rest: &str) -> Option<Vec<String>> {
    let joined = |name: &str, more: Vec<String>| [vec![name.to_owned()], more].concat();
    if let Some(keys) = table["properties"].as_object() {
        return keys.iter().find_map(|(name, inner)| {
            let inner = resolved(schema, inner);
            let rest = after(rest, name)?;
            match is_table(inner) {
                true => Some(joined(name, below(schema, inner, rest)?)),
                false => rest.is_empty().then(|| vec![name.clone()]),
            }
        });
    }
    // A name of the user's own, of which nobody knows where it ends.
    let inner = resolved(schema, &table["additionalProperties"]);
    let rest = rest.trim_start_matches('_');
    if !is_table(inner) {
        return (!rest.is_empty()).then(|| vec![rest.to_owned()]);
    }
    rest.match_indices('_').find_map(|(at, _)| {
        let more = below(schema, inner, &rest[at..])?;
        Some(joined(&rest[..at], more))
    })
}

/// What follows a name whose underscores may stand anywhere.
fn after<'r>(rest: &'r str, name: &str) -> Option<&'r str> {
    let mut letters = name.chars().filter(|letter| *letter != '_');
    letters.try_fold(rest, |rest, letter| {
        rest.trim_start_matches('_').strip_prefix(letter)
    })
}

fn is_table(schema: &Value) -> bool {
    schema["properties"].is_object() || schema["additionalProperties"].is_object()
}

/// The definition behind a reference, also behind one that may be null.
fn resolved<'s>(schema: &'s Value, mut at: &'s Value) -> &'s Value {
    if let Some(either) = at["anyOf"].as_array() {
        at = either
            .iter()
            .find(|one| one["type"] != "null")
            .unwrap_or(at);
    }
    let definition = at["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
    let definition = definition.and_then(|path| schema.pointer(path));
    definition.unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn underscores_may_be_anywhere_in_a_misspelt_key() {
        let schema = config_schema();
        for (name, key) in [
            ("OPENROUTER_MODE", Some("openrouter.mode")),
            ("OPENROUTERMODE", Some("openrouter.mode")),
            ("OPENROUTER_API_KEY", Some("openrouter.api_key")),
            ("OPENROUTER_API_KEYS", Some("openrouter.api_keys")),
            ("LEDGER_URL", Some("ledger.url")),
            ("OPENROUTER_RATE_LIMIT", None),
            ("POLICIES_BALANCED_C_0", Some("policies.balanced.c0")),
            (
                "KEYS_MY_TEAM_BUDGET_LIMIT",
                Some("keys.my_team.budget.limit"),
            ),
            (
                "PROVIDERS_MY_OWN_BASE_URL",
                Some("providers.my_own.base_url"),
            ),
            ("PROVIDERS_GROQ_HEADERS_X", Some("providers.groq.headers.x")),
            ("OPENROUTER_MODES", None),
            ("OPENROUTER", None),
            ("FOO", None),
        ] {
            let found = key_of_letters(&schema, name).map(|parts| parts.join("."));
            assert_eq!(found.as_deref(), key, "{name}");
        }
    }

    #[test]
    fn what_clusters_set_is_theirs() {
        for (rest, value, is_theirs) in [
            ("SERVICE_HOST", "10.0.0.7", true),
            ("SERVICE_PORT", "8787", true),
            ("SERVICE_PORT_HTTP", "8787", true),
            ("PORT", "tcp://10.0.0.7:8787", true),
            ("PORT_8787_TCP", "tcp://10.0.0.7:8787", true),
            ("PORT_8787_TCP_ADDR", "10.0.0.7", true),
            ("SIM_SERVICE_HOST", "10.0.0.7", true),
            ("PORT", "8787", false),
            ("PORT_HTTP_TCP", "8787", false),
            ("HOST", "10.0.0.7", false),
        ] {
            assert_eq!(is_of_a_cluster(rest, value), is_theirs, "{rest}");
        }
    }
}
