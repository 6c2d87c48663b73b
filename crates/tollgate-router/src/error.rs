use tollgate_core::{Failure, FailureKind, InvalidTarget, Ranking};

/// Why an optimizer cannot be built from its configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouterError {
    /// The configured policy was not registered.
    #[error("no policy is named {name:?}; policies are {known}")]
    UnknownPolicy {
        /// The configured name.
        name: String,
        /// The registered names, comma-separated.
        known: String,
    },
    /// Two policies were registered under one name.
    #[error("two policies are named {0:?}; give each its own name")]
    DuplicatePolicy(String),
    /// The default model is a virtual one that cannot be read.
    #[error("default_model: {0}")]
    DefaultModel(#[from] InvalidTarget),
    /// The plan limit is out of range.
    #[error("plan_limit is {0}; it can be 1 to {max}", max = Ranking::LIMIT)]
    PlanLimit(usize),
    /// An output prior is not a positive number.
    #[error("output.{0} must be a positive number")]
    OutputPrior(&'static str),
}

impl From<RouterError> for Failure {
    fn from(error: RouterError) -> Self {
        Self::new(FailureKind::Configuration, error.to_string()).with_source(error)
    }
}
