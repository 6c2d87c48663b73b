//! A network in memory: hosts that are simulators, with conditions that can change at any moment.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, sleep};
use tollgate::{HttpBody, HttpError, HttpErrorKind, HttpSend};
use tollgate_sim::{Body, Service};

use crate::caller;
use crate::condition::{CONNECT_TIMEOUT, Condition, Fate, Struck};
use crate::contact::{Closed, Contact, Contacts, Wire, asks_for_text};
use crate::dice::Dice;
use crate::host::Host;

/// The hosts, and everything that went to and fro.
#[derive(Debug)]
pub struct Network {
    places: BTreeMap<Host, Place>,
    contacts: Arc<Contacts>,
}

/// One host: who answers there, and what is the matter with it.
#[derive(Debug)]
struct Place {
    service: Service,
    weather: Mutex<Weather>,
}

#[derive(Debug)]
struct Weather {
    condition: Condition,
    dice: Dice,
}

/// How a simulator is asked for a fault.
const FAULT_HEADER: &str = "x-sim-fault";

impl Network {
    /// Hosts without faults.
    pub(crate) fn new(
        services: BTreeMap<Host, Service>,
        seed: u64,
        contacts: Arc<Contacts>,
    ) -> Self {
        let place = |(host, service): (Host, Service)| {
            let weather = Weather {
                condition: Condition::good(),
                dice: Dice::new(seed, host.lane()),
            };
            let weather = Mutex::new(weather);
            (host, Place { service, weather })
        };
        let places = services.into_iter().map(place).collect();
        Self { places, contacts }
    }

    /// The hosts that there are, in the order of plans.
    pub fn hosts(&self) -> impl Iterator<Item = Host> {
        self.places.keys().copied()
    }

    /// Changes how a host treats the requests that come from now on.
    ///
    /// # Panics
    /// When the network has no such host, as is said of all that name one.
    pub fn set(&self, host: Host, condition: Condition) {
        self.place(host).weather().condition = condition;
    }

    /// The simulator behind a host.
    ///
    /// # Panics
    /// When the network has no such host.
    #[must_use]
    pub fn service(&self, host: Host) -> &Service {
        &self.place(host).service
    }

    /// Reads what the network saw, in the order of opening.
    pub fn contacts<T>(&self, read: impl FnOnce(&[Contact]) -> T) -> T {
        self.contacts.read(read)
    }

    /// How many chats were sent to a host in a span of time.
    #[must_use]
    pub fn chats(&self, host: Host, from: Instant, to: Instant) -> usize {
        self.contacts(|contacts| {
            contacts
                .iter()
                .filter(|contact| contact.is_chat() && contact.host == host)
                .filter(|contact| (from..to).contains(&contact.opened))
                .count()
        })
    }

    /// The chats of each call, in the order of opening.
    #[must_use]
    pub fn chats_by_call(&self) -> BTreeMap<u32, Vec<Contact>> {
        let mut calls: BTreeMap<u32, Vec<Contact>> = BTreeMap::new();
        self.contacts(|contacts| {
            for contact in contacts.iter().filter(|contact| contact.is_chat()) {
                if let Some(call) = contact.call {
                    calls.entry(call).or_default().push(contact.clone());
                }
            }
        });
        calls
    }

    /// How many connections to a host are open at this moment.
    #[must_use]
    pub fn open(&self, host: Host) -> usize {
        self.contacts(|contacts| {
            contacts
                .iter()
                .filter(|contact| contact.host == host && contact.closed.is_none())
                .count()
        })
    }

    fn place(&self, host: Host) -> &Place {
        &self.places[&host]
    }
}

impl Place {
    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, is_chat: bool) -> Fate {
        let Weather { condition, dice } = &mut *self.weather();
        condition.fate(is_chat, dice)
    }
}

#[async_trait]
impl HttpSend for Network {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<HttpBody>, HttpError> {
        let (host, route) = Host::of(request.uri())
            .ok_or_else(|| HttpError::new(HttpErrorKind::Connect, "there is no such host"))?;
        let place = self
            .places
            .get(&host)
            .ok_or_else(|| HttpError::new(HttpErrorKind::Connect, "the host is not there"))?;
        let Fate { latency, struck } = place.fate(asks_for_text(route));
        let call = caller::number_in(request.body());
        let mut wire = self.contacts.open(host, route, key_of(&request), call);
        sleep(latency).await;
        if let Some(struck) = struck {
            strike(&mut request, struck, &mut wire).await?;
        }
        match place.service.call(request).await {
            Ok(response) => {
                wire.answered(response.status().as_u16());
                Ok(response.map(|body| Carried { body, wire }.boxed_unsync()))
            }
            Err(broken) => {
                wire.close(Closed::Broke);
                Err(HttpError::new(HttpErrorKind::Broken, broken))
            }
        }
    }
}

/// The headers that carry keys, and what stands before them there.
const KEY_HEADERS: [(&str, &str); 3] = [
    ("authorization", "Bearer "),
    ("x-api-key", ""),
    ("x-goog-api-key", ""),
];

/// The key that a request comes with; empty without one.
fn key_of(request: &Request<Bytes>) -> &str {
    let key = |(name, before): (&str, &str)| {
        let value = request.headers().get(name)?.to_str().ok()?;
        value.strip_prefix(before)
    };
    KEY_HEADERS.into_iter().find_map(key).unwrap_or_default()
}

/// Keeps a request from arriving, or has the simulator answer it with a fault.
async fn strike(
    request: &mut Request<Bytes>,
    struck: Struck,
    wire: &mut Wire,
) -> Result<(), HttpError> {
    let why = match struck {
        Struck::Refused => "connection refused",
        Struck::Unreachable => {
            sleep(CONNECT_TIMEOUT).await;
            "connecting took too long"
        }
        Struck::Fault(name) => {
            let name = HeaderValue::try_from(name)
                .map_err(|error| HttpError::new(HttpErrorKind::Invalid, error))?;
            request.headers_mut().insert(FAULT_HEADER, name);
            return Ok(());
        }
    };
    wire.close(Closed::Broke);
    Err(HttpError::new(HttpErrorKind::Connect, why))
}

/// A body on its way, watched.
#[derive(Debug)]
struct Carried {
    body: Body,
    wire: Wire,
}

impl http_body::Body for Carried {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(bytes) = frame.data_ref() {
                    self.wire.carried(bytes);
                }
            }
            Some(Err(_)) => self.wire.close(Closed::Broke),
            None => self.wire.close(Closed::Done),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}
