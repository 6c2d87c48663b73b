use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_core::ApiKey;
use tollgate_transport::authority;

/// `[telemetry]`: what the command `tollgate` tells about what happens inside:
/// lines on standard error, and spans to a collector of OpenTelemetry. No
/// prompts, no answers, no keys. A program that uses the library listens to
/// `tracing` as it likes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// How lines are written.
    pub log_format: LogFormat,
    /// From which level on lines are written. `-v` on the command line and the
    /// variable `TOLLGATE_LOG` win over it.
    pub log_level: LogLevel,
    /// Where spans are sent by `tollgate serve`: the base address of a collector
    /// that speaks OTLP over HTTP, such as `http://127.0.0.1:4318`; `/v1/traces`
    /// is added. Nothing is sent when it is empty. Default: the variable
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, else empty.
    pub otlp_endpoint: String,
    /// Headers that are sent with them, such as a key of the collector.
    #[schemars(with = "BTreeMap<String, String>")]
    pub otlp_headers: BTreeMap<String, ApiKey>,
    /// The service that spans name. Default: the variable `OTEL_SERVICE_NAME`,
    /// else `tollgate`.
    pub service_name: String,
    /// Share of calls whose spans are sent, from 0 to 1. A call that comes with
    /// a `traceparent` is sent as its sender has decided. Default 1.
    pub sample_ratio: f64,
    /// Whether upstreams are sent a `traceparent`, so that their spans can be
    /// found with ours. Default false: it lets whoever sees the traffic of
    /// several upstreams tell which requests belong together.
    pub propagate_upstream: bool,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log_format: LogFormat::default(),
            log_level: LogLevel::default(),
            otlp_endpoint: String::new(),
            otlp_headers: BTreeMap::new(),
            service_name: "tollgate".to_owned(),
            sample_ratio: 1.0,
            propagate_upstream: false,
        }
    }
}

impl TelemetryConfig {
    /// What cannot work: a key, what is wrong with it, and how to mend it.
    pub(super) fn problems(&self) -> Vec<(&'static str, String, &'static str)> {
        let is_web = |url: &str| url.starts_with("http://") || url.starts_with("https://");
        let is_address = |url: &str| is_web(url) && authority(url).is_some();
        let mut problems = Vec::new();
        if !self.otlp_endpoint.is_empty() && !is_address(&self.otlp_endpoint) {
            problems.push((
                "telemetry.otlp_endpoint",
                "is no address".to_owned(),
                "give the collector's base address, such as http://127.0.0.1:4318",
            ));
        }
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            problems.push((
                "telemetry.sample_ratio",
                format!("{} is no share", self.sample_ratio),
                "give a number from 0 (no calls) to 1 (all)",
            ));
        }
        if self.service_name.is_empty() {
            problems.push((
                "telemetry.service_name",
                "is empty".to_owned(),
                "give a name, or leave the key out for `tollgate`",
            ));
        }
        problems
    }
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
