use std::ops::{AddAssign, SubAssign};

use serde::Serialize;

use crate::{ModelId, Task};

/// What the answers of one model at one task used on one day, summed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct HabitRow {
    /// UTC day of the calls, in days since 1970-01-01.
    pub day: i64,
    /// The model that answered, by the catalog's id without a variant.
    pub model: ModelId,
    /// What the calls were about.
    pub task: Task,
    /// The sums.
    #[serde(flatten)]
    pub sums: HabitSums,
}

/// Sums of natural logarithms, in thousandths: all that is needed for means and
/// spreads. Integers, so that sums do not depend on the order in which they
/// were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct HabitSums {
    /// Answers whose tokens were counted.
    pub answers: i64,
    /// Sum of the logarithms of their tokens, reasoning included.
    pub log_tokens: i64,
    /// Sum of the squares of those logarithms.
    pub log_tokens_squared: i64,
    /// Prompts whose tokens were compared with their estimate.
    pub prompts: i64,
    /// Sum of the logarithms of the tokens that the model counted for each one
    /// of the estimate.
    pub log_factors: i64,
}

impl HabitSums {
    fn combine(&mut self, other: Self, with: impl Fn(i64, i64) -> i64) {
        for (ours, theirs) in [
            (&mut self.answers, other.answers),
            (&mut self.log_tokens, other.log_tokens),
            (&mut self.log_tokens_squared, other.log_tokens_squared),
            (&mut self.prompts, other.prompts),
            (&mut self.log_factors, other.log_factors),
        ] {
            *ours = with(*ours, theirs);
        }
    }
}

impl AddAssign for HabitSums {
    fn add_assign(&mut self, other: Self) {
        self.combine(other, i64::saturating_add);
    }
}

impl SubAssign for HabitSums {
    fn sub_assign(&mut self, other: Self) {
        self.combine(other, i64::saturating_sub);
    }
}
