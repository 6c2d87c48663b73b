use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;

/// Runs a program in the workspace root and lets it print.
pub(crate) fn run(root: &Path, words: &[&str], variables: &[(&str, &str)]) -> Result<(), Error> {
    let status = command(root, words, variables)
        .status()
        .map_err(|source| cannot_start(words, source))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Failed {
            command: words.join(" "),
            status,
        })
    }
}

/// Runs a program in the workspace root and returns what it printed on stdout.
pub(crate) fn read(root: &Path, words: &[&str]) -> Result<Vec<u8>, Error> {
    let output = command(root, words, &[])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| cannot_start(words, source))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(Error::Failed {
            command: words.join(" "),
            status: output.status,
        })
    }
}

/// Whether `cargo NAME` is there.
pub(crate) fn has_cargo_command(root: &Path, name: &str) -> bool {
    command(root, &["cargo", name, "--version"], &[])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn command(root: &Path, words: &[&str], variables: &[(&str, &str)]) -> Command {
    let (program, arguments) = words.split_first().unwrap_or((&"", &[]));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(root);
    command
}

fn cannot_start(words: &[&str], source: std::io::Error) -> Error {
    Error::Start {
        command: words.join(" "),
        source,
    }
}
