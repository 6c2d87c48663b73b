//! How much callers may take, so that none of them takes it all.

mod bodies;
mod connections;
mod headers;
mod in_flight;

use std::sync::Arc;

use axum::extract::Request;
use tollgate::ServerConfig;

use self::bodies::{Bodies, BodyRoom};
use self::in_flight::{InFlight, InFlightPlace, criticality};
use crate::posted::Posted;
use crate::reply::Refusal;

pub(crate) use self::connections::{Connections, Seat};
pub(crate) use self::headers::check_headers;

/// What all requests of a router share.
pub(crate) struct Limits {
    config: ServerConfig,
    bodies: Bodies,
    in_flight: InFlight,
}

impl Limits {
    pub(crate) fn new(config: &ServerConfig) -> Arc<Self> {
        Arc::new(Self {
            bodies: Bodies::new(config),
            in_flight: InFlight::new(config.max_in_flight),
            config: config.clone(),
        })
    }

    /// Lets a posted request in: reads its body, checks that it is JSON that
    /// all readers understand alike, and gives it a place, to be held until its
    /// answer is gone.
    ///
    /// A place is taken only when the body is there, so that whoever sends
    /// slowly takes none; but nothing is read for a call that would not get one.
    pub(crate) async fn let_in(&self, request: Request) -> Result<(Posted, Held), Refusal> {
        let criticality = criticality(&request)?;
        self.in_flight.check(criticality)?;
        let (posted, room) = self.bodies.read(request).await?;
        let place = self.in_flight.enter(criticality)?;
        Ok((posted, (place, room)))
    }
}

/// What a request takes for as long as it is served.
pub(crate) type Held = (InFlightPlace, BodyRoom);
