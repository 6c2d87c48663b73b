//! The one place that turns errors into messages and exit codes.

use std::process::ExitCode;

use serde_json::{Value, json};
use tollgate::{ConfigError, FailureKind, LedgerOpenError, Origin};
use tollgate_keys::KeyStoreError;
use tollgate_ledger_postgres::OpenError as SharedLedgerOpenError;

use crate::{render, ui};

/// Why a command ended without success.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) code: u8,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// What kind it is, where it is more than the code says.
    kind: Option<FailureKind>,
    /// What the call did that ended so.
    receipt: Option<Value>,
}

/// What the user asked for on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
}

/// Exit codes, as `--help` lists them.
pub(crate) mod code {
    pub(crate) const DEFECT: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const CONFIGURATION: u8 = 3;
    pub(crate) const REQUEST: u8 = 4;
    pub(crate) const UPSTREAM: u8 = 5;
    pub(crate) const MONEY: u8 = 6;
    pub(crate) const LEDGER: u8 = 7;
    pub(crate) const CHECK: u8 = 8;
    pub(crate) const RECONCILE: u8 = 9;
    /// Ended by Ctrl-C, as shells have it.
    pub(crate) const INTERRUPTED: u8 = 130;

    /// The word of a code, for programs.
    pub(super) fn word(code: u8) -> &'static str {
        match code {
            USAGE => "usage",
            CONFIGURATION => "configuration",
            REQUEST => "invalid_request",
            UPSTREAM => "upstream_error",
            MONEY => "cost_limit",
            LEDGER => "ledger_unavailable",
            CHECK => "check",
            RECONCILE => "reconcile",
            INTERRUPTED => "interrupted",
            _ => "internal",
        }
    }
}

impl Trouble {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            kind: None,
            receipt: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints the message to standard error, and as JSON to standard output where that was asked
    /// for and nothing else is there yet: what is on it stays one document.
    pub(crate) fn report(self, form: Form) -> ExitCode {
        if form == Form::Json && !ui::has_printed() {
            ui::json(&self.json());
        }
        ui::error(&self.message, self.hint.as_deref());
        ExitCode::from(self.code)
    }

    fn json(&self) -> Value {
        let kind = self.kind.map(|kind| kind.to_string());
        let mut value = json!({
            "error": {
                "code": self.code,
                "kind": kind.unwrap_or_else(|| code::word(self.code).to_owned()),
                "message": self.message,
                "hint": self.hint,
            },
        });
        if let Some(receipt) = &self.receipt {
            value["receipt"] = receipt.clone();
        }
        value
    }
}

/// Reports what is wrong with the arguments, or prints the help that they ask for.
pub(crate) fn usage(error: &clap::Error, form: Form) -> ExitCode {
    if form == Form::Json && error.use_stderr() {
        let text = error.render().to_string();
        // Behind the first paragraph, tips and the usage are for people.
        let message = text.split("\n\n").next().unwrap_or_default().trim();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        ui::json(&Trouble::new(code::USAGE, message).json());
    }
    // To a closed pipe there is nothing to say.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(code::USAGE))
}

impl From<ConfigError> for Trouble {
    fn from(error: ConfigError) -> Self {
        Self::new(code::CONFIGURATION, error.to_string())
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::new(code::DEFECT, error.to_string())
    }
}

impl From<tollgate::Error> for Trouble {
    fn from(error: tollgate::Error) -> Self {
        let code = exit_code(error.failure());
        let kind = match code {
            code::LEDGER => FailureKind::LedgerUnavailable,
            _ => error.kind(),
        };
        let receipt = error.receipt().map(render::receipt_json);
        let hint = error.failure().hint().map(str::to_owned);
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if hint.as_ref() != Some(&cause_text) && !message.contains(&cause_text) {
                message.push_str(&format!("\n  cause: {cause_text}"));
            }
            source = cause.source();
        }
        Self {
            code,
            message,
            hint: hint.map(|hint| hint.replace(IN_THE_LOG, SHOWN)),
            kind: Some(kind),
            receipt,
        }
    }
}

/// Where hints say that an upstream's own words are, and how a command shows them.
const IN_THE_LOG: &str = "is in the log at debug level";
const SHOWN: &str = "is shown with -vv";

impl From<tollgate::Failure> for Trouble {
    fn from(failure: tollgate::Failure) -> Self {
        tollgate::Error::from(failure).into()
    }
}

fn exit_code(failure: &tollgate::Failure) -> u8 {
    // What would let a model through is more money.
    let is_dear = || {
        let mut reasons = failure.context().iter();
        reasons.any(|(reason, _)| *reason == "over_ceiling")
    };
    match failure.kind() {
        FailureKind::NoCandidate if is_dear() => code::MONEY,
        FailureKind::CostLimit | FailureKind::BudgetExceeded => code::MONEY,
        FailureKind::LedgerUnavailable => code::LEDGER,
        FailureKind::Configuration if is_about_a_store(failure) => code::LEDGER,
        FailureKind::Configuration => code::CONFIGURATION,
        FailureKind::Internal => code::DEFECT,
        FailureKind::NotFound | FailureKind::ContextLength | FailureKind::NoCandidate => {
            code::REQUEST
        }
        _ if failure.origin() == Origin::Caller => code::REQUEST,
        _ => code::UPSTREAM,
    }
}

/// Whether the configuration may be right, and the ledger or the keys that it names cannot be
/// opened.
fn is_about_a_store(failure: &tollgate::Failure) -> bool {
    use SharedLedgerOpenError as Shared;
    let Some(source) = std::error::Error::source(failure) else {
        return false;
    };
    if let Some(error) = source.downcast_ref() {
        return !matches!(
            error,
            LedgerOpenError::Config(_) | LedgerOpenError::NotLocal
        );
    }
    if let Some(error) = source.downcast_ref() {
        return !matches!(
            error,
            Shared::Url(_)
                | Shared::SchemaName(_)
                | Shared::SslMode(_)
                | Shared::RootCert { .. }
                | Shared::Roots(_)
        );
    }
    matches!(source.downcast_ref(), Some(KeyStoreError::Io { .. }))
}
