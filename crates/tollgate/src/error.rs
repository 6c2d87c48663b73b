use std::fmt;

use tollgate_core::{Failure, FailureKind, Receipt};

/// A call that got no answer.
pub struct Error {
    failure: Failure,
    receipt: Option<Box<Receipt>>,
}

impl Error {
    pub(crate) fn settled(failure: Failure, receipt: Receipt) -> Self {
        Self {
            failure,
            receipt: Some(Box::new(receipt)),
        }
    }

    /// What went wrong and what to do next.
    pub fn failure(&self) -> &Failure {
        &self.failure
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> FailureKind {
        self.failure.kind()
    }

    /// What was attempted and what it cost; `None` when nothing was sent.
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_deref()
    }

    /// The failure alone.
    pub fn into_failure(self) -> Failure {
        self.failure
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            receipt: None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.failure, f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.failure)
    }
}
