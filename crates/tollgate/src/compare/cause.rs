//! What a difference probably comes from: a table of rules, the first that
//! holds.

use serde::Serialize;
use tollgate_core::Usd;

use super::{Book, Drift, Entry, Figures, Tolerance};

/// What a difference probably comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// The other side does not show the day yet.
    NotShownYet,
    /// The sums are equal, and split otherwise into fee and inference.
    Split,
    /// Attempts of unknown cost have cost something.
    Unresolved,
    /// Calls ran over midnight and are booked on different days.
    Midnight,
    /// They list more requests than we have made: calls were made past the
    /// gateway with the same key or account.
    PastTheGateway,
    /// They list fewer requests than we have booked.
    NotListed,
    /// The same requests, some of which we priced ourselves.
    Computed,
    /// The same requests with other token counts.
    Tokens,
    /// The same requests and tokens at another price, or rounded otherwise.
    Price,
    /// None of these.
    Unknown,
}

impl Cause {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotShownYet => "the day is not shown there yet",
            Self::Split => "BYOK: fee and inference are split otherwise",
            Self::Unresolved => "attempts of unknown cost, within their worst case",
            Self::Midnight => "calls that ran over midnight UTC",
            Self::PastTheGateway => "calls made past the gateway",
            Self::NotListed => "calls that are not listed there",
            Self::Computed => "costs that we worked out ourselves",
            Self::Tokens => "tokens counted otherwise",
            Self::Price => "another price, or rounding",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it is no mistake of either side.
    pub const fn is_allowed_for(self) -> bool {
        matches!(self, Self::NotShownYet | Self::Unresolved | Self::Midnight)
    }
}

/// Both sides, and what may pass.
pub(super) struct Books<'a> {
    pub(super) ours: &'a Book,
    pub(super) theirs: &'a Book,
    pub(super) tolerance: Tolerance,
    pub(super) today: i64,
}

/// One entry of both.
struct Pair<'a> {
    books: &'a Books<'a>,
    entry: &'a Entry,
    ours: Figures,
    theirs: Figures,
    difference: Usd,
}

type Rule = (Cause, fn(&Pair<'_>) -> bool);

/// The first that holds.
const RULES: &[Rule] = &[
    (Cause::NotShownYet, |pair| pair.is_not_shown_yet()),
    (Cause::Split, |pair| pair.difference == Usd::ZERO),
    (Cause::Unresolved, |pair| pair.is_within_unresolved()),
    (Cause::Midnight, |pair| pair.cancels_out()),
    (Cause::PastTheGateway, |pair| {
        pair.difference > Usd::ZERO && pair.more_requests() == Some(true)
    }),
    (Cause::NotListed, |pair| {
        pair.difference.is_negative() && pair.more_requests() == Some(false)
    }),
    (Cause::Computed, |pair| pair.ours.computed > 0),
    (Cause::Tokens, |pair| pair.counts_other_tokens()),
    (Cause::Price, |pair| {
        pair.ours.requests == pair.theirs.requests
    }),
];

impl Books<'_> {
    pub(super) fn drift(&self, entry: &Entry) -> Option<Drift> {
        let ours = self.ours.get(entry.day, &entry.model).copied();
        let theirs = self.theirs.get(entry.day, &entry.model).copied();
        // Who says nothing says that there was none.
        let none = Figures {
            requests: Some(0),
            ..Figures::default()
        };
        let pair = Pair {
            books: self,
            entry,
            ours: ours.unwrap_or(none),
            theirs: theirs.unwrap_or(none),
            difference: difference(ours.as_ref(), theirs.as_ref()),
        };
        if pair.ours.cost() == pair.theirs.cost() && pair.ours.credits == pair.theirs.credits {
            return None;
        }
        let rule = RULES.iter().find(|(_, holds)| holds(&pair));
        let cause = rule.map_or(Cause::Unknown, |(cause, _)| *cause);
        let counted = match cause {
            Cause::Split => pair.theirs.credits - pair.ours.credits,
            _ => pair.difference,
        };
        Some(Drift {
            entry: entry.clone(),
            ours,
            theirs,
            difference: pair.difference,
            cause,
            counts: !cause.is_allowed_for() && !self.tolerance.allows(counted, pair.theirs.cost()),
        })
    }
}

impl Pair<'_> {
    fn is_not_shown_yet(&self) -> bool {
        self.entry.day >= self.books.today && !self.books.theirs.has_day(self.entry.day)
    }

    fn is_within_unresolved(&self) -> bool {
        self.difference > Usd::ZERO && self.difference <= self.ours.unresolved
    }

    /// Whether the day before or after lacks what this one has too much.
    fn cancels_out(&self) -> bool {
        [self.entry.day - 1, self.entry.day + 1].iter().any(|day| {
            let [ours, theirs] =
                [self.books.ours, self.books.theirs].map(|book| book.get(*day, &self.entry.model));
            let other = difference(ours, theirs);
            let both = self.difference + other;
            other != Usd::ZERO
                && other.is_negative() != self.difference.is_negative()
                && both.nanos().unsigned_abs() <= self.difference.nanos().unsigned_abs() / 1_000
        })
    }

    /// Whether they list more requests than we do, or fewer.
    fn more_requests(&self) -> Option<bool> {
        let (ours, theirs) = (self.ours.requests?, self.theirs.requests);
        // Who lists costs without counting requests lists at least one.
        let theirs = theirs.unwrap_or(if ours == 0 { 1 } else { ours });
        (ours != theirs).then_some(theirs > ours)
    }

    fn counts_other_tokens(&self) -> bool {
        let differ = |ours: Option<u64>, theirs: Option<u64>| matches!((ours, theirs), (Some(ours), Some(theirs)) if ours != theirs);
        differ(self.ours.prompt, self.theirs.prompt) || differ(self.ours.output, self.theirs.output)
    }
}

fn difference(ours: Option<&Figures>, theirs: Option<&Figures>) -> Usd {
    let cost = |figures: Option<&Figures>| figures.map_or(Usd::ZERO, Figures::cost);
    cost(theirs) - cost(ours)
}
