//! What must hold in any world.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate::{AttemptRecord, Cost, CostSource, Receipt};
use tollgate_sim::BillLine;

use crate::caller::{End, Outcome, number_in};
use crate::contact::{Contact, Said};
use crate::host::Host;
use crate::measure::misleading;
use crate::rig::Rig;

/// The limits that a world's configuration sets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) attempts: u64,
    pub(super) timeout: Duration,
}

/// Attempts of one call at one target.
const PER_TARGET: usize = 2;

/// The clock of timers has milliseconds.
const SLACK: Duration = Duration::from_millis(5);

/// Everything in which a run went against a promise.
pub(super) fn broken(rig: &Rig, outcomes: &[Outcome], limits: Limits) -> Vec<String> {
    let contacts = rig.network.chats_by_call();
    let receipts = receipts(rig);
    let mut broken = Vec::new();
    for outcome in outcomes {
        let contacts = contacts
            .get(&outcome.number)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let receipts = receipts
            .get(&outcome.number)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let of_call = [
            honest(outcome, contacts),
            in_time(outcome, limits),
            within_limits(contacts, receipts, limits),
            settled_once(contacts, receipts),
        ];
        broken.extend(
            of_call
                .into_iter()
                .flatten()
                .map(|what| format!("call {} {what}", outcome.number)),
        );
    }
    broken.extend(at_rest(rig));
    broken.extend(money(rig, &receipts));
    broken
}

// === one call ===

/// What a caller is shown is what one host said, all of it where it looks like all of it.
fn honest(outcome: &Outcome, contacts: &[Contact]) -> Option<String> {
    let said = |is: &dyn Fn(&Said) -> bool| contacts.iter().any(|contact| is(&contact.said()));
    let text = &outcome.text;
    match outcome.end {
        End::Complete if text.is_empty() => Some("was shown an empty answer as complete".into()),
        End::Complete if !said(&|said| said.is_all && said.text == *text) => {
            Some("was shown as complete what no host said to its end".into())
        }
        _ if !text.is_empty() && !said(&|said| said.text.starts_with(text.as_str())) => {
            Some("was shown what no host said".into())
        }
        _ if misleading(outcome) => Some("was told 401 or 402".into()),
        _ => None,
    }
}

fn in_time(outcome: &Outcome, limits: Limits) -> Option<String> {
    let took = outcome.took();
    (took > limits.timeout + SLACK).then(|| format!("took {took:?}, and had {:?}", limits.timeout))
}

fn within_limits(contacts: &[Contact], receipts: &[Receipt], limits: Limits) -> Option<String> {
    let booked = receipts.iter().map(|receipt| receipt.attempts.len()).sum();
    let attempts = contacts.len().max(booked);
    if attempts as u64 > limits.attempts {
        return Some(format!(
            "had {attempts} attempts, and {} were allowed",
            limits.attempts
        ));
    }
    Host::ALL.into_iter().find_map(|host| {
        let there = contacts
            .iter()
            .filter(|contact| contact.host == host)
            .count();
        (there > PER_TARGET).then(|| format!("was sent to {host} {there} times"))
    })
}

/// One settlement, which knows of every attempt that was sent.
fn settled_once(contacts: &[Contact], receipts: &[Receipt]) -> Option<String> {
    match receipts {
        [receipt] if receipt.attempts.len() < contacts.len() => Some(format!(
            "was settled with {} attempts of {}",
            receipt.attempts.len(),
            contacts.len()
        )),
        [_] => None,
        other => Some(format!("was settled {} times", other.len())),
    }
}

// === all calls ===

/// When all calls are over, nothing is open, running or held.
fn at_rest(rig: &Rig) -> Vec<String> {
    let mut broken = Vec::new();
    for host in Host::ALL {
        let open = rig.network.open(host);
        if open > 0 {
            broken.push(format!("{open} connections to {host} stayed open"));
        }
    }
    for health in rig.gateway.health().entries() {
        if health.in_flight > 0 {
            broken.push(format!(
                "{} has {} attempts in flight for ever",
                health.spot, health.in_flight
            ));
        }
    }
    let held = rig.gateway.totals().map(|totals| totals.held.nanos());
    if held != Some(0) {
        broken.push(format!("{held:?} nano-dollars stayed held"));
    }
    broken
}

/// What the ledger knows to the nano is what the hosts charged; what it does not know is kept apart
/// and is enough.
fn money(rig: &Rig, receipts: &BTreeMap<u32, Vec<Receipt>>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut asked_for = 0;
    for host in Host::ALL {
        let bill = Charged::by(rig, host);
        for (call, receipts) in receipts {
            let attempts = receipts.iter().flat_map(|receipt| &receipt.attempts);
            let there = attempts.filter(|attempt| attempt.lane.as_str() == host.lane());
            let Tally { differs, charged } = bill.compare(*call, there);
            broken.extend(
                differs
                    .into_iter()
                    .map(|what| format!("call {call} on {host} {what}")),
            );
            asked_for += if host == Host::A { charged } else { 0 };
        }
    }
    // A can be asked what a generation has cost, so after a while all is known that can be.
    let credits = rig.gateway.totals().map(|totals| totals.credits.nanos());
    if credits != Some(asked_for) {
        broken.push(format!(
            "{credits:?} nano-dollars are booked for A, which charged {asked_for}"
        ));
    }
    broken
}

/// What a host charged.
struct Charged {
    /// By generation.
    lines: BTreeMap<String, BillLine>,
    /// The calls behind the requests, by their numbers.
    calls: BTreeMap<u64, u32>,
}

/// The booking of one call's attempts at a host, beside what the host charged.
struct Tally {
    differs: Option<String>,
    /// Nano-dollars charged for generations that the gateway knows of.
    charged: i64,
}

impl Charged {
    fn by(rig: &Rig, host: Host) -> Self {
        let service = rig.network.service(host);
        let log = service.log();
        let calls = log
            .iter()
            .filter_map(|seen| Some((seen.number, number_in(&seen.body)?)));
        let lines = service.bill().lines.into_iter();
        Self {
            calls: calls.collect(),
            lines: lines.map(|line| (line.generation.clone(), line)).collect(),
        }
    }

    fn compare<'a>(&self, call: u32, attempts: impl Iterator<Item = &'a AttemptRecord>) -> Tally {
        let (mut known, mut charged, mut worst) = (Vec::new(), 0, 0);
        for attempt in attempts {
            let line = attempt
                .generation()
                .and_then(|generation| self.lines.get(generation.as_str()));
            let Some(line) = line else {
                worst += attempt.cost.map_or(0, |cost| cost.amount().nanos());
                continue;
            };
            known.push(&line.generation);
            charged += total(line);
            // A host like OpenRouter does not charge for empty answers. Nobody promises that of a
            // provider, so there the gateway books the prompt.
            let is_waived = line.completion_tokens == 0 && attempt.lane.as_str() != Host::A.lane();
            if let Some(differs) = differs(attempt.cost, total(line)).filter(|_| !is_waived) {
                return Tally {
                    differs: Some(differs),
                    charged,
                };
            }
        }
        let unknown: i64 = self
            .lines
            .values()
            .filter(|line| self.calls.get(&line.request) == Some(&call))
            .filter(|line| !known.contains(&&line.generation))
            .map(total)
            .sum();
        let differs = (unknown > worst)
            .then(|| format!("was charged {unknown} nano-dollars, and {worst} are kept for it"));
        Tally { differs, charged }
    }
}

fn total(line: &BillLine) -> i64 {
    (line.credits.nanos()) + line.fee.nanos() + line.provider_cost.nanos()
}

/// How a figure that claims to be exact is not.
fn differs(cost: Option<Cost>, charged: i64) -> Option<String> {
    let (booked, is_exact) = match cost {
        None => (0, true),
        Some(cost) => (
            cost.amount().nanos(),
            matches!(cost.source, CostSource::Reported | CostSource::Computed),
        ),
    };
    (is_exact && booked != charged)
        .then(|| format!("is booked with {booked} nano-dollars, and was charged {charged}"))
}

// === what was seen ===

fn receipts(rig: &Rig) -> BTreeMap<u32, Vec<Receipt>> {
    let mut receipts: BTreeMap<u32, Vec<Receipt>> = BTreeMap::new();
    rig.witness.settled(|settled| {
        for settled in settled {
            let receipt = settled.receipt.as_deref().cloned();
            receipts.entry(settled.number).or_default().extend(receipt);
        }
    });
    receipts
}
