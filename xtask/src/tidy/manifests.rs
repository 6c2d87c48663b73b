//! What every manifest must say.

use std::path::Path;

use toml::{Table, Value};

use super::{Finding, Tree, homes};
use crate::workspace::{Package, Workspace};

const LICENCE: &str = "MIT OR Apache-2.0";

/// Fields that come from the root manifest.
const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];

/// The only place that packages come from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The page that says why each package is here.
const REASONS: &str = "docs/decisions/0008-dependencies.md";

/// Checks all manifests, and that their packages are explained and come from
/// the public registry.
pub(crate) fn check(workspace: &Workspace, tree: &Tree, root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let path = package.folder(root).join("Cargo.toml");
        let place = path.display().to_string();
        findings.extend(described(package, &place, path.starts_with("crates")));
        if let Some(file) = tree.file(&path) {
            findings.extend(inherits(&file.text, &place));
        }
    }
    findings.extend(explained(tree));
    findings.extend(sources(tree));
    findings
}

fn described(package: &Package, place: &str, released: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if package.license.as_deref() != Some(LICENCE) {
        findings.push(Finding::new(
            place,
            format!("its licence is not {LICENCE}"),
            "write `license.workspace = true`",
        ));
    }
    if released && package.description.is_none() {
        findings.push(Finding::new(
            place,
            "has no description",
            "say in one line what the crate is for",
        ));
    }
    if released && package.readme.is_none() {
        findings.push(Finding::new(
            place,
            "has no readme",
            "write README.md: what it does, one example, what it deliberately does not do",
        ));
    }
    findings
}

/// Versions and lints are decided in the root manifest only.
fn inherits(text: &str, place: &str) -> Vec<Finding> {
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => {
            return vec![Finding::new(
                place,
                format!("is not TOML ({})", error.message()),
                "mend it",
            )];
        }
    };
    let package = table(&manifest, "package");
    let fields = INHERITED
        .into_iter()
        .filter(|field| !is_inherited(package.and_then(|package| package.get(*field))))
        .map(|field| format!("package.{field}"));
    let lints = (!is_inherited(manifest.get("lints"))).then(|| "lints".to_owned());
    let dependencies = ["dependencies", "dev-dependencies", "build-dependencies"]
        .into_iter()
        .filter_map(|kind| table(&manifest, kind).map(|table| (kind, table)))
        .flat_map(|(kind, table)| {
            table
                .iter()
                .filter(|(_, value)| !is_inherited(Some(value)))
                .map(move |(name, _)| format!("{kind}.{name}"))
        });
    fields
        .chain(lints)
        .chain(dependencies)
        .map(|key| {
            Finding::new(
                place,
                format!("`{key}` is not taken from the workspace"),
                "write `workspace = true` and keep the value in the root manifest",
            )
        })
        .collect()
}

fn table<'a>(parent: &'a Table, key: &str) -> Option<&'a Table> {
    parent.get(key).and_then(Value::as_table)
}

fn is_inherited(value: Option<&Value>) -> bool {
    value
        .and_then(|value| value.get("workspace"))
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

/// Every package with a home has its reason written down.
fn explained(tree: &Tree) -> Vec<Finding> {
    let text = tree
        .file(Path::new(REASONS))
        .map_or("", |file| file.text.as_str());
    homes::packages()
        .filter(|name| !text.contains(&format!("`{name}`")))
        .map(|name| {
            Finding::new(
                REASONS,
                format!("does not mention `{name}`"),
                "say in one line why it is here",
            )
        })
        .collect()
}

/// No package comes from a mirror, a git repository or a folder outside.
fn sources(tree: &Tree) -> Vec<Finding> {
    let lock = tree
        .file(Path::new("Cargo.lock"))
        .map_or("", |file| file.text.as_str());
    lock.lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .filter(|source| source.trim_matches('"') != CRATES_IO)
        .map(|source| {
            Finding::new(
                "Cargo.lock",
                format!("has a package from {source}"),
                "take it from crates.io",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Tree, inherits, sources};

    const GOOD: &str = "
        [package]
        name = 'x'
        version.workspace = true
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
        [dependencies]
        serde.workspace = true
        tokio = { workspace = true, features = ['time'] }
        [lints]
        workspace = true
    ";

    #[test]
    fn values_come_from_the_root_manifest() {
        assert_eq!(inherits(GOOD, "x"), []);
        let own = GOOD.replace("serde.workspace = true", "serde = '1'");
        assert!(
            inherits(&own, "x")[0]
                .to_string()
                .contains("dependencies.serde")
        );
        let own = GOOD.replace("version.workspace = true\n", "version = '0.1.0'\n");
        assert!(
            inherits(&own, "x")[0]
                .to_string()
                .contains("package.version")
        );
        let none = GOOD.replace("[lints]", "[other]");
        assert!(inherits(&none, "x")[0].to_string().contains("`lints`"));
    }

    #[test]
    fn packages_come_from_the_public_registry() {
        let lock = |source: &str| {
            let text = format!("[[package]]\nname = \"x\"\nsource = \"{source}\"\n");
            sources(&Tree::of(&[("Cargo.lock", &text)])).len()
        };
        assert_eq!(
            lock("registry+https://github.com/rust-lang/crates.io-index"),
            0
        );
        assert_eq!(lock("sparse+https://mirror.example/index/"), 1);
        assert_eq!(lock("git+https://example.org/x#1"), 1);
    }
}
