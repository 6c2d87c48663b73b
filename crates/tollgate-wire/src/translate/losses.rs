//! What a translation could not carry over.

use std::fmt;

use super::place::Place;

/// What a translation could not carry over, by the place that it left.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// The path in the request or the answer: `tools[0].input_examples`.
    pub place: String,
    /// Why it has no counterpart.
    pub why: &'static str,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.place, self.why)
    }
}

/// What came of a translation, and what did not.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Translated<T> {
    /// What came of it.
    pub value: T,
    /// What was left behind, in the order it was met; each place once. After 64 places, one that is named `and more`
    /// stands for the rest.
    pub losses: Vec<Loss>,
}

/// Most places that are named: enough to see what is wrong, and to look through for each further one.
const MOST: usize = 64;

/// Collects losses.
#[derive(Debug, Default)]
pub(super) struct Losses(Vec<Loss>);

impl Losses {
    /// Notes a loss, once for each place: the chunks of a stream lose the same over and over.
    pub(super) fn add(&mut self, place: &Place<'_>, why: &'static str) {
        if self.0.len() > MOST {
            return;
        }
        let place = place.to_string();
        if self.0.iter().any(|loss| loss.place == place) {
            return;
        }
        self.0.push(match self.0.len() {
            MOST => Loss {
                place: "and more".to_owned(),
                why: "there are too many places to name",
            },
            _ => Loss { place, why },
        });
    }

    pub(super) fn as_slice(&self) -> &[Loss] {
        &self.0
    }

    pub(super) fn with<T>(self, value: T) -> Translated<T> {
        Translated {
            value,
            losses: self.0,
        }
    }
}
