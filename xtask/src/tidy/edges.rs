//! Which of our crates may know which.

use super::Finding;
use crate::workspace::{Package, Workspace};

/// What one crate may depend on.
struct Row {
    package: &'static str,
    /// As a normal or build dependency.
    uses: &'static [&'static str],
    /// In tests, examples and benchmarks too.
    tests_use: &'static [&'static str],
}

/// The words and the wire.
const VOCABULARY: &[&str] = &["tollgate-core", "tollgate-wire"];

/// What tests of a crate above the vocabulary may build on.
const TEST_KIT: &[&str] = &["tollgate-testkit", "tollgate-sim"];

/// The arrows of the design. A new one is the rarest change there is: it goes
/// here, into the picture of ARCHITECTURE.md, and into a page of docs/decisions.
const ROWS: &[Row] = &[
    row("tollgate-wire", &[], &[]),
    row("tollgate-core", &["tollgate-wire"], &[]),
    // The simulator shares nothing with the gateway but the wire, so that it
    // cannot share the gateway's mistakes.
    row("tollgate-sim", &["tollgate-wire"], &[]),
    row("tollgate-testkit", VOCABULARY, &[]),
    // Steps of a request. They do not know each other.
    row("tollgate-transport", VOCABULARY, TEST_KIT),
    row("tollgate-catalog", VOCABULARY, TEST_KIT),
    // Learning is apart from deciding: bytes in, numbers out.
    row("tollgate-router-learned", &["tollgate-core"], &[]),
    row(
        "tollgate-router",
        &["tollgate-core", "tollgate-wire", "tollgate-router-learned"],
        &[
            "tollgate-testkit",
            // A plan over the real catalog and the real policies.
            "tollgate-catalog",
            "tollgate-policy-balanced",
            "tollgate-policy-cheapest",
            "tollgate-policy-quality",
        ],
    ),
    row("tollgate-policy-cheapest", VOCABULARY, TEST_KIT),
    row("tollgate-policy-balanced", VOCABULARY, TEST_KIT),
    row("tollgate-policy-quality", VOCABULARY, TEST_KIT),
    row(
        "tollgate-policy-cascade",
        VOCABULARY,
        &[
            "tollgate-testkit",
            // The policy that it stands on unless told otherwise.
            "tollgate-policy-quality",
            // What it saves is measured on recorded outcomes.
            "tollgate-route-eval",
        ],
    ),
    row("tollgate-failover", VOCABULARY, TEST_KIT),
    row("tollgate-ledger", VOCABULARY, TEST_KIT),
    // The budget of a key is a budget of the ledger, in its words.
    row(
        "tollgate-keys",
        &["tollgate-core", "tollgate-ledger"],
        TEST_KIT,
    ),
    row(
        "tollgate-ledger-postgres",
        // Keys and their limits are shared through the ledger's database.
        &["tollgate-core", "tollgate-wire", "tollgate-keys"],
        // Trackers that share its budgets.
        &["tollgate-testkit", "tollgate-sim", "tollgate-ledger"],
    ),
    row(
        "tollgate",
        &[
            "tollgate-catalog",
            "tollgate-core",
            "tollgate-failover",
            "tollgate-keys",
            "tollgate-ledger",
            "tollgate-ledger-postgres",
            "tollgate-policy-balanced",
            "tollgate-policy-cascade",
            "tollgate-policy-cheapest",
            "tollgate-policy-quality",
            "tollgate-router",
            // Files of learned routers are read here.
            "tollgate-router-learned",
            "tollgate-transport",
            "tollgate-wire",
        ],
        TEST_KIT,
    ),
    // Somebody else's client at the seam, compared with ours; nothing depends on it.
    row(
        "tollgate-provider-openrouter-rs",
        VOCABULARY,
        &[
            "tollgate-testkit",
            "tollgate-sim",
            "tollgate-transport",
            "tollgate",
        ],
    ),
    row(
        "tollgate-server",
        &["tollgate", "tollgate-core", "tollgate-wire"],
        TEST_KIT,
    ),
    // Tries decisions on outcomes, and replays choices among endpoints, without a gateway.
    row(
        "tollgate-route-eval",
        &[
            "tollgate-core",
            "tollgate-policy-balanced",
            "tollgate-policy-cheapest",
            "tollgate-router",
            "tollgate-router-learned",
            "tollgate-wire",
        ],
        &[],
    ),
    row(
        "tollgate-cli",
        &[
            "tollgate",
            "tollgate-core",
            // Keys are made and listed without a gateway.
            "tollgate-keys",
            "tollgate-ledger-postgres",
            // Routers are trained and tried without a gateway.
            "tollgate-route-eval",
            "tollgate-router-learned",
            "tollgate-server",
            "tollgate-sim",
            "tollgate-wire",
        ],
        TEST_KIT,
    ),
    // Tries the whole from outside, as a program that uses it does.
    row("tollgate-trials", &["tollgate", "tollgate-sim"], &[]),
    // Measures whatever is worth it.
    row(
        "tollgate-benches",
        &[
            "tollgate",
            "tollgate-catalog",
            "tollgate-core",
            "tollgate-failover",
            "tollgate-ledger",
            "tollgate-ledger-postgres",
            "tollgate-policy-balanced",
            "tollgate-policy-cheapest",
            "tollgate-policy-quality",
            "tollgate-router",
            "tollgate-router-learned",
            "tollgate-server",
            "tollgate-sim",
            "tollgate-testkit",
            "tollgate-transport",
            "tollgate-wire",
        ],
        &[],
    ),
    // It must run when nothing else compiles.
    row("xtask", &[], &[]),
];

const fn row(
    package: &'static str,
    uses: &'static [&'static str],
    tests_use: &'static [&'static str],
) -> Row {
    Row {
        package,
        uses,
        tests_use,
    }
}

/// Compares the workspace with [`ROWS`], both ways.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let arrows = workspace
        .packages
        .iter()
        .flat_map(|package| check_package(package, workspace));
    let gone = ROWS
        .iter()
        .filter(|row| !workspace.has(row.package))
        .map(|row| {
            Finding::new(
                row.package,
                "is designed but not in the workspace",
                "remove its row from xtask/src/tidy/edges.rs",
            )
        });
    arrows.chain(gone).collect()
}

fn check_package(package: &Package, workspace: &Workspace) -> Vec<Finding> {
    let Some(row) = ROWS.iter().find(|row| row.package == package.name) else {
        return vec![Finding::new(
            &package.name,
            "is not a crate of the design",
            "give it a row in xtask/src/tidy/edges.rs and a paragraph in ARCHITECTURE.md",
        )];
    };
    package
        .dependencies
        .iter()
        .filter(|dependency| workspace.has(&dependency.name))
        .filter(|dependency| {
            let name = dependency.name.as_str();
            let in_tests = dependency.is_for_tests() && row.tests_use.contains(&name);
            !in_tests && !row.uses.contains(&name)
        })
        .map(|dependency| {
            let how = if dependency.is_for_tests() {
                " in its tests"
            } else {
                ""
            };
            Finding::new(
                &package.name,
                format!("depends on {}{how}, which the design does not have", dependency.name),
                "move what both need to tollgate-core, or let the façade carry it from one to the other",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{ROWS, check};
    use crate::workspace::Workspace;

    /// The designed workspace plus one dependency.
    fn with_arrow(from: &str, to: &str, kind: Option<&str>) -> Workspace {
        let packages: Vec<_> = ROWS
            .iter()
            .map(|row| {
                let mut dependencies: Vec<_> = row
                    .uses
                    .iter()
                    .map(|name| serde_json::json!({ "name": name, "kind": null }))
                    .collect();
                if row.package == from {
                    dependencies.push(serde_json::json!({ "name": to, "kind": kind }));
                }
                serde_json::json!({
                    "name": row.package, "version": "0.1.0", "license": null, "description": null,
                    "readme": null, "manifest_path": "/x/Cargo.toml", "dependencies": dependencies,
                })
            })
            .collect();
        serde_json::from_value(serde_json::json!({ "packages": packages })).unwrap()
    }

    fn findings(from: &str, to: &str, kind: Option<&str>) -> Vec<String> {
        let findings = check(&with_arrow(from, to, kind));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_that_was_not_designed_is_refused() {
        let found = findings("tollgate-router", "tollgate-catalog", None);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("tollgate-router: depends on tollgate-catalog, which the design"),
            "{found:?}"
        );
        for (from, to) in [
            ("tollgate-sim", "tollgate-core"),
            ("tollgate-core", "tollgate-router"),
            ("tollgate-ledger", "tollgate-failover"),
            ("tollgate-cli", "tollgate-router"),
        ] {
            assert_eq!(findings(from, to, None).len(), 1, "{from} -> {to}");
            assert_eq!(findings(from, to, Some("build")).len(), 1, "{from} -> {to}");
        }
    }

    #[test]
    fn tests_may_reach_further_than_code() {
        assert!(findings("tollgate-router", "tollgate-catalog", Some("dev")).is_empty());
        assert!(findings("tollgate-failover", "tollgate-testkit", Some("dev")).is_empty());
        assert_eq!(
            findings("tollgate-failover", "tollgate-testkit", None).len(),
            1
        );
        assert_eq!(
            findings("tollgate-sim", "tollgate-testkit", Some("dev")).len(),
            1
        );
    }

    #[test]
    fn packages_from_elsewhere_are_no_arrows() {
        assert!(findings("tollgate-router", "serde", None).is_empty());
    }

    #[test]
    fn crates_without_a_row_and_rows_without_a_crate_are_found() {
        let mut workspace = with_arrow("", "", None);
        workspace.packages[1].name = "tollgate-utils".to_owned();
        let found = check(&workspace);
        assert!(
            found
                .iter()
                .any(|finding| finding.place == "tollgate-utils")
        );
        assert!(found.iter().any(|finding| finding.place == ROWS[1].package));
    }

    #[test]
    fn the_design_has_no_cycle() {
        // Rows stand below everything that they use, so no arrow leads back.
        for (place, row) in ROWS.iter().enumerate() {
            for name in row.uses {
                let below = ROWS[..place].iter().any(|row| row.package == *name);
                assert!(below, "{} uses {name}", row.package);
            }
        }
    }
}
