//! Asks upstreams about keys and accounts that were refused, so that no call
//! has to find out.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tollgate_core::{Failure, FailureKind, LaneCheck, LaneId, Spot, Standing};

use crate::health::HealthBook;

/// Longest time for one question.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many refusals, over at least [`ALARM_AFTER`], are for a person to look at.
const ALARM_REFUSALS: u32 = 3;

const ALARM_AFTER: Duration = Duration::from_secs(60);

/// Starts to ask. It goes on until the spot works, the lane turns out not to be
/// askable, or the book is gone; the key is never given up, because an outage
/// can refuse a good key as well.
pub(crate) fn start(book: Weak<HealthBook>, check: Arc<dyn LaneCheck>, lane: LaneId, spot: Spot) {
    tokio::spawn(run(book, check, lane, spot));
}

async fn run(book: Weak<HealthBook>, check: Arc<dyn LaneCheck>, lane: LaneId, spot: Spot) {
    let since = Instant::now();
    let mut refusals = 0;
    while let Some(wait) = book.upgrade().and_then(|book| book.shut_for(&spot)) {
        sleep(wait).await;
        let answer = timeout(PATIENCE, check.check(&lane)).await;
        let Some(book) = book.upgrade() else {
            return;
        };
        match Finding::of(answer.ok(), &spot) {
            Finding::Works => return book.prove(&spot, "the upstream accepts it again"),
            Finding::CannotAsk => break,
            Finding::Nothing => book.disprove(&spot),
            Finding::Refused => {
                refusals += 1;
                book.disprove(&spot);
            }
        }
        if refusals >= ALARM_REFUSALS && since.elapsed() >= ALARM_AFTER {
            book.alarm(
                &spot,
                "it is still refused; it is asked about until it works",
            );
        }
    }
    if let Some(book) = book.upgrade() {
        book.unwatch(&spot);
    }
}

/// What one answer says of a spot.
enum Finding {
    Works,
    Refused,
    /// It may work or not: the upstream does not answer, or not about this.
    Nothing,
    /// Only a call can find out.
    CannotAsk,
}

impl Finding {
    fn of(answer: Option<Result<Standing, Failure>>, spot: &Spot) -> Self {
        let is_account = matches!(spot, Spot::Account { .. });
        match answer {
            Some(Ok(standing)) if is_account => match standing.can_pay {
                Some(true) => Self::Works,
                Some(false) => Self::Refused,
                None => Self::CannotAsk,
            },
            Some(Ok(_)) => Self::Works,
            Some(Err(failure)) => match failure.kind() {
                FailureKind::Configuration | FailureKind::NotFound => Self::CannotAsk,
                FailureKind::Auth | FailureKind::Payment => Self::Refused,
                _ => Self::Nothing,
            },
            None => Self::Nothing,
        }
    }
}
