//! What a route gives back: a script, and what to settle after it.

use crate::account::Account;
use crate::script::Script;

/// A script, and the account to settle when it has been performed.
#[derive(Debug)]
pub(crate) struct Performance {
    pub(crate) script: Script,
    pub(crate) account: Option<Account>,
}

impl From<Script> for Performance {
    fn from(script: Script) -> Self {
        Self {
            script,
            account: None,
        }
    }
}
