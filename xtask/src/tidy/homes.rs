//! Which of our crates may name which third-party package.
//!
//! A package that is not here is refused, so a new one is always a deliberate
//! line in this table and one in docs/decisions. What is absent from a row is
//! an invariant: without `tokio` and `reqwest`, a crate does no I/O.

use super::Finding;
use crate::workspace::{Dependency, Workspace};

/// Where one third-party package may be named.
struct Row {
    package: &'static str,
    /// Crates whose code may name it; [`EVERYWHERE`] is all of them.
    homes: &'static [&'static str],
    /// Crates whose tests may name it too.
    tests: &'static [&'static str],
}

const EVERYWHERE: &[&str] = &["*"];
const NOWHERE: &[&str] = &[];

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // words of the language, more or less
    Row { package: "async-trait", homes: EVERYWHERE, tests: EVERYWHERE },
    Row { package: "bytes", homes: EVERYWHERE, tests: EVERYWHERE },
    Row { package: "futures-core", homes: EVERYWHERE, tests: EVERYWHERE },
    Row { package: "serde", homes: EVERYWHERE, tests: EVERYWHERE },
    Row { package: "serde_json", homes: EVERYWHERE, tests: EVERYWHERE },
    Row { package: "thiserror", homes: EVERYWHERE, tests: EVERYWHERE },
    // who may wait: not the wire, the vocabulary, the router or a policy
    Row { package: "tokio", homes: WAITING, tests: EVERYWHERE },
    Row { package: "futures-util", homes: WAITING, tests: EVERYWHERE },
    // who may log: not what is pure
    Row { package: "tracing", homes: &["tollgate-transport", "tollgate-catalog", "tollgate-failover", "tollgate-keys", "tollgate-ledger", "tollgate-ledger-postgres", "tollgate", "tollgate-server", "tollgate-cli"], tests: &["tollgate-benches"] },
    Row { package: "tracing-subscriber", homes: &["tollgate-cli"], tests: &["tollgate", "tollgate-benches"] },
    // who may speak OpenTelemetry: everybody else speaks `tracing`
    Row { package: "opentelemetry", homes: &["tollgate-server", "tollgate-cli"], tests: &["tollgate-benches"] },
    Row { package: "opentelemetry-http", homes: &["tollgate-cli"], tests: NOWHERE },
    Row { package: "opentelemetry-otlp", homes: &["tollgate-cli"], tests: NOWHERE },
    Row { package: "opentelemetry-proto", homes: NOWHERE, tests: &["tollgate-cli"] },
    Row { package: "opentelemetry_sdk", homes: &["tollgate-cli"], tests: &["tollgate-benches"] },
    Row { package: "prost", homes: NOWHERE, tests: &["tollgate-cli"] },
    Row { package: "tracing-opentelemetry", homes: &["tollgate-cli"], tests: &["tollgate-benches"] },
    // one home each
    Row { package: "fearless_simd", homes: &["tollgate-policy-balanced", "tollgate-router", "tollgate-router-learned"], tests: NOWHERE },
    Row { package: "memchr", homes: &["tollgate-wire"], tests: NOWHERE },
    Row { package: "reqwest", homes: &["tollgate-transport", "tollgate-provider-openrouter-rs"], tests: &["tollgate-server"] },
    Row { package: "openrouter-rs", homes: &["tollgate-provider-openrouter-rs"], tests: NOWHERE },
    Row { package: "h2", homes: &["tollgate-transport"], tests: NOWHERE },
    Row { package: "rustls", homes: &["tollgate-transport", "tollgate-ledger-postgres"], tests: &["tollgate-server"] },
    Row { package: "governor", homes: &["tollgate-transport"], tests: NOWHERE },
    Row { package: "arc-swap", homes: &["tollgate", "tollgate-catalog", "tollgate-server"], tests: NOWHERE },
    Row { package: "dashmap", homes: &["tollgate-failover", "tollgate-ledger"], tests: NOWHERE },
    Row { package: "foldhash", homes: &["tollgate-failover"], tests: NOWHERE },
    Row { package: "blake3", homes: &["tollgate-ledger"], tests: NOWHERE },
    Row { package: "base64", homes: &["tollgate-keys"], tests: NOWHERE },
    Row { package: "getrandom", homes: &["tollgate-keys"], tests: NOWHERE },
    Row { package: "hmac", homes: &["tollgate-keys"], tests: NOWHERE },
    Row { package: "sha2", homes: &["tollgate-keys"], tests: NOWHERE },
    Row { package: "subtle", homes: &["tollgate-keys"], tests: NOWHERE },
    Row { package: "jiff", homes: &["tollgate-keys", "tollgate-ledger"], tests: NOWHERE },
    Row { package: "rusqlite", homes: &["tollgate-ledger"], tests: &["tollgate"] },
    Row { package: "tokio-postgres", homes: &["tollgate-ledger-postgres"], tests: NOWHERE },
    Row { package: "tokio-postgres-rustls", homes: &["tollgate-ledger-postgres"], tests: NOWHERE },
    Row { package: "rustls-platform-verifier", homes: &["tollgate-ledger-postgres"], tests: NOWHERE },
    Row { package: "deadpool-postgres", homes: &["tollgate-ledger-postgres"], tests: NOWHERE },
    Row { package: "figment", homes: &["tollgate"], tests: NOWHERE },
    Row { package: "strsim", homes: &["tollgate", "tollgate-catalog", "tollgate-keys", "tollgate-server"], tests: NOWHERE },
    Row { package: "schemars", homes: CONFIGURED, tests: NOWHERE },
    Row { package: "toml", homes: &["tollgate", "tollgate-catalog", "tollgate-keys", "tollgate-sim", "xtask"], tests: CONFIGURED },
    Row { package: "axum", homes: &["tollgate-server"], tests: NOWHERE },
    Row { package: "prometheus-client", homes: &["tollgate-server"], tests: NOWHERE },
    Row { package: "http", homes: HTTP, tests: NOWHERE },
    Row { package: "http-body", homes: HTTP, tests: NOWHERE },
    Row { package: "http-body-util", homes: HTTP, tests: HTTP },
    Row { package: "hyper", homes: &["tollgate-server", "tollgate-sim", "xtask"], tests: NOWHERE },
    Row { package: "hyper-util", homes: &["tollgate-server", "tollgate-sim", "xtask"], tests: NOWHERE },
    Row { package: "tower", homes: &["tollgate-server"], tests: NOWHERE },
    // the command line
    Row { package: "anstream", homes: &["tollgate-cli"], tests: NOWHERE },
    Row { package: "clap", homes: &["tollgate-cli", "tollgate-route-eval", "tollgate-trials", "xtask"], tests: NOWHERE },
    Row { package: "clap_complete", homes: &["tollgate-cli"], tests: NOWHERE },
    Row { package: "comfy-table", homes: &["tollgate-cli"], tests: NOWHERE },
    Row { package: "terminal_size", homes: &["tollgate-cli"], tests: NOWHERE },
    Row { package: "mimalloc", homes: &["tollgate-cli"], tests: NOWHERE },
    Row { package: "owo-colors", homes: &["tollgate-cli"], tests: NOWHERE },
    // tests, benchmarks, automation
    Row { package: "criterion", homes: NOWHERE, tests: &["tollgate-benches"] },
    Row { package: "flate2", homes: &["tollgate-route-eval", "xtask"], tests: NOWHERE },
    Row { package: "libm", homes: &["tollgate-route-eval"], tests: NOWHERE },
    Row { package: "allocation-counter", homes: NOWHERE, tests: &["tollgate-router"] },
    Row { package: "insta", homes: NOWHERE, tests: EVERYWHERE },
    Row { package: "proptest", homes: &["tollgate-testkit"], tests: EVERYWHERE },
    Row { package: "loom", homes: NOWHERE, tests: EVERYWHERE },
    Row { package: "tempfile", homes: NOWHERE, tests: EVERYWHERE },
];

/// Crates with something to wait for.
const WAITING: &[&str] = &[
    "tollgate-transport",
    "tollgate-catalog",
    "tollgate-failover",
    "tollgate-keys",
    "tollgate-ledger",
    "tollgate-ledger-postgres",
    "tollgate",
    "tollgate-provider-openrouter-rs",
    "tollgate-server",
    "tollgate-cli",
    "tollgate-sim",
    "tollgate-testkit",
    "tollgate-trials",
    "tollgate-benches",
    "xtask",
];

/// Crates that speak HTTP.
const HTTP: &[&str] = &[
    "tollgate-transport",
    "tollgate-server",
    "tollgate-sim",
    "tollgate-trials",
    // The way to a collector, and the header for upstreams.
    "tollgate-cli",
    "xtask",
];

/// Crates with a `…Config` of their own, and the façade that composes them.
const CONFIGURED: &[&str] = &[
    "tollgate-transport",
    "tollgate-catalog",
    "tollgate-router",
    "tollgate-policy-balanced",
    "tollgate-policy-cascade",
    "tollgate-policy-cheapest",
    "tollgate-policy-quality",
    "tollgate-failover",
    "tollgate-keys",
    "tollgate-ledger",
    "tollgate",
    "tollgate-server",
    "tollgate-cli",
];

/// Compares the direct third-party dependencies of all crates with [`ROWS`].
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        for dependency in &package.dependencies {
            if !workspace.has(&dependency.name) {
                findings.extend(check_dependency(&package.name, dependency));
            }
        }
    }
    findings
}

fn check_dependency(package: &str, dependency: &Dependency) -> Option<Finding> {
    let name = &dependency.name;
    let Some(row) = ROWS.iter().find(|row| row.package == name) else {
        return Some(Finding::new(
            package,
            format!("depends on {name}, which has no home"),
            "do without it, or give it a row in xtask/src/tidy/homes.rs and a line in docs/decisions",
        ));
    };
    let at_home = lists(row.homes, package);
    let in_tests = dependency.is_for_tests() && lists(row.tests, package);
    (!at_home && !in_tests).then(|| {
        let homes = if row.homes.is_empty() {
            "tests".to_owned()
        } else {
            row.homes.join(", ")
        };
        Finding::new(
            package,
            format!("depends on {name}, whose home is {homes}"),
            "ask the home for what is needed, through a type of ours",
        )
    })
}

fn lists(crates: &[&str], package: &str) -> bool {
    crates == EVERYWHERE || crates.contains(&package)
}

/// All packages that have a home.
pub(crate) fn packages() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.package)
}

#[cfg(test)]
mod tests {
    use super::check_dependency;
    use crate::workspace::{Dependency, Kind};

    fn allowed(package: &str, name: &str, kind: Option<Kind>) -> bool {
        let name = name.to_owned();
        check_dependency(package, &Dependency { name, kind }).is_none()
    }

    #[test]
    fn a_package_stays_in_its_home() {
        assert!(allowed("tollgate-transport", "reqwest", None));
        assert!(!allowed("tollgate-catalog", "reqwest", None));
        assert!(!allowed("tollgate-server", "reqwest", None));
        assert!(allowed("tollgate-server", "reqwest", Some(Kind::Dev)));
    }

    #[test]
    fn what_is_pure_does_not_wait() {
        for package in [
            "tollgate-wire",
            "tollgate-core",
            "tollgate-router",
            "tollgate-policy-quality",
        ] {
            assert!(!allowed(package, "tokio", None), "{package}");
        }
    }

    #[test]
    fn an_unknown_package_is_refused() {
        assert!(!allowed("tollgate-cli", "left-pad", None));
        assert!(!allowed("tollgate-cli", "left-pad", Some(Kind::Dev)));
    }
}
