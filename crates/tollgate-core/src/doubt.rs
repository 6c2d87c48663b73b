//! Reports of upstreams that cannot be right.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{Planned, UsageReport, Usd};

/// What cannot be right in an upstream's report.
///
/// | doubt | booked |
/// |---|---|
/// | `Parts`, `Total` | the figure; parts are cut to their whole |
/// | `Figure`, `FarAboveWorst` | tokens × price, until the upstream's own record is asked |
/// | `TooManyTokens` | the figure if it can be believed, else as if nothing was reported |
/// | `Unreadable`, `TooFew` | as if nothing was reported |
/// | `Repeated` | nothing: the earlier attempt was booked |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Doubt {
    /// A count or the figure is no number, or a count is negative.
    Unreadable,
    /// More cached tokens than prompt, or more reasoning than output.
    Parts,
    /// The total is not prompt and output together.
    Total,
    /// The figure is negative, or beyond a million dollars.
    Figure,
    /// More than twice the tokens that the model's window holds, for each answer
    /// that was asked for.
    TooManyTokens,
    /// No tokens of output and no figure, although output went past.
    TooFew,
    /// The figure is more than ten times the most that the attempt can cost,
    /// and more than a cent above it.
    FarAboveWorst,
    /// The generation was reported, and booked, by an earlier attempt.
    Repeated,
}

impl Doubt {
    /// All doubts.
    pub const ALL: [Self; 8] = [
        Self::Unreadable,
        Self::Parts,
        Self::Total,
        Self::Figure,
        Self::TooManyTokens,
        Self::TooFew,
        Self::FarAboveWorst,
        Self::Repeated,
    ];

    /// The name used in events and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Parts => "parts",
            Self::Total => "total",
            Self::Figure => "figure",
            Self::TooManyTokens => "too_many_tokens",
            Self::TooFew => "too_few",
            Self::FarAboveWorst => "far_above_worst",
            Self::Repeated => "repeated",
        }
    }
}

/// A set of doubts.
///
/// ```
/// use tollgate_core::{Doubt, Doubts};
/// let doubts: Doubts = [Doubt::Parts, Doubt::Total].into_iter().collect();
/// assert!(doubts.contains(Doubt::Parts) && !doubts.contains(Doubt::Figure));
/// assert_eq!(doubts.to_string(), "parts, total");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Doubts(u8);

impl Doubts {
    /// Adds a doubt.
    pub fn insert(&mut self, doubt: Doubt) {
        self.0 |= 1 << doubt as u8;
    }

    /// Whether there is this doubt.
    pub fn contains(self, doubt: Doubt) -> bool {
        self.0 & (1 << doubt as u8) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The doubts, in the order of [`Doubt::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Doubt> {
        Doubt::ALL
            .into_iter()
            .filter(move |doubt| self.contains(*doubt))
    }
}

impl FromIterator<Doubt> for Doubts {
    fn from_iter<T: IntoIterator<Item = Doubt>>(doubts: T) -> Self {
        let mut all = Self::default();
        doubts.into_iter().for_each(|doubt| all.insert(doubt));
        all
    }
}

impl fmt::Display for Doubts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Doubt::as_str).collect();
        f.pad(&names.join(", "))
    }
}

impl Serialize for Doubts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Doubt::as_str))
    }
}

/// What cannot be right in a report on an answer of that candidate, for an
/// attempt that costs `worst` at most, when so many bytes of output went past.
///
/// An answer that was not paid for, as from the upstream's own cache, may have
/// no tokens: then it has a figure, which is zero.
pub fn doubts(usage: &UsageReport, planned: &Planned, worst: Usd, output_bytes: u64) -> Doubts {
    let mut doubts = usage.doubts;
    let tokens = usage.tokens;
    let all = tokens.prompt_total().saturating_add(tokens.output_total());
    // Each answer has a window of its own; the prompt is counted once.
    let windows = planned.window.saturating_mul(planned.quote.answers.max(1));
    if planned.window > 0 && all / 2 > windows {
        doubts.insert(Doubt::TooManyTokens);
    }
    if output_bytes > 0 && tokens.output_total() == 0 && usage.cost.is_none() {
        doubts.insert(Doubt::TooFew);
    }
    if usage
        .cost
        .is_some_and(|cost| is_far_above(cost.amount(), worst))
    {
        doubts.insert(Doubt::FarAboveWorst);
    }
    doubts
}

fn is_far_above(figure: Usd, worst: Usd) -> bool {
    const A_CENT: Usd = Usd::from_nanos(10_000_000);
    figure - worst > A_CENT && i128::from(figure.nanos()) > 10 * i128::from(worst.nanos())
}
