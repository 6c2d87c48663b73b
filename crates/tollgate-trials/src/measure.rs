//! Questions that several trials ask.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::caller::Outcome;
use crate::condition::Condition;
use crate::host::Host;
use crate::report::Row;
use crate::rig::Rig;

/// A time in which hosts are in another condition.
#[derive(Clone, Debug)]
pub(crate) struct Spell {
    /// How long all is well before it.
    pub(crate) before: Duration,
    /// How long it lasts.
    pub(crate) lasts: Duration,
    /// How long all is well after it.
    pub(crate) after: Duration,
}

/// When a spell was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    /// Connections to the hosts concerned that were open when it began.
    pub(crate) in_flight: usize,
}

impl Spell {
    pub(crate) fn length(&self) -> Duration {
        self.before + self.lasts + self.after
    }

    /// Brings the condition over the hosts, and takes it away again.
    pub(crate) async fn cast(&self, rig: &Rig, hosts: &[Host], condition: Condition) -> Times {
        sleep(self.before).await;
        let began = Instant::now();
        let in_flight = hosts.iter().map(|host| rig.network.open(*host)).sum();
        for host in hosts {
            rig.network.set(*host, condition.clone());
        }
        sleep(self.lasts).await;
        for host in hosts {
            rig.network.set(*host, Condition::good());
        }
        Times {
            began,
            ended: Instant::now(),
            in_flight,
        }
    }
}

/// How many outcomes there are of a kind.
pub(crate) fn count(outcomes: &[Outcome], is: impl Fn(&Outcome) -> bool) -> usize {
    outcomes.iter().filter(|outcome| is(outcome)).count()
}

/// How many outcomes there are of a kind, and how many in all.
pub(crate) fn share(outcomes: &[Outcome], is: impl Fn(&Outcome) -> bool) -> (usize, usize) {
    (count(outcomes, is), outcomes.len())
}

/// The share of calls that ended with a complete answer.
pub(crate) fn answered(outcomes: &[Outcome]) -> Row {
    Row::share(
        "calls that are answered",
        share(outcomes, Outcome::is_complete),
    )
}

/// Calls that ended without a complete answer, of which there must be none.
pub(crate) fn failed(outcomes: &[Outcome]) -> Row {
    let failed = count(outcomes, |outcome| !outcome.is_complete());
    Row::count("calls that fail", failed).none()
}

/// Statuses that a caller would take for a fault of its own key or account.
pub(crate) fn misleading(outcome: &Outcome) -> bool {
    let status = outcome.failure().map(|kind| kind.rule().status);
    matches!(status, Some(401 | 402))
}

/// How long after `healed` a host carried traffic again: from then on, and for ten seconds, at least
/// half of what was answered came from there.
pub(crate) fn back_after(
    rig: &Rig,
    outcomes: &[Outcome],
    host: Host,
    healed: Instant,
) -> Option<Duration> {
    const WINDOW: Duration = Duration::from_secs(10);
    const STEP: Duration = Duration::from_secs(1);
    let hosts = answering(rig);
    let end = outcomes.last()?.asked;
    let mut from = healed;
    while from + WINDOW <= end {
        let first = outcomes.partition_point(|outcome| outcome.asked < from);
        let last = outcomes.partition_point(|outcome| outcome.asked < from + WINDOW);
        let answered = outcomes[first..last]
            .iter()
            .filter(|outcome| outcome.is_complete());
        let there = answered
            .clone()
            .filter(|outcome| hosts.get(&outcome.number) == Some(&host));
        let (all, there) = (answered.count(), there.count());
        if all > 0 && 2 * there >= all {
            return Some(from - healed);
        }
        from += STEP;
    }
    None
}

/// The host that each call was sent to last, which is the one that answered it if it was answered.
fn answering(rig: &Rig) -> HashMap<u32, Host> {
    rig.network.contacts(|contacts| {
        let chats = contacts.iter().filter(|contact| contact.is_chat());
        chats
            .filter_map(|contact| Some((contact.call?, contact.host)))
            .collect()
    })
}
