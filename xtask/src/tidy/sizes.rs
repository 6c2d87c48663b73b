//! How long files and functions are. A report, not a rule: tables may be long,
//! control flow may not.

use std::fmt::Write as _;

use super::Tree;

const LONGEST: usize = 10;

/// A file or function with its length in lines.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sized {
    lines: usize,
    name: String,
}

/// The longest files and functions, longest first.
pub(crate) fn report(tree: &Tree) -> String {
    let mut text = String::new();
    for (title, sizes) in [("files", files(tree)), ("functions", functions(tree))] {
        let _ = writeln!(text, "longest {title}");
        for size in sizes.iter().take(LONGEST) {
            let _ = writeln!(text, "{:>6}  {}", size.lines, size.name);
        }
    }
    text.push_str(&summary(tree));
    text
}

/// Median and ninth decile of both.
pub(crate) fn summary(tree: &Tree) -> String {
    let mid = |sizes: &[Sized], tenths: usize| {
        // They are sorted from the longest.
        let place = sizes.len() * (10 - tenths) / 10;
        sizes.get(place).map_or(0, |size| size.lines)
    };
    let (files, functions) = (files(tree), functions(tree));
    format!(
        "lines per file: median {}, nine in ten up to {}; per function: {} and {}",
        mid(&files, 5),
        mid(&files, 9),
        mid(&functions, 5),
        mid(&functions, 9)
    )
}

fn files(tree: &Tree) -> Vec<Sized> {
    let sizes = tree.with_extension("rs").map(|file| Sized {
        lines: file.text.lines().count(),
        name: file.path.display().to_string(),
    });
    longest_first(sizes.collect())
}

fn functions(tree: &Tree) -> Vec<Sized> {
    let sizes = tree.with_extension("rs").flat_map(|file| {
        functions_of(&file.text).into_iter().map(|size| Sized {
            name: format!("{} in {}", size.name, file.path.display()),
            ..size
        })
    });
    longest_first(sizes.collect())
}

fn longest_first(mut sizes: Vec<Sized>) -> Vec<Sized> {
    sizes.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.name.cmp(&b.name)));
    sizes
}

/// Functions with a body, measured from signature to closing brace. It leans
/// on the formatter: a body ends at the first brace as far left as it began.
fn functions_of(text: &str) -> Vec<Sized> {
    let lines: Vec<&str> = text.lines().collect();
    let mut sizes = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        let opens = lines[start..]
            .iter()
            .position(|line| line.ends_with(['{', '}', ';']));
        let Some(opens) = opens.map(|offset| start + offset) else {
            continue;
        };
        if !lines[opens].ends_with('{') {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let end = format!("{}}}", &line[..indent]);
        if let Some(length) = lines[opens..].iter().position(|line| *line == end) {
            sizes.push(Sized {
                lines: opens - start + length + 1,
                name: name.to_owned(),
            });
        }
    }
    sizes
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_signature = before
        .split_whitespace()
        .all(|word| matches!(word, "pub" | "const" | "async") || word.starts_with("pub("));
    let name = after.split(['(', '<']).next()?;
    (is_signature && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::functions_of;

    #[test]
    fn functions_are_measured_from_signature_to_brace() {
        let text = "\
pub(crate) fn long(
    a: u8,
) -> u8 {
    if a > 1 {
        return 1;
    }
    a
}

trait T {
    fn declared(&self);
    fn short(&self) -> u8 {
        1
    }
}
// a fn in a comment {
fn one_line() {}
";
        let found: Vec<_> = functions_of(text)
            .into_iter()
            .map(|size| (size.name, size.lines))
            .collect();
        assert_eq!(found, [("long".to_owned(), 8), ("short".to_owned(), 3)]);
    }
}
