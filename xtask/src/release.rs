//! What must hold before a release. Needs no network.

use std::path::Path;

use crate::error::Error;
use crate::tidy::Finding;
use crate::workspace::{self, Workspace};
use crate::{output, program};

/// Checks versions, changelog, licences and the contents of each package.
pub(crate) fn run() -> Result<(), Error> {
    let root = workspace::root();
    let workspace = Workspace::load(&root)?;
    let mut findings = versions(&workspace);
    if let Some(package) = workspace.packages.first() {
        findings.extend(changelog(&read(&root, "CHANGELOG.md")?, &package.version));
    }
    findings.extend(licences(&root));
    findings.extend(contents(&root, &workspace)?);
    for finding in &findings {
        output::say(&finding.to_string());
    }
    if !findings.is_empty() {
        return Err(Error::Findings {
            task: "release-check",
            count: findings.len(),
        });
    }
    output::say(&format!(
        "{} crates are ready to release",
        workspace.packages.len()
    ));
    Ok(())
}

/// All crates are released in step.
fn versions(workspace: &Workspace) -> Vec<Finding> {
    let Some(first) = workspace.packages.first() else {
        return Vec::new();
    };
    workspace
        .packages
        .iter()
        .filter(|package| package.version != first.version)
        .map(|package| {
            Finding::new(
                &package.name,
                format!(
                    "has version {}, {} has {}",
                    package.version, first.name, first.version
                ),
                "write `version.workspace = true`",
            )
        })
        .collect()
}

/// The version has a section with a date.
fn changelog(text: &str, version: &str) -> Option<Finding> {
    let heading = format!("## [{version}]");
    let mend = format!("write `{heading} - YYYY-MM-DD` above its entries");
    let Some(line) = text.lines().find(|line| line.starts_with(&heading)) else {
        return Some(Finding::new(
            "CHANGELOG.md",
            format!("has no section for {version}"),
            &mend,
        ));
    };
    let dated = line.rsplit(' ').next().is_some_and(|word| {
        word.len() == 10 && word.bytes().filter(|byte| *byte == b'-').count() == 2
    });
    (!dated).then(|| {
        Finding::new(
            "CHANGELOG.md",
            format!("the section for {version} has no date"),
            &mend,
        )
    })
}

fn licences(root: &Path) -> Vec<Finding> {
    ["LICENSE-MIT", "LICENSE-APACHE"]
        .into_iter()
        .filter(|name| !root.join(name).is_file())
        .map(|name| Finding::new(name, "is missing", "restore it; the manifests promise it"))
        .collect()
}

/// Each crate can be packaged, and its README is in the package.
fn contents(root: &Path, workspace: &Workspace) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        if !package.folder(root).starts_with("crates") {
            continue;
        }
        let words = [
            "cargo",
            "package",
            "--list",
            "--quiet",
            "--offline",
            "--allow-dirty",
            "--package",
            &package.name,
        ];
        let list = String::from_utf8_lossy(&program::read(root, &words)?).into_owned();
        if !list.lines().any(|file| file == "README.md") {
            findings.push(Finding::new(
                &package.name,
                "its package has no README.md",
                "write one beside its Cargo.toml",
            ));
        }
    }
    Ok(findings)
}

fn read(root: &Path, name: &str) -> Result<String, Error> {
    let path = root.join(name);
    std::fs::read_to_string(&path).map_err(|source| Error::Read { path, source })
}

#[cfg(test)]
mod tests {
    use super::changelog;

    #[test]
    fn a_release_needs_a_dated_section() {
        let says = |text| changelog(text, "0.1.0").map(|finding| finding.to_string());
        assert_eq!(says("## [0.1.0] - 2026-01-31"), None);
        assert!(says("## [0.1.0] - unreleased").unwrap().contains("no date"));
        assert!(
            says("## [0.2.0] - 2026-01-31")
                .unwrap()
                .contains("no section")
        );
    }
}
