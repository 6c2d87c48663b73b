use std::fmt;

use serde::Serialize;
use tollgate_core::{BudgetWindow, CallId, Usd};

/// Most differences that are told one by one.
const MOST: usize = 100;

/// What replaying a ledger came to.
///
/// ```
/// use tollgate_ledger::{Difference, Verified};
/// let mut verified = Verified::default();
/// assert!(verified.is_ok());
/// verified.differs(Difference::File { detail: "page 7 is never used".into() });
/// assert!(!verified.is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verified {
    /// Events in the chain, up to where it breaks if it does.
    pub events: u64,
    /// Rows that were recorded before there was a chain; nothing vouches for
    /// them but their number.
    pub older: u64,
    /// Attempts that have ended.
    pub attempts: u64,
    /// Windows of budgets.
    pub windows: u64,
    /// Digest of the last event, in hexadecimal. It stands for all events: a
    /// file that had this head once and still holds that event was not changed
    /// before it.
    pub head: String,
    /// What is wrong, at most a hundred of them.
    pub differences: Vec<Difference>,
    /// Further differences that are not listed.
    pub omitted: u64,
}

impl Verified {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.differences.is_empty()
    }

    /// Notes what is wrong.
    pub fn differs(&mut self, difference: Difference) {
        match self.differences.len() < MOST {
            true => self.differences.push(difference),
            false => self.omitted += 1,
        }
    }
}

/// Something in a ledger that does not follow from its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "in")]
#[non_exhaustive]
pub enum Difference {
    /// The store's own check of its file complains.
    File {
        /// The complaint.
        detail: String,
    },
    /// The chain is broken; what follows cannot be vouched for.
    Chain {
        /// Number of the first event that does not fit, counted from 1.
        seq: u64,
        /// What does not fit.
        detail: String,
    },
    /// An attempt's events contradict each other.
    Attempt {
        /// The call.
        call: CallId,
        /// Number of the attempt.
        attempt: u32,
        /// The contradiction.
        detail: String,
    },
    /// A budget's counter is not the sum of the events that count in it.
    Window {
        /// The window.
        window: BudgetWindow,
        /// Sum over the events.
        events: Usd,
        /// What the counter says.
        counter: Usd,
    },
    /// A figure of the report over everything is not the sum over the attempts.
    Report {
        /// The figure.
        figure: &'static str,
        /// Sum over the attempts: nano-dollars, tokens or a count.
        attempts: i128,
        /// What the report says.
        report: i128,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { detail } => write!(f, "file: {detail}"),
            Self::Chain { seq, detail } => write!(f, "chain broken at event {seq}: {detail}"),
            Self::Attempt {
                call,
                attempt,
                detail,
            } => write!(f, "attempt {attempt} of {call}: {detail}"),
            Self::Window {
                window,
                events,
                counter,
            } => write!(
                f,
                "budget {window}: counter ${counter}, events add up to ${events}"
            ),
            Self::Report {
                figure,
                attempts,
                report,
            } => write!(
                f,
                "report: {figure} is {report}, attempts add up to {attempts}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_counted_when_there_are_too_many_to_list() {
        let mut verified = Verified::default();
        for seq in 1..=105 {
            let detail = String::new();
            verified.differs(Difference::Chain { seq, detail });
        }
        assert_eq!((verified.differences.len(), verified.omitted), (100, 5));
    }
}
