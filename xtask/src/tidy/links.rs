//! Relative links between Markdown files must lead somewhere, and every page of
//! the book must be reachable.

use std::path::Path;

use super::tree::{TextFile, normal};
use super::{Finding, Tree};

/// The folder of the book, and its table of contents.
const BOOK: &str = "docs";
const CONTENTS: &str = "SUMMARY.md";

/// Checks the relative links and anchors of all Markdown files, and that the
/// book's contents list all of its pages.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let dead = tree
        .with_extension("md")
        .flat_map(|file| check_file(tree, file));
    dead.chain(unlisted(tree)).collect()
}

fn unlisted(tree: &Tree) -> Vec<Finding> {
    let Some(contents) = tree.file(&Path::new(BOOK).join(CONTENTS)) else {
        return Vec::new();
    };
    let listed: Vec<&str> = contents.text.lines().flat_map(targets).collect();
    let pages = tree.with_extension("md").filter_map(|file| {
        let page = file.path.strip_prefix(BOOK).ok()?.to_str()?;
        (page != CONTENTS && !listed.contains(&page)).then_some(file)
    });
    pages
        .map(|file| {
            Finding::new(
                file.path.display().to_string(),
                "is not in the book's contents",
                "add it to docs/SUMMARY.md",
            )
        })
        .collect()
}

fn check_file(tree: &Tree, file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in prose(&file.text) {
        for target in targets(&line) {
            if let Some(what) = dead(tree, file, target) {
                findings.push(Finding::new(
                    format!("{}:{number}", file.path.display()),
                    format!("`{target}` {what}"),
                    "mend the link",
                ));
            }
        }
    }
    findings
}

/// What is wrong with a link, if anything.
fn dead(tree: &Tree, file: &TextFile, target: &str) -> Option<&'static str> {
    if is_elsewhere(target) {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = file.path.parent().unwrap_or(Path::new(""));
    let linked = if path.is_empty() {
        file.path.clone()
    } else if let Some(linked) = normal(&folder.join(path)) {
        linked
    } else {
        return Some("leads out of the repository");
    };
    if !linked.as_os_str().is_empty() && !tree.has(&linked) {
        return Some("leads nowhere");
    }
    let headings = tree.file(&linked).filter(|_| !anchor.is_empty())?;
    let known =
        prose(&headings.text).any(|(_, line)| heading_anchor(&line).as_deref() == Some(anchor));
    (!known).then_some("names a heading that is not there")
}

/// Whether a target is a URL or a path into the Rust documentation, which
/// rustdoc checks.
fn is_elsewhere(target: &str) -> bool {
    let schemes = ["http://", "https://", "mailto:"];
    let is_item = target.contains("::")
        || target.ends_with("()")
        || target
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_');
    schemes.iter().any(|scheme| target.starts_with(scheme)) || is_item
}

/// Lines with their numbers, without code.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then(|| (index + 1, line.to_owned()))
    })
}

/// The targets of `[text](target)` and `[label]: target` in one line.
fn targets(line: &str) -> Vec<&str> {
    let inline = code_free(line)
        .into_iter()
        .flat_map(|part| part.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    let label = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "))
        .map(|(_, target)| target);
    inline
        .chain(label)
        .filter_map(|target| target.split_whitespace().next())
        .map(|target| target.trim_matches(['<', '>', '`']))
        .filter(|target| !target.is_empty())
        .collect()
}

/// The parts of a line between which code stands. A link whose text is code
/// keeps its target, since `](` follows the code.
fn code_free(line: &str) -> Vec<&str> {
    line.split('`').step_by(2).collect()
}

/// The anchor of a heading line, as GitHub and mdBook make it.
fn heading_anchor(line: &str) -> Option<String> {
    let heading = line.trim_start_matches('#');
    if heading.len() == line.len() || !heading.starts_with(' ') {
        return None;
    }
    let anchor = heading
        .trim()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .flat_map(char::to_lowercase)
        .collect();
    Some(anchor)
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    fn found(text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("docs/a.md", text),
            ("docs/b.md", "# A heading, with `code`\n"),
            ("README.md", ""),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        for text in [
            "[b](b.md)",
            "[`b`](b.md) and [up](../README.md)",
            "[b](b.md#a-heading-with-code)",
            "[x](https://example.org/none.md)",
            "[item](crate::Item) [other](Usd)",
            "```\n[x](none.md)\n```",
            "`[x](none.md)`",
            "[b]: b.md",
            "# Here\n[here](#here)",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn pages_that_are_not_in_the_contents_are_found() {
        let book = |contents| {
            check(&Tree::of(&[
                ("docs/SUMMARY.md", contents),
                ("docs/a/b.md", "# B"),
            ]))
        };
        assert_eq!(book("- [B](a/b.md)"), []);
        assert_eq!(book("# Nothing").len(), 1);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        for (text, what) in [
            ("[x](none.md)", "docs/a.md:1: `none.md` leads nowhere"),
            (
                "\n[`x`](none.md \"title\")",
                "docs/a.md:2: `none.md` leads nowhere",
            ),
            ("[x](../../README.md)", "leads out of the repository"),
            ("[b](b.md#another)", "names a heading that is not there"),
            ("[x]: none.md", "`none.md` leads nowhere"),
        ] {
            let found = found(text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(found[0].contains(what), "{found:?}");
        }
    }
}
