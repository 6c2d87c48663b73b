//! The two servers that a client is tried with.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::error::Error;
use crate::workspace;

/// A simulator, and a gateway that has no other upstream. They end with it.
pub(super) struct Servers {
    simulator: Server,
    gateway: Server,
    binary: PathBuf,
    config: PathBuf,
    scratch: PathBuf,
}

impl Servers {
    /// Starts both on free ports of this machine; what they keep is in `scratch`.
    pub(super) fn start(binary: &Path, scratch: &Path) -> Result<Self, Error> {
        let config = workspace::root().join("xtask/clients/gateway.toml");
        let mut simulator = Command::new(binary);
        simulator.args(["sim", "--listen", "127.0.0.1:0"]);
        let simulator = Server::start(simulator.current_dir(scratch))?;
        let mut gateway = Command::new(binary);
        gateway.arg("--config").arg(&config);
        gateway.args(["serve", "--listen", "127.0.0.1:0"]);
        gateway.env(SIMULATOR, &simulator.url);
        let gateway = Server::start(gateway.current_dir(scratch))?;
        Ok(Self {
            simulator,
            gateway,
            binary: binary.into(),
            config,
            scratch: scratch.into(),
        })
    }

    /// A script that knows where they are.
    pub(super) fn script(&self, words: &[PathBuf], case: Option<&str>) -> Command {
        let (program, arguments) = words.split_first().expect("a script has a program");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.scratch)
            .env("TOLLGATE_URL", &self.gateway.url)
            .env(SIMULATOR, &self.simulator.url)
            .env("TOLLGATE_BINARY", &self.binary)
            .env("TOLLGATE_CONFIG", &self.config)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONIOENCODING", "utf-8")
            // It would fetch a list of prices when it is loaded.
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
        if let Some(case) = case {
            command.env("TOLLGATE_CASE", case);
        }
        command
    }
}

/// The configuration of the gateway names it as well.
const SIMULATOR: &str = "TOLLGATE_SIM_URL";

/// A program that serves. It ends with this.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) process: Child,
}

impl Server {
    /// Starts a program and waits until it tells its address.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Error> {
        let words = format!("{command:?}");
        let cannot = |source| Error::Start {
            command: words.clone(),
            source,
        };
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let told = process.stderr.take().expect("it is piped");
        let mut lines = BufReader::new(told).lines();
        let mut said = Vec::new();
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some(url) = address(&line) {
                let url = url.to_owned();
                // A full pipe would stop it.
                thread::spawn(move || lines.for_each(drop));
                return Ok(Self { url, process });
            }
            said.push(line);
        }
        let _ = process.wait();
        Err(Error::NotServing {
            command: words,
            said: said.join("\n"),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The scheme, the host and the port that a line names.
fn address(line: &str) -> Option<&str> {
    let start = line.find("http://")?;
    let url = line[start..].split_whitespace().next()?;
    let path = url["http://".len()..].find('/');
    Some(path.map_or(url, |path| &url[..path + "http://".len()]))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn the_address_is_read_from_what_a_server_says() {
        let check = |line: &str, expected| assert_eq!(address(line), expected, "{line}");
        check(
            "listening on http://127.0.0.1:8787/v1",
            Some("http://127.0.0.1:8787"),
        );
        check("at http://127.0.0.1:1 and more", Some("http://127.0.0.1:1"));
        check("warning: no address", None);
    }
}
