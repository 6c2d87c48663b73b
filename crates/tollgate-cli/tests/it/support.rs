//! Runs the binary with a home of its own and nothing from the environment.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use tollgate_sim::{Scenario, Simulator};

pub(crate) const MODEL: &str = "anthropic/claude-3-haiku";
pub(crate) const MISSION: &str = include_str!("../../../../config/example.toml");

/// A folder that stands for a person's home.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("OPENROUTER_API_KEY", "sk-or-v1-not-a-real-key-000");
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap();
        Run(output)
    }
}

/// What a command printed and how it ended.
pub(crate) struct Run(Output);

impl Run {
    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// Standard output as JSON, of a command that must have succeeded.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code(), 0, "{}", self.err());
        serde_json::from_slice(&self.0.stdout).unwrap()
    }
}

pub(crate) async fn simulator(scenario: Scenario) -> Simulator {
    Simulator::builder()
        .seed(7)
        .scenario(scenario)
        .start()
        .await
        .unwrap()
}

/// The flag that points the command at a simulator.
pub(crate) fn base_url(simulator: &Simulator) -> String {
    format!("--set=openrouter.base_url={}", simulator.base_url())
}
