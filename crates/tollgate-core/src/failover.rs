use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    AttemptRecord, Call, Failure, HealthView, Hold, Ledger, LlmProvider, Plan, Reply, UsageReport,
    Usd,
};

/// A future that can be held as an object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Walks a plan until a candidate answers.
///
/// # Contract
/// - It returns at the commit point: for [`Delivery::Stream`](crate::Delivery)
///   when the first semantic frame is there, for `Whole` when the answer is
///   complete. Before that nothing was shown, so it may try elsewhere; after
///   it, the stream can only end, well or with a failure as its last item.
/// - The ledger hears of each attempt before its first byte is sent.
/// - It keeps health by what it sees, once per attempt, also of what fails
///   after the commit point.
/// - Dropping the future cancels the running attempt; what it may have cost
///   stays in the hold.
pub trait Failover: Send + Sync {
    /// Health at this moment.
    fn health(&self) -> HealthView;

    /// Tries the plan's candidates in order.
    fn run<'a>(&'a self, trip: Trip<'a>) -> BoxFuture<'a, Result<Won, Exhausted>>;
}

/// What a walk over a plan needs.
pub struct Trip<'a> {
    /// The call.
    pub call: &'a Call,
    /// Its plan.
    pub plan: &'a Plan,
    /// Its hold; re-held when a candidate is dearer.
    pub hold: &'a mut Hold,
    /// Hears of attempts before they are sent.
    pub ledger: &'a dyn Ledger,
    /// Sends attempts, over whatever lane they name.
    pub provider: &'a dyn LlmProvider,
    /// Attempts of an earlier walk of the same call, whose answer broke off or
    /// was rejected: they count against the call's limits, their targets are
    /// used up, and the numbers of further attempts go on after theirs. What
    /// was rejected is no failure: to go on after it is no retry.
    pub earlier: &'a [AttemptRecord],
    /// How much of the call's time is gone.
    pub used: Duration,
}

impl<'a> Trip<'a> {
    /// The first walk of a call.
    pub fn new(
        call: &'a Call,
        plan: &'a Plan,
        hold: &'a mut Hold,
        ledger: &'a dyn Ledger,
        provider: &'a dyn LlmProvider,
    ) -> Self {
        Self {
            call,
            plan,
            hold,
            ledger,
            provider,
            earlier: &[],
            used: Duration::ZERO,
        }
    }
}

impl fmt::Debug for Trip<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trip")
            .field("call", &self.call.id)
            .finish_non_exhaustive()
    }
}

/// The attempt that answers.
#[derive(Debug)]
pub struct Won {
    /// The reply, from its first frame: what was held back is in it.
    pub reply: Reply,
    /// The running attempt's record, to be completed when its frames end.
    pub running: AttemptRecord,
    /// Place in the plan of the candidate that answers, as far as known.
    pub place: usize,
    /// The most that this attempt can cost.
    pub worst: Usd,
    /// Output limit that was set in place of the caller's missing one.
    pub max_output: Option<u64>,
    /// What was seen of the frames that were held back.
    pub seen: HeldBack,
    /// The attempts that failed before, complete and booked.
    pub failed: Vec<AttemptRecord>,
}

/// What was read of an answer before its commit point. Its frames come again,
/// first, in the reply.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct HeldBack {
    /// How many frames of the reply it covers.
    pub frames: usize,
    /// Bytes of text, reasoning and tool arguments in them.
    pub output_bytes: u64,
    /// The last usage report in them.
    pub usage: Option<Box<UsageReport>>,
    /// Whether one of them says why the answer ends.
    pub finished: bool,
    /// Whether they are the whole answer.
    pub complete: bool,
}

/// No candidate answered.
#[derive(Debug)]
pub struct Exhausted {
    /// The failure to show: the last one, or the most telling.
    pub failure: Failure,
    /// All attempts, complete and booked.
    pub failed: Vec<AttemptRecord>,
}

/// What becomes of an answer that breaks off after some of it was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AfterCommit {
    /// It ends with a failure.
    #[default]
    Error,
    /// Another target answers from the beginning; a notice says where.
    Restart,
    /// The same model goes on where it broke off, on a lane that is given the
    /// beginning; a notice says where. Once, and for plain text only; otherwise
    /// it ends with a failure.
    Resume,
}

impl AfterCommit {
    /// All of them, with the names used in configuration and headers.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Error, "error"),
        (Self::Restart, "restart"),
        (Self::Resume, "resume"),
    ];
}

/// Whether an answer that is wanted in one piece is asked for as a stream, and
/// put together by the gateway: a silent upstream is then found in seconds, and
/// leaving it may end its bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UpstreamStream {
    /// As the caller asked: a body that comes in one piece passes byte for byte.
    #[default]
    AsAsked,
    /// Always as a stream.
    Always,
}

impl UpstreamStream {
    /// All of them, with the names used in configuration and headers.
    pub const ALL: &'static [(Self, &'static str)] =
        &[(Self::AsAsked, "as_asked"), (Self::Always, "always")];
}

/// A word that names none of the choices there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown choice {word:?}; it is one of {choices}")]
pub struct UnknownChoice {
    word: String,
    choices: String,
}

fn choose<T: Copy>(word: &str, all: &[(T, &'static str)]) -> Result<T, UnknownChoice> {
    match all.iter().find(|(_, name)| *name == word) {
        Some((choice, _)) => Ok(*choice),
        None => Err(UnknownChoice {
            word: word.chars().take(40).collect(),
            choices: all
                .iter()
                .map(|(_, name)| *name)
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

impl FromStr for AfterCommit {
    type Err = UnknownChoice;
    fn from_str(word: &str) -> Result<Self, UnknownChoice> {
        choose(word, Self::ALL)
    }
}

impl FromStr for UpstreamStream {
    type Err = UnknownChoice;
    fn from_str(word: &str) -> Result<Self, UnknownChoice> {
        choose(word, Self::ALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_configuration_use_the_same_words() {
        for (choice, word) in AfterCommit::ALL {
            assert_eq!(serde_json::to_value(choice).unwrap(), *word);
            assert_eq!(word.parse(), Ok(*choice));
        }
        for (choice, word) in UpstreamStream::ALL {
            assert_eq!(serde_json::to_value(choice).unwrap(), *word);
            assert_eq!(word.parse(), Ok(*choice));
        }
        let unknown = "again".parse::<AfterCommit>().unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "unknown choice \"again\"; it is one of error, restart, resume"
        );
    }
}
