//! Installs the pinned clients, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Skipped;
use super::list::{Client, Language, NODE};
use crate::error::Error;

/// The command that runs a client's script, its packages installed; or why
/// this machine cannot.
pub(super) fn ready(
    client: &Client,
    root: &Path,
    folder: &Path,
) -> Result<Result<Vec<PathBuf>, Skipped>, Error> {
    let source = root.join("xtask/clients").join(client.language.folder());
    let installed = folder.join(client.language.folder());
    let lacks = match client.language {
        Language::Python => lacks_python(),
        Language::Node => lacks_node(),
    };
    if let Some(why) = lacks {
        return Ok(Err(Skipped(why)));
    }
    match client.language {
        Language::Python => {
            let python = python(&source, &installed)?;
            Ok(Ok(vec![python, source.join(client.script)]))
        }
        Language::Node => {
            node(&source, &installed)?;
            Ok(Ok(vec!["node".into(), installed.join(client.script)]))
        }
    }
}

/// A virtual environment with what `requirements.txt` pins; gives its interpreter.
fn python(source: &Path, installed: &Path) -> Result<PathBuf, Error> {
    let interpreter = installed.join("bin/python");
    let pins = source.join("requirements.txt");
    if !is_current(&pins, installed)? {
        install(Command::new("python3").args(["-m", "venv"]).arg(installed))?;
        install(
            Command::new(&interpreter)
                .args(["-m", "pip", "install", "--quiet", "--requirement"])
                .arg(&pins),
        )?;
        mark(&pins, installed)?;
    }
    Ok(interpreter)
}

/// The scripts beside what `package-lock.json` pins, since Node looks for
/// packages from where a script is.
fn node(source: &Path, installed: &Path) -> Result<(), Error> {
    copy(source, installed)?;
    let pins = source.join("package-lock.json");
    if !is_current(&pins, installed)? {
        install(
            Command::new("npm")
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(installed),
        )?;
        mark(&pins, installed)?;
    }
    Ok(())
}

pub(crate) fn install(command: &mut Command) -> Result<(), Error> {
    let words = format!("{command:?}");
    let done = command.output().map_err(|source| Error::Start {
        command: words.clone(),
        source,
    })?;
    if done.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&done.stderr);
    let last: Vec<_> = told.lines().rev().take(12).collect();
    Err(Error::Install {
        command: words,
        said: last.into_iter().rev().collect::<Vec<_>>().join("\n"),
    })
}

/// The name of the copy that tells what was installed.
const MARK: &str = "installed";

/// Whether what the pins say was installed to its end.
fn is_current(pins: &Path, installed: &Path) -> Result<bool, Error> {
    let now = read(pins)?;
    Ok(fs::read_to_string(installed.join(MARK)).is_ok_and(|then| then == now))
}

fn mark(pins: &Path, installed: &Path) -> Result<(), Error> {
    let path = installed.join(MARK);
    fs::write(&path, read(pins)?).map_err(|source| Error::Write { path, source })
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.into(),
        source,
    })
}

fn copy(source: &Path, to: &Path) -> Result<(), Error> {
    let cannot_read = |error| Error::Read {
        path: source.into(),
        source: error,
    };
    let cannot_write = |error| Error::Write {
        path: to.into(),
        source: error,
    };
    fs::create_dir_all(to).map_err(cannot_write)?;
    for entry in fs::read_dir(source).map_err(cannot_read)? {
        let entry = entry.map_err(cannot_read)?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).map_err(cannot_write)?;
        }
    }
    Ok(())
}

fn lacks_python() -> Option<String> {
    match version("python3") {
        Some(_) => None,
        None => Some("there is no `python3` on the PATH".into()),
    }
}

fn lacks_node() -> Option<String> {
    let Some(version) = version("node") else {
        return Some(format!(
            "there is no `node` on the PATH; it takes {NODE} or later"
        ));
    };
    match major(&version) {
        Some(major) if major >= NODE => None,
        _ => Some(format!(
            "it takes Node {NODE} or later, and this is {version}"
        )),
    }
}

fn version(program: &str) -> Option<String> {
    let done = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(done.stdout).ok()?;
    Some(text.trim().to_owned())
}

/// The 20 of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    let number = version.trim_start_matches('v').split('.').next()?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_the_first_number() {
        let check = |version: &str, expected| assert_eq!(major(version), expected, "{version}");
        check("v20.20.2", Some(20));
        check("22.1", Some(22));
        check("v", None);
        check("", None);
    }
}
