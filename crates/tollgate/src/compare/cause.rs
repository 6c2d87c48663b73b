//! What a difference probably comes from: a table of rules, the first that
//! holds.

use std::collections::{BTreeMap, BTreeSet};

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
    /// What [cancels out](over_midnight).
    pub(super) over_midnight: BTreeSet<Entry>,
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
    (Cause::Midnight, |pair| pair.is_over_midnight()),
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
        let is_split_alike = pair.theirs.one_sum || pair.ours.credits == pair.theirs.credits;
        if pair.difference == Usd::ZERO && is_split_alike {
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

    fn is_over_midnight(&self) -> bool {
        self.books.over_midnight.contains(self.entry)
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

/// The entries of which one day has too much what the next lacks, to within a
/// thousandth; each day stands against one other. Calls that run over midnight
/// are a small part of a day: more than a twentieth of it, and than a dollar,
/// is something else.
pub(super) fn over_midnight(
    ours: &Book,
    theirs: &Book,
    entries: &BTreeSet<&Entry>,
) -> BTreeSet<Entry> {
    let days = Days::of([ours, theirs]);
    let apart = |entry: &Entry| {
        let [ours, theirs] = [ours, theirs].map(|book| book.get(entry.day, &entry.model));
        difference(ours, theirs)
    };
    let mut over = BTreeSet::new();
    for &entry in entries {
        let next = Entry {
            day: entry.day + 1,
            model: entry.model.clone(),
        };
        let (here, there) = (apart(entry), apart(&next));
        let may_pass = !over.contains(entry) && magnitude(here) <= days.most_over(entry.day);
        if may_pass && cancel_out(here, there) {
            over.extend([entry.clone(), next]);
        }
    }
    over
}

fn cancel_out(here: Usd, there: Usd) -> bool {
    here != Usd::ZERO
        && there != Usd::ZERO
        && here.is_negative() != there.is_negative()
        && magnitude(here + there) <= magnitude(here) / 1_000
}

/// What each side says of each day.
struct Days([BTreeMap<i64, Usd>; 2]);

impl Days {
    fn of(books: [&Book; 2]) -> Self {
        Self(books.map(|book| {
            let mut days = BTreeMap::new();
            for (entry, figures) in book.iter() {
                *days.entry(entry.day).or_default() += figures.cost();
            }
            days
        }))
    }

    /// Most that may have run over the end of a day, in nano-dollars.
    fn most_over(&self, day: i64) -> u64 {
        const A_DOLLAR: u64 = 1_000_000_000;
        let sums = self.0.iter().filter_map(|days| days.get(&day));
        let larger = sums.map(|sum| magnitude(*sum)).max().unwrap_or_default();
        A_DOLLAR.max(larger / 20)
    }
}

fn magnitude(amount: Usd) -> u64 {
    amount.nanos().unsigned_abs()
}

fn difference(ours: Option<&Figures>, theirs: Option<&Figures>) -> Usd {
    let cost = |figures: Option<&Figures>| figures.map_or(Usd::ZERO, Figures::cost);
    cost(theirs) - cost(ours)
}
