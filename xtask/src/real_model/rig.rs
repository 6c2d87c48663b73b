//! What is tried: the model's server, a simulator in OpenRouter's place, a gateway before both.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

use serde_json::{Value, json};

use super::install::write;
use super::model::{self, NAME, Tokens};
use crate::clients::servers::Server;
use crate::error::Error;

/// The model by the gateway's name.
pub(super) const MODEL: &str = "local/smollm2-135m";
/// A model that only OpenRouter has.
pub(super) const DISTANT: &str = "openai/gpt-4o-mini";
/// Longest answer, in tokens: enough to see a stream, and soon over.
const LIMIT: u64 = 16;

/// Where the gateway and the commands keep their ledgers; one file serves one process.
pub(super) const LEDGERS: [&str; 2] = ["gateway.db", "commands.db"];

/// All that runs. It ends when this is dropped.
pub(super) struct Rig {
    pub(super) model: Server,
    /// What the model's server had counted before anything was tried.
    pub(super) before: Tokens,
    pub(super) openrouter: Option<Server>,
    gateway: Server,
    binary: PathBuf,
    scratch: PathBuf,
    /// The turns of the conversation that outlives OpenRouter.
    pub(super) turns: Vec<Value>,
}

impl Rig {
    pub(super) fn start(python: &Path, binary: PathBuf, folder: &Path) -> Result<Self, Error> {
        let scratch = folder.join("scratch");
        // Ledgers of an earlier run would be added up with those of this one.
        match fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Write {
                    path: scratch,
                    source: error,
                });
            }
            _ => {}
        }
        let model = model::start(python, &scratch)?;
        let openrouter = server(&binary, &scratch, &["sim"])?;
        let config = config(&openrouter.url, &model.url);
        write(&scratch.join("tollgate.toml"), &config)?;
        let gateway = server(&binary, &scratch, &["serve"])?;
        let before = Tokens::counted(&model).map_err(|said| Error::NotServing {
            command: "the model's server".into(),
            said,
        })?;
        Ok(Self {
            model,
            before,
            openrouter: Some(openrouter),
            gateway,
            binary,
            scratch,
            turns: Vec::new(),
        })
    }

    /// Where the gateway takes chats.
    pub(super) fn chats(&self) -> String {
        format!("{}/v1/chat/completions", self.gateway.url)
    }

    /// A command of the binary beside the gateway, with a ledger of its own.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.on_ledger(LEDGERS[1]);
        command.args(arguments);
        command
    }

    /// The JSON that a command prints.
    pub(super) fn json(mut command: Command) -> Result<Value, String> {
        let output = command.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(said(&output));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
    }

    /// What a command prints for people, how often it wrote to it, and what it said beside it.
    pub(super) fn text(mut command: Command) -> Result<(String, usize, String), String> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut text = Vec::new();
        let mut pieces = 0;
        let mut stdout = child.stdout.take().ok_or("its output is not piped")?;
        let mut buffer = [0; 4096];
        loop {
            match stdout
                .read(&mut buffer)
                .map_err(|error| error.to_string())?
            {
                0 => break,
                length => {
                    text.extend_from_slice(&buffer[..length]);
                    pieces += 1;
                }
            }
        }
        let output = child
            .wait_with_output()
            .map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(said(&output));
        }
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((String::from_utf8_lossy(&text).into_owned(), pieces, told))
    }

    /// What a ledger has on the lane `local`.
    pub(super) fn booked(&self, ledger: &str) -> Result<Tokens, String> {
        let mut command = self.on_ledger(ledger);
        command.args(["--json", "usage", "--by", "lane"]);
        let report = Self::json(command)?;
        let rows = report["rows"].as_array().ok_or("a report has rows")?;
        let row = rows.iter().find(|row| row["key"][0] == "local");
        Ok(row.map_or(Tokens::default(), |row| Tokens::of_books(&row["tokens"])))
    }

    /// Asks the gateway to stop, and waits until it has.
    pub(super) fn stop_gateway(&mut self) -> Result<ExitStatus, String> {
        let id = self.gateway.process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        asked.map_err(|error| error.to_string())?;
        self.gateway
            .process
            .wait()
            .map_err(|error| error.to_string())
    }

    /// Writes a request to a file; gives its path.
    pub(super) fn file(&self, request: &Value) -> Result<String, String> {
        let path = self.scratch.join("request.json");
        fs::write(&path, request.to_string()).map_err(|error| error.to_string())?;
        Ok(path.display().to_string())
    }

    fn on_ledger(&self, ledger: &str) -> Command {
        let mut command = command(&self.binary, &self.scratch);
        command.arg("--set").arg(format!("ledger.path={ledger}"));
        command
    }
}

/// A request for an answer that the same words always get.
pub(super) fn request(model: &str, turns: &[Value]) -> Value {
    json!({"model": model, "messages": turns, "max_tokens": LIMIT, "temperature": 0, "seed": 1})
}

/// A turn of a conversation.
pub(super) fn turn(role: &str, text: &str) -> Value {
    json!({"role": role, "content": text})
}

fn said(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    format!("{}: {}", output.status, told.trim())
}

fn server(binary: &Path, scratch: &Path, words: &[&str]) -> Result<Server, Error> {
    let mut command = command(binary, scratch);
    Server::start(command.args(words).args(["--listen", "127.0.0.1:0"]))
}

/// The binary in a folder of its own.
fn command(binary: &Path, scratch: &Path) -> Command {
    let mut command = Command::new(binary);
    // What is set for its user, such as keys, another configuration or a proxy, is not for this.
    command
        .env_clear()
        .current_dir(scratch)
        .env("XDG_DATA_HOME", scratch)
        .env("NO_COLOR", "1");
    command
}

/// The configuration, which the binary finds in its working directory.
fn config(openrouter: &str, model: &str) -> String {
    let [ledger, _] = LEDGERS;
    format!(
        r#"[openrouter]
api_key = "sk-or-v1-any-key-of-the-simulator"
base_url = "{openrouter}/api/v1"

[openrouter.optimization]
fallback_chain = ["{MODEL}"]

[providers.local]
base_url = "{model}/v1"
models = {{ "{MODEL}" = "{NAME}" }}
prices = {{ "{MODEL}" = {{ base = {{ input = "0", output = "0" }} }} }}

# A busy machine takes long to read a prompt.
[failover]
first_event_ms = 200000

[catalog]
cache_path = "catalog.json"

[ledger]
store = "sqlite"
path = "{ledger}"
"#
    )
}
