//! The pages in docs/clients, whose snippets are files that run.

use std::fs;
use std::path::{Path, PathBuf};

use super::list::{CLIENTS, Client};
use super::{Tried, table};
use crate::error::Error;

/// Writes the table of the first page, and the snippet of every other.
pub(super) fn write(root: &Path, tried: &[Tried]) -> Result<(), Error> {
    let first = root.join("docs/clients/README.md");
    replace(&first, "table", &table::of(tried))?;
    replace(&first, "versions", &versions(root)?)?;
    for client in CLIENTS {
        replace(&page(root, client), "snippet", &fenced(root, client)?)?;
    }
    Ok(())
}

fn page(root: &Path, client: &Client) -> PathBuf {
    let name = format!("{}.md", client.name);
    root.join("docs/clients").join(name)
}

/// The snippet of a client, as its page shows it.
fn fenced(root: &Path, client: &Client) -> Result<String, Error> {
    let path = root
        .join("xtask/clients")
        .join(client.language.folder())
        .join(client.snippet);
    let end = path.extension().and_then(|end| end.to_str());
    let language = match end {
        Some("py") => "python",
        Some("mjs") => "js",
        _ => "sh",
    };
    Ok(format!("```{language}\n{}```\n", read(&path)?))
}

/// The versions that are pinned, a line for each client.
fn versions(root: &Path) -> Result<String, Error> {
    let folder = root.join("xtask/clients");
    let python = read(&folder.join("python/requirements.txt"))?;
    let node = read(&folder.join("node/package.json"))?;
    let mut text = String::new();
    for client in CLIENTS {
        for package in client.packages {
            let version = version(&python, &format!("{package}=="))
                .filter(|_| client.language == super::list::Language::Python)
                .or_else(|| version(&node, &format!("\"{package}\": \"")))
                .unwrap_or("not pinned");
            text.push_str(&format!(
                "- [{}]({}.md): {package} {version}\n",
                client.name, client.name
            ));
        }
    }
    Ok(text)
}

/// What stands behind a beginning of a line.
fn version<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.trim().strip_prefix(beginning))?;
    Some(found.trim_end_matches(['"', ',']))
}

fn replace(path: &Path, name: &str, text: &str) -> Result<(), Error> {
    let page = read(path)?;
    let (before, _, after) = split(&page, name).ok_or_else(|| Error::NoMark {
        path: path.into(),
        name: name.into(),
    })?;
    fs::write(path, format!("{before}\n{text}\n{after}")).map_err(|source| Error::Write {
        path: path.into(),
        source,
    })
}

/// What stands before, between and behind the marks of a part.
fn split<'a>(page: &'a str, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let begin = format!("<!-- {name}: begin -->\n");
    let start = page.find(&begin)? + begin.len();
    let end = start + page[start..].find(&format!("<!-- {name}: end -->"))?;
    Some((&page[..start], &page[start..end], &page[end..]))
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.into(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn the_snippets_of_the_pages_are_the_files_that_run() {
        let root = workspace::root();
        for client in CLIENTS {
            let page = read(&page(&root, client)).unwrap();
            let (_, shown, _) = split(&page, "snippet").unwrap();
            let run = fenced(&root, client).unwrap();
            assert_eq!(
                shown.trim(),
                run.trim(),
                "{}: `cargo xtask clients --write`",
                client.name
            );
        }
    }

    #[test]
    fn the_first_page_names_the_pinned_versions_and_every_client() {
        let root = workspace::root();
        let page = read(&root.join("docs/clients/README.md")).unwrap();
        let (_, shown, _) = split(&page, "versions").unwrap();
        assert_eq!(shown.trim(), versions(&root).unwrap().trim());
        assert!(!shown.contains("not pinned"), "{shown}");
        let (_, table, _) = split(&page, "table").unwrap();
        for client in CLIENTS {
            assert!(table.contains(client.name), "{}", client.name);
        }
    }

    #[test]
    fn lock_files_name_no_registry() {
        let folder = workspace::root().join("xtask/clients");
        let lock = read(&folder.join("node/package-lock.json")).unwrap();
        assert!(!lock.contains("\"resolved\""));
        let pins = read(&folder.join("python/requirements.txt")).unwrap();
        for line in pins.lines() {
            assert!(line.contains("==") && !line.contains("://"), "{line}");
        }
    }
}
