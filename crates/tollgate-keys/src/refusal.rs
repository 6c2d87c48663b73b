use tollgate_core::{Failure, FailureKind, Timestamp};

use crate::secret::Malformed;

/// Why a call is not let in by what it showed, or may not do what it asks for.
///
/// That a key has expired or is turned off is told only to who has shown all of
/// it: for everybody else it is [`Unknown`](Self::Unknown).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRefusal {
    /// Nothing was shown.
    #[error("no key was shown")]
    Missing,
    /// What was shown cannot be a key.
    #[error("what was shown as the key is no key of this gateway")]
    Malformed,
    /// There is no such key: its prefix is not known, or its secret is wrong.
    #[error("this key is not known here")]
    Unknown,
    /// The key was good.
    #[error("the key {name:?} has expired at {at}")]
    Expired {
        /// The key's name.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// The key is turned off.
    #[error("the key {name:?} is turned off")]
    Disabled {
        /// The key's name.
        name: String,
    },
    /// The key is not for that model.
    #[error("the key {name:?} may not use the model {model:?}")]
    Model {
        /// The key's name.
        name: String,
        /// The model that was named.
        model: String,
        /// What the key may use.
        allowed: String,
    },
    /// The key is not for that policy.
    #[error("the key {name:?} may not choose the policy {policy:?}")]
    Policy {
        /// The key's name.
        name: String,
        /// The policy that was named.
        policy: String,
        /// What the key may choose.
        allowed: String,
    },
}

impl From<Malformed> for KeyRefusal {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl KeyRefusal {
    /// What the caller can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing => {
                "send it in the header `authorization: Bearer tg-…`, or in `x-api-key`".into()
            }
            Self::Malformed => {
                "send the whole key that was given to you for this gateway; it begins with tg-"
                    .into()
            }
            Self::Unknown => "check that it was copied whole and is for this gateway, or ask its \
                operator for another one"
                .into(),
            Self::Expired { .. } => "ask the gateway's operator for another one".into(),
            Self::Disabled { .. } => "ask the gateway's operator to turn it on again".into(),
            Self::Model { allowed, .. } | Self::Policy { allowed, .. } => {
                format!("it may use {allowed}")
            }
        }
    }
}

impl From<KeyRefusal> for Failure {
    /// `Unauthorized` (401) when nobody is known by the key, `Forbidden` (403)
    /// when somebody is and may not.
    fn from(refusal: KeyRefusal) -> Self {
        let kind = match refusal {
            KeyRefusal::Model { .. } | KeyRefusal::Policy { .. } => FailureKind::Forbidden,
            _ => FailureKind::Unauthorized,
        };
        Self::new(kind, refusal.to_string()).with_hint(refusal.hint())
    }
}
