//! How many calls run at once, and who is refused first when there are many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Request;
use axum::http::StatusCode;
use tollgate::{Criticality, Failure, FailureKind};

use crate::reply::Refusal;

/// The header by which callers say that a call matters less.
const HEADER: &str = "x-tollgate-criticality";

/// Percentage of the cap from which calls are refused. The numbers are choices:
/// a fifth of the room is kept from what can be sent again later, and a
/// twentieth from all but what something breaks without.
const fn share(criticality: Criticality) -> usize {
    match criticality {
        Criticality::Sheddable => 80,
        Criticality::Default => 95,
        Criticality::Critical => 100,
    }
}

/// Counts calls against a cap.
#[derive(Clone)]
pub(super) struct InFlight {
    most: usize,
    running: Arc<AtomicUsize>,
}

impl InFlight {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            running: Arc::default(),
        }
    }

    /// Whether a call would be let in now.
    ///
    /// # Errors
    /// 503 when it would not.
    pub(super) fn check(&self, criticality: Criticality) -> Result<(), Refusal> {
        match self.running.load(Ordering::Relaxed) < self.room(criticality) {
            true => Ok(()),
            false => Err(overloaded(criticality)),
        }
    }

    /// Lets a call in until the place is dropped.
    ///
    /// # Errors
    /// 503 when there is no room for calls that matter as little.
    pub(super) fn enter(&self, criticality: Criticality) -> Result<InFlightPlace, Refusal> {
        let room = self.room(criticality);
        let one_more = |running: usize| (running < room).then_some(running + 1);
        let entered = self
            .running
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        match entered {
            Ok(_) => Ok(InFlightPlace(self.running.clone())),
            Err(_) => Err(overloaded(criticality)),
        }
    }

    /// How many calls may run for one more to be let in; at least one.
    fn room(&self, criticality: Criticality) -> usize {
        // Divided first: a cap may be the largest number there is.
        let (hundreds, rest) = (self.most / 100, self.most % 100);
        let share = share(criticality);
        hundreds * share + (rest * share).div_ceil(100)
    }
}

/// The place of one call.
pub(crate) struct InFlightPlace(Arc<AtomicUsize>);

impl Drop for InFlightPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How much a request matters: what whoever knows its caller has put into its
/// extensions, else [`Criticality::Default`]. The caller's own header can only
/// lower it.
///
/// # Errors
/// 400 when the header is no criticality.
pub(super) fn criticality(request: &Request) -> Result<Criticality, Refusal> {
    let granted = request.extensions().get::<Criticality>().copied();
    let granted = granted.unwrap_or_default();
    let Some(header) = request.headers().get(HEADER) else {
        return Ok(granted);
    };
    let word = String::from_utf8_lossy(header.as_bytes());
    match word.trim().parse::<Criticality>() {
        Ok(asked) => Ok(asked.min(granted)),
        Err(error) => {
            let message = format!("header {HEADER}: {error}");
            Err(Failure::new(FailureKind::InvalidRequest, message).into())
        }
    }
}

fn overloaded(criticality: Criticality) -> Refusal {
    let message = format!("the gateway has no room for {criticality} calls at the moment");
    Refusal::of_http(StatusCode::SERVICE_UNAVAILABLE, &message)
        .with_hint("send it again later; server.max_in_flight is the limit")
        .worth_repeating()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many calls of one kind are let in when nothing else runs.
    fn check(most: usize, criticality: Criticality, expected: usize) {
        let in_flight = InFlight::new(most);
        let places: Vec<_> = std::iter::from_fn(|| in_flight.enter(criticality).ok()).collect();
        assert_eq!(places.len(), expected, "{criticality} of {most}");
        assert!(in_flight.check(criticality).is_err());
        drop(places);
        assert!(in_flight.check(criticality).is_ok());
    }

    #[test]
    fn what_matters_least_is_refused_first() {
        check(1_000, Criticality::Sheddable, 800);
        check(1_000, Criticality::Default, 950);
        check(1_000, Criticality::Critical, 1_000);
    }

    #[test]
    fn the_smallest_cap_lets_one_call_of_any_kind_in() {
        for criticality in Criticality::ALL {
            check(1, criticality, 1);
        }
    }

    #[test]
    fn a_cap_may_be_the_largest_number() {
        let in_flight = InFlight::new(usize::MAX);
        assert_eq!(in_flight.room(Criticality::Critical), usize::MAX);
        assert!(in_flight.room(Criticality::Sheddable) < in_flight.room(Criticality::Default));
    }

    #[test]
    fn a_caller_can_say_that_its_call_matters_less_but_not_more() {
        let check = |granted: Option<Criticality>, header: &str, expected: Criticality| {
            let mut request = Request::new(axum::body::Body::empty());
            if let Some(granted) = granted {
                request.extensions_mut().insert(granted);
            }
            let headers = request.headers_mut();
            headers.insert(HEADER, header.parse().unwrap());
            assert_eq!(criticality(&request).ok(), Some(expected));
        };
        use Criticality::{Critical, Default, Sheddable};
        check(None, "sheddable", Sheddable);
        check(None, "critical", Default);
        check(Some(Critical), "critical", Critical);
        check(Some(Critical), " sheddable ", Sheddable);
        check(Some(Sheddable), "default", Sheddable);
    }
}
