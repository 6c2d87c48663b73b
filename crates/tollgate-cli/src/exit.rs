//! The one place that turns errors into messages and exit codes.

use std::process::ExitCode;

use tollgate::{ConfigError, FailureKind, Origin};

/// Why a command ended without success.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) code: u8,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
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
}

impl Trouble {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints the message to standard error.
    pub(crate) fn report(self) -> ExitCode {
        crate::ui::error(&self.message, self.hint.as_deref());
        ExitCode::from(self.code)
    }
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
            hint,
        }
    }
}

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
        FailureKind::Configuration => code::CONFIGURATION,
        FailureKind::Internal => code::DEFECT,
        FailureKind::NotFound | FailureKind::ContextLength | FailureKind::NoCandidate => {
            code::REQUEST
        }
        _ if failure.origin() == Origin::Caller => code::REQUEST,
        _ => code::UPSTREAM,
    }
}
