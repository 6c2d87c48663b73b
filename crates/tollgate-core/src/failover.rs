use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

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
    /// Attempts of an earlier walk of the same call, whose answer broke off:
    /// they count against the call's limits, and their targets are used up.
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
