//! A failover that tries each candidate once, in order, and nothing more: what
//! the contract asks for, without clocks, breakers and budgets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tollgate::{
    Attempt, AttemptEnd, AttemptRecord, BoxFuture, Cost, CostSource, Delivery, Exhausted, Failover,
    Failure, FailureKind, Frame, HealthView, HeldBack, Planned, Reply, Served, TokenUsage, Trip,
    UpstreamStream, Won,
};

/// What a walk was told of those before it: how many attempts, how much time.
pub(crate) type Told = (usize, Duration);

#[derive(Clone, Default)]
pub(crate) struct Walker {
    told: Arc<Mutex<Vec<Told>>>,
}

impl Walker {
    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }
}

impl Failover for Walker {
    fn health(&self) -> HealthView {
        HealthView::default()
    }

    fn run<'a>(&'a self, trip: Trip<'a>) -> BoxFuture<'a, Result<Won, Exhausted>> {
        let told = (trip.earlier.len(), trip.used);
        self.told.lock().unwrap().push(told);
        Box::pin(walk(trip))
    }
}

async fn walk(trip: Trip<'_>) -> Result<Won, Exhausted> {
    let mut failed = Vec::new();
    let mut last = Failure::new(FailureKind::NoHealthyTarget, "nobody is left");
    for (place, planned) in trip.plan.candidates().enumerate() {
        let is_used_up =
            |one: &AttemptRecord| one.lane == planned.lane.id && one.requested == planned.model;
        if trip.earlier.iter().any(is_used_up) {
            continue;
        }
        let number = trip.earlier.len() + failed.len() + 1;
        let attempt = attempt(&trip, planned, u32::try_from(number).unwrap());
        if let Err(failure) = trip.ledger.dispatch(trip.hold, &attempt).await {
            return Err(Exhausted { failure, failed });
        }
        let running = record(&trip, planned, attempt.number);
        trip.hold.note(running.clone());
        match read(&attempt, trip.provider.send(&attempt).await).await {
            Ok((reply, seen)) => {
                return Ok(Won {
                    reply,
                    running,
                    place,
                    worst: attempt.worst,
                    max_output: None,
                    seen,
                    failed,
                });
            }
            Err(failure) => {
                let end = AttemptEnd::Failed {
                    kind: failure.kind(),
                    status: failure.status(),
                    message: failure.message().to_owned(),
                };
                failed.push(AttemptRecord {
                    end,
                    cost: None,
                    ..running
                });
                last = failure;
            }
        }
    }
    Err(Exhausted {
        failure: last.stop(),
        failed,
    })
}

/// Reads up to the commit point.
async fn read(
    attempt: &Attempt,
    reply: Result<Reply, Failure>,
) -> Result<(Reply, HeldBack), Failure> {
    let Reply { head, frames } = reply?;
    let mut frames = frames.fuse();
    let whole = !attempt.request.stream();
    let mut held: Vec<Frame> = Vec::new();
    let mut seen = HeldBack::default();
    seen.complete = loop {
        let Some(frame) = frames.next().await.transpose()? else {
            break true;
        };
        let semantic = frame.facts.semantic;
        seen.output_bytes += u64::from(frame.facts.output_bytes);
        seen.finished |= frame.facts.finish.is_some();
        seen.usage = frame.facts.usage.clone().or(seen.usage);
        held.push(frame);
        if semantic && !whole {
            break false;
        }
    };
    seen.frames = held.len();
    let held = stream::iter(held.into_iter().map(Ok));
    let frames = held.chain(frames).boxed();
    Ok((Reply { head, frames }, seen))
}

fn attempt(trip: &Trip<'_>, planned: &Planned, number: u32) -> Attempt {
    Attempt {
        call: trip.call.id,
        number,
        lane: planned.lane.id.clone(),
        models: vec![planned.upstream_id.clone()],
        planned: vec![planned.upstream_id.clone()],
        request: trip.call.request.clone(),
        delivery: match trip.call.hints.upstream_stream {
            Some(UpstreamStream::Always) => Delivery::Stream,
            _ => trip.call.delivery,
        },
        strict: false,
        session: None,
        max_output: None,
        max_price: None,
        endpoints: Default::default(),
        worst: planned.candidate.worst,
        key: None,
    }
}

fn record(trip: &Trip<'_>, planned: &Planned, number: u32) -> AttemptRecord {
    let worst = planned.candidate.worst;
    AttemptRecord {
        number,
        lane: planned.lane.id.clone(),
        billing: planned.lane.billing,
        requested: planned.model.clone(),
        served: Served::default(),
        started_ms: u64::try_from(trip.used.as_millis()).unwrap(),
        first_token_ms: None,
        took_ms: 0,
        end: AttemptEnd::Abandoned,
        tokens: TokenUsage::default(),
        cost: Some(Cost::paid_by(
            planned.lane.billing,
            worst,
            CostSource::WorstCase,
        )),
    }
}
