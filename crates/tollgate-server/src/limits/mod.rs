//! How much callers may take, so that none of them takes it all.

mod bodies;
mod connections;
mod headers;
mod in_flight;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tollgate::ServerConfig;

use self::bodies::Bodies;
use self::in_flight::{InFlight, criticality};
use crate::reply::Refusal;
use crate::running::until_gone;

pub(crate) use self::connections::{Connections, Seat};
pub(crate) use self::headers::check_headers;

/// What all requests of a router share.
#[derive(Clone)]
pub(crate) struct Limits {
    config: Arc<ServerConfig>,
    bodies: Bodies,
    in_flight: InFlight,
}

impl Limits {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        Self {
            bodies: Bodies::new(config),
            in_flight: InFlight::new(config.max_in_flight),
            config: Arc::new(config.clone()),
        }
    }
}

/// Lets a posted request in: reads its body, checks that it is JSON that all
/// readers understand alike, and holds its place until its answer is gone.
///
/// A place is taken only when the body is there, so that whoever sends slowly
/// takes none; but nothing is read for a call that would not get one.
pub(crate) async fn let_in(
    State(limits): State<Limits>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let criticality = criticality(&request)?;
    limits.in_flight.check(criticality)?;
    let (request, bytes) = limits.bodies.read(request).await?;
    let place = limits.in_flight.enter(criticality)?;
    let response = next.run(request).await;
    Ok(until_gone(response, (place, bytes)))
}
