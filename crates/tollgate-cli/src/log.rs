//! The log: lines on standard error about what happens inside; and, beside it,
//! spans for a collector.

use std::sync::atomic::{AtomicBool, Ordering};

use tollgate::{LogFormat, LogLevel};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::args::Global;
use crate::otel::Export;
use crate::{config, ui};

/// The target of what the command itself has to say, which is said at any level.
pub(crate) const TARGET: &str = "tollgate_cli";

/// Whether everything on standard error is JSON.
static JSON: AtomicBool = AtomicBool::new(false);

pub(crate) fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// Who makes calls has spans to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spans {
    Sent,
    None,
}

/// Starts it as the environment says, else the flag, else the configuration.
/// What is wrong with a configuration is for the command that needs it to tell.
pub(crate) fn start(global: &Global, spans: Spans) -> Option<Export> {
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
    let export = match spans {
        Spans::Sent => Export::start(&telemetry),
        Spans::None => Ok(None),
    };
    let (export, problem) = match export {
        Ok(export) => (export, None),
        Err(error) => (None, Some(error)),
    };
    // A line says whatever there is to say; what is around it is in the trace.
    // Questions whether anybody listens are neither, and asked for the lines.
    let events = filter_fn(|metadata| !metadata.is_span());
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(ui::is_coloured());
    let log = match telemetry.log_format {
        LogFormat::Text => log.with_filter(filter.and(events)).boxed(),
        LogFormat::Json => {
            JSON.store(true, Ordering::Relaxed);
            let own = format!("{TARGET}=info");
            let filter = filter.add_directive(own.parse().expect("a target and a level"));
            log.json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .with_filter(filter.and(events))
                .boxed()
        }
    };
    // No layer, rather than an absent one, which counts as a listener: spans
    // would be made for nobody.
    let mut layers = vec![log];
    layers.extend(export.as_ref().map(|export| export.layer().boxed()));
    tracing_subscriber::registry().with(layers).init();
    if let Some(error) = problem {
        ui::warning(&format!("no spans are sent to the collector: {error}"));
    }
    export
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
