//! The money: attempts and what counts in budgets, from the tables of events
//! alone, in the order of attempts so that memory does not grow with them.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, Rows};
use tollgate_core::{BudgetWindow, BudgetWindows, CallId, Timestamp, TokenUsage, Usd};

use super::sums::Sums;
use crate::sqlite::attempts::call;
use crate::sqlite::rows::windows;
use crate::{Difference, Verified};

pub(super) fn check(connection: &Connection, verified: &mut Verified) -> rusqlite::Result<()> {
    let mut sums = Sums::default();
    let mut counters = Counters::default();
    attempts(connection, verified, &mut sums, &mut counters)?;
    counters.carry(connection)?;
    verified.attempts = u64::try_from(sums.attempts).unwrap_or(0);
    verified.windows = counters.0.len() as u64;
    counters.compare(connection, verified)?;
    sums.compare(connection, verified)
}

// === attempts ===

fn ended() -> String {
    format!(
        "SELECT call, attempt, credits_nanos, provider_nanos, source, windows, kind, ended,
            seq IS NULL OR EXISTS (SELECT 1 FROM hold AS h WHERE h.call = t.call)
                OR EXISTS (SELECT 1 FROM dispatch AS d WHERE d.call = t.call),
            {}
        FROM terminal AS t ORDER BY call, attempt",
        TokenUsage::CLASSES.join(", ")
    )
}

fn adjusted() -> String {
    format!(
        "SELECT call, attempt, credits_nanos, provider_nanos, source, windows, change_nanos,
            input IS NOT NULL, n, {}
        FROM adjust ORDER BY call, attempt, n",
        TokenUsage::CLASSES
            .map(|class| format!("coalesce({class}, 0)"))
            .join(", ")
    )
}

/// Where the classes of tokens begin in both.
const FIRST_TOKEN: usize = 9;

type Key = (CallId, u32);

/// Walks over ends and adjustments side by side.
fn attempts(
    connection: &Connection,
    verified: &mut Verified,
    sums: &mut Sums,
    counters: &mut Counters,
) -> rusqlite::Result<()> {
    let mut ends = connection.prepare(&ended())?;
    let mut ends = ends.raw_query();
    let mut later = connection.prepare(&adjusted())?;
    let mut later = Adjustments::new(later.raw_query())?;
    while let Some(row) = ends.next()? {
        let mut attempt = Attempt::read(row)?;
        if let Some(detail) = contradiction(row, &attempt)? {
            attempt.differs(verified, detail);
        }
        counters.add(&attempt.booked.windows, attempt.booked.amount());
        later.apply(&mut attempt, verified, counters)?;
        sums.add(&attempt);
    }
    later.rest(verified, counters)
}

/// An attempt that has ended, with what counts of it so far.
pub(super) struct Attempt {
    pub(super) key: Key,
    pub(super) ended: String,
    pub(super) booked: Booked,
    pub(super) tokens: [i64; TokenUsage::CLASSES.len()],
}

impl Attempt {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            key: key(row)?,
            ended: row.get(7)?,
            booked: Booked::read(row)?,
            tokens: tokens(row)?,
        })
    }

    fn differs(&self, verified: &mut Verified, detail: String) {
        differs(self.key, verified, detail);
    }
}

/// What is wrong with an end by itself.
fn contradiction(row: &Row<'_>, attempt: &Attempt) -> rusqlite::Result<Option<String>> {
    let kind: String = row.get(6)?;
    let begun: bool = row.get(8)?;
    let costs = attempt.booked.source.is_some();
    Ok(match (kind.as_str(), costs) {
        _ if !begun => Some("it ended, and nothing was held or sent for its call".into()),
        ("settle", true) | ("release", false) => None,
        ("settle", false) => Some("it was settled without a cost".into()),
        ("release", true) => Some("it was released, and has a cost".into()),
        (kind, _) => Some(format!(
            "it ended by {kind:?}, which is neither settle nor release"
        )),
    })
}

/// A cost, and the windows that it counts in.
pub(super) struct Booked {
    pub(super) credits: i64,
    pub(super) provider: i64,
    pub(super) source: Option<String>,
    windows: BudgetWindows,
}

impl Booked {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            credits: row.get::<_, Option<i64>>(2)?.unwrap_or(0),
            provider: row.get::<_, Option<i64>>(3)?.unwrap_or(0),
            source: row.get(4)?,
            windows: windows(row, 5)?,
        })
    }

    fn amount(&self) -> Usd {
        Usd::from_nanos(self.credits) + Usd::from_nanos(self.provider)
    }
}

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok((call(row, 0)?, row.get(1)?))
}

fn tokens(row: &Row<'_>) -> rusqlite::Result<[i64; TokenUsage::CLASSES.len()]> {
    let mut tokens = [0; TokenUsage::CLASSES.len()];
    for (class, count) in tokens.iter_mut().enumerate() {
        *count = row.get(FIRST_TOKEN + class)?;
    }
    Ok(tokens)
}

fn differs((call, attempt): Key, verified: &mut Verified, detail: String) {
    verified.differs(Difference::Attempt {
        call,
        attempt,
        detail,
    });
}

// === adjustments ===

struct Adjustments<'a> {
    rows: Rows<'a>,
    next: Option<Adjustment>,
}

struct Adjustment {
    key: Key,
    number: i64,
    booked: Booked,
    tokens: Option<[i64; TokenUsage::CLASSES.len()]>,
    /// Rows of older schemas do not say.
    change: Option<i64>,
}

impl Adjustment {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            key: key(row)?,
            number: row.get(8)?,
            booked: Booked::read(row)?,
            tokens: row.get::<_, bool>(7)?.then(|| tokens(row)).transpose()?,
            change: row.get(6)?,
        })
    }
}

impl<'a> Adjustments<'a> {
    fn new(rows: Rows<'a>) -> rusqlite::Result<Self> {
        let mut adjustments = Self { rows, next: None };
        adjustments.advance()?;
        Ok(adjustments)
    }

    fn advance(&mut self) -> rusqlite::Result<()> {
        self.next = self.rows.next()?.map(Adjustment::read).transpose()?;
        Ok(())
    }

    /// Takes the next one of an attempt up to `end`.
    fn take(&mut self, end: Key) -> rusqlite::Result<Option<Adjustment>> {
        let taken = self.next.take_if(|next| next.key <= end);
        if taken.is_some() {
            self.advance()?;
        }
        Ok(taken)
    }

    /// Applies what was learned of an attempt, after what belongs to none.
    fn apply(
        &mut self,
        attempt: &mut Attempt,
        verified: &mut Verified,
        counters: &mut Counters,
    ) -> rusqlite::Result<()> {
        while let Some(adjustment) = self.take(attempt.key)? {
            counters.adjust(&adjustment);
            if adjustment.key < attempt.key {
                stray(&adjustment, verified);
                continue;
            }
            let change = adjustment.booked.amount() - attempt.booked.amount();
            if let Some(said) = adjustment.change.filter(|said| *said != change.nanos()) {
                let said = Usd::from_nanos(said);
                attempt.differs(
                    verified,
                    format!(
                        "adjustment {} says that it changes ${said}, its amount changes ${change}",
                        adjustment.number
                    ),
                );
            }
            attempt.booked = adjustment.booked;
            attempt.tokens = adjustment.tokens.unwrap_or(attempt.tokens);
        }
        Ok(())
    }

    /// What is left when all attempts are done belongs to none.
    fn rest(&mut self, verified: &mut Verified, counters: &mut Counters) -> rusqlite::Result<()> {
        while let Some(adjustment) = self.take((CallId::from_u128(u128::MAX), u32::MAX))? {
            counters.adjust(&adjustment);
            stray(&adjustment, verified);
        }
        Ok(())
    }
}

fn stray(adjustment: &Adjustment, verified: &mut Verified) {
    let detail = format!("adjustment {} of what never ended", adjustment.number);
    differs(adjustment.key, verified, detail);
}

// === budgets ===

#[derive(Default)]
struct Counters(BTreeMap<BudgetWindow, i128>);

impl Counters {
    fn add(&mut self, windows: &[BudgetWindow], amount: Usd) {
        for window in windows {
            *self.0.entry(window.clone()).or_default() += i128::from(amount.nanos());
        }
    }

    fn adjust(&mut self, adjustment: &Adjustment) {
        let change = Usd::from_nanos(adjustment.change.unwrap_or(0));
        self.add(&adjustment.booked.windows, change);
    }

    fn carry(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        const LARGEST: &str = "SELECT budget, key, start_ms, max(amount_nanos)
            FROM carried GROUP BY budget, key, start_ms";
        each_window(connection, LARGEST, |window, amount| {
            self.add(&[window], amount);
        })
    }

    /// Windows that only one side knows are nothing on the other.
    fn compare(self, connection: &Connection, verified: &mut Verified) -> rusqlite::Result<()> {
        let mut sides: BTreeMap<BudgetWindow, (Usd, Usd)> = self
            .0
            .into_iter()
            .map(|(window, sum)| (window, (Usd::from_nanos_i128(sum), Usd::ZERO)))
            .collect();
        const SPENT: &str = "SELECT budget, key, start_ms, spent_nanos FROM budget_spent";
        each_window(connection, SPENT, |window, spent| {
            sides.entry(window).or_default().1 = spent;
        })?;
        for (window, (events, counter)) in sides {
            if events != counter {
                verified.differs(Difference::Window {
                    window,
                    events,
                    counter,
                });
            }
        }
        Ok(())
    }
}

fn each_window(
    connection: &Connection,
    sql: &str,
    mut each: impl FnMut(BudgetWindow, Usd),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let window = BudgetWindow {
            budget: row.get::<_, String>(0)?.into(),
            key: row.get::<_, String>(1)?.into(),
            start: Timestamp::from_millis(row.get(2)?),
        };
        each(window, Usd::from_nanos(row.get(3)?));
    }
    Ok(())
}
