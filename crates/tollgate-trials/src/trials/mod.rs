//! The trials, one file for each promise.

mod bad_401;
mod blackout;
mod books;
mod client_gone;
mod context;
mod credit;
mod cut;
mod flaky;
mod flapping;
mod hedge;
mod openrouter_down;
mod outage;
mod pool;
mod retry_after;
mod roads;
mod seeds;
mod silence;

use crate::report::{Report, Row};
use crate::rig::Error;

/// One trial: a promise, and the way to try it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Trial {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is promised.
    pub promise: &'static str,
    /// How many calls it makes unless told otherwise.
    pub calls: u32,
    run: fn(Settings) -> Result<Report, Error>,
}

/// How a trial is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) name: &'static str,
    pub(crate) seed: u64,
    pub(crate) calls: u32,
}

impl Trial {
    /// Runs it; the same seed and number of calls give the same report.
    ///
    /// # Errors
    /// [`Error`] when the trial cannot be set up. A promise that is not kept is no error, but a
    /// report that does not [pass](Report::passes).
    pub fn run(&self, seed: u64, calls: u32) -> Result<Report, Error> {
        (self.run)(Settings {
            name: self.name,
            seed,
            calls,
        })
    }
}

impl Settings {
    fn report(&self, rows: Vec<Row>) -> Report {
        Report::new(self.name, self.seed, self.calls.into(), rows)
    }
}

/// The trial of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Trial> {
    TRIALS.iter().find(|trial| trial.name == name)
}

/// All trials.
pub const TRIALS: &[Trial] = &[
    Trial {
        name: "flaky",
        promise: "with A failing 30 % and B 1 %, 99.99 % are answered, by 1.10 attempts each",
        calls: 100_000,
        run: flaky::two,
    },
    Trial {
        name: "three-flaky",
        promise: "with A, B and C failing 30 % each, 99.98 % are answered, by 1.5 attempts each",
        calls: 100_000,
        run: flaky::three,
    },
    Trial {
        name: "outage",
        promise: "when A is dead for a minute, nobody notices, A is left alone, and used again soon",
        calls: 38_000,
        run: outage::run,
    },
    Trial {
        name: "blackout",
        promise: "when all are dead for a minute, refusals are quick and nothing is stormed",
        calls: 20_000,
        run: blackout::run,
    },
    Trial {
        name: "bad-401",
        promise: "when A forgets a good key for ten minutes, nobody notices, and the key is used again soon",
        calls: 39_000,
        run: bad_401::run,
    },
    Trial {
        name: "credit",
        promise: "an account without credit is asked once a minute, and used again soon after it has some",
        calls: 36_500,
        run: credit::run,
    },
    Trial {
        name: "cut",
        promise: "a stream that breaks off ends with a failure, a whole answer is completed elsewhere",
        calls: 10_000,
        run: cut::run,
    },
    Trial {
        name: "silence",
        promise: "a host that sends comments only is left when its time for a first token is over",
        calls: 500,
        run: silence::from_the_start,
    },
    Trial {
        name: "stall",
        promise: "a stream that stalls ends with a failure when its time between tokens is over",
        calls: 500,
        run: silence::in_the_middle,
    },
    Trial {
        name: "retry-after",
        promise: "nobody comes back earlier than asked, or much later",
        calls: 180,
        run: retry_after::run,
    },
    Trial {
        name: "flapping",
        promise: "a host that comes and goes costs no call and hardly an attempt",
        calls: 18_000,
        run: flapping::run,
    },
    Trial {
        name: "context",
        promise: "a prompt that is too long goes to a larger window, or back to its caller",
        calls: 100,
        run: context::run,
    },
    Trial {
        name: "hedge",
        promise: "a second attempt beside a slow one is rare, paid for, and the slower is closed at once",
        calls: 10_000,
        run: hedge::run,
    },
    Trial {
        name: "client-gone",
        promise: "when a caller leaves, the upstream is closed at once, and the cost learned to the nano",
        calls: 5_000,
        run: client_gone::run,
    },
    Trial {
        name: "billed-on",
        promise: "a stream that is billed although its caller left is read on, and booked to the nano",
        calls: 500,
        run: client_gone::billed_on,
    },
    Trial {
        name: "roads",
        promise: "a conversation goes on over any road that is left, with what models have signed",
        calls: 36,
        run: roads::run,
    },
    Trial {
        name: "openrouter-down",
        promise: "providers that are asked directly take over while OpenRouter is dead, and hand back",
        calls: 37_500,
        run: openrouter_down::run,
    },
    Trial {
        name: "pool",
        promise: "keys of one provider share the traffic, and a bad one is left alone",
        calls: 9_600,
        run: pool::run,
    },
    Trial {
        name: "seeds",
        promise: "in a thousand random worlds, all promises hold at once",
        calls: 1_000,
        run: seeds::run,
    },
];
