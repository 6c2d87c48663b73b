//! The ledger beside the books of those who are paid.

mod account;
mod cause;
mod hourly;

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_core::Usd;

pub use self::account::{Account, KeySpend};
pub use self::cause::Cause;
pub(crate) use self::hourly::Hourly;

/// What one side says of a model on a UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Figures {
    /// Owed to OpenRouter: the price of credits calls, the fee of BYOK calls.
    pub credits: Usd,
    /// Owed to providers.
    pub provider: Usd,
    /// How many requests; `None` when that is not said.
    pub requests: Option<u64>,
    /// Prompt tokens.
    pub prompt: Option<u64>,
    /// Tokens of the answers.
    pub output: Option<u64>,
    /// Most that requests of unknown cost may have cost beside it. Ours only.
    pub unresolved: Usd,
    /// Requests whose cost we worked out ourselves. Ours only.
    pub computed: u64,
    /// Whether the cost is one sum, all of it in `credits`, whoever it is owed
    /// to. Theirs only.
    #[serde(skip)]
    pub one_sum: bool,
}

impl Figures {
    /// What is owed to anyone, except what is unresolved.
    pub fn cost(&self) -> Usd {
        self.credits + self.provider
    }

    /// Adds the figures of another row. What one of the two does not say, the
    /// sum does not either.
    pub fn merge(&mut self, other: &Self) {
        let both = |ours: Option<u64>, theirs: Option<u64>| Some(ours?.saturating_add(theirs?));
        self.credits += other.credits;
        self.provider += other.provider;
        self.requests = both(self.requests, other.requests);
        self.prompt = both(self.prompt, other.prompt);
        self.output = both(self.output, other.output);
        self.unresolved += other.unresolved;
        self.computed += other.computed;
        self.one_sum |= other.one_sum;
    }
}

/// A model on a UTC day, in days since 1970.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Entry {
    /// The day.
    pub day: i64,
    /// The model.
    pub model: String,
}

/// One side: figures by day and model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Book(BTreeMap<Entry, Figures>);

impl Book {
    /// Adds figures of a model on a day to those there are.
    pub fn add(&mut self, entry: Entry, figures: Figures) {
        match self.0.get_mut(&entry) {
            Some(held) => held.merge(&figures),
            None => drop(self.0.insert(entry, figures)),
        }
    }

    /// All entries, by day and model.
    pub fn iter(&self) -> impl Iterator<Item = (&Entry, &Figures)> {
        self.0.iter()
    }

    /// Everything together.
    pub fn total(&self) -> Figures {
        let mut rows = self.0.values();
        let Some(mut total) = rows.next().copied() else {
            return Figures::default();
        };
        rows.for_each(|row| total.merge(row));
        total
    }

    /// Whether there is anything of that day.
    pub fn has_day(&self, day: i64) -> bool {
        self.0.keys().any(|entry| entry.day == day)
    }

    /// Keeps what is of those days.
    pub fn retain_days(&mut self, keep: impl Fn(i64) -> bool) {
        self.0.retain(|entry, _| keep(entry.day));
    }

    pub(crate) fn get(&self, day: i64, model: &str) -> Option<&Figures> {
        let model = model.to_owned();
        self.0.get(&Entry { day, model })
    }
}

/// How far apart two figures may be: an amount, or a thousandth of theirs,
/// whichever is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance(pub Usd);

impl Tolerance {
    /// Whether a difference is within it, when theirs is that much.
    pub fn allows(self, difference: Usd, theirs: Usd) -> bool {
        let thousandth = theirs.nanos().unsigned_abs() / 1_000;
        let most = self.0.nanos().unsigned_abs().max(thousandth);
        difference.nanos().unsigned_abs() <= most
    }
}

/// A model on a day of which the two sides say different things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Which.
    #[serde(flatten)]
    pub entry: Entry,
    /// What the ledger says, if anything.
    pub ours: Option<Figures>,
    /// What they say, if anything.
    pub theirs: Option<Figures>,
    /// Theirs less ours: above zero they charge more than we booked.
    pub difference: Usd,
    /// What it probably comes from.
    pub cause: Cause,
    /// Whether it is too much to let pass.
    pub counts: bool,
}

/// Two books beside each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The ledger's total.
    pub ours: Figures,
    /// Their total.
    pub theirs: Figures,
    /// Theirs less ours.
    pub difference: Usd,
    /// Every difference, however small, the largest first.
    pub drifts: Vec<Drift>,
    /// Whether the books agree: no drift counts, nor does what they add up to.
    pub agrees: bool,
}

/// Lays two books beside each other. `today` is what may not be shown yet.
///
/// What is allowed for, beside the tolerance: attempts of unknown cost, up to
/// the worst case at which they are booked; calls over midnight, when a day of
/// a model and the next cancel out, by no more than a twentieth of the day or a
/// dollar; and days that the other side does not show yet.
pub fn compare(ours: &Book, theirs: &Book, tolerance: Tolerance, today: i64) -> Comparison {
    let entries: std::collections::BTreeSet<_> = ours.0.keys().chain(theirs.0.keys()).collect();
    let context = cause::Books {
        ours,
        theirs,
        tolerance,
        today,
        over_midnight: cause::over_midnight(ours, theirs, &entries),
    };
    let drifts = entries.into_iter().filter_map(|entry| context.drift(entry));
    let mut drifts: Vec<_> = drifts.collect();
    drifts.sort_by_key(|drift| std::cmp::Reverse(drift.difference.nanos().unsigned_abs()));

    let (sum, their_sum) = (ours.total(), theirs.total());
    let unexplained = drifts.iter().filter(|drift| !drift.cause.is_allowed_for());
    let unexplained: Usd = unexplained.map(|drift| drift.difference).sum();
    Comparison {
        ours: sum,
        theirs: their_sum,
        difference: their_sum.cost() - sum.cost(),
        agrees: drifts.iter().all(|drift| !drift.counts)
            && tolerance.allows(unexplained, their_sum.cost()),
        drifts,
    }
}

#[cfg(test)]
mod tests;
