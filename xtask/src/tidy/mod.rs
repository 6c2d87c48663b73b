//! Rules that need to see all crates at once, and that no compiler checks.
//!
//! Each rule is a pure function from what was read to findings; what it allows
//! is a table at the top of its file.

mod edges;
mod graph;
mod homes;
mod links;
mod manifests;
mod sizes;
mod sources;
mod tree;
mod words;

use std::fmt;

use crate::error::Error;
use crate::output;
use crate::workspace::{self, Workspace};

use self::tree::Tree;

/// Arguments of `cargo xtask tidy`.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Args {
    /// Print the crates and their arrows instead of checking them.
    #[arg(long)]
    graph: bool,
    /// Print the longest files and functions too.
    #[arg(long)]
    sizes: bool,
}

/// Something that a rule does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    place: String,
    what: String,
    mend: String,
}

impl Finding {
    /// A finding at a place, with what is wrong there and how to mend it.
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>, mend: &str) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
            mend: mend.to_owned(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.what, self.mend)
    }
}

/// Checks all rules, or prints the graph.
pub(crate) fn run(args: Args) -> Result<(), Error> {
    let root = workspace::root();
    let workspace = Workspace::load(&root)?;
    if args.graph {
        output::print(&graph::picture(&workspace));
        return Ok(());
    }
    let tree = Tree::read(&root)?;
    if args.sizes {
        output::print(&sizes::report(&tree));
    }
    let findings = [
        edges::check(&workspace),
        homes::check(&workspace),
        manifests::check(&workspace, &tree, &root),
        sources::check(&workspace, &tree, &root),
        words::check(&tree),
        links::check(&tree),
    ]
    .concat();
    for finding in &findings {
        output::say(&finding.to_string());
    }
    if !findings.is_empty() {
        return Err(Error::Findings {
            task: "tidy",
            count: findings.len(),
        });
    }
    output::say(&format!(
        "tidy: {} crates, {} files; {}",
        workspace.packages.len(),
        tree.files.len(),
        sizes::summary(&tree)
    ));
    Ok(())
}
