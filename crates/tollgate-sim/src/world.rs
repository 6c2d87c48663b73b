//! The state of a simulator: one lock, taken for moments and never across a wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::activity::Window;
use crate::ask::Turn;
use crate::bill::{Fee, Till};
use crate::byok::StoredKey;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::draw::{Draw, hash};
use crate::fault::Fault;
use crate::host::Host;
use crate::json::Object;
use crate::log::{Log, Seen};
use crate::money::NanoUsd;
use crate::recent::Recent;
use crate::remembered::Remembered;
use crate::request::Request;
use crate::rule::{Tally, Target, strike};
use crate::scenario::Scenario;
use crate::simulator::SimulatorBuilder;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) catalog: Catalog,
    /// Who it was told to answer as; the scenario says so otherwise.
    host: Option<Host>,
    clock: Clock,
    started: Instant,
    /// How many requests, charges and generations are kept, each.
    limit: usize,
    records: Mutex<Records>,
    /// Requests that have not ended.
    busy: watch::Sender<usize>,
}

/// What changes from request to request.
#[derive(Debug)]
pub(crate) struct Records {
    pub(crate) scenario: Arc<Scenario>,
    tallies: Vec<Tally>,
    pub(crate) log: Log,
    pub(crate) till: Till,
    generations: HashMap<String, Generation>,
    /// The ids of `generations`, in order.
    kept: Recent<String>,
    cached: Remembered,
    /// In the order in which they were stored.
    pub(crate) provider_keys: Vec<StoredKey>,
    /// Goes up with every reset, so that an answer begun before one is not billed after it.
    epoch: u64,
}

/// A record of `GET /generation`.
#[derive(Debug)]
struct Generation {
    body: Object,
    ready: Instant,
}

/// Which request of which epoch; see [`World::admit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) number: u64,
    epoch: u64,
}

/// Counts a request as running for as long as it is held.
#[derive(Debug)]
pub(crate) struct Running(Arc<World>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.busy.send_modify(|running| *running -= 1);
    }
}

impl World {
    pub(crate) fn new(plan: SimulatorBuilder) -> Self {
        let limit = plan.log_limit;
        let records = Records::new(Arc::new(plan.scenario), limit, 0);
        let (busy, _) = watch::channel(0);
        Self {
            seed: plan.seed,
            catalog: plan.catalog.unwrap_or_else(Catalog::embedded),
            host: plan.host,
            clock: plan.clock,
            started: Instant::now(),
            limit,
            records: Mutex::new(records),
            busy,
        }
    }

    /// Seconds since 1970, in simulated time.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now(self.started)
    }

    pub(crate) fn records(&self) -> MutexGuard<'_, Records> {
        // Nothing panics while holding the lock, and a half-done record would
        // still be worth more to a test than none.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn scenario(&self) -> Arc<Scenario> {
        Arc::clone(&self.records().scenario)
    }

    /// Whom requests are answered as.
    pub(crate) fn host(&self) -> Host {
        let of_scenario = || self.records().scenario.host;
        self.host.or_else(of_scenario).unwrap_or_default()
    }

    pub(crate) fn running(self: &Arc<Self>) -> Running {
        self.busy.send_modify(|running| *running += 1);
        Running(Arc::clone(self))
    }

    /// Waits until no request is running.
    pub(crate) async fn idle(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self
            .busy
            .subscribe()
            .wait_for(|running| *running == 0)
            .await;
    }

    /// Enters a request into the log.
    pub(crate) fn admit(&self, seen: Seen) -> Ticket {
        let mut records = self.records();
        Ticket {
            number: records.log.push(seen),
            epoch: records.epoch,
        }
    }

    /// Changes the log entry of a request, unless there was a reset since.
    pub(crate) fn note(&self, ticket: Ticket, change: impl FnOnce(&mut Seen)) {
        let mut records = self.records();
        if records.is_current(ticket)
            && let Some(seen) = records.log.get_mut(ticket.number)
        {
            change(seen);
        }
    }

    /// The fault, if any, that a rule has for the target.
    pub(crate) fn strike(&self, target: &Target<'_>) -> Option<Fault> {
        let mut records = self.records();
        let scenario = Arc::clone(&records.scenario);
        strike(&scenario.rules, &mut records.tallies, self.seed, target)
    }

    /// Forgets all requests, charges and counts; the scenario stays.
    pub(crate) fn reset(&self) {
        let mut records = self.records();
        let scenario = Arc::clone(&records.scenario);
        *records = Records::new(scenario, self.limit, records.epoch + 1);
    }

    /// Replaces the scenario, and begins its counts anew.
    pub(crate) fn set_scenario(&self, scenario: Scenario) {
        let mut records = self.records();
        records.scenario = Arc::new(scenario);
        records.tallies.clear();
    }

    /// The id of an answer, in the form of its dialect.
    pub(crate) fn generation_id(&self, request: &Request) -> String {
        let number = request.ticket.number.to_le_bytes();
        let mut draw = Draw::new(self.seed, &[b"generation", &number, &request.body]);
        request.dialect.id(request.now, &draw.alphanumerics(20))
    }

    /// What a direct host calls a request: `req_` and 24 letters or digits.
    pub(crate) fn request_id(&self, ticket: Ticket) -> String {
        let mut draw = Draw::new(self.seed, &[b"request", &ticket.number.to_le_bytes()]);
        format!("req_{}", draw.alphanumerics(24))
    }
}

impl Records {
    fn new(scenario: Arc<Scenario>, limit: usize, epoch: u64) -> Self {
        Self {
            scenario,
            tallies: Vec::new(),
            log: Log::new(limit),
            till: Till::new(limit),
            generations: HashMap::new(),
            kept: Recent::new(limit),
            cached: Remembered::default(),
            provider_keys: Vec::new(),
            epoch,
        }
    }

    pub(crate) fn is_current(&self, ticket: Ticket) -> bool {
        self.epoch == ticket.epoch
    }

    /// The fee on an answer through an own key now, with what is left of the month's allowance.
    pub(crate) fn byok_fee(&self, now: u64) -> Fee {
        let month = self.till.activity().of_account(Window::Month, now);
        let left = self.scenario.byok_allowance.minus(month.provider_cost);
        Fee {
            percent: self.scenario.byok_fee_percent,
            free: left.max(NanoUsd::ZERO),
        }
    }

    /// Keeps a record for `GET /generation`, from when the scenario says.
    pub(crate) fn keep_generation(&mut self, id: String, body: Object) {
        let ready = Instant::now() + Duration::from_millis(self.scenario.generation_delay_ms);
        self.generations
            .insert(id.clone(), Generation { body, ready });
        if let Some(oldest) = self.kept.push(id) {
            self.generations.remove(&oldest);
        }
    }

    /// A record that is there by now.
    pub(crate) fn generation(&self, id: &str) -> Option<Object> {
        let generation = self
            .generations
            .get(id)
            .filter(|generation| generation.ready <= Instant::now())?;
        Some(generation.body.clone())
    }

    /// Input tokens that the endpoint has seen before in this place, for this
    /// key and session; and remembers the new ones.
    pub(crate) fn cached_tokens(&mut self, place: &[&str], prompt: &[Turn]) -> u64 {
        let mut state = place.iter().fold(0, |state, part| {
            hash(&[&state_bytes(state)[..], part.as_bytes()].concat())
        });
        let (mut tokens, mut known) = (0, 0);
        for turn in prompt {
            state = hash(&[state_bytes(state), state_bytes(turn.fingerprint)].concat());
            tokens += turn.tokens;
            if self.cached.insert(state) {
                known = tokens;
            }
        }
        if known >= self.scenario.cache_min_tokens {
            known
        } else {
            0
        }
    }
}

fn state_bytes(state: u64) -> [u8; 8] {
    state.to_le_bytes()
}
