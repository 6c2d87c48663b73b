//! Asks upstreams about keys and accounts that were refused, so that no call
//! has to find out.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tollgate_core::{Failure, FailureKind, LaneCheck, LaneId, Scope, Spot, Standing};

use crate::health::HealthBook;

/// Longest time for one question.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many refusals, over at least [`ALARM_AFTER`], are for a person to look at.
const ALARM_REFUSALS: u32 = 3;

const ALARM_AFTER: Duration = Duration::from_secs(60);

/// Between two questions.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// An upstream that so often in a row says nothing about a key may not do so at all.
const MOST_NOTHINGS: u32 = 2;

/// Starts to ask. It goes on until the spot works, the lane turns out not to be
/// askable, or the book is gone; the key is never given up, because an outage
/// can refuse a good key as well.
pub(crate) fn start(book: Weak<HealthBook>, check: Arc<dyn LaneCheck>, lane: LaneId, spot: Spot) {
    tokio::spawn(run(book, check, lane, spot));
}

async fn run(book: Weak<HealthBook>, check: Arc<dyn LaneCheck>, lane: LaneId, spot: Spot) {
    // Whatever way this ends, calls find out from then on.
    let watching = Watching {
        book: book.clone(),
        spot,
    };
    let spot = &watching.spot;
    let since = Instant::now();
    let (mut refusals, mut nothings) = (0, 0);
    while let Some(wait) = book.upgrade().and_then(|book| book.shut_for(spot)) {
        sleep(wait.max(SHORTEST_WAIT)).await;
        let answer = timeout(PATIENCE, check.check(&lane)).await;
        let Some(book) = book.upgrade() else {
            return;
        };
        match Finding::of(answer.ok(), spot) {
            Finding::Works => return book.prove(spot, "the upstream accepts it again"),
            Finding::CannotAsk => return,
            Finding::Nothing if nothings >= MOST_NOTHINGS => return,
            Finding::Nothing => nothings += 1,
            Finding::Refused => (refusals, nothings) = (refusals + 1, 0),
        }
        book.disprove(spot);
        if refusals >= ALARM_REFUSALS && since.elapsed() >= ALARM_AFTER {
            book.alarm(
                spot,
                "it is still refused; it is asked about until it works",
            );
        }
    }
}

/// Marks a spot as watched for as long as it lives.
struct Watching {
    book: Weak<HealthBook>,
    spot: Spot,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(book) = self.book.upgrade() {
            book.unwatch(&self.spot);
        }
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
                // A key that may not ask this may still be good for calls.
                FailureKind::Auth if failure.rule().scope != Scope::Key => Self::CannotAsk,
                FailureKind::Auth | FailureKind::Payment => Self::Refused,
                _ => Self::Nothing,
            },
            None => Self::Nothing,
        }
    }
}
