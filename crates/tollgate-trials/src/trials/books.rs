//! The ledger beside the bills of the hosts, lane by lane and payable by payable.

use std::collections::BTreeMap;

use tollgate::{Dimension, Failure, UsageQuery};
use tollgate_sim::BillLine;

use crate::host::Host;
use crate::report::Row;
use crate::rig::Rig;

/// What one lane owes, by one side's account, in nano-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Owed {
    /// To OpenRouter.
    credits: i64,
    /// To the provider.
    provider: i64,
}

impl Owed {
    fn add(&mut self, other: Self) {
        self.credits += other.credits;
        self.provider += other.provider;
    }

    fn off(self, other: Self) -> Self {
        Self {
            credits: (self.credits - other.credits).abs(),
            provider: (self.provider - other.provider).abs(),
        }
    }
}

/// Both sides' accounts of one lane.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    pub(super) lane: String,
    booked: Owed,
    charged: Owed,
    /// By how much they differ, whichever way.
    off: Owed,
    /// Booked at the most that it can be, beside the two.
    unresolved: i64,
}

impl Book {
    /// One book for each host, which has one lane.
    pub(super) async fn by_host(rig: &Rig) -> Result<Vec<Self>, Failure> {
        let charged = rig.network.hosts().map(|host| {
            let bill = rig.network.service(host).bill();
            let credits = bill.credits().nanos() + bill.fees().nanos();
            let owed = owed(host, credits, bill.provider_cost().nanos());
            (host.lane().to_owned(), owed)
        });
        Self::beside(rig, charged.collect()).await
    }

    /// One book for each key of each host.
    pub(super) async fn by_key(
        rig: &Rig,
        lane_of: impl Fn(&str) -> String,
    ) -> Result<Vec<Self>, Failure> {
        let mut charged: BTreeMap<String, Owed> = BTreeMap::new();
        for host in rig.network.hosts() {
            for line in rig.network.service(host).bill().lines {
                let sum = charged.entry(lane_of(&line.key)).or_default();
                sum.add(of_line(host, &line));
            }
        }
        Self::beside(rig, charged).await
    }

    /// The ledger's side to that of the hosts; lanes that neither knows are left out.
    async fn beside(rig: &Rig, charged: BTreeMap<String, Owed>) -> Result<Vec<Self>, Failure> {
        let query = UsageQuery {
            by: vec![Dimension::Lane],
            ..UsageQuery::default()
        };
        let mut books: BTreeMap<String, Self> = BTreeMap::new();
        for (lane, charged) in charged {
            books.entry(lane).or_default().charged = charged;
        }
        for row in rig.gateway.usage(&query).await? {
            let book = books.entry(row.key.concat()).or_default();
            book.booked = Owed {
                credits: row.credits.nanos(),
                provider: row.provider.nanos(),
            };
            book.unresolved = row.unresolved.nanos();
        }
        let named = books.into_iter().map(|(lane, book)| Self {
            lane,
            off: book.booked.off(book.charged),
            ..book
        });
        Ok(named.filter(Self::is_used).collect())
    }

    /// Adds another book of the same lane. Differences add up, whichever way they go.
    pub(super) fn add(&mut self, other: &Self) {
        self.lane.clone_from(&other.lane);
        self.booked.add(other.booked);
        self.charged.add(other.charged);
        self.off.add(other.off);
        self.unresolved += other.unresolved;
    }

    fn is_used(&self) -> bool {
        (self.booked, self.charged) != Default::default() || self.unresolved != 0
    }
}

/// Direct providers are paid what they charge; OpenRouter's own keys owe it and, with keys of the
/// account's own, the provider.
fn owed(host: Host, credits: i64, provider: i64) -> Owed {
    match host.answers_as() {
        tollgate_sim::Host::OpenRouter => Owed { credits, provider },
        _ => Owed {
            credits: 0,
            provider: credits + provider,
        },
    }
}

fn of_line(host: Host, line: &BillLine) -> Owed {
    let credits = line.credits.nanos() + line.fee.nanos();
    owed(host, credits, line.provider_cost.nanos())
}

/// What was booked and by how much it differs from what was charged, which is by nothing.
pub(super) fn rows(books: &[Book]) -> Vec<Row> {
    let rows = books.iter().flat_map(|book| {
        let Book {
            lane, booked, off, ..
        } = book;
        let payables = [
            ("credits", booked.credits, off.credits),
            ("provider", booked.provider, off.provider),
        ];
        let used = payables
            .into_iter()
            .filter(|(_, booked, off)| (*booked, *off) != (0, 0));
        used.flat_map(move |(payable, booked, off)| {
            [
                Row::nanos(format!("{lane}: booked as owed to {payable}"), booked),
                Row::nanos("  off what was charged", off).none(),
            ]
        })
    });
    let unresolved: i64 = books.iter().map(|book| book.unresolved).sum();
    let kept = Row::nanos("kept for attempts of unknown cost", unresolved);
    rows.chain([kept]).collect()
}
