//! The crates and their arrows as a picture, to compare with the design's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::workspace::Workspace;

/// Names, and what each of them depends on.
type Arrows<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// One line per set of crates with the same arrows, in layers from the top.
/// An arrow that follows from two others is left out.
pub(crate) fn picture(workspace: &Workspace) -> String {
    let arrows = arrows(workspace);
    let mut layers: BTreeMap<usize, Arrows<'_>> = BTreeMap::new();
    for (name, uses) in &arrows {
        let direct = uses
            .iter()
            .copied()
            .filter(|to| {
                !uses
                    .iter()
                    .any(|via| via != to && reaches(&arrows, via, to))
            })
            .collect();
        layers
            .entry(height(&arrows, name))
            .or_default()
            .insert(name, direct);
    }
    let mut text = String::from("arrows of the code; what follows from two arrows is left out\n");
    for (layer, crates) in layers.iter().rev() {
        let _ = writeln!(text, "\nlayer {layer}");
        for (uses, names) in by_arrows(crates) {
            let _ = writeln!(text, "{}", line(&names, &uses));
        }
    }
    let tests = test_arrows(workspace);
    if !tests.is_empty() {
        text.push_str("\nin tests and benchmarks, beside that\n");
    }
    for (uses, names) in by_arrows(&tests) {
        let _ = writeln!(text, "{}", line(&names, &uses));
    }
    text.trim_end().to_owned()
}

fn line(names: &[&str], uses: &BTreeSet<&str>) -> String {
    let names = names.join(", ");
    if uses.is_empty() {
        return format!("  {names}");
    }
    let uses: Vec<_> = uses.iter().copied().collect();
    format!("  {names}\n      ──► {}", uses.join(", "))
}

fn by_arrows<'a>(crates: &Arrows<'a>) -> BTreeMap<BTreeSet<&'a str>, Vec<&'a str>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, uses) in crates {
        groups.entry(uses.clone()).or_default().push(*name);
    }
    groups
}

fn arrows(workspace: &Workspace) -> Arrows<'_> {
    collect(workspace, false)
}

/// What tests use and the code does not.
fn test_arrows(workspace: &Workspace) -> Arrows<'_> {
    let code = arrows(workspace);
    let mut tests = collect(workspace, true);
    for (name, uses) in &mut tests {
        uses.retain(|to| !code[name].contains(to));
    }
    tests.retain(|_, uses| !uses.is_empty());
    tests
}

fn collect(workspace: &Workspace, tests: bool) -> Arrows<'_> {
    workspace
        .packages
        .iter()
        .map(|package| {
            let uses = package
                .dependencies
                .iter()
                .filter(|dependency| dependency.is_for_tests() == tests)
                .map(|dependency| dependency.name.as_str())
                .filter(|name| workspace.has(name))
                .collect();
            (package.name.as_str(), uses)
        })
        .collect()
}

/// Arrows on the longest way down. Cargo allows no cycle, so it ends.
fn height(arrows: &Arrows<'_>, name: &str) -> usize {
    arrows[name]
        .iter()
        .map(|to| height(arrows, to) + 1)
        .max()
        .unwrap_or(0)
}

fn reaches(arrows: &Arrows<'_>, from: &str, to: &str) -> bool {
    arrows[from]
        .iter()
        .any(|next| *next == to || reaches(arrows, next, to))
}

#[cfg(test)]
mod tests {
    use super::picture;
    use crate::workspace::Workspace;

    #[test]
    fn layers_start_at_the_top_and_implied_arrows_are_left_out() {
        let package = |name: &str, uses: &[&str], tests: &[&str]| {
            let uses = uses
                .iter()
                .map(|to| serde_json::json!({ "name": to, "kind": null }));
            let tests = tests
                .iter()
                .map(|to| serde_json::json!({ "name": to, "kind": "dev" }));
            serde_json::json!({
                "name": name, "version": "0.1.0", "license": null, "description": null,
                "readme": null, "manifest_path": "/x/Cargo.toml",
                "dependencies": uses.chain(tests).collect::<Vec<_>>(),
            })
        };
        let packages = [
            package("wire", &["serde"], &[]),
            package("core", &["wire"], &[]),
            package("step-b", &["core", "wire"], &["kit"]),
            package("step-a", &["core"], &[]),
            package("kit", &["core"], &[]),
        ];
        let workspace: Workspace =
            serde_json::from_value(serde_json::json!({ "packages": packages })).unwrap();
        let expected = "\
arrows of the code; what follows from two arrows is left out

layer 2
  kit, step-a, step-b
      ──► core

layer 1
  core
      ──► wire

layer 0
  wire

in tests and benchmarks, beside that
  step-b
      ──► kit";
        assert_eq!(picture(&workspace), expected);
    }
}
