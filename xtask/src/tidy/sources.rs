//! What every crate and every test binary must open with.

use std::path::{Path, PathBuf};

use super::{Finding, Tree};
use crate::workspace::Workspace;

/// The README is the crate's documentation, so its examples are tested.
const README: &str = r#"#![doc = include_str!("../README.md")]"#;

/// Roots of crates below one of our crates.
const ROOTS: [&str; 3] = ["src/lib.rs", "src/main.rs", "tests/it/main.rs"];

/// Checks that crates show their README and that other roots say what they are.
pub(crate) fn check(workspace: &Workspace, tree: &Tree, root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let folder = package.folder(root);
        let is_crate = folder.starts_with("crates");
        if is_crate && !shows_readme(tree, folder) {
            findings.push(Finding::new(
                folder.display().to_string(),
                "its README.md is not its crate documentation",
                &format!("start src/lib.rs (of a binary: src/main.rs) with `{README}`"),
            ));
        }
        for file in ROOTS {
            findings.extend(undocumented(tree, &folder.join(file)));
        }
        findings.extend(scattered_tests(tree, folder));
    }
    findings
}

fn shows_readme(tree: &Tree, folder: &Path) -> bool {
    ["src/lib.rs", "src/main.rs"]
        .into_iter()
        .filter_map(|file| tree.file(&folder.join(file)))
        .any(|file| file.text.lines().any(|line| line == README))
}

fn undocumented(tree: &Tree, path: &Path) -> Option<Finding> {
    let file = tree.file(path)?;
    let documented = file
        .text
        .lines()
        .any(|line| line.starts_with("//!") || line.starts_with("#![doc"));
    (!documented).then(|| {
        Finding::new(
            path.display().to_string(),
            "does not say what it is",
            "open it with a `//!` line",
        )
    })
}

/// Integration tests of a crate are one binary, so that they link once.
fn scattered_tests(tree: &Tree, folder: &Path) -> Vec<Finding> {
    let tests = folder.join("tests");
    let more: Vec<&PathBuf> = tree
        .with_extension("rs")
        .map(|file| &file.path)
        .filter(|path| path.parent() == Some(&tests))
        .collect();
    more.into_iter()
        .map(|path| {
            Finding::new(
                path.display().to_string(),
                "is a test binary of its own",
                "make it a module of tests/it/main.rs",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crate_with(files: &[(&str, &str)]) -> Vec<String> {
        let workspace: Workspace = serde_json::from_value(serde_json::json!({ "packages": [{
            "name": "x", "version": "0.1.0", "license": null, "description": null, "readme": null,
            "manifest_path": "/ws/crates/x/Cargo.toml", "dependencies": [],
        }] }))
        .unwrap();
        check(&workspace, &Tree::of(files), Path::new("/ws"))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_crate_shows_its_readme() {
        assert!(crate_with(&[("crates/x/src/lib.rs", README)]).is_empty());
        let found = crate_with(&[("crates/x/src/lib.rs", "//! Something else.")]);
        assert!(
            found[0].starts_with("crates/x: its README.md is not"),
            "{found:?}"
        );
    }

    #[test]
    fn tests_are_one_documented_binary() {
        let lib = ("crates/x/src/lib.rs", README);
        let found = crate_with(&[lib, ("crates/x/tests/it/main.rs", "mod a;")]);
        assert!(found[0].contains("does not say what it is"), "{found:?}");
        let found = crate_with(&[lib, ("crates/x/tests/more.rs", "//! More.")]);
        assert!(found[0].contains("a test binary of its own"), "{found:?}");
    }
}
