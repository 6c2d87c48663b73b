//! What is the matter with a host, and how each request is struck by it.

use std::time::Duration;

use crate::dice::Dice;

/// How a host treats the requests that are sent to it from now on; requests that are under way are
/// not affected. The default is a host without faults.
#[derive(Clone, Debug)]
pub struct Condition {
    latency_ms: (u64, u64),
    shares: Vec<(f64, Trouble)>,
    reach: Reach,
}

/// One way in which a request goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The connection is refused at once.
    Refused,
    /// Nobody answers the attempt to connect, which is given up after [`CONNECT_TIMEOUT`].
    Unreachable,
    /// A fault of the simulator's table, with its usual number or the one that the name has.
    Fault(&'static str),
    /// A fault of that table with a number from this range, both ends included.
    Random(&'static str, u64, u64),
}

/// How long a connection may take: the transport's own default.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Which requests a condition is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reach {
    /// Requests for answers only.
    #[default]
    Chats,
    /// All routes.
    Everything,
}

/// What becomes of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) latency: Duration,
    pub(crate) struck: Option<Struck>,
}

/// How one request goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Struck {
    Refused,
    Unreachable,
    /// The simulator is asked for this fault.
    Fault(String),
}

/// Failures before the first token: errors of the server, a broken connection, and silence.
pub const FLAWS: [Trouble; 5] = [
    Trouble::Fault("internal"),
    Trouble::Fault("bad-gateway"),
    Trouble::Fault("overloaded"),
    Trouble::Fault("reset"),
    Trouble::Fault("no-headers"),
];

/// What a host that is down does; nobody has to wait to see it.
pub const DOWN: [Trouble; 4] = [
    Trouble::Refused,
    Trouble::Fault("reset"),
    Trouble::Fault("bad-gateway"),
    Trouble::Fault("edge-timeout"),
];

impl Default for Condition {
    fn default() -> Self {
        Self {
            latency_ms: (5, 40),
            shares: Vec::new(),
            reach: Reach::default(),
        }
    }
}

impl Condition {
    /// A host without faults.
    #[must_use]
    pub fn good() -> Self {
        Self::default()
    }

    /// A host that strikes every request with this.
    #[must_use]
    pub fn always(trouble: Trouble) -> Self {
        Self::good().with(1.0, trouble)
    }

    /// A host that fails this share of requests, 0 to 1, in each of these ways alike.
    #[must_use]
    pub fn mixed(share: f64, troubles: &[Trouble]) -> Self {
        let each = share / troubles.len() as f64;
        troubles.iter().fold(Self::good(), |condition, trouble| {
            condition.with(each, *trouble)
        })
    }

    /// Strikes another share of the requests, 0 to 1.
    #[must_use]
    pub fn with(mut self, share: f64, trouble: Trouble) -> Self {
        self.shares.push((share, trouble));
        self
    }

    /// Sets the least and the most milliseconds that a request is on its way.
    #[must_use]
    pub fn with_latency_ms(mut self, least: u64, most: u64) -> Self {
        self.latency_ms = (least, most);
        self
    }

    /// Strikes requests for keys, models and generations as well as those for answers.
    #[must_use]
    pub fn on_all_routes(mut self) -> Self {
        self.reach = Reach::Everything;
        self
    }

    /// Draws what becomes of one request. As many numbers are drawn whatever the outcome.
    pub(crate) fn fate(&self, is_chat: bool, dice: &mut Dice) -> Fate {
        let (least, most) = self.latency_ms;
        let latency = Duration::from_millis(dice.between(least, most));
        let (mut left, number) = (dice.unit(), dice.roll());
        let trouble = self.shares.iter().find(|(share, _)| {
            left -= share;
            left < 0.0
        });
        let reached = is_chat || self.reach == Reach::Everything;
        let struck = trouble
            .filter(|_| reached)
            .map(|(_, trouble)| trouble.strike(number));
        Fate { latency, struck }
    }
}

impl Trouble {
    fn strike(self, number: u64) -> Struck {
        match self {
            Self::Refused => Struck::Refused,
            Self::Unreachable => Struck::Unreachable,
            Self::Fault(name) => Struck::Fault(name.to_owned()),
            Self::Random(name, low, high) => {
                Struck::Fault(format!("{name}={}", low + number % (high - low + 1)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, FLAWS, Struck, Trouble};
    use crate::dice::Dice;

    fn struck(condition: &Condition, is_chat: bool) -> usize {
        let mut dice = Dice::new(7, "fate");
        (0..10_000)
            .filter(|_| condition.fate(is_chat, &mut dice).struck.is_some())
            .count()
    }

    #[test]
    fn shares_are_kept_and_reach_as_far_as_they_should() {
        let flaky = Condition::mixed(0.3, &FLAWS);
        assert!((2_850..3_150).contains(&struck(&flaky, true)));
        assert_eq!(struck(&flaky, false), 0);
        assert_eq!(
            struck(&flaky.clone().on_all_routes(), false),
            struck(&flaky, true)
        );
        assert_eq!(struck(&Condition::good(), true), 0);
        let always = Condition::mixed(1.0, &FLAWS);
        assert!(struck(&always, true) >= 9_999);
    }

    #[test]
    fn numbers_of_random_faults_stay_in_their_range() {
        let condition = Condition::always(Trouble::Random("cut-event", 2, 4));
        let mut dice = Dice::new(7, "fate");
        let mut seen: Vec<_> = (0..100)
            .filter_map(|_| condition.fate(true, &mut dice).struck)
            .collect();
        seen.sort_by_key(|struck| format!("{struck:?}"));
        seen.dedup();
        let faults = [2, 3, 4].map(|number| Struck::Fault(format!("cut-event={number}")));
        assert_eq!(seen, faults);
    }
}
