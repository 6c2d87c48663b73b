use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[telemetry]`: what the command `tollgate` writes to standard error about
/// what happens inside. No prompts, no answers, no keys. A program that uses
/// the library listens to `tracing` as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// How lines are written.
    pub log_format: LogFormat,
    /// From which level on lines are written. `-v` on the command line and the
    /// variable `TOLLGATE_LOG` win over it.
    pub log_level: LogLevel,
}

/// How lines of the log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object per line, of everything that the command
    /// writes to standard error.
    Json,
}

/// From which level on lines of the log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// None.
    #[default]
    Off,
    /// What a person should look at.
    Error,
    /// What went wrong and was handled too, such as failed attempts.
    Warn,
    /// What was done too, such as each settled call.
    Info,
    /// Each step too, of the libraries below as well.
    Debug,
    /// Everything.
    Trace,
}
