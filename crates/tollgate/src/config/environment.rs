//! Environment variables that set keys of the configuration.

/// Prefix of the environment variables that set configuration keys:
/// `TOLLGATE_OPENROUTER__MODE` sets `openrouter.mode`.
pub const ENV_PREFIX: &str = "TOLLGATE_";

/// Stands between the parts of a key.
const BETWEEN: &str = "__";

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
