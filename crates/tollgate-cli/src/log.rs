//! The log: lines on standard error about what happens inside.

use std::sync::atomic::{AtomicBool, Ordering};

use tollgate::{LogFormat, LogLevel};
use tracing_subscriber::EnvFilter;

use crate::args::Global;
use crate::config;

/// The target of what the command itself has to say, which is said at any level.
pub(crate) const TARGET: &str = "tollgate_cli";

/// Whether everything on standard error is JSON.
static JSON: AtomicBool = AtomicBool::new(false);

pub(crate) fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// Starts it as the environment says, else the flag, else the configuration.
/// What is wrong with a configuration is for the command that needs it to tell.
pub(crate) fn start(global: &Global) {
    let telemetry = config::load(global).map(|config| config.telemetry);
    let telemetry = telemetry.unwrap_or_default();
    let level = match global.verbose {
        0 => telemetry.log_level,
        1 => LogLevel::Info,
        2 => LogLevel::Debug,
        _ => LogLevel::Trace,
    };
    let filter = EnvFilter::try_from_env("TOLLGATE_LOG")
        .unwrap_or_else(|_| EnvFilter::new(directive(level)));
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr);
    match telemetry.log_format {
        LogFormat::Text => log.with_env_filter(filter).init(),
        LogFormat::Json => {
            JSON.store(true, Ordering::Relaxed);
            let own = format!("{TARGET}=info");
            let filter = filter.add_directive(own.parse().expect("a target and a level"));
            log.json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .with_env_filter(filter)
                .init();
        }
    }
}

fn directive(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Off => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        // Of the libraries below, only what is wrong.
        LogLevel::Info => "warn,tollgate=info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}
